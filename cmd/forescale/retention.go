package main

import (
	"context"
	"fmt"
	"time"

	"github.com/forescale/forescale"
)

// retain prunes history once a day. A failure is logged and tried again the next
// day: too much history hurts nobody.
func (s *server) retain(ctx context.Context) error {
	wait := time.Minute // not in the middle of the start
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.cfg.Clock.After(wait):
		}
		wait = 24 * time.Hour
		if err := s.prune(ctx, s.cfg.Clock.Now()); err != nil && ctx.Err() == nil {
			s.cfg.Log.Warn("old history could not be deleted; trying again in a day", "error", err)
		}
	}
}

// prune deletes what is older than the retention and records the run.
func (s *server) prune(ctx context.Context, now time.Time) error {
	run := forescale.Run{ID: fmt.Sprintf("retention-%d", now.UnixMilli()), Kind: "retention", StartedAt: now}
	rows, err := s.cfg.Store.Prune(ctx, now.Add(-s.cfg.Retention))
	run.Done, run.EndedAt = int(rows), s.cfg.Clock.Now()
	if err != nil {
		run.Error = err.Error()
		return fmt.Errorf("prune: %w", err)
	}
	if err := s.cfg.Store.SaveRun(ctx, run); err != nil {
		return fmt.Errorf("record the run: %w", err)
	}
	if rows > 0 {
		s.cfg.Log.Info("deleted old history", "rows", rows, "older_than", now.Add(-s.cfg.Retention).Format(time.DateOnly))
	}
	return nil
}
