package api

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

// subscribe opens the stream over a real connection and gives its lines.
func (f *fixture) subscribe(ctx context.Context, url string) (lines chan string, end func()) {
	f.Helper()
	r, err := http.NewRequestWithContext(ctx, "GET", url+"/v1/stream", nil)
	if err != nil {
		f.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		f.Fatal(err)
	}
	if ct := resp.Header.Get("Content-Type"); resp.StatusCode != 200 || ct != "text/event-stream" {
		f.Fatalf("status %d, %s", resp.StatusCode, ct)
	}
	lines = make(chan string, 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(lines)
		for s := bufio.NewScanner(resp.Body); s.Scan(); {
			lines <- s.Text()
		}
	}()
	return lines, func() { _ = resp.Body.Close(); <-done }
}

// next is the next line that is not empty.
func next(t *testing.T, lines chan string) string {
	t.Helper()
	for {
		select {
		case l, ok := <-lines:
			if !ok {
				return "end"
			}
			if l != "" {
				return l
			}
		case <-time.After(10 * time.Second):
			t.Fatal("nothing came for 10 s")
		}
	}
}

func server(t *testing.T, f *fixture) string {
	t.Helper()
	s := httptest.NewUnstartedServer(f.api)
	s.Config = f.api.Server()
	s.Start()
	t.Cleanup(func() {
		f.api.Close()
		s.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return s.URL
}

func TestTheStreamTellsEachStepAndBeats(t *testing.T) {
	f := setup(t, func(c *Config) { c.Heartbeat = 50 * time.Millisecond })
	f.service("checkout")
	lines, end := f.subscribe(t.Context(), server(t, f))
	defer end()
	if l := next(t, lines); !strings.HasPrefix(l, ":") {
		t.Errorf("the first line is %q, not a comment at once", l)
	}
	f.api.Publish(t.Context(), Step{At: monday, Took: time.Millisecond, Failed: map[string]string{"docker": "no answer"}, Decisions: []forescale.Decision{{ID: "dec_1", Service: "checkout",
		At: monday, From: 4, To: 7, Outcome: forescale.OutcomePending, Reasons: []forescale.Reason{{Code: forescale.CodeReactiveHigh}}, Actions: []forescale.Action{{Kind: forescale.ActionStart, Instance: "checkout-1"}}}}})
	var beat, step bool
	for range 200 {
		l := next(t, lines)
		beat = beat || l == ": heartbeat"
		if l == "event: step" {
			data, ok := strings.CutPrefix(next(t, lines), "data: ")
			var v StepView
			if err := json.Unmarshal([]byte(data), &v); !ok || err != nil {
				t.Fatalf("%v in %q", err, data)
			}
			if len(v.Decisions) != 1 || v.Decisions[0].Code != forescale.CodeReactiveHigh || v.Decisions[0].Message == "" || v.Failed["docker"] != "no answer" {
				t.Errorf("step %+v", v)
			}
			step = true
		}
		if beat && step {
			return
		}
	}
	t.Errorf("heartbeat %t, step %t", beat, step)
}

func TestASlowSubscriberIsCutOffAndDelaysNobody(t *testing.T) {
	h := newHub()
	slow, quick := h.join(), h.join()
	for range maxWaiting + 1 {
		h.send([]byte("x"))
		<-quick.messages
	}
	select {
	case <-slow.gone:
	default:
		t.Error("the slow one is still there")
	}
	select {
	case <-quick.gone:
		t.Error("the quick one was cut off")
	default:
	}
	h.leave(slow)
	h.leave(quick)
	if !h.empty() {
		t.Error("somebody is left")
	}
}

func TestSubscribersAreBoundedAndTheStreamEndsOnClose(t *testing.T) {
	f := setup(t)
	lines, end := f.subscribe(t.Context(), server(t, f))
	defer end()
	next(t, lines)
	for range maxSubscribers - 1 {
		f.api.hub.join()
	}
	f.do("GET", "/v1/stream", "").problem(503, "stream_full")
	f.api.Close()
	for l := next(t, lines); l != "end"; l = next(t, lines) {
	}
	f.do("GET", "/v1/stream", "").problem(503, "stream_full")
}

func TestALeavingSubscriberIsForgotten(t *testing.T) {
	f := setup(t)
	served := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(served)
		f.api.ServeHTTP(w, r)
	}))
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	lines, end := f.subscribe(ctx, s.URL)
	next(t, lines)
	if f.api.hub.empty() {
		t.Fatal("it is not there at first")
	}
	cancel()
	end()
	select {
	case <-served:
	case <-time.After(10 * time.Second):
		t.Fatal("it is still served after 10 s")
	}
	if !f.api.hub.empty() {
		t.Error("it is still there")
	}
}
