package demo

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/sim"
)

// record keeps what was really there in each simulated minute: the load that
// was sent, and how many instances the balancer had.
type record struct {
	clock   forescale.Clock
	service forescale.Service
	load    sim.Trace
	ready   func() int

	mu     sync.Mutex
	rows   []sim.Row
	starts int // ordered since the last row
	wanted int
	reason forescale.Code
}

func newRecord(c forescale.Clock, s forescale.Service, load sim.Trace, ready func() int) *record {
	return &record{clock: c, service: s, load: load, ready: ready}
}

// run writes a row as each simulated minute ends, until the context ends.
func (r *record) run(ctx context.Context) {
	next := r.clock.Now().Truncate(time.Minute)
	for {
		end := next.Add(time.Minute)
		select {
		case <-ctx.Done():
			return
		case <-r.clock.After(end.Sub(r.clock.Now())):
		}
		// More than one when the machine was too busy to wake us in time.
		for now := r.clock.Now(); !end.After(now); end = end.Add(time.Minute) {
			r.write(next)
			next = end
		}
	}
}

func (r *record) write(at time.Time) {
	d := r.load.At(at) / r.service.Capacity
	n := r.ready()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rows = append(r.rows, sim.Row{Time: at, Demand: d, Required: max(r.service.Band.Required(d), r.service.Min),
		Wanted: r.wanted, Ready: float64(n), Starts: r.starts, Reason: r.reason})
	r.starts = 0
}

// tell counts what decisions start.
func (r *record) tell(ds []forescale.Decision) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range ds {
		if d.Service != r.service.Name {
			continue
		}
		r.wanted, r.reason = d.To, d.Code()
		for _, a := range d.Actions {
			if a.Kind == forescale.ActionStart {
				r.starts++
			}
		}
	}
}

func (r *record) all() []sim.Row {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.rows)
}
