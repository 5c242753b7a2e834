package loop_test

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/sim"
)

// Each test here holds the world's own record against one of the promises of
// docs/promises.md.

// step is one round; then the clock moves on by d.
func (b *bench) step(d time.Duration) {
	b.t.Helper()
	if _, err := b.loop.Step(b.t.Context(), b.clock.Now()); err != nil {
		b.t.Fatal(err)
	}
	b.clock.Advance(d)
	b.loop.SeeClock()
}

// change changes the service as a person does.
func (b *bench) change(change func(*forescale.Service)) {
	b.t.Helper()
	svc, err := b.store.Service(b.t.Context(), "web")
	if err != nil {
		b.t.Fatal(err)
	}
	change(&svc)
	if _, err := b.store.PutService(b.t.Context(), svc, svc.Version); err != nil {
		b.t.Fatal(err)
	}
}

func TestTheWorldNeverHoldsMoreThanMax(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		trouble sim.TroubleKind // for the first half hour
	}{
		{"while all goes well", ""},
		{"while what is started never becomes ready", sim.NeverReady},
		{"while what is started dies", sim.DiesEarly},
		{"while nothing can be stopped", sim.StopFails},
		{"while answers get lost", sim.LostAnswer},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, func(s *forescale.Service) { s.Max, s.Cooldown = 4, 4*time.Minute })
			if c.trouble != "" {
				b.world.Trouble(sim.Trouble{Kind: c.trouble, To: monday.Add(20 * time.Minute)})
			}
			for round := range 120 { // an hour in which the load rises while instances cool down
				b.load = 30
				if round%40 < 22 {
					b.load = 2000
				}
				b.step(interval)
				if round%4 == 0 {
					b.restart()
				}
				if there := b.world.Names("web"); len(there) > 4 {
					t.Fatalf("round %d: the world holds %v, max is 4; %s", round, there, b.why())
				}
			}
			if starts, _ := b.world.Effects("web"); starts < 4 {
				t.Errorf("%d starts: the test tests nothing", starts)
			}
			b.sound()
		})
	}
}

func TestWhatStartsCountsOnceUntilItsDeadline(t *testing.T) {
	b := newBench(t, func(s *forescale.Service) { s.Min, s.Max, s.Warmup = 3, 10, 10*time.Minute })
	b.world.Trouble(sim.Trouble{Kind: sim.NeverReady, To: monday.Add(time.Minute)})
	b.step(interval)
	is, err := b.store.Instances(t.Context(), forescale.InstanceQuery{Service: "web"})
	if err != nil || len(is) != 3 {
		t.Fatalf("%d instances, %v", len(is), err)
	}
	deadline := is[0].Deadline
	if left := deadline.Sub(b.clock.Now()); left < 10*time.Minute {
		t.Fatalf("%v until the deadline of a service that warms up for 10 min", left)
	}
	for b.clock.Now().Before(deadline) {
		b.step(interval)
		b.restart()
		if starts, _ := b.world.Effects("web"); starts != 3 {
			t.Fatalf("%d starts %v before the deadline, want 3", starts, deadline.Sub(b.clock.Now()))
		}
	}
	b.run(20 * time.Minute)
	b.want(3)
	if starts, stops := b.world.Effects("web"); starts != 6 || stops != 3 {
		t.Errorf("%d starts and %d stops; want each of the three replaced once", starts, stops)
	}
}

func TestTheBlastRadiusHoldsAcrossRestarts(t *testing.T) {
	t.Parallel()
	t.Run("no more than a tenth is stopped within a minute", func(t *testing.T) {
		b := newBench(t, func(s *forescale.Service) { s.Min, s.Max, s.MaxStep = 30, 30, 30 })
		b.run(5 * time.Minute)
		b.want(30)
		b.change(func(s *forescale.Service) { s.Min = 1 })
		var stops []int // so far, after each round
		for round := range 180 {
			b.step(10 * time.Second) // rounds come as fast as restarts do
			b.restart()
			_, n := b.world.Effects("web")
			stops = append(stops, n)
			if round >= 6 && n-stops[round-6] > 3 {
				t.Fatalf("%d instances were stopped within a minute, a tenth of 30 is 3; %s", n-stops[round-6], b.why())
			}
		}
		if last := stops[len(stops)-1]; last < 10 {
			t.Errorf("%d stops in half an hour: the test tests nothing", last)
		}
	})
	t.Run("no more than a step is started within half an interval", func(t *testing.T) {
		b := newBench(t, func(s *forescale.Service) { s.Min, s.Max, s.MaxStep = 10, 10, 2 })
		for round := range 10 {
			b.step(time.Second)
			b.restart()
			if starts, _ := b.world.Effects("web"); starts > 2 {
				t.Fatalf("%d instances were started in %d s, one step is 2", starts, round+1)
			}
		}
		b.run(6 * time.Minute)
		b.want(10)
	})
}

// What cannot be read is never guessed over: the round fails, and the world
// stays as it is.
func TestADamagedStoreLeadsToNoAction(t *testing.T) {
	for _, c := range []struct {
		name, damage, repair string
		lost                 bool // the schema is, which Check tells of
	}{
		{"a service that is no JSON", `UPDATE service SET body = '{' || body`, `UPDATE service SET body = substr(body, 2)`, false},
		{"a decision whose actions are no list", `UPDATE decision SET actions = '[[1]]' || coalesce(actions, '')`, "", false},
		{"a decision whose reasons are no list", `UPDATE decision SET reasons = 'x' || reasons`, `UPDATE decision SET reasons = substr(reasons, 2)`, false},
		{"an instance in a state that there is not", `UPDATE instance SET state = 'x' || state`, `UPDATE instance SET state = substr(state, 2)`, false},
		{"an instance of an origin that there is not", `UPDATE instance SET origin = 'x' || origin`, `UPDATE instance SET origin = substr(origin, 2)`, false},
		{"a table of instances that is gone", `ALTER TABLE instance RENAME TO lost`, `ALTER TABLE lost RENAME TO instance`, true},
		{"a table of pauses that is gone", `ALTER TABLE pause RENAME TO lost`, `ALTER TABLE lost RENAME TO pause`, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, func(s *forescale.Service) { s.Min = 2 })
			b.run(5 * time.Minute)
			b.want(2)
			b.behind(c.damage)
			b.load = 900
			for range 10 {
				if _, err := b.loop.Step(t.Context(), b.clock.Now()); err == nil {
					t.Fatalf("a round went well; %s", b.why())
				} else if !errors.Is(err, forescale.ErrDamaged) && !c.lost {
					t.Fatalf("the damage is not named: %v", err)
				}
				b.clock.Advance(interval)
			}
			if starts, stops := b.world.Effects("web"); starts != 2 || stops != 0 {
				t.Errorf("%d starts and %d stops, want the 2 starts before the damage", starts, stops)
			}
			if c.repair == "" {
				return
			}
			b.behind(c.repair)
			b.run(20 * time.Minute)
			b.want(10)
		})
	}
}

// behind changes the store's file behind its back.
func (b *bench) behind(query string) {
	b.t.Helper()
	db, err := sql.Open("sqlite", b.path)
	if err != nil {
		b.t.Fatal(err)
	}
	_, err = db.Exec(query)
	if err := errors.Join(err, db.Close()); err != nil {
		b.t.Fatal(fmt.Errorf("%s: %w", query, err))
	}
}

// After any trouble has passed, what the world holds is what the store knows as
// live, and nothing that is not ours was touched.
func TestAfterHealingTheWorldEqualsTheStore(t *testing.T) {
	kinds := []sim.TroubleKind{sim.Unreachable, sim.Hanging, sim.PartialRead, sim.StartFails, sim.StopFails,
		sim.LostAnswer, sim.DiesEarly, sim.NeverReady, sim.Crash, sim.Silence}
	for k, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			b := newBench(t, nil)
			b.world.Foreign("web", "web-of-somebody-else")
			with := kinds[(k+3)%len(kinds)]
			b.world.Trouble(sim.Trouble{Kind: kind, From: monday.Add(6 * time.Minute), To: monday.Add(25 * time.Minute), Share: 0.7},
				sim.Trouble{Kind: with, From: monday.Add(12 * time.Minute), To: monday.Add(28 * time.Minute), Share: 0.5})
			for round := range 60 {
				b.load = []float64{30, 250, 600, 120}[round/8%4]
				b.step(interval)
				if round%3 == 0 {
					b.restart()
				}
			}
			b.load = 250
			b.run(40 * time.Minute)
			b.want(4)
			if slices.Contains(b.world.Names("web"), "web-of-somebody-else") {
				t.Error("what is not ours was taken for ours")
			}
		})
	}
}
