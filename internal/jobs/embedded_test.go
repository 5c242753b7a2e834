package jobs_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/jobs"
	"github.com/forescale/forescale/internal/store/sqlite"
)

// bench is a store with three services and a runner that can be restarted, in
// made-up time.
type bench struct {
	*testing.T
	store *sqlite.Store
	job   jobs.Job
	calls []jobs.Task
}

func inBench(t *testing.T, live func(b *bench)) {
	path := filepath.Join(t.TempDir(), "forescale.db")
	synctest.Test(t, func(t *testing.T) {
		s, err := sqlite.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		for _, name := range []string{"a", "b", "c"} {
			if _, err := s.PutService(t.Context(), forescale.Service{Name: name}.WithDefaults(), 0); err != nil {
				t.Fatal(err)
			}
		}
		b := &bench{T: t, store: s}
		b.job = jobs.Job{Name: "work", Schedule: jobs.Every(15 * time.Minute), Batch: 2,
			Do: func(_ context.Context, k jobs.Task) (jobs.Result, error) {
				b.calls = append(b.calls, k)
				return jobs.Result{Done: len(k.Services)}, nil
			}}
		live(b)
	})
}

// run lets a server run for d.
func (b *bench) run(d time.Duration) {
	b.Helper()
	r := jobs.NewEmbedded(jobs.Config{Store: b.store, Clock: forescale.NewSystemClock(), Server: "one", Jobs: []jobs.Job{b.job}})
	ctx, cancel := context.WithTimeout(b.Context(), d)
	defer cancel()
	if err := r.Run(ctx); err != nil {
		b.Error(err)
	}
}

func (b *bench) runs() []forescale.Run {
	b.Helper()
	rs, err := b.store.ListRuns(b.Context(), forescale.RunQuery{})
	if err != nil {
		b.Fatal(err)
	}
	return rs
}

func TestARunIsNeitherRepeatedNorSkippedAndCaughtUpOnce(t *testing.T) {
	inBench(t, func(b *bench) {
		time.Sleep(7 * time.Minute)
		b.run(time.Minute) // the newest due time is caught up
		b.run(time.Minute) // a restart does not repeat it
		if rs := b.runs(); len(rs) != 1 || rs[0].State != forescale.RunDone || rs[0].Done != 3 || rs[0].Server != "one" || rs[0].Attempt != 1 {
			t.Fatalf("runs %+v", rs)
		}
		if len(b.calls) != 2 || !slices.Equal(b.calls[0].Services, []string{"a", "b"}) || !slices.Equal(b.calls[1].Services, []string{"c"}) {
			t.Errorf("batches %+v", b.calls)
		}
		b.run(60 * time.Minute)
		if n := len(b.runs()); n != 5 {
			t.Errorf("%d runs after an hour, want 5", n)
		}
		time.Sleep(10 * time.Hour) // no server runs
		b.run(time.Minute)
		if n := len(b.runs()); n != 6 {
			t.Errorf("%d runs after ten hours without a server, want one more", n)
		}
	})
}

func TestARunThatWasCutOffIsDoneAgain(t *testing.T) {
	inBench(t, func(b *bench) {
		do := b.job.Do
		b.job.Do = func(ctx context.Context, _ jobs.Task) (jobs.Result, error) {
			<-ctx.Done()
			return jobs.Result{}, ctx.Err()
		}
		b.run(time.Minute)
		if rs := b.runs(); len(rs) != 1 || rs[0].State != forescale.RunRunning {
			t.Fatalf("runs %+v", rs)
		}
		b.job.Do = do
		b.run(time.Minute)
		if rs := b.runs(); len(rs) != 1 || rs[0].State != forescale.RunDone || rs[0].Attempt != 2 || rs[0].Done != 3 {
			t.Errorf("runs %+v", rs)
		}
	})
}

func TestOnlyTheBatchThatFailedIsTriedAgain(t *testing.T) {
	for _, c := range []struct {
		name string
		fail func(ctx context.Context) error
	}{
		{"with an error", func(context.Context) error { return errors.New("no") }},
		{"with a panic", func(context.Context) error { panic("no") }},
		{"by its time limit", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBench(t, func(b *bench) {
				do, failed := b.job.Do, false
				b.job.Limit = time.Minute
				b.job.Do = func(ctx context.Context, k jobs.Task) (jobs.Result, error) {
					if k.Services[0] == "a" && !failed {
						failed = true
						return jobs.Result{}, c.fail(ctx)
					}
					return do(ctx, k)
				}
				b.run(5 * time.Minute)
				if rs := b.runs(); len(rs) != 1 || rs[0].State != forescale.RunDone || rs[0].Attempt != 2 || rs[0].Done != 3 || len(b.calls) != 2 {
					t.Errorf("runs %+v, calls %v", rs, b.calls)
				}
			})
		})
	}
}

func TestAFinalErrorIsNotTriedAgain(t *testing.T) {
	inBench(t, func(b *bench) {
		n := 0
		b.job.Batch, b.job.Do = 0, func(context.Context, jobs.Task) (jobs.Result, error) {
			n++
			return jobs.Result{}, jobs.Final(errors.New("no"))
		}
		b.run(10 * time.Minute)
		if rs := b.runs(); n != 1 || len(rs) != 1 || rs[0].State != forescale.RunFailed || rs[0].Error != "no" {
			t.Errorf("%d calls, runs %+v", n, rs)
		}
	})
}

func TestWhatIsDueBesidesTheScheduleIsRunOnce(t *testing.T) {
	inBench(t, func(b *bench) {
		var extra atomic.Int64
		b.job.Extra = func(context.Context, time.Time) (time.Time, error) {
			if ms := extra.Load(); ms > 0 {
				return time.UnixMilli(ms).UTC(), nil
			}
			return time.Time{}, nil
		}
		b.run(2 * time.Minute)
		extra.Store(time.Now().Add(-time.Second).UnixMilli())
		b.run(5 * time.Minute)
		b.run(5 * time.Minute)
		if n := len(b.runs()); n != 2 {
			t.Errorf("%d runs, want that of the schedule and one more", n)
		}
	})
}
