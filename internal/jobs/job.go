package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/forescale/forescale"
)

// Job is one kind of work that comes due again and again.
type Job struct {
	Name     string
	Schedule Schedule
	// Extra is a due time besides the schedule, or zero. The same time is asked
	// for and told again and again until something new comes up. May be nil.
	Extra func(ctx context.Context, now time.Time) (time.Time, error)
	// Batch is how many services one call of Do is given; 0: the work is not split.
	Batch int
	// Limit is how long one call of Do may take, by the machine's clock; 0: 10 min.
	Limit time.Duration
	// Attempts is how often a batch is tried before it is given up; 0: 4.
	Attempts int
	// Delay is how long after the start of a server the job is first looked at.
	Delay time.Duration
	// Do does one batch. An error means that the batch is to be tried again,
	// unless it is [Final]. It must come back soon after ctx has ended.
	Do func(ctx context.Context, t Task) (Result, error)
}

// Task is one batch of a run.
type Task struct {
	Due      time.Time // which run it belongs to
	Now      time.Time
	Services []string // nil when the job is not split
}

// Result is what became of a batch.
type Result struct {
	Done   int   // services or rows
	Failed int   // of these
	Fault  error // why some failed, although the batch as a whole is done
}

func (j Job) withDefaults() Job {
	j.Limit = cmp.Or(j.Limit, 10*time.Minute)
	j.Attempts = cmp.Or(j.Attempts, 4)
	return j
}

// WithDefaults fills what was left open in each job. It panics on a job that
// cannot work, or a name that is there twice: only a mistake in wiring does that.
func WithDefaults(js []Job) []Job {
	out := make([]Job, len(js))
	seen := map[string]bool{}
	for i, j := range js {
		if j.Name == "" || j.Do == nil || j.Schedule.next == nil || seen[j.Name] {
			panic(fmt.Sprintf("jobs: job %q has no name, work or schedule, or is there twice", j.Name))
		}
		seen[j.Name] = true
		out[i] = j.withDefaults()
	}
	return out
}

// Due are the newest due times up to now: the one of the schedule, and the one
// besides it, if there is one.
func (j Job) Due(ctx context.Context, now time.Time) ([]time.Time, error) {
	var due []time.Time
	if t := j.Schedule.Prev(now); !t.IsZero() {
		due = append(due, t)
	}
	if j.Extra == nil {
		return due, nil
	}
	extra, err := j.Extra(ctx, now)
	if !extra.IsZero() && !extra.After(now) && !slices.ContainsFunc(due, extra.Equal) {
		due = append(due, extra)
	}
	return due, err
}

// Split cuts the names into batches, in their order. A job that is not split has
// one batch without names; one that is split and has no services has none.
func (j Job) Split(names []string) [][]string {
	if j.Batch <= 0 {
		return [][]string{nil}
	}
	return slices.Collect(slices.Chunk(names, j.Batch))
}

// Store is what a runner remembers by.
type Store interface {
	SaveRun(ctx context.Context, r forescale.Run) error
	ListRuns(ctx context.Context, q forescale.RunQuery) ([]forescale.Run, error)
	ListServices(ctx context.Context) ([]forescale.Service, error)
}

// Names are the services that jobs are about, sorted: all that are not off.
func Names(ctx context.Context, s Store) ([]string, error) {
	all, err := s.ListServices(ctx)
	if err != nil {
		return nil, fmt.Errorf("read services: %w", err)
	}
	var names []string
	for _, svc := range all {
		if svc.Mode != forescale.ModeOff {
			names = append(names, svc.Name)
		}
	}
	return names, nil
}

// looked is how many recorded runs are looked through for those of one due time.
// A run of many batches is many rows, all of them started after the run was due.
const looked = 200

// Recorded are the newest recorded runs of the due time.
func Recorded(ctx context.Context, s Store, job string, due, now time.Time) ([]forescale.Run, error) {
	runs, err := s.ListRuns(ctx, forescale.RunQuery{Kind: job, Until: now, Limit: looked})
	if err != nil {
		return nil, fmt.Errorf("read runs: %w", err)
	}
	return slices.DeleteFunc(runs, func(r forescale.Run) bool { return !r.DueAt.Equal(due.Truncate(time.Millisecond)) }), nil
}

// RunID names the run of a due time; a batch has its number added.
func RunID(job string, due time.Time) string { return fmt.Sprintf("%s-%d", job, due.UnixMilli()) }

// Final marks an error that another attempt would not mend.
func Final(err error) error {
	if err == nil {
		return nil
	}
	return &finalError{err}
}

type finalError struct{ error }

func (e *finalError) Unwrap() error { return e.error }

// IsFinal reports whether err was marked by [Final].
func IsFinal(err error) bool {
	var f *finalError
	return errors.As(err, &f)
}

// Call does one batch within the job's limit, and takes a panic as an error: the
// server outlives a bad job.
func (j Job) Call(ctx context.Context, t Task) (r Result, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, j.Limit, fmt.Errorf("%s took longer than %v and was cut off", j.Name, j.Limit))
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s panicked: %v", j.Name, p)
		}
	}()
	r, err = j.Do(ctx, t)
	if err != nil && ctx.Err() != nil {
		err = errors.Join(context.Cause(ctx), err)
	}
	return r, err
}

// Backoff is how long to wait after a failed attempt, the first being 1.
func Backoff(attempt int) time.Duration {
	return min(10*time.Second<<min(max(attempt-1, 0), 10), 5*time.Minute)
}
