package traces

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/forescale/forescale"
)

// Origin is where the files of the repositories lie: below it,
// OWNER/NAME/COMMIT/PATH.
type Origin struct {
	Base string // "": GitHub
	// Client asks; nil: one that gives a server half a minute to begin its answer.
	Client *http.Client
	// Got is told how many bytes came, as they come; nil: nobody asks.
	Got func(n int)
}

// github gives the files of public repositories as they are.
const github = "https://raw.githubusercontent.com"

// Get downloads a trace's files, holds them against their checksums, and converts
// them. The error is a *forescale.Fault: origin_unreachable, origin_refused,
// download_damaged, or trace_unreadable.
func (o Origin) Get(ctx context.Context, t Trace) ([]Row, error) {
	files := make([][]byte, len(t.Files))
	for i, f := range t.Files {
		var err error
		if files[i], err = o.file(ctx, t, f); err != nil {
			return nil, err
		}
	}
	rows, err := t.Convert(files)
	if err != nil {
		return nil, &forescale.Fault{Code: "trace_unreadable", What: "cannot convert the trace: " + err.Error(), Where: t.Name, Help: "nothing was written; please report it", Err: err}
	}
	return rows, nil
}

func (o Origin) file(ctx context.Context, t Trace, f File) ([]byte, error) {
	base := strings.TrimSuffix(o.Base, "/")
	if base == "" {
		base = github
	}
	where, err := url.JoinPath(base, t.Repository, t.Commit, f.Path)
	if err != nil {
		return nil, &forescale.Fault{Code: "usage", What: fmt.Sprintf("%q is not an address", base), Help: "write it as https://HOST/PATH", Err: err}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, where, nil)
	if err != nil {
		return nil, &forescale.Fault{Code: "usage", What: fmt.Sprintf("%q is not an address", base), Help: "write it as https://HOST/PATH", Err: err}
	}
	resp, err := o.client().Do(req)
	if err != nil {
		return nil, unreachable(ctx, where, "cannot be reached", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, &forescale.Fault{Code: "origin_refused", What: fmt.Sprintf("the origin of %s answers %s", t.Name, resp.Status), Where: where, Help: "nothing was written; try later, or name a mirror with --mirror"}
	}
	sum := sha256.New()
	// One byte more than there should be tells of a file that is too long.
	data, err := io.ReadAll(io.TeeReader(io.LimitReader(o.counted(resp.Body), f.Size+1), sum))
	if err != nil {
		return nil, unreachable(ctx, where, "broke off", err)
	}
	damaged := func(what string) error {
		return &forescale.Fault{Code: "download_damaged", What: what, Where: where, Help: "nothing was written; try again, and if it stays so, the origin has changed the file or somebody on the way did"}
	}
	switch got := hex.EncodeToString(sum.Sum(nil)); {
	case int64(len(data)) > f.Size:
		return nil, damaged(fmt.Sprintf("the file is longer than its %d bytes", f.Size))
	case int64(len(data)) < f.Size:
		return nil, damaged(fmt.Sprintf("the file has %d bytes instead of %d", len(data), f.Size))
	case got != f.SHA256:
		return nil, damaged(fmt.Sprintf("the file's SHA-256 is %s, not %s", got, f.SHA256))
	}
	return data, nil
}

// unreachable tells why nothing came, or that nobody wants it any more.
func unreachable(ctx context.Context, where, what string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // it repeats the address
	}
	return &forescale.Fault{Code: "origin_unreachable", What: fmt.Sprintf("the origin %s: %v", what, err), Where: where,
		Help: "nothing was written; traces need a network, loads made by `forescale datasets generate` do not", Err: err}
}

func (o Origin) client() *http.Client {
	if o.Client != nil {
		return o.Client
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = 30 * time.Second
	transport.DisableKeepAlives = true // a few files: nothing is left open
	return &http.Client{Transport: transport, Timeout: 10 * time.Minute, CheckRedirect: follow}
}

// follow goes along with redirects, but never to less than it began with.
func follow(to *http.Request, via []*http.Request) error {
	switch {
	case len(via) >= 5:
		return errors.New("it redirects without end")
	case via[0].URL.Scheme == "https" && to.URL.Scheme != "https":
		return errors.New("it redirects to an address without encryption")
	}
	return nil
}

// counted tells Got what passes.
func (o Origin) counted(r io.Reader) io.Reader {
	if o.Got == nil {
		return r
	}
	return io.TeeReader(r, counter(o.Got))
}

// counter is a writer that only counts.
type counter func(n int)

// Write implements io.Writer.
func (c counter) Write(p []byte) (int, error) {
	c(len(p))
	return len(p), nil
}
