// Package jobstest is the conformance suite of what runs jobs. It runs in real
// time, as a database does, and waits for what it wants to see.
package jobstest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/jobs"
)

// Store is what the suite needs of a store.
type Store interface {
	jobs.Store
	PutService(ctx context.Context, s forescale.Service, ifVersion int64) (forescale.Service, error)
}

// Runner is what is tested.
type Runner interface {
	Run(ctx context.Context) error
}

// Make makes a runner on a store.
type Make func(t testing.TB, s Store, c jobs.Config) Runner

// Exercise runs the suite. Each case has a store of its own.
func Exercise(t *testing.T, open func(testing.TB) Store, make Make) {
	for _, c := range []struct {
		sentence string
		run      func(b *Bench)
	}{
		{"a run is neither repeated nor skipped, and caught up once", caughtUpOnce},
		{"a run without services is done", nothingToDo},
		{"services that are off are left out", offLeftOut},
		{"only the batch that failed is tried again", triedAgain},
		{"a panic is a failed batch", panicked},
		{"a batch that goes on failing is given up, the others count", givenUp},
		{"a final error is not tried again", finalError},
		{"a run that was cut off is done by the next start", cutOff},
		{"a batch that takes too long is cut off", tooLong},
		{"what is due besides the schedule is run once", besides},
		{"a slow job delays no other", slowJob},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			t.Parallel()
			c.run(NewBench(t, open(t), make))
		})
	}
}

// Bench is a store with three services, and runners on it.
type Bench struct {
	testing.TB
	Store Store
	Job   jobs.Job // every 15 min, two services a batch
	More  []jobs.Job
	Clock *Clock
	make  Make

	mu    sync.Mutex
	calls []jobs.Task
}

// NewBench makes a bench whose job notes its calls.
func NewBench(tb testing.TB, s Store, make Make) *Bench {
	b := &Bench{TB: tb, Store: s, make: make, Clock: &Clock{SystemClock: forescale.NewSystemClock()}}
	for _, name := range []string{"a", "b", "c"} {
		b.Put(forescale.Service{Name: name})
	}
	b.Job = jobs.Job{Name: "work", Schedule: jobs.Every(24 * time.Hour), Batch: 2, Do: b.Do}
	return b
}

// Put registers a service.
func (b *Bench) Put(s forescale.Service) {
	b.Helper()
	if _, err := b.Store.PutService(b.Context(), s.WithDefaults(), -1); err != nil {
		b.Fatal(err)
	}
}

// Do is what a batch does unless a case says otherwise.
func (b *Bench) Do(_ context.Context, t jobs.Task) (jobs.Result, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls = append(b.calls, t)
	return jobs.Result{Done: len(t.Services)}, nil
}

// Done are the services of the batches that were done, in order.
func (b *Bench) Done() (names []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, t := range b.calls {
		names = append(names, t.Services...)
	}
	slices.Sort(names)
	return names
}

// Start runs a server and gives what stops it and waits for its end.
func (b *Bench) Start(name string) (stop func()) {
	b.Helper()
	r := b.make(b, b.Store, jobs.Config{Store: b.Store, Clock: b.Clock, Server: name, Jobs: append([]jobs.Job{b.Job}, b.More...),
		Backoff: func(int) time.Duration { return 50 * time.Millisecond }})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := r.Run(ctx); err != nil {
			b.Error(err)
		}
	}()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	b.Cleanup(stop)
	return stop
}

// Runs are the recorded runs of a job, newest first.
func (b *Bench) Runs(job string) []forescale.Run {
	b.Helper()
	rs, err := b.Store.ListRuns(context.WithoutCancel(b.Context()), forescale.RunQuery{Kind: job})
	if err != nil {
		b.Fatal(err)
	}
	return rs
}

// Wait waits until the job has n runs that have ended, and gives the newest.
func (b *Bench) Wait(job string, n int) forescale.Run {
	b.Helper()
	var newest forescale.Run
	b.Until(func() error {
		rs := b.Runs(job)
		ended := len(slices.DeleteFunc(slices.Clone(rs), func(r forescale.Run) bool { return r.EndedAt.IsZero() }))
		if ended != n || len(rs) != n {
			return fmt.Errorf("%d runs have ended, want %d: %+v", ended, n, rs)
		}
		newest = rs[0]
		return nil
	})
	return newest
}

// Until waits until check finds nothing wrong.
func (b *Bench) Until(check func() error) {
	b.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(3 * time.Minute)
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			b.Fatal(err)
		}
	}
}

// Clock is the machine's clock, put forward.
type Clock struct {
	forescale.SystemClock
	mu      sync.Mutex
	forward time.Duration
}

// Now implements [forescale.Clock].
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.SystemClock.Now().Add(c.forward)
}

// Forward puts the clock forward, while no runner looks at it.
func (c *Clock) Forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forward += d
}

func caughtUpOnce(b *Bench) {
	stop := b.Start("one")
	if r := b.Wait("work", 1); r.State != forescale.RunDone || r.Done != 3 || r.Failed != 0 || r.Attempt != 1 || r.Server != "one" || r.Error != "" || r.DueAt.IsZero() {
		b.Errorf("run %+v", r)
	}
	stop()
	other := b.besidesIt()
	b.Start("two")() // it may end before it has looked
	stop = b.Start("two")
	b.Wait(other, 1) // by now it has
	stop()
	if got := b.Done(); !slices.Equal(got, []string{"a", "b", "c"}) || len(b.Runs("work")) != 1 {
		b.Errorf("a restart did %v, runs %+v", got, b.Runs("work"))
	}
	b.Clock.Forward(10 * 24 * time.Hour)
	b.Start("three")
	b.Wait(other, 2)
	if r := b.Wait("work", 2); r.Server != "three" || len(b.Done()) != 6 {
		b.Errorf("after ten days without a server: %+v, done %v", r, b.Done())
	}
}

// besidesIt adds a job that is looked at after the bench's own: when it was run,
// that one has been looked at.
func (b *Bench) besidesIt() string {
	seen := make(chan struct{}, 100)
	b.Job.Extra = func(context.Context, time.Time) (time.Time, error) {
		select {
		case seen <- struct{}{}:
		default:
		}
		return time.Time{}, nil
	}
	b.More = append(b.More, jobs.Job{Name: "besides", Schedule: jobs.Every(24 * time.Hour), Do: func(ctx context.Context, _ jobs.Task) (jobs.Result, error) {
		select {
		case <-seen:
		case <-ctx.Done():
		}
		return jobs.Result{}, ctx.Err()
	}})
	return "besides"
}

func nothingToDo(b *Bench) {
	for _, name := range []string{"a", "b", "c"} {
		b.Put(forescale.Service{Name: name, Mode: forescale.ModeOff})
	}
	b.Start("one")
	if r := b.Wait("work", 1); r.State != forescale.RunDone || r.Done != 0 || len(b.Done()) != 0 {
		b.Errorf("run %+v, done %v", r, b.Done())
	}
}

func offLeftOut(b *Bench) {
	b.Put(forescale.Service{Name: "b", Mode: forescale.ModeOff})
	b.Start("one")
	if r := b.Wait("work", 1); r.Done != 2 || !slices.Equal(b.Done(), []string{"a", "c"}) {
		b.Errorf("run %+v, done %v", r, b.Done())
	}
}

// fail has the batch that begins with a service do something else for its first
// times.
func (b *Bench) fail(first string, times int, do func(context.Context) error) {
	n := 0
	b.Job.Do = func(ctx context.Context, t jobs.Task) (jobs.Result, error) {
		if t.Services[0] == first {
			b.mu.Lock()
			n++
			fails := n <= times
			b.mu.Unlock()
			if fails {
				return jobs.Result{}, do(ctx)
			}
		}
		return b.Do(ctx, t)
	}
}

func triedAgain(b *Bench) {
	b.fail("a", 2, func(context.Context) error { return errors.New("not yet") })
	b.Start("one")
	if r := b.Wait("work", 1); r.State != forescale.RunDone || r.Attempt != 3 || r.Done != 3 || !slices.Equal(b.Done(), []string{"a", "b", "c"}) {
		b.Errorf("run %+v, done %v", r, b.Done())
	}
}

func panicked(b *Bench) {
	b.fail("a", 1, func(context.Context) error { panic("ouch") })
	b.Start("one")
	if r := b.Wait("work", 1); r.State != forescale.RunDone || r.Attempt != 2 || r.Done != 3 {
		b.Errorf("run %+v", r)
	}
}

func givenUp(b *Bench) {
	b.Job.Attempts = 3
	b.fail("a", 99, func(context.Context) error { return errors.New("never") })
	b.Start("one")
	if r := b.Wait("work", 1); r.State != forescale.RunFailed || r.Attempt != 3 || r.Done != 1 || !strings.Contains(r.Error, "never") {
		b.Errorf("run %+v", r)
	}
	if got := b.Done(); !slices.Equal(got, []string{"c"}) {
		b.Errorf("done %v", got)
	}
}

func finalError(b *Bench) {
	b.fail("a", 99, func(context.Context) error { return jobs.Final(errors.New("no")) })
	b.Start("one")
	if r := b.Wait("work", 1); r.State != forescale.RunFailed || r.Attempt != 1 || r.Done != 1 || r.Error != "no" {
		b.Errorf("run %+v", r)
	}
}

func cutOff(b *Bench) {
	b.Job.Attempts = 1 // to be stopped is no attempt that failed
	begun := make(chan struct{}, 10)
	b.fail("a", 1, func(ctx context.Context) error {
		begun <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	})
	stop := b.Start("one")
	<-begun
	stop()
	if rs := b.Runs("work"); len(rs) != 1 || rs[0].State != forescale.RunRunning {
		b.Fatalf("runs %+v", rs)
	}
	b.Start("two")
	if r := b.Wait("work", 1); r.State != forescale.RunDone || r.Done != 3 {
		b.Errorf("run %+v", r)
	}
}

func tooLong(b *Bench) {
	b.Job.Limit = 500 * time.Millisecond
	b.fail("a", 1, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
	b.Start("one")
	if r := b.Wait("work", 1); r.State != forescale.RunDone || r.Attempt != 2 || r.Done != 3 {
		b.Errorf("run %+v", r)
	}
}

func besides(b *Bench) {
	stop := b.Start("one")
	b.Wait("work", 1)
	stop()
	at := b.Clock.Now().Truncate(time.Millisecond)
	b.Job.Extra = func(context.Context, time.Time) (time.Time, error) { return at, nil }
	stop = b.Start("two")
	if r := b.Wait("work", 2); !r.DueAt.Equal(at) {
		b.Errorf("run %+v", r)
	}
	stop()
	b.More = append(b.More, jobs.Job{Name: "after", Schedule: jobs.Every(24 * time.Hour), Do: func(context.Context, jobs.Task) (jobs.Result, error) { return jobs.Result{}, nil }})
	b.Start("three")
	b.Wait("after", 1)
	b.Wait("work", 2)
}

func slowJob(b *Bench) {
	release := make(chan struct{})
	b.Job.Do = func(ctx context.Context, t jobs.Task) (jobs.Result, error) {
		select {
		case <-release:
		case <-ctx.Done():
			return jobs.Result{}, ctx.Err()
		}
		return b.Do(ctx, t)
	}
	b.More = append(b.More, jobs.Job{Name: "quick", Schedule: jobs.Every(24 * time.Hour), Do: func(context.Context, jobs.Task) (jobs.Result, error) { return jobs.Result{Done: 1}, nil }})
	b.Start("one")
	b.Wait("quick", 1)
	if len(b.Done()) != 0 {
		b.Errorf("done %v", b.Done())
	}
	close(release)
	b.Wait("work", 1)
}
