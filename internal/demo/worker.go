package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Worker is the service that the demonstration scales: it can do a certain
// number of requests a second, one after the other, keeps a short queue, and
// refuses what is beyond it with 503. Make it with NewWorker.
type Worker struct {
	capacity float64       // requests a second
	patience time.Duration // longest wait in the queue
	now      func() time.Time

	mu    sync.Mutex
	begun time.Time
	free  time.Time // when all that was taken on is done
	past  [parts]slice
}

// A worker tells about the last window, kept in slices.
const (
	window = 600 * time.Millisecond
	parts  = 12
)

// slice counts the requests of one part of the window.
type slice struct {
	number          int64 // since the beginning
	served, refused int
}

// Reading is what a worker tells about the last moments.
type Reading struct {
	Utilization float64 `json:"utilization"` // busy share of the time, in %
	Load        float64 `json:"load"`        // requests a second that came, refused ones too
	Served      int     `json:"served"`
	Refused     int     `json:"refused"`
	Seconds     float64 `json:"seconds"` // that this is about
}

// NewWorker makes a worker that can do capacity requests a second. now is the
// machine's clock.
func NewWorker(capacity float64, now func() time.Time) *Worker {
	return &Worker{capacity: capacity, patience: 250 * time.Millisecond, now: now, begun: now(), free: now()}
}

// number is the slice that t lies in.
func (w *Worker) number(t time.Time) int64 { return int64(t.Sub(w.begun) / (window / parts)) }

// slice is where a request at t is counted.
func (w *Worker) slice(t time.Time) *slice {
	n := w.number(t)
	s := &w.past[n%parts]
	if s.number != n {
		*s = slice{number: n}
	}
	return s
}

// admit takes on one request and says how long it takes from now, or refuses.
func (w *Worker) admit() (takes time.Duration, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.now()
	if w.free.Before(now) {
		w.free = now
	}
	if w.free.Sub(now) > w.patience {
		w.slice(now).refused++
		return 0, false
	}
	w.slice(now).served++
	w.free = w.free.Add(time.Duration(float64(time.Second) / w.capacity))
	return w.free.Sub(now), true
}

// Read tells about the window until now, the slice under way left out.
func (w *Worker) Read() Reading {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.number(w.now())
	first := max(0, n-(parts-1))
	r := Reading{Seconds: (time.Duration(n-first) * (window / parts)).Seconds()}
	for _, s := range w.past {
		if s.number >= first && s.number < n {
			r.Served += s.served
			r.Refused += s.refused
		}
	}
	if r.Seconds > 0 {
		r.Utilization = min(100, 100*float64(r.Served)/w.capacity/r.Seconds)
		r.Load = float64(r.Served+r.Refused) / r.Seconds
	}
	return r
}

// ServeHTTP answers / with a request's work, /utilization with a [Reading] and
// /healthz with 200.
func (w *Worker) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/healthz":
		_, _ = fmt.Fprintln(out, "ok")
	case "/utilization":
		out.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(out).Encode(w.Read())
	case "/":
		takes, ok := w.admit()
		if !ok {
			http.Error(out, "busy", http.StatusServiceUnavailable)
			return
		}
		select {
		case <-time.After(takes):
			_, _ = fmt.Fprintln(out, "done")
		case <-r.Context().Done():
		}
	default:
		http.NotFound(out, r)
	}
}

// Work runs a worker at address until the context ends. It listens only after
// startup, as a service that has much to load.
func Work(ctx context.Context, address string, capacity float64, startup time.Duration) error {
	select {
	case <-ctx.Done():
		return nil
	case <-time.After(startup):
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{Handler: NewWorker(capacity, time.Now), ReadHeaderTimeout: 5 * time.Second}
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(l) }()
	select {
	case err := <-stopped:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	err = server.Shutdown(ctx)
	if err := <-stopped; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return err
}
