package loop_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/loop"
	"github.com/forescale/forescale/internal/sim"
	"github.com/forescale/forescale/internal/store/sqlite"
)

// table is where servers keep their lease, in made-up time.
type table struct {
	mu    sync.Mutex
	term  forescale.Term
	taken int // how often somebody tried to take the lead
}

// set changes the term as nobody could who sits at the table.
func (t *table) set(change func(*forescale.Term)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(&t.term)
}

func (t *table) now() (term forescale.Term, taken int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.term, t.taken
}

// enough is how often the lead is tried for in vain before trying takes a while:
// in made-up time a server that spins would do so for ever.
const enough = 1000

// seat is one server's way to the table, which can be cut.
type seat struct {
	*table
	cut atomic.Bool
}

// at is what is done at the table, unless the way to it is cut.
func (s *seat) at(ctx context.Context, do func() error) error {
	if s.cut.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return do()
}

func (s *seat) TakeLead(ctx context.Context, holder string, lasts time.Duration) (t forescale.Term, won bool, err error) {
	if _, taken := s.now(); taken > enough {
		<-ctx.Done()
	}
	err = s.at(ctx, func() error {
		s.taken++
		if won = s.term.Holder == "" || !time.Now().Before(s.term.Until); won {
			s.term = forescale.Term{Fence: s.term.Fence + 1, Holder: holder, Until: time.Now().Add(lasts)}
		}
		t = s.term
		return nil
	})
	return t, won, err
}

func (s *seat) KeepLead(ctx context.Context, fence int64, lasts time.Duration) (t forescale.Term, err error) {
	err = s.at(ctx, func() error {
		if fence != s.term.Fence || s.term.Holder == "" {
			return forescale.ErrFenced
		}
		s.term.Until = time.Now().Add(lasts)
		t = s.term
		return nil
	})
	return t, err
}

func (s *seat) Resign(ctx context.Context, fence int64) error {
	return s.at(ctx, func() error {
		if fence != s.term.Fence || s.term.Holder == "" {
			return forescale.ErrFenced
		}
		s.term.Holder = ""
		return nil
	})
}

func (s *seat) Lead(ctx context.Context) (t forescale.Term, err error) {
	err = s.at(ctx, func() error { t = s.term; return nil })
	return t, err
}

// watched is a world under a fence that counts who wants to act on it.
type watched struct {
	*sim.Fenced
	err   error // of making the fence
	tries *atomic.Int64
}

// Fence implements loop.Fencer.
func (w watched) Fence(ctx context.Context) error {
	w.tries.Add(1)
	if w.err != nil {
		return w.err
	}
	return w.Fenced.Fence(ctx)
}

// read is a source that keeps when it was last read.
type read struct {
	loop.Source
	last *atomic.Int64
}

func (r read) Observe(ctx context.Context) forescale.Observation {
	r.last.Store(time.Now().UnixNano())
	return r.Source.Observe(ctx)
}

// candidate is a server that may lead.
type candidate struct {
	*loop.Lead
	seat  *seat
	lives atomic.Int64 // terms
	read  atomic.Int64 // when its loop last read the world
	log   *slowLog
	stop  func()
}

// slowLog is a log that may be read while it is written.
type slowLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *slowLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *slowLog) says(what string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), what)
}

func (c *candidate) leads() bool {
	_, leading := c.Term()
	return leading
}

// election is servers that want to lead one store and one world, in made-up time.
type election struct {
	*testing.T
	table
	store *sqlite.Store
	world *sim.World
	fence error        // why the world lets no leader make its fence
	tries atomic.Int64 // to make a fence
	all   []*candidate
}

func elect(t *testing.T, live func(*election)) {
	path := filepath.Join(t.TempDir(), "forescale.db")
	synctest.Test(t, func(t *testing.T) {
		st, err := sqlite.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = st.Close() }()
		svc := forescale.Service{Name: "web", Mode: forescale.ModeActive, Min: 1, Max: 9}.WithDefaults()
		if _, err := st.PutService(t.Context(), svc, 0); err != nil {
			t.Fatal(err)
		}
		e := &election{T: t, store: st, world: sim.NewWorld(sim.Config{Clock: forescale.NewSystemClock()},
			sim.Workload{Service: svc, Capacity: 100, Load: sim.TraceFunc(func(time.Time) float64 { return 30 })})}
		defer func() {
			for _, c := range e.all {
				c.stop()
			}
		}()
		live(e)
	})
}

// start starts a server.
func (e *election) start(name string) *candidate {
	c := &candidate{seat: &seat{table: &e.table}, log: &slowLog{}}
	c.Lead = loop.NewLead(loop.LeadConfig{Leases: c.seat, Name: name, Log: slog.New(slog.NewTextHandler(c.log, nil)),
		Life: func(t forescale.Term) *loop.Loop {
			c.lives.Add(1)
			return loop.New(loop.Config{Store: e.store, Sources: []loop.Source{read{e.world, &c.read}},
				Target: watched{e.world.Under(t.Fence), e.fence, &e.tries}, Clock: forescale.NewSystemClock(),
				Options: loop.Options{Collect: time.Second}})
		}})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- c.Run(ctx) }()
	c.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			e.Error(err)
		}
	})
	e.all = append(e.all, c)
	return c
}

// pass lets made-up time go by.
func (e *election) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// await lets made-up time go by until ok, for ten minutes at most.
func (e *election) await(what string, ok func() bool) {
	e.Helper()
	for range 6000 {
		if synctest.Wait(); ok() {
			return
		}
		e.pass(100 * time.Millisecond)
	}
	e.Fatalf("after ten minutes not: %s", what)
}

// grow asks for one instance more, and waits until the world has it.
func (e *election) grow(what string) {
	e.Helper()
	svc, err := e.store.Service(e.Context(), "web")
	if err != nil {
		e.Fatal(err)
	}
	svc.Min++
	if _, err := e.store.PutService(e.Context(), svc, svc.Version); err != nil {
		e.Fatal(err)
	}
	e.await(what, func() bool { return e.world.Ready("web") == svc.Min })
}

// The loop of a term remembers nothing of an earlier one: its store, its target
// and what it knows of the world are those of its fence.
func TestEachTermBeginsWithoutMemories(t *testing.T) {
	elect(t, func(e *election) {
		a := e.start("a")
		e.await("a leads", a.leads)
		e.grow("an instance of a")
		b := e.start("b")
		e.await("b knows who leads", func() bool { term, _ := b.Term(); return term.Holder == "a" })
		if b.lives.Load() != 0 {
			e.Error("a follower made a loop")
		}
		stopped := time.Now()
		a.stop()
		e.await("b leads", b.leads)
		if took := time.Since(stopped); took > 3*time.Second {
			e.Errorf("b had to wait for %v after a resigned", took)
		}
		e.grow("an instance of b")
		// Somebody else is faster, acts, and is gone.
		e.set(func(t *forescale.Term) {
			*t = forescale.Term{Fence: 3, Holder: "c", Until: time.Now().Add(10 * time.Second)}
		})
		if err := e.world.Under(3).Fence(e.Context()); err != nil {
			e.Fatal(err)
		}
		e.await("b stops", func() bool { return !b.leads() })
		e.await("b leads again", b.leads)
		e.grow("an instance of b in its second term")
		if term, _ := e.now(); term.Fence != 4 || a.lives.Load() != 1 || b.lives.Load() != 2 {
			e.Errorf("fence %d, %d loops of a, %d of b", term.Fence, a.lives.Load(), b.lives.Load())
		}
		if starts, _ := e.world.Effects("web"); starts != e.world.Ready("web") {
			e.Errorf("%d starts for %d instances", starts, e.world.Ready("web"))
		}
	})
}

func TestALeaderThatCannotRenewStopsBeforeItsLeaseRunsOut(t *testing.T) {
	elect(t, func(e *election) {
		a := e.start("a")
		e.await("a leads", a.leads)
		e.pass(time.Minute)
		if term, _ := e.now(); !a.leads() || term.Fence != 1 {
			e.Fatalf("it did not keep the lead: %+v", term)
		}
		a.seat.cut.Store(true)
		term, _ := e.now()
		e.await("a stops", func() bool { return !a.leads() })
		last := time.Unix(0, a.read.Load())
		if early := term.Until.Sub(last); early < 0 || early > 3*time.Second {
			e.Errorf("its loop last read the world %v before the lease ran out", early)
		}
		e.pass(time.Minute)
		if again := time.Unix(0, a.read.Load()); !again.Equal(last) || a.leads() {
			e.Errorf("it went on until %v", again)
		}
		a.seat.cut.Store(false)
		e.await("a leads again", a.leads)
		if term, _ := e.now(); term.Fence != 2 || a.lives.Load() != 2 {
			e.Errorf("fence %d, %d loops", term.Fence, a.lives.Load())
		}
	})
}

// The store was restored from an old backup: the world knows a higher fence.
func TestAStoreBehindItsWorldIsNotCountedUpByItself(t *testing.T) {
	elect(t, func(e *election) {
		if err := e.world.Under(9).Fence(e.Context()); err != nil {
			e.Fatal(err)
		}
		a := e.start("a")
		e.await("a tried", func() bool { return a.lives.Load() == 1 && !a.leads() })
		if !a.log.says("fence 9") {
			e.Errorf("it does not say why: %s", a.log.text.String())
		}
		e.pass(time.Hour)
		if term, _ := e.now(); term.Fence != 1 || term.Holder != "" || e.tries.Load() != 1 {
			e.Errorf("the fence went up to %+v; the world was asked %d times", term, e.tries.Load())
		}
		e.set(func(t *forescale.Term) { t.Fence = 9 }) // by a person
		e.await("a leads", a.leads)
		e.grow("an instance under the fence 10")
		if term, _ := e.now(); term.Fence != 10 {
			e.Errorf("it leads under %+v", term)
		}
	})
}

// A world that refuses each leader at once makes nobody spin: the table is asked
// at the pace of a follower.
func TestATermThatEndsAtOnceIsNotFollowedByAnotherAtOnce(t *testing.T) {
	elect(t, func(e *election) {
		e.fence = forescale.ErrFenced
		a := e.start("a")
		e.pass(time.Minute)
		a.stop()
		_, taken := e.now()
		if taken < 20 || taken > 121 || a.lives.Load() != int64(taken) {
			e.Errorf("the lead was taken %d times in a minute, with %d loops", taken, a.lives.Load())
		}
	})
}

// forgetful is a target that keeps older leaders out until somebody tidies up.
type forgetful struct {
	*sim.World
	fenced bool
	fences int
}

func (f *forgetful) Fence(context.Context) error {
	f.fenced = true
	f.fences++
	return nil
}

func (f *forgetful) Start(ctx context.Context, s forescale.Service, i forescale.Instance) error {
	if !f.fenced {
		return &forescale.Fault{Code: "fence_missing", What: "gone"}
	}
	return f.World.Start(ctx, s, i)
}

func TestAFenceThatIsGoneIsMadeAnewByTheLeaderAlone(t *testing.T) {
	b := newBench(t, nil)
	f := &forgetful{World: b.world}
	leads := error(nil)
	l := loop.New(loop.Config{Store: b.store, Sources: []loop.Source{b.world}, Target: f, Clock: b.clock,
		Options: loop.Options{Interval: interval}, Leads: func(context.Context) error { return leads }})
	step := func() error {
		_, err := l.Step(t.Context(), b.clock.Now())
		l.Wait()
		b.clock.Advance(interval)
		return err
	}
	if _, err := l.Collect(t.Context(), b.clock.Now()); err != nil || f.fences != 1 {
		t.Fatalf("%d fences after the first read, %v", f.fences, err)
	}
	f.fenced = false
	for range 4 {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	if starts, _ := b.world.Effects("web"); f.fences != 2 || starts != 1 {
		t.Errorf("%d fences, %d starts; want the second fence, then one start", f.fences, starts)
	}
	// The next time another one leads.
	f.fenced, leads = false, forescale.ErrFenced
	b.load = 200
	var err error
	for n := 0; n < 20 && err == nil; n++ {
		err = step()
	}
	if !errors.Is(err, forescale.ErrFenced) || f.fences != 2 {
		t.Errorf("%d fences, %v", f.fences, err)
	}
}
