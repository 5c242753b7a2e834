package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/forescale/forescale"
)

// transmitter reads each instance's own utilization and pushes it to the
// server, in simulated time: what a service does for itself in real life.
type transmitter struct {
	clock    forescale.Clock
	balancer *balancer
	server   string
	every    time.Duration // real time between two pushes
}

func newTransmitter(c forescale.Clock, b *balancer, server string, every time.Duration) *transmitter {
	return &transmitter{clock: c, balancer: b, server: server, every: every}
}

// pushed is one row of the push.
type pushed struct {
	Service     string    `json:"service"`
	Instance    string    `json:"instance"`
	Time        time.Time `json:"time"`
	Utilization float64   `json:"utilization"`
	Load        float64   `json:"load"`
}

// run pushes at its pace until the context ends. What fails is not repeated: the
// next push is near, and the server sees a gap, as it would in real life.
func (t *transmitter) run(ctx context.Context) {
	tick := time.NewTicker(t.every)
	defer tick.Stop()
	for {
		if rows := t.read(ctx); len(rows) > 0 {
			_ = t.push(ctx, rows)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// read asks all ready instances at once.
func (t *transmitter) read(ctx context.Context) []pushed {
	list := t.balancer.list()
	rows := make([]*pushed, len(list))
	var asks sync.WaitGroup
	for i, b := range list {
		asks.Go(func() {
			r, err := t.ask(ctx, b)
			// One that has just begun says little.
			if err == nil && r.Seconds > 0.2 {
				rows[i] = &pushed{Service: service, Instance: b.ID, Time: t.clock.Now(), Utilization: r.Utilization, Load: r.Load}
			}
		})
	}
	asks.Wait()
	var out []pushed
	for _, r := range rows {
		if r != nil {
			out = append(out, *r)
		}
	}
	return out
}

func (t *transmitter) ask(ctx context.Context, b backend) (Reading, error) {
	var r Reading
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.Address+"/utilization", nil)
	if err != nil {
		return r, err
	}
	resp, err := t.balancer.client.Do(req)
	if err != nil {
		return r, err
	}
	defer resp.Body.Close()
	return r, json.NewDecoder(resp.Body).Decode(&r)
}

func (t *transmitter) push(ctx context.Context, rows []pushed) error {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	for _, r := range rows {
		if err := enc.Encode(r); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.server+"/v1/samples", &body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	resp, err := t.balancer.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("push samples: %s", resp.Status)
	}
	return nil
}
