package loop

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"golang.org/x/sync/errgroup"
)

// Run keeps the loop going until the context ends: rounds by one goroutine,
// forecasts by another, so that a slow or broken forecast delays no reaction.
// It returns nil when the context ended, after the effects under way.
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
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.clock.After(min(wait, l.opt.Interval)): // an import may end meanwhile
		}
	}
}

// untilRefresh is how long the newest run of this kind lasts yet: a restart
// neither repeats nor skips one.
func (l *Loop) untilRefresh(ctx context.Context, now time.Time) (time.Duration, error) {
	runs, err := l.store.ListRuns(ctx, "forecast", 1)
	if err != nil {
		return 0, err
	}
	var last time.Time
	var wait time.Duration
	if len(runs) > 0 && !runs[0].EndedAt.IsZero() && !runs[0].StartedAt.After(now) {
		last = runs[0].StartedAt
		wait = last.Add(l.opt.Refresh).Sub(now)
	}
	return l.afterImport(ctx, now, last, wait)
}

// afterImport is wait, or none when history was imported since the last
// forecasts: they are made anew once its demand is worked out, and not before.
func (l *Loop) afterImport(ctx context.Context, now, last time.Time, wait time.Duration) (time.Duration, error) {
	runs, err := l.store.ListRuns(ctx, "import", 1)
	if err != nil || len(runs) == 0 || runs[0].Done == 0 || runs[0].EndedAt.IsZero() {
		return wait, err
	}
	ended := runs[0].EndedAt
	if !ended.After(last) || now.Sub(ended) > l.opt.Refresh {
		return wait, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.workedOut.After(ended) {
		return max(wait, l.opt.Collect), nil
	}
	return 0, nil
}
