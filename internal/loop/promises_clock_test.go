package loop_test

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/loop"
	"github.com/forescale/forescale/internal/sim"
	"github.com/forescale/forescale/internal/store/sqlite"
)

// jumpy is the machine's clock with a wall clock that can be set.
type jumpy struct {
	forescale.SystemClock
	off atomic.Int64
}

func (c *jumpy) Now() time.Time       { return c.SystemClock.Now().Add(time.Duration(c.off.Load())) }
func (c *jumpy) jump(d time.Duration) { c.off.Add(int64(d)) }

// running is a loop that Run keeps going, in made-up time.
type running struct {
	*testing.T
	clock         *jumpy
	world         *sim.World
	store         *sqlite.Store
	load          atomic.Int64
	starts, stops int
}

// underRun runs a loop with one service and lets live use it. Time goes by in
// time.Sleep, as fast as the rounds can be worked out.
func underRun(t *testing.T, change func(*forescale.Service), warmup time.Duration, live func(*running)) {
	path := filepath.Join(t.TempDir(), "forescale.db")
	synctest.Test(t, func(t *testing.T) {
		svc := forescale.Service{Name: "web", Mode: forescale.ModeActive, Max: 10, Warmup: warmup}.WithDefaults()
		change(&svc)
		r := &running{T: t, clock: &jumpy{SystemClock: forescale.NewSystemClock()}}
		r.load.Store(30)
		r.world = sim.NewWorld(sim.Config{Clock: r.clock}, sim.Workload{Service: svc, Capacity: 100,
			Load: sim.TraceFunc(func(time.Time) float64 { return float64(r.load.Load()) }), Warmup: sim.Spread{Median: warmup}})
		s, err := sqlite.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		r.store = s
		if _, err := s.PutService(t.Context(), svc, 0); err != nil {
			t.Fatal(err)
		}
		l := loop.New(loop.Config{Store: s, Sources: []loop.Source{r.world}, Target: r.world, Clock: r.clock,
			Options: loop.Options{Collect: 30 * time.Second, Refresh: 1000 * time.Hour}, // a forecast that comes due may order something with good reason
			OnStep:  func(p loop.Report) { r.world.Tell(p.Decisions...) }})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- l.Run(ctx) }()
		defer func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}()
		live(r)
		if broken := r.world.Broken(); len(broken) > 0 {
			t.Errorf("promises broken: %v", broken)
		}
	})
}

// quiet lets d go by, during which nothing may be started or stopped.
func (r *running) quiet(d time.Duration) {
	r.Helper()
	r.starts, r.stops = r.world.Effects("web")
	for end := r.clock.Elapsed() + d; r.clock.Elapsed() < end; {
		time.Sleep(min(time.Minute, d))
		if a, b := r.world.Effects("web"); a != r.starts || b != r.stops {
			ds, _ := r.store.Decisions(r.Context(), forescale.DecisionQuery{Limit: 8})
			for _, d := range ds {
				r.Logf("%s %d→%d %s %s ×%d %v", d.At.Format(time.DateTime), d.From, d.To, d.Code(), d.Outcome, d.Repeats, d.Reasons)
			}
			r.Fatalf("%d starts and %d stops, %v before the quiet was to end", a-r.starts, b-r.stops, end-r.clock.Elapsed())
		}
	}
}

func (r *running) ready(n int) {
	r.Helper()
	if got := r.world.Ready("web"); got != n {
		r.Fatalf("%d instances are ready, want %d", got, n)
	}
}

func TestAJumpOfTheClockHasNoEffectUnderRun(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		jump func(r *running)
	}{
		{"an hour ahead", func(r *running) { r.clock.jump(time.Hour); r.quiet(20 * time.Minute) }},
		{"thirty days ahead", func(r *running) { r.clock.jump(30 * 24 * time.Hour); r.quiet(20 * time.Minute) }},
		{"an hour back, to where history tells of little load", func(r *running) {
			r.clock.jump(-time.Hour)
			r.quiet(20 * time.Minute)
		}},
		{"a year ahead, and back a minute later", func(r *running) {
			r.clock.jump(365 * 24 * time.Hour)
			r.quiet(time.Minute)
			r.clock.jump(-365 * 24 * time.Hour)
			r.quiet(20 * time.Minute)
		}},
		{"to and fro for ten minutes", func(r *running) {
			for range 5 {
				r.clock.jump(2 * time.Hour)
				r.quiet(time.Minute)
				r.clock.jump(-2 * time.Hour)
				r.quiet(time.Minute)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			underRun(t, func(*forescale.Service) {}, 90*time.Second, func(r *running) {
				time.Sleep(50 * time.Minute)
				r.ready(1)
				r.load.Store(250)
				time.Sleep(30 * time.Minute)
				there := r.world.Ready("web")
				c.jump(r)
				r.ready(there)
				r.load.Store(450) // and then it goes on as ever
				time.Sleep(15 * time.Minute)
				if got := r.world.Ready("web"); there < 4 || got <= there {
					t.Errorf("%d instances were ready, and %d a quarter of an hour after the load rose", there, got)
				}
			})
		})
	}
}

func TestAJumpOfTheClockDoesNotOverturnWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	for _, jump := range []time.Duration{3 * time.Hour, -3 * time.Hour} {
		t.Run("a start is neither overdue nor made twice after a jump by "+jump.String(), func(t *testing.T) {
			underRun(t, func(*forescale.Service) {}, 10*time.Minute, func(r *running) {
				time.Sleep(time.Minute)
				r.clock.jump(jump)
				r.quiet(13 * time.Minute)
				r.ready(1)
				if starts, _ := r.world.Effects("web"); starts != 1 {
					t.Errorf("%d starts", starts)
				}
			})
		})
	}
	t.Run("a pause is not over because the clock was ahead for a minute", func(t *testing.T) {
		underRun(t, func(s *forescale.Service) { s.Min = 2 }, time.Minute, func(r *running) {
			err := r.store.PutPause(r.Context(), forescale.Pause{Since: r.clock.Now(), Until: r.clock.Now().Add(time.Hour)})
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second) // the round at the start may have met no pause yet
			r.quiet(10 * time.Minute)
			r.clock.jump(24 * time.Hour)
			r.quiet(time.Minute)
			r.clock.jump(-24 * time.Hour)
			r.quiet(45 * time.Minute)
			time.Sleep(15 * time.Minute)
			r.ready(2)
		})
	})
	t.Run("a drain is not cut short", func(t *testing.T) {
		underRun(t, func(s *forescale.Service) { s.Max, s.Cooldown = 2, 10*time.Minute }, time.Minute, func(r *running) {
			r.load.Store(100)
			time.Sleep(5 * time.Minute)
			r.ready(2)
			r.load.Store(10)
			for range 60 { // until one is drained
				if time.Sleep(30 * time.Second); r.world.Ready("web") == 1 {
					break
				}
			}
			r.ready(1)
			r.clock.jump(3 * time.Hour)
			r.quiet(8 * time.Minute)
			time.Sleep(4 * time.Minute)
			if _, stops := r.world.Effects("web"); stops != 1 {
				t.Errorf("%d stops after the cool-down", stops)
			}
		})
	})
}
