package jobs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/forescale/forescale"
)

// Embedded runs jobs in this process, each in a goroutine of its own: a slow one
// delays no other. Of several servers on a store only the one that leads runs it.
type Embedded struct {
	Config
}

// NewEmbedded makes a runner; Run starts it.
func NewEmbedded(c Config) *Embedded { return &Embedded{c.WithDefaults()} }

// Run keeps the jobs going until the context ends, and then waits for those
// under way, which are told to stop. It returns nil.
func (e *Embedded) Run(ctx context.Context) error { return Keep(ctx, e.Config, e.see) }

// see runs the job for the due time, unless that was done.
func (e *Embedded) see(ctx context.Context, j Job, now, due time.Time) (bool, error) {
	recorded, err := Recorded(ctx, e.Store, j.Name, due, now)
	if err != nil {
		return false, err
	}
	run := forescale.Run{ID: RunID(j.Name, due), Kind: j.Name, DueAt: due, StartedAt: now}
	for _, r := range recorded {
		if r.ID != run.ID || r.State == forescale.RunDone || r.State == forescale.RunFailed {
			return true, nil // it has ended; or it was spread over servers, which see to it
		}
		run = r // it was cut off, with its server
	}
	if run.Attempt >= 2*j.Attempts { // it may be what ends the server
		run.EndedAt, run.State = now, forescale.RunFailed
		run.Error = fmt.Sprintf("it was cut off again and again, %d times", run.Attempt)
		return true, e.Store.SaveRun(ctx, run)
	}
	return true, e.do(ctx, j, run)
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
			run.State, run.Error = forescale.RunRetrying, Text(err)
			e.Log.Warn("a job failed; trying again", "job", j.Name, "due", run.DueAt, "error", err, "again_in", e.Backoff(tries))
			if err := e.Store.SaveRun(ctx, run); err != nil {
				return fmt.Errorf("record the run: %w", err)
			}
			again = e.waitFor(ctx, j, run.DueAt, e.Backoff(tries))
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
	if run.Error = Text(err); err != nil {
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

// longestText bounds the error of a run: thousands of services may fail alike.
const longestText = 2000

// Text is an error as a run tells it, on one line and bounded.
func Text(err error) string {
	if err == nil {
		return ""
	}
	return Bounded(strings.ReplaceAll(err.Error(), "\n", "; "))
}

// Bounded cuts off what is too long for the error of a run.
func Bounded(s string) string {
	if len(s) > longestText {
		s = s[:longestText] + " …"
	}
	return s
}
