package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/forescale/forescale"
)

// clocked is a store that has a clock of its own.
type clocked interface {
	ClockOff(ctx context.Context) (*forescale.Fault, error)
}

// clockEvery is how often the clock of the database is held against ours.
const clockEvery = time.Minute

// watchClock tells when the clock of a database goes off, and when it is right
// again, until stop is called. A read that fails is nobody's news here.
func watchClock(ctx context.Context, st any, clock forescale.Clock, log *slog.Logger) (stop func()) {
	db, ok := st.(clocked)
	if !ok {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		off, err := db.ClockOff(ctx) // told at the start already, as one of the store's warnings
		was := err == nil && off != nil
		for {
			select {
			case <-ctx.Done():
				return
			case <-clock.After(clockEvery):
			}
			f, err := db.ClockOff(ctx)
			switch {
			case err != nil:
			case f != nil && !was:
				log.Warn(f.What, "code", f.Code, "store", f.Where, "help", f.Help)
				was = true
			case f == nil && was:
				log.Info("the clock of the database is right again")
				was = false
			}
		}
	}()
	return func() { cancel(); <-done }
}
