package jobs

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/forescale/forescale"
)

// Config is what a runner is made from.
type Config struct {
	Store   Store
	Clock   forescale.Clock
	Log     *slog.Logger // nil: none
	Server  string       // who runs the jobs, as runs tell it
	Jobs    []Job
	Backoff func(attempt int) time.Duration // nil: [Backoff]
}

// WithDefaults fills what was left open.
func (c Config) WithDefaults() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Backoff == nil {
		c.Backoff = Backoff
	}
	c.Jobs = WithDefaults(c.Jobs)
	return c
}

// Paces of looking what is due.
const (
	lookEvery = 30 * time.Second // so that what is due besides the schedule is seen
	// A wall clock that moved further than this against the steady one is not
	// believed until it has kept still for a while.
	jumpLimit  = 20 * time.Second
	settleTime = 2 * time.Minute
)

// See looks after one due time of a job. It reports whether the due time is seen
// to; else it is asked again at the next look.
type See func(ctx context.Context, j Job, now, due time.Time) (bool, error)

// Keep calls see for the newest due times of each job until the context ends, and
// then waits for the calls under way. Each job has a goroutine of its own: a slow
// one delays no other. It returns nil.
func Keep(ctx context.Context, c Config, see See) error {
	var group errgroup.Group
	for _, j := range c.Jobs {
		group.Go(func() error { keep(ctx, c, j, see); return nil })
	}
	return group.Wait()
}

// keep only waits; look does the work.
func keep(ctx context.Context, c Config, j Job, see See) {
	watch := newWatch(c.Clock)
	wait, handled := j.Delay, []time.Time(nil)
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.Clock.After(wait):
		}
		if left := watch.unsettled(); left > 0 {
			wait = min(left, lookEvery)
			continue
		}
		var err error
		if handled, err = look(ctx, j, c.Clock.Now(), handled, see); err != nil && ctx.Err() == nil {
			c.Log.Warn("a job could not be looked after; trying again", "job", j.Name, "error", err, "again_in", lookEvery)
		}
		now := c.Clock.Now()
		wait = lookEvery
		if next := j.Schedule.Next(now); !next.IsZero() && err == nil {
			wait = min(next.Sub(now), lookEvery)
		}
	}
}

// look sees to each of the newest due times that it was not called for. It takes
// and returns those that are known to be seen to.
func look(ctx context.Context, j Job, now time.Time, handled []time.Time, see See) ([]time.Time, error) {
	due, err := j.Due(ctx, now)
	var seen []time.Time
	for _, d := range due {
		if !slices.ContainsFunc(handled, d.Equal) {
			done, e := see(ctx, j, now, d)
			if err = errors.Join(err, e); e != nil || !done {
				continue
			}
		}
		seen = append(seen, d)
	}
	return seen, err
}

// watch holds the wall clock against the steady one.
type watch struct {
	clock  forescale.Clock
	wall   time.Time
	steady time.Duration
	until  time.Duration // steady reading up to which the wall clock is not believed
}

func newWatch(c forescale.Clock) *watch {
	return &watch{clock: c, wall: c.Now(), steady: c.Elapsed()}
}

// unsettled is how much longer the wall clock must keep still to be believed.
func (w *watch) unsettled() time.Duration {
	wall, steady := w.clock.Now(), w.clock.Elapsed()
	if jump := wall.Sub(w.wall) - (steady - w.steady); jump.Abs() > jumpLimit {
		w.until = steady + settleTime
	}
	w.wall, w.steady = wall, steady
	return w.until - steady
}
