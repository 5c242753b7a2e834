package loop

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/forescale/forescale"
)

// Run keeps rounds going until the context ends. Forecasts are made apart from
// it, so that a slow or broken one delays no reaction. It returns nil when the
// context ended, after the effects under way, and forescale.ErrFenced, wrapped,
// when another server leads.
func (l *Loop) Run(ctx context.Context) error {
	err := l.runRounds(ctx)
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
		} else if early, failed := l.Collect(ctx, now); failed != nil {
			err = failed
		} else if early {
			planned = steady
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
		took := l.worked(steady)
		if failures > 0 {
			took = wait // no alarm brings it forward
		}
		if err := l.rest(ctx, wait, took); err != nil {
			return err
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

// worked is how long a round took that began at a steady reading, without the waiting
// for effects.
func (l *Loop) worked(began time.Duration) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.clock.Elapsed() - began - l.acts.waited
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
