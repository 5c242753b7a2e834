package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/jobs"
)

// clockTolerance is how far the wall clock may move against the steady one from
// one pruning to the next, and still be believed.
const clockTolerance = time.Hour

// mistrust is how long a wall clock that jumped must keep still to be believed.
const mistrust = 24 * time.Hour

// retention prunes history. A wall clock that jumped is not believed until it
// kept still for a day: what is deleted does not come back.
type retention struct {
	store interface {
		Prune(ctx context.Context, before time.Time) (int64, error)
	}
	clock forescale.Clock
	keep  time.Duration
	log   *slog.Logger

	mu     sync.Mutex
	wall   time.Time
	steady time.Duration
	until  time.Duration // steady reading up to which the wall clock is not believed
}

func newRetention(c serverConfig) *retention {
	return &retention{store: c.Store, clock: c.Clock, keep: c.Retention, log: c.Log, wall: c.Clock.Now(), steady: c.Clock.Elapsed()}
}

// prune deletes what is older than the retention.
func (r *retention) prune(ctx context.Context, _ jobs.Task) (jobs.Result, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, steady := r.clock.Now(), r.clock.Elapsed()
	if jump := now.Sub(r.wall) - (steady - r.steady); jump.Abs() > clockTolerance {
		r.until = steady + mistrust
	}
	r.wall, r.steady = now, steady
	if steady < r.until {
		return jobs.Result{}, jobs.Final(fmt.Errorf("the wall clock jumped, so no old history is deleted for %v", mistrust))
	}
	before := now.Add(-r.keep)
	rows, err := r.store.Prune(ctx, before)
	if rows > 0 {
		r.log.Info("deleted old history", "rows", rows, "older_than", before.Format(time.DateOnly))
	}
	return jobs.Result{Done: int(rows)}, err
}
