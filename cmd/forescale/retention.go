package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/jobs"
	"github.com/forescale/forescale/internal/store"
)

// clockTolerance is how far the wall clock may move against the steady one from
// one pruning to the next, and still be believed.
const clockTolerance = time.Hour

// mistrust is how long a wall clock that jumped must keep still to be believed.
const mistrust = 24 * time.Hour

// pruner deletes history that is older than the retention. A wall clock that
// jumped is not believed until it kept still for a day: what is deleted does not
// come back.
type pruner struct {
	store interface {
		Prune(ctx context.Context, old store.Cutoffs) (int64, error)
	}
	clock forescale.Clock
	keep  retention
	log   *slog.Logger

	mu     sync.Mutex
	wall   time.Time
	steady time.Duration
	until  time.Duration // steady reading up to which the wall clock is not believed
}

func newPruner(c serverConfig) *pruner {
	return &pruner{store: c.Store, clock: c.Clock, keep: c.Retention, log: c.Log, wall: c.Clock.Now(), steady: c.Clock.Elapsed()}
}

// prune deletes what is older than the retention.
func (p *pruner) prune(ctx context.Context, _ jobs.Task) (jobs.Result, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, steady := p.clock.Now(), p.clock.Elapsed()
	if jump := now.Sub(p.wall) - (steady - p.steady); jump.Abs() > clockTolerance {
		p.until = steady + mistrust
	}
	p.wall, p.steady = now, steady
	if steady < p.until {
		return jobs.Result{}, jobs.Final(fmt.Errorf("the wall clock jumped, so no old history is deleted for %v", mistrust))
	}
	rows, err := p.store.Prune(ctx, p.keep.cutoffs(now))
	if rows > 0 {
		p.log.Info("deleted old history", "rows", rows)
	}
	return jobs.Result{Done: int(rows)}, err
}
