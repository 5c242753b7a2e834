package demo

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/sim"
)

// traffic sends real requests to the instances, as many a real second as the
// pattern says for the simulated time.
type traffic struct {
	clock    forescale.Clock
	load     sim.Trace
	balancer *balancer

	sent, refused, failed atomic.Int64
}

const (
	burst   = 10 * time.Millisecond // requests leave in bursts this far apart
	atOnce  = 512                   // requests under way at most
	patient = 2 * time.Second       // for an answer
)

func newTraffic(c forescale.Clock, load sim.Trace, b *balancer) *traffic {
	return &traffic{clock: c, load: load, balancer: b}
}

// run sends requests until the context ends, beginning when there is somebody
// to send them to.
func (t *traffic) run(ctx context.Context) {
	tick := time.NewTicker(burst)
	defer tick.Stop()
	var under sync.WaitGroup
	defer under.Wait()
	slots := make(chan struct{}, atOnce)
	last, owed, begun := time.Now(), 0.0, false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := time.Now()
		if begun = begun || t.balancer.ready() > 0; !begun {
			last = now
			continue
		}
		owed += t.load.At(t.clock.Now()) * now.Sub(last).Seconds()
		last = now
		for ; owed >= 1; owed-- {
			t.sent.Add(1)
			select {
			case slots <- struct{}{}:
				under.Go(func() {
					defer func() { <-slots }()
					t.send(ctx)
				})
			default:
				t.refused.Add(1)
			}
		}
	}
}

// send asks one instance once. A request that the end of the demonstration
// breaks off is not counted.
func (t *traffic) send(ctx context.Context) {
	b, ok := t.balancer.pick()
	if !ok {
		t.refused.Add(1)
		return
	}
	asked, cancel := context.WithTimeout(ctx, patient)
	defer cancel()
	req, err := http.NewRequestWithContext(asked, http.MethodGet, "http://"+b.Address+"/", nil)
	if err != nil {
		t.failed.Add(1)
		return
	}
	resp, err := t.balancer.client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			t.sent.Add(-1)
		} else {
			t.failed.Add(1)
		}
		return
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode == http.StatusServiceUnavailable {
		t.refused.Add(1)
	}
}

func (t *traffic) remark() string {
	sent, refused, failed := t.sent.Load(), t.refused.Load(), t.failed.Load()
	return fmt.Sprintf("Really sent: %d requests, %d refused as too many (%.2f %%), %d failed.",
		sent, refused, 100*float64(refused)/float64(max(sent, 1)), failed)
}
