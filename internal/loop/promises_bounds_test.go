package loop_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/loop"
	"github.com/forescale/forescale/internal/sim"
)

// Services come and go, starts fail, instances end: what the loop keeps in
// memory between rounds is about what is there now.
func TestTheLoopRemembersNoMoreThanThereIs(t *testing.T) {
	b := newBench(t, func(s *forescale.Service) { s.Min = 3 })
	b.world.Trouble(sim.Trouble{Kind: sim.StartFails, To: monday.Add(20 * time.Minute)},
		sim.Trouble{Kind: sim.StopFails, From: monday.Add(40 * time.Minute), To: monday.Add(60 * time.Minute)})
	for round := range 200 {
		if round == 80 {
			b.change(func(s *forescale.Service) { s.Min = 1 })
		}
		b.step(interval)
		name := fmt.Sprintf("passing-%d", round)
		if round%20 == 0 {
			if _, err := b.store.PutService(t.Context(), forescale.Service{Name: name}.WithDefaults(), 0); err != nil {
				t.Fatal(err)
			}
			if err := b.store.SaveForecasts(t.Context(), []forescale.Forecast{steady(name, b.clock.Now())}); err != nil {
				t.Fatal(err)
			}
			b.step(interval)
			if _, _, _, forecasts := b.loop.Remembered(); forecasts != 1 {
				t.Fatalf("round %d: %d forecasts are remembered, of one service", round, forecasts)
			}
			if err := b.store.DeleteService(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
	}
	b.run(30 * time.Minute)
	if retries, under, results, forecasts := b.loop.Remembered(); retries+under+results+forecasts > 0 {
		t.Errorf("%d retries, %d effects, %d results and %d forecasts are remembered; nothing is under way",
			retries, under, results, forecasts)
	}
	if b.world.Ready("web") != 1 {
		t.Errorf("%d instances are ready; %s", b.world.Ready("web"), b.why())
	}
}

// An instance that ends while its next attempt is awaited takes the attempt along.
func TestAnEndedInstanceHasNoAttemptsLeft(t *testing.T) {
	b := newBench(t, nil)
	b.loop = loop.New(loop.Config{Store: b.store, Sources: []loop.Source{b.world}, Target: &failing{}, Clock: b.clock,
		Options: loop.Options{Interval: interval, Attempts: 1000}})
	for range 120 {
		b.step(interval)
	}
	ended, err := b.store.Instances(t.Context(), forescale.InstanceQuery{Service: "web"})
	if err != nil || len(ended) < 3 {
		t.Fatalf("%d instances, %v: the test tests nothing", len(ended), err)
	}
	if retries, _, _, _ := b.loop.Remembered(); retries > 1 {
		t.Errorf("%d retries are remembered, one instance at most is starting", retries)
	}
}

// A service that was deleted and is there again is planned by its forecast again.
func TestAForecastIsFoundAgainWithItsService(t *testing.T) {
	b := newBench(t, nil)
	f := steady("web", b.clock.Now())
	f.Metric = forescale.MetricUtilization
	if err := b.store.SaveForecasts(t.Context(), []forescale.Forecast{f}); err != nil {
		t.Fatal(err)
	}
	b.step(interval)
	svc, err := b.store.Service(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.store.DeleteService(t.Context(), "web"); err != nil {
		t.Fatal(err)
	}
	b.step(interval)
	if _, _, _, n := b.loop.Remembered(); n != 0 {
		t.Errorf("%d forecasts of a service that is gone", n)
	}
	if _, err := b.store.PutService(t.Context(), svc, -1); err != nil {
		t.Fatal(err)
	}
	b.step(interval)
	if _, _, _, n := b.loop.Remembered(); n != 1 {
		t.Errorf("%d forecasts of a service that is back", n)
	}
}

func TestEffectsAreTriedAgainWithAPaceThatGrowsAndSpreads(t *testing.T) {
	now := monday
	var before time.Duration
	for nth := 1; nth <= 40; nth++ {
		spread := map[time.Duration]bool{}
		var longest time.Duration
		for k := range 50 {
			l := loop.New(loop.Config{Clock: sim.NewClock(now)})
			wait := l.NextTry(now, fmt.Sprint("web-", k), nth).Sub(now)
			if again := l.NextTry(now, fmt.Sprint("web-", k), nth).Sub(now); again != wait {
				t.Fatalf("attempt %d waits %v, then %v: what is repeated differs", nth, wait, again)
			}
			if wait < 5*time.Second || wait > 5*time.Minute {
				t.Fatalf("attempt %d waits %v", nth, wait)
			}
			spread[wait] = true
			longest = max(longest, wait)
		}
		if len(spread) < 10 {
			t.Errorf("50 attempts after failure %d wait %v only: they come back together", nth, spread)
		}
		if nth > 1 && nth < 5 && longest <= before {
			t.Errorf("after failure %d it waits %v, after the one before %v", nth, longest, before)
		}
		before = longest
	}
}

func TestAStartIsTriedFiveTimesAndGivenUp(t *testing.T) {
	b := newBench(t, func(s *forescale.Service) { s.Warmup = 2 * time.Hour }) // no deadline ends it before
	r := &failing{}
	b.loop = b.newLoop(b.store, r)
	if _, err := b.loop.Step(t.Context(), b.clock.Now()); err != nil {
		t.Fatal(err)
	}
	for range 360 { // an hour, without planning, which would order another
		b.clock.Advance(10 * time.Second)
		if _, err := b.loop.Collect(t.Context(), b.clock.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if r.starts != 5 {
		t.Errorf("%d attempts at one start, the budget is 5", r.starts)
	}
}

// failing is a target on which no start works.
type failing struct{ starts int }

func (f *failing) Start(context.Context, forescale.Service, forescale.Instance) error {
	f.starts++
	return errors.New("no room")
}
func (f *failing) Stop(context.Context, forescale.Service, forescale.Instance) error { return nil }

// A store that fails is asked again after growing pauses that are not the same
// for any two servers, and at least each five minutes.
func TestRoundsThatFailAreTriedAgainWithAPaceThatGrowsAndSpreads(t *testing.T) {
	var all [2][]time.Duration
	for server := range all {
		synctest.Test(t, func(t *testing.T) {
			clock := forescale.NewSystemClock()
			l := loop.New(loop.Config{Clock: clock, Store: &broken{asked: func() { all[server] = append(all[server], clock.Elapsed()) }}})
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Hour)
			defer cancel()
			if err := l.Run(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
	}
	for _, asked := range all {
		if len(asked) < 20 || len(asked) > 90 {
			t.Fatalf("a store that fails was asked %d times in two hours", len(asked))
		}
		for k := 1; k < len(asked); k++ {
			if wait := asked[k] - asked[k-1]; wait < 5*time.Second || wait > 5*time.Minute {
				t.Errorf("%v between two attempts", wait)
			}
		}
	}
	same := 0
	for k := range min(len(all[0]), len(all[1])) {
		if k > 0 && all[0][k] == all[1][k] {
			same++
		}
	}
	if same > 3 {
		t.Errorf("two servers ask %d times at the same moment", same)
	}
}

// broken is a store that cannot even be looked back into.
type broken struct {
	loop.Store
	asked func()
}

func (b *broken) LatestDecisions(context.Context, ...string) ([]forescale.Decision, error) {
	b.asked()
	return nil, errBroken
}
func (b *broken) ListRuns(context.Context, forescale.RunQuery) ([]forescale.Run, error) {
	return nil, errBroken
}
