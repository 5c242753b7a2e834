package loop

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/forescale/forescale"
)

// Run keeps the loop going until the context ends: rounds by one goroutine,
// forecasts by another, so that a slow or broken forecast delays no reaction.
// It returns nil when the context ended, after the effects under way, and
// forescale.ErrFenced, wrapped, when another server leads.
func (l *Loop) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return l.runRounds(ctx) })
	group.Go(func() error { return l.runRefresh(ctx) })
	err := group.Wait()
	l.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// runRounds only waits; Step and Collect do the work.
func (l *Loop) runRounds(ctx context.Context) error {
	var planned time.Duration // steady reading of the last planning round
	first, failures := true, 0
	for {
		now, steady := l.clock.Now(), l.clock.Elapsed()
		l.seeClock(now, steady)
		err := l.checkMemory(ctx, now, first)
		if err != nil {
			err = fmt.Errorf("look back: %w", err)
		} else if first || steady-planned >= l.opt.Interval-l.opt.Pulse/2 {
			planned, first = steady, false
			_, err = l.Step(ctx, now)
		} else {
			err = l.Collect(ctx, now)
		}
		if errors.Is(err, forescale.ErrFenced) {
			return err // another server leads: what this one remembers is not worth anything
		}
		wait := l.nextWait(planned)
		if err != nil && ctx.Err() == nil {
			failures++
			wait = min(l.opt.Collect<<min(failures, 5), 5*time.Minute)
			wait = wait/2 + rand.N(wait/2+1) // not all servers at the same moment
			l.log.Error("round failed, nothing was done after the failure", "error", err, "again_in", wait)
		} else {
			failures = 0
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.clock.After(wait):
		}
	}
}

func (l *Loop) seeClock(now time.Time, steady time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.watch.see(now, steady)
}

// checkMemory holds the clock of the first round against the newest decision: one
// that lies ahead means that the clock was set back while nobody watched.
func (l *Loop) checkMemory(ctx context.Context, now time.Time, first bool) error {
	if !first {
		return nil
	}
	latest, err := l.store.LatestDecisions(ctx)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, d := range latest {
		if back := now.Sub(d.LastAt); back < -jumpLimit && l.watch.last == 0 {
			l.watch.note(back, l.clock.Elapsed())
		}
	}
	return nil
}

// nextWait is until the next round: a pulse while something is under way, so
// that warm-ups are measured finely, else the pace of collecting.
func (l *Loop) nextWait(planned time.Duration) time.Duration {
	l.mu.Lock()
	busy := l.busy
	l.mu.Unlock()
	wait := l.opt.Collect
	if busy {
		wait = l.opt.Pulse
	}
	if left := planned + l.opt.Interval - l.clock.Elapsed(); left < wait {
		wait = max(left, l.opt.Pulse/10)
	}
	return wait
}

// runRefresh makes forecasts at once if there are none of late, then at its pace.
func (l *Loop) runRefresh(ctx context.Context) error {
	for {
		now := l.clock.Now()
		wait, err := l.untilRefresh(ctx, now)
		if err == nil && wait <= 0 {
			// Bounded in time: a run that takes longer than its pace is cut off.
			runCtx, cancel := context.WithCancel(ctx)
			stop := make(chan struct{})
			go func() {
				defer close(stop)
				select {
				case <-l.clock.After(l.opt.Refresh):
					cancel()
				case <-runCtx.Done():
				}
			}()
			err = l.Refresh(runCtx, now)
			cancel()
			<-stop
			wait = l.opt.Refresh
		}
		if err != nil && ctx.Err() == nil {
			l.log.Warn("forecasts are incomplete; reactive scaling goes on", "error", err)
			wait = max(wait, l.opt.Interval)
		}
		if err := l.waitForRefresh(ctx, wait); err != nil {
			return err
		}
	}
}

// waitForRefresh waits, but not on when an import made forecasts due. A jump of
// the wall clock does not end it: what was learned from before the jump holds.
func (l *Loop) waitForRefresh(ctx context.Context, wait time.Duration) error {
	for until := l.clock.Elapsed() + wait; ; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.clock.After(min(until-l.clock.Elapsed(), l.opt.Interval)):
		}
		if l.clock.Elapsed() >= until {
			return nil
		}
		if due, err := l.importDue(ctx, l.clock.Now()); err == nil && due {
			return nil
		}
	}
}

// untilRefresh is how long the newest run of this kind lasts yet: a restart
// neither repeats nor skips one.
func (l *Loop) untilRefresh(ctx context.Context, now time.Time) (time.Duration, error) {
	last, err := l.lastRefresh(ctx, now)
	if err != nil || last.IsZero() {
		return 0, err
	}
	if due, err := l.importDue(ctx, now); err != nil || due {
		return 0, err
	}
	return last.Add(l.opt.Refresh).Sub(now), nil
}

// lastRefresh is when forecasts were last made; zero if never.
func (l *Loop) lastRefresh(ctx context.Context, now time.Time) (time.Time, error) {
	runs, err := l.store.ListRuns(ctx, "forecast", 1)
	if err != nil || len(runs) == 0 || runs[0].EndedAt.IsZero() || runs[0].StartedAt.After(now) {
		return time.Time{}, err
	}
	return runs[0].StartedAt, nil
}

// importDue reports whether history was imported that no forecast knows yet, and
// its demand is worked out.
func (l *Loop) importDue(ctx context.Context, now time.Time) (bool, error) {
	runs, err := l.store.ListRuns(ctx, "import", 1)
	if err != nil || len(runs) == 0 || runs[0].Done == 0 || runs[0].EndedAt.IsZero() || now.Sub(runs[0].EndedAt) > l.opt.Refresh {
		return false, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	ended := runs[0].EndedAt
	return !l.workedOut.Before(ended) && l.refreshed.Before(ended), nil
}
