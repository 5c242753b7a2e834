package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// backend is one ready instance.
type backend struct {
	ID      string `json:"id"`
	Address string `json:"address"`
}

// balancer hands requests to the ready instances in turn. It asks the server's
// registry for them, as any load balancer can.
type balancer struct {
	client *http.Client

	mu       sync.Mutex
	backends []backend
	next     int
}

// lookEvery is how often the registry is asked, in real time.
const lookEvery = 100 * time.Millisecond

func newBalancer() *balancer {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.Proxy = nil
	t.MaxIdleConnsPerHost = 64
	t.MaxIdleConns = 0
	t.IdleConnTimeout = 2 * time.Second
	return &balancer{client: &http.Client{Transport: t, Timeout: 3 * time.Second}}
}

// watch keeps the list of instances fresh until the context ends. While the
// server does not answer, the last list holds.
func (b *balancer) watch(ctx context.Context, server string) {
	defer b.client.CloseIdleConnections()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if list, err := b.look(ctx, server); err == nil {
			b.mu.Lock()
			b.backends = list
			b.mu.Unlock()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (b *balancer) look(ctx context.Context, server string) ([]backend, error) {
	at := server + "/v1/instances?" + url.Values{"service": {service}, "state": {"ready"}}.Encode()
	var list struct{ Items []backend }
	if err := b.get(ctx, at, &list); err != nil {
		return nil, fmt.Errorf("ask the registry: %w", err)
	}
	return list.Items, nil
}

// get reads what the server answers.
func (b *balancer) get(ctx context.Context, at string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return err
	}
	resp, err := b.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

// pick is the instance whose turn it is; ok is false when none is ready.
func (b *balancer) pick() (backend, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.backends) == 0 {
		return backend{}, false
	}
	b.next++
	return b.backends[b.next%len(b.backends)], true
}

// list is all ready instances.
func (b *balancer) list() []backend {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]backend(nil), b.backends...)
}

func (b *balancer) ready() int { return len(b.list()) }
