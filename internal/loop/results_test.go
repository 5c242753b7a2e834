package loop_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/loop"
	"github.com/forescale/forescale/internal/sim"
	"github.com/forescale/forescale/internal/store/sqlite"
)

// slowEngine is a world whose list is made before a start ends that was under
// way, and answered after it: what a real engine does when it is busy.
type slowEngine struct {
	*sim.World
	hold    chan struct{} // a start waits for it
	started chan struct{} // a start has ended
	reads   int
}

func (e *slowEngine) Observe(ctx context.Context) forescale.Observation {
	e.reads++
	o := e.World.Observe(ctx)
	if e.reads == 2 { // the list is old now
		close(e.hold)
		<-e.started
	}
	return o
}

func (e *slowEngine) Start(ctx context.Context, s forescale.Service, i forescale.Instance) error {
	<-e.hold
	defer close(e.started)
	return e.World.Start(ctx, s, i)
}

func TestAStartThatEndsDuringAReadDoesNotCountAsVanished(t *testing.T) {
	t.Parallel()
	clock := sim.NewClock(time.Date(2026, 3, 2, 5, 0, 0, 0, time.UTC))
	s := forescale.Service{Name: "shop", Mode: forescale.ModeActive}.WithDefaults()
	e := &slowEngine{hold: make(chan struct{}), started: make(chan struct{}),
		World: sim.NewWorld(sim.Config{Clock: clock}, sim.Workload{Service: s, Capacity: 1, Load: sim.TraceFunc(func(time.Time) float64 { return 0.1 }),
			Warmup: sim.Spread{Median: time.Minute}})}
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "forescale.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	if _, err := store.PutService(t.Context(), s, -1); err != nil {
		t.Fatal(err)
	}
	l := loop.New(loop.Config{Store: store, Sources: []loop.Source{e}, Target: e, Clock: impatient{clock}})
	for range 4 {
		if _, err := l.Step(t.Context(), clock.Now()); err != nil {
			t.Fatal(err)
		}
		clock.Advance(30 * time.Second)
	}
	l.Wait()
	if starts, stops := e.Effects("shop"); starts != 1 || stops != 0 {
		t.Errorf("%d starts and %d stops, want one start", starts, stops)
	}
}

// impatient is a clock whose waits are over at once: a round does not wait for
// its effects.
type impatient struct{ *sim.Clock }

func (c impatient) After(time.Duration) <-chan time.Time { return c.Clock.After(0) }
