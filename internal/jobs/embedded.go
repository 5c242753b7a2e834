package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/forescale/forescale"
)

// Config is what a runner is made from.
type Config struct {
	Store  Store
	Clock  forescale.Clock
	Log    *slog.Logger // nil: none
	Server string       // who runs the jobs, as runs tell it
	Jobs   []Job
}

// Embedded runs jobs in this process, each in a goroutine of its own: a slow one
// delays no other. Of several servers on a store only the one that leads runs it.
type Embedded struct {
	Config
}

// NewEmbedded makes a runner; Run starts it.
func NewEmbedded(c Config) *Embedded {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Jobs = WithDefaults(c.Jobs)
	return &Embedded{c}
}

// Paces of looking what is due.
const (
	lookEvery = 30 * time.Second // so that what is due besides the schedule is seen
	// A wall clock that moved further than this against the steady one is not
	// believed until it has kept still for a while.
	jumpLimit  = 20 * time.Second
	settleTime = 2 * time.Minute
)

// Run keeps the jobs going until the context ends, and then waits for those
// under way, which are told to stop. It returns nil.
func (e *Embedded) Run(ctx context.Context) error {
	var group errgroup.Group
	for _, j := range e.Jobs {
		group.Go(func() error { e.keep(ctx, j); return nil })
	}
	return group.Wait()
}

// keep only waits; see does the work.
func (e *Embedded) keep(ctx context.Context, j Job) {
	watch := newWatch(e.Clock)
	wait, handled := j.Delay, []time.Time(nil)
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.Clock.After(wait):
		}
		if left := watch.unsettled(); left > 0 {
			wait = min(left, lookEvery)
			continue
		}
		var err error
		if handled, err = e.see(ctx, j, e.Clock.Now(), handled); err != nil && ctx.Err() == nil {
			e.Log.Warn("a job could not be looked after; trying again", "job", j.Name, "error", err, "again_in", lookEvery)
		}
		now := e.Clock.Now()
		wait = lookEvery
		if next := j.Schedule.Next(now); !next.IsZero() && err == nil {
			wait = min(next.Sub(now), lookEvery)
		}
	}
}

// see runs the job for each of its newest due times that it was not run for. It
// takes and returns those that are known to be seen to.
func (e *Embedded) see(ctx context.Context, j Job, now time.Time, handled []time.Time) ([]time.Time, error) {
	due, err := j.Due(ctx, now)
	var seen []time.Time
	for _, d := range due {
		if !slices.ContainsFunc(handled, d.Equal) {
			if e := e.seeDue(ctx, j, now, d); e != nil {
				err = errors.Join(err, e)
				continue
			}
		}
		seen = append(seen, d)
	}
	return seen, err
}

func (e *Embedded) seeDue(ctx context.Context, j Job, now, due time.Time) error {
	recorded, err := Recorded(ctx, e.Store, j.Name, due, now)
	if err != nil {
		return err
	}
	run := forescale.Run{ID: RunID(j.Name, due), Kind: j.Name, DueAt: due, StartedAt: now}
	for _, r := range recorded {
		if r.ID != run.ID || r.State == forescale.RunDone || r.State == forescale.RunFailed {
			return nil // it has ended; or it was spread over servers, which see to it
		}
		run = r // it was cut off, with its server
	}
	if run.Attempt >= 2*j.Attempts { // it may be what ends the server
		run.EndedAt, run.State = now, forescale.RunFailed
		run.Error = fmt.Sprintf("it was cut off again and again, %d times", run.Attempt)
		return e.Store.SaveRun(ctx, run)
	}
	return e.do(ctx, j, run)
}

// do runs the job in batches, those that failed again, until all are done, there
// is no attempt left, or the schedule comes due again.
func (e *Embedded) do(ctx context.Context, j Job, run forescale.Run) error {
	run.Server, run.State, run.Done, run.Failed, run.Error = e.Server, forescale.RunRunning, 0, 0, ""
	run.Attempt++
	if err := e.Store.SaveRun(ctx, run); err != nil {
		return fmt.Errorf("record the run: %w", err)
	}
	names, err := Names(ctx, e.Store)
	if err != nil {
		return err
	}
	left := j.Split(names)
	for tries := 1; ; tries++ {
		left, err = e.batches(ctx, j, &run, left)
		again := len(left) > 0 && !IsFinal(err) && tries < j.Attempts
		if again && ctx.Err() == nil {
			run.State, run.Error = forescale.RunRetrying, text(err)
			e.Log.Warn("a job failed; trying again", "job", j.Name, "due", run.DueAt, "error", err, "again_in", Backoff(tries))
			if err := e.Store.SaveRun(ctx, run); err != nil {
				return fmt.Errorf("record the run: %w", err)
			}
			again = e.waitFor(ctx, j, run.DueAt, Backoff(tries))
		}
		if !again || ctx.Err() != nil {
			break
		}
		run.State = forescale.RunRunning
		run.Attempt++
		if err := e.Store.SaveRun(ctx, run); err != nil {
			return fmt.Errorf("record the run: %w", err)
		}
	}
	if ctx.Err() != nil {
		return ctx.Err() // it stays as running: the next start goes on with it
	}
	run.EndedAt, run.State = e.Clock.Now(), forescale.RunDone
	if len(left) > 0 {
		run.State = forescale.RunFailed
	}
	if run.Error = text(err); err != nil {
		e.Log.Warn("a job is incomplete", "job", j.Name, "due", run.DueAt, "done", run.Done, "failed", run.Failed, "error", err)
	}
	if err := e.Store.SaveRun(ctx, run); err != nil {
		return fmt.Errorf("record the run: %w", err)
	}
	return nil
}

// batches does one batch after the other and returns those that failed as a
// whole, with everything that went wrong.
func (e *Embedded) batches(ctx context.Context, j Job, run *forescale.Run, todo [][]string) (left [][]string, faults error) {
	for _, b := range todo {
		if ctx.Err() != nil {
			return append(left, b), errors.Join(faults, ctx.Err())
		}
		r, err := j.Call(ctx, Task{Due: run.DueAt, Now: e.Clock.Now(), Services: b})
		run.Failed += r.Failed
		run.Done += r.Done
		faults = errors.Join(faults, r.Fault, err)
		if err != nil {
			run.Done, run.Failed = run.Done-r.Done, run.Failed-r.Failed // it will be counted when it is done
			left = append(left, b)
		}
	}
	return left, faults
}

// waitFor waits before another attempt. It is false when there shall be none,
// since the schedule has come due again meanwhile.
func (e *Embedded) waitFor(ctx context.Context, j Job, due time.Time, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-e.Clock.After(d):
	}
	return !j.Schedule.Prev(e.Clock.Now()).After(due)
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

// longestText bounds the error of a run: thousands of services may fail alike.
const longestText = 2000

func text(err error) string {
	if err == nil {
		return ""
	}
	s := strings.ReplaceAll(err.Error(), "\n", "; ")
	if len(s) > longestText {
		s = s[:longestText] + " …"
	}
	return s
}
