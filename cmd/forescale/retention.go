package main

import (
	"context"
	"fmt"
	"time"

	"github.com/forescale/forescale"
)

// clockTolerance is how far the wall clock may move against the steady one from
// one pruning to the next, and still be believed.
const clockTolerance = time.Hour

// retain prunes history once a day. A failure is logged and tried again the next
// day: too much history hurts nobody. A wall clock that jumped is not believed
// until it kept still for a day: what is deleted does not come back.
func (s *server) retain(ctx context.Context) error {
	wait := time.Minute // not in the middle of the start
	wall, steady := s.cfg.Clock.Now(), s.cfg.Clock.Elapsed()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.cfg.Clock.After(wait):
		}
		wait = 24 * time.Hour
		now, reading := s.cfg.Clock.Now(), s.cfg.Clock.Elapsed()
		jump := now.Sub(wall) - (reading - steady)
		wall, steady = now, reading
		if jump.Abs() > clockTolerance {
			s.cfg.Log.Warn("the wall clock jumped, so no old history is deleted today", "jump", jump)
			continue
		}
		if err := s.prune(ctx, now); err != nil && ctx.Err() == nil {
			s.cfg.Log.Warn("old history could not be deleted; trying again in a day", "error", err)
		}
	}
}

// prune deletes what is older than the retention and records the run.
func (s *server) prune(ctx context.Context, now time.Time) error {
	run := forescale.Run{ID: fmt.Sprintf("retention-%d", now.UnixMilli()), Kind: "retention", StartedAt: now}
	rows, err := s.cfg.Store.Prune(ctx, s.cfg.Retention.cutoffs(now))
	run.Done, run.EndedAt = int(rows), s.cfg.Clock.Now()
	if err != nil {
		run.Error = err.Error()
		return fmt.Errorf("prune: %w", err)
	}
	if err := s.cfg.Store.SaveRun(ctx, run); err != nil {
		return fmt.Errorf("record the run: %w", err)
	}
	if rows > 0 {
		s.cfg.Log.Info("deleted old history", "rows", rows)
	}
	return nil
}
