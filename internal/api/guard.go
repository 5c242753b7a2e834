package api

import (
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// recovered turns a panic of a handler into one logged line and a plain problem:
// one bad request must not end the server.
func (a *API) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler { //nolint:errorlint // the sentinel itself is what net/http documents
				panic(v)
			}
			a.log.Error("request panicked", "method", r.Method, "path", r.URL.Path, "panic", v, "stack", string(debug.Stack()))
			newProblem(http.StatusInternalServerError, "internal", "the server failed on this request", "the server's log tells more").write(w)
		}()
		next.ServeHTTP(w, r)
	})
}

// logged writes one line a request at debug. Headers and query stay out of it:
// keys must not reach a log.
func (a *API) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		sw := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(sw, r)
		a.log.Debug("request", "method", r.Method, "path", r.URL.Path, "status", sw.status, "took", time.Since(began))
	})
}

// statusWriter remembers the status.
type statusWriter struct {
	http.ResponseWriter
	status int
	wrote  bool
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	if !w.wrote {
		w.status, w.wrote = status, true
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController find the flusher and the deadlines.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush implements http.Flusher for those who do not unwrap.
func (w *statusWriter) Flush() {
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}

// guarded keeps web pages of others from using a server without keys through the
// reader's browser. Two ways lead there: a name of theirs that resolves to
// loopback (DNS rebinding), stopped by looking at Host, and a form or script that
// posts across origins, stopped by net/http's check of Sec-Fetch-Site and Origin.
// With keys neither helps an attacker, as a browser never sends a key by itself.
func (a *API) guarded(next http.Handler) http.Handler {
	cross := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !a.cfg.RequireKeys {
			if !a.ourHost(r.Host) {
				newProblem(http.StatusForbidden, "host_refused", "this server is not known by that name",
					"call it by 127.0.0.1 or localhost, or set keys and TLS to serve others").write(w)
				return
			}
			if err := cross.Check(r); err != nil {
				newProblem(http.StatusForbidden, "cross_origin", "a page of another origin may not change anything here",
					"send the request from the dashboard itself or from a command line").write(w)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// ourHost reports whether a Host header names this machine's loopback or one of
// the configured names.
func (a *API) ourHost(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.IsLoopback() || slices.Contains(a.cfg.Hosts, host)
	}
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || slices.Contains(a.cfg.Hosts, host)
}

// headers sets what every answer carries.
func (a *API) headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		if strings.HasPrefix(r.URL.Path, "/v1/") {
			h.Set("Cache-Control", "no-store")
		}
		next.ServeHTTP(w, r)
	})
}
