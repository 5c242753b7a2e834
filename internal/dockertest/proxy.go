package dockertest

import (
	"context"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/client"
)

// Trouble is what the proxy does to one request.
type Trouble int

// The troubles. In all but Refuse and Hang the engine carries the request out.
const (
	None    Trouble = iota
	Refuse          // the connection is cut before the engine hears of it
	Hang            // no answer, and the engine never hears of it
	Swallow         // carried out, but the answer never comes
	Cut             // carried out, then the connection is cut instead of the answer
	Delay           // carried out, and answered after a while
)

// Proxy stands before the engine's socket and makes trouble.
type Proxy struct {
	// Host is its address for a client.
	Host string
	// Delayed is how long Delay takes.
	Delayed time.Duration

	mu    sync.Mutex
	rule  func(r *http.Request) Trouble
	asked []string
}

// NewProxy starts a proxy before the engine of the environment. It ends with
// the test.
func NewProxy(t testing.TB) *Proxy {
	t.Helper()
	// Socket paths are short, and test names are not: so not t.TempDir.
	dir, err := os.MkdirTemp("", "fs")
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "engine.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Host: "unix://" + socket, Delayed: 300 * time.Millisecond, rule: func(*http.Request) Trouble { return None }}
	engine := dialer(t)
	transport := &http.Transport{DialContext: engine, DisableCompression: true}
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: client.DummyHost})
		},
		Transport: transport, FlushInterval: -1,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { cut(w) },
	}
	ctx, stop := context.WithCancel(context.Background())
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.serve(ctx, forward, w, r) })}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(l)
	}()
	t.Cleanup(func() {
		stop()
		_ = srv.Close()
		<-done
		transport.CloseIdleConnections()
		_ = os.RemoveAll(dir)
	})
	return p
}

// Trouble sets what happens to each request from now on.
func (p *Proxy) Trouble(rule func(r *http.Request) Trouble) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rule = rule
}

// Asked are the requests that came, as "METHOD path", oldest first.
func (p *Proxy) Asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.asked...)
}

func (p *Proxy) serve(end context.Context, forward http.Handler, w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	trouble := p.rule(r)
	p.asked = append(p.asked, r.Method+" "+r.URL.Path)
	p.mu.Unlock()
	switch trouble {
	case None:
		forward.ServeHTTP(w, r)
	case Refuse:
		cut(w)
	case Hang:
		wait(end, r)
	default:
		// The engine must carry it out even if the caller has given up.
		said := httptest.NewRecorder()
		forward.ServeHTTP(said, r.WithContext(context.WithoutCancel(r.Context())))
		p.answer(end, trouble, said, w, r)
	}
}

func (p *Proxy) answer(end context.Context, trouble Trouble, said *httptest.ResponseRecorder, w http.ResponseWriter, r *http.Request) {
	switch trouble {
	case Swallow:
		wait(end, r)
	case Cut:
		cut(w)
	case Delay:
		select {
		case <-time.After(p.Delayed):
		case <-end.Done():
		}
		maps.Copy(w.Header(), said.Header())
		w.WriteHeader(said.Code)
		_, _ = w.Write(said.Body.Bytes())
	}
}

func wait(end context.Context, r *http.Request) {
	select {
	case <-end.Done():
	case <-r.Context().Done():
	}
}

func cut(w http.ResponseWriter) {
	if c, _, err := http.NewResponseController(w).Hijack(); err == nil {
		_ = c.Close()
	}
}

// dialer reaches the engine of the environment.
func dialer(t testing.TB) func(ctx context.Context, network, addr string) (net.Conn, error) {
	t.Helper()
	cli, err := client.NewClientWithOpts(client.FromEnv)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cli.Close() })
	dial := cli.Dialer()
	return func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }
}
