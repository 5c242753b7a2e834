package traces

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

// made is a trace of the test, and its only file.
func made() (Trace, string) {
	body := "2020-03-02 00:00:00,1\n2020-03-02 00:01:00,2\n"
	sum := sha256.Sum256([]byte(body))
	return Trace{Name: "made", Repository: "owner/name", Commit: strings.Repeat("a", 40), Parser: stamped{comma: ',', layout: time.DateTime, zone: inUTC, series: "x"},
		Files: []File{{Path: "data/some file.csv", Size: int64(len(body)), SHA256: hex.EncodeToString(sum[:])}}}, body
}

// The server of the test stands where the origin does: what is tested is what we do
// with its answers.
func TestDownloads(t *testing.T) {
	t.Parallel()
	tr, body := made()
	path := "/owner/name/" + tr.Commit + "/data/some file.csv"
	text := func(s string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, s) }
	}
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		code   string // of the fault; "": none
		says   string
	}{
		{"what is there is taken", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != path {
				http.Error(w, "asked for "+r.URL.Path, http.StatusTeapot)
				return
			}
			text(body)(w, r)
		}, "", ""},
		{"a redirect is followed", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/elsewhere" {
				http.Redirect(w, r, "/elsewhere", http.StatusFound)
				return
			}
			text(body)(w, r)
		}, "", ""},
		{"redirects without end are given up", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }, "origin_unreachable", "redirects without end"},
		{"other content of the same length is refused", text(strings.ToUpper(strings.Replace(body, "1\n", "7\n", 1))), "download_damaged", "SHA-256"},
		{"a shorter file is refused", text(body[:len(body)-1]), "download_damaged", strconv.Itoa(len(body) - 1)},
		{"a longer file is refused, and not read to its end", func(w http.ResponseWriter, r *http.Request) {
			for range 1 << 20 {
				if _, err := fmt.Fprint(w, body); err != nil {
					return
				}
			}
			t.Error("all of an endless file was read")
		}, "download_damaged", "longer"},
		{"an empty file is refused", text(""), "download_damaged", "0 bytes"},
		{"a body that breaks off is told", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
			_, _ = fmt.Fprint(w, body[:10]) // returning now breaks the connection
		}, "origin_unreachable", "broke off"},
		{"what is not there is told", http.NotFound, "origin_refused", "404"},
		{"an origin in trouble is told", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, "origin_refused", "502"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(c.answer)
			t.Cleanup(server.Close)
			var got atomic.Int64
			rows, err := Origin{Base: server.URL + "/", Got: func(n int) { got.Add(int64(n)) }}.Get(t.Context(), tr)
			var f *forescale.Fault
			switch {
			case c.code == "" && (err != nil || len(rows) != 2 || rows[1].Value != 2 || got.Load() != int64(len(body))):
				t.Errorf("%v, %d bytes, error %v", rows, got.Load(), err)
			case c.code != "" && (!errors.As(err, &f) || f.Code != c.code || !strings.Contains(f.What, c.says) || !strings.Contains(f.Help, "nothing was written") || !strings.HasPrefix(f.Where, server.URL) || rows != nil):
				t.Errorf("rows %v, error %v, want %s that says %q", rows, err, c.code, c.says)
			}
		})
	}
}

func TestWithoutANetwork(t *testing.T) {
	t.Parallel()
	tr, _ := made()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close() // nobody listens there any more
	var f *forescale.Fault
	if _, err := (Origin{Base: server.URL}).Get(t.Context(), tr); !errors.As(err, &f) || f.Code != "origin_unreachable" || !strings.Contains(f.Help, "datasets generate") || strings.Count(f.Error(), server.URL) != 1 {
		t.Errorf("error %v", err)
	}
	if _, err := (Origin{Base: "https://no.such.host.invalid"}).Get(t.Context(), tr); !errors.As(err, &f) || f.Code != "origin_unreachable" {
		t.Errorf("error %v", err)
	}
	if _, err := (Origin{Base: "no address:"}).Get(t.Context(), tr); !errors.As(err, &f) {
		t.Errorf("error %v", err)
	}
}

func TestADownloadEndsWithItsContext(t *testing.T) {
	t.Parallel()
	tr, body := made()
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, body[:10])
		w.(http.Flusher).Flush()
		cancel()
		<-r.Context().Done() // until the downloader goes away
	}))
	t.Cleanup(server.Close)
	if _, err := (Origin{Base: server.URL}).Get(ctx, tr); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestEncryptionIsNotGivenUpOnTheWay(t *testing.T) {
	t.Parallel()
	tr, body := made()
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		t.Error("the address without encryption was asked")
		_, _ = fmt.Fprint(w, body)
	}))
	t.Cleanup(plain.Close)
	secure := httptest.NewTLSServer(http.RedirectHandler(plain.URL, http.StatusFound))
	t.Cleanup(secure.Close)
	client := secure.Client()
	client.CheckRedirect = follow
	var f *forescale.Fault
	if _, err := (Origin{Base: secure.URL, Client: client}).Get(t.Context(), tr); !errors.As(err, &f) || f.Code != "origin_unreachable" || !strings.Contains(f.What, "without encryption") {
		t.Errorf("error %v", err)
	}
}
