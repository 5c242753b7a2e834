package loop_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/loop"
	"github.com/forescale/forescale/internal/sim"
	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/sqlite"
)

// monday is a quiet moment before the working day.
var monday = time.Date(2026, 11, 23, 5, 0, 0, 0, time.UTC)

const interval = 30 * time.Second

// bench is a loop over a simulated world and a real store.
type bench struct {
	t     *testing.T
	path  string
	clock *sim.Clock
	world *sim.World
	store store.Store
	loop  *loop.Loop
	load  float64 // arrivals per second; an instance serves 100
}

func newBench(t *testing.T, change func(*forescale.Service)) *bench {
	t.Helper()
	svc := forescale.Service{Name: "web", Mode: forescale.ModeActive, Min: 1, Max: 10, Warmup: 90 * time.Second, Cooldown: 10 * time.Second}.WithDefaults()
	if change != nil {
		change(&svc)
	}
	b := &bench{t: t, path: filepath.Join(t.TempDir(), "forescale.db"), clock: sim.NewClock(monday), load: 30}
	b.world = sim.NewWorld(sim.Config{Clock: b.clock, Seed: 1}, sim.Workload{
		Service: svc, Load: sim.TraceFunc(func(time.Time) float64 { return b.load }), Capacity: 100,
		Warmup: sim.Spread{Median: 90 * time.Second, Sigma: 0.1},
	})
	b.open()
	if _, err := b.store.PutService(t.Context(), svc, 0); err != nil {
		t.Fatal(err)
	}
	return b
}

// open opens the store and a new loop on it, as a start of the process does.
func (b *bench) open() {
	b.t.Helper()
	s, err := sqlite.Open(b.t.Context(), b.path)
	if err != nil {
		b.t.Fatal(err)
	}
	b.store = s
	b.t.Cleanup(func() { _ = s.Close() })
	b.loop = b.newLoop(s, b.world)
}

func (b *bench) newLoop(s loop.Store, target loop.Target) *loop.Loop {
	return loop.New(loop.Config{
		Store: s, Sources: []loop.Source{b.world}, Target: target, Clock: b.clock,
		Options: loop.Options{Interval: interval, ObserveTimeout: 100 * time.Millisecond, ActTimeout: 100 * time.Millisecond},
		OnStep:  func(r loop.Report) { b.world.Tell(r.Decisions...) },
	})
}

// restart ends the process, without any farewell, and starts another.
func (b *bench) restart() {
	b.t.Helper()
	if err := b.store.Close(); err != nil {
		b.t.Fatal(err)
	}
	b.open()
}

// run steps the loop for d of its clock.
func (b *bench) run(d time.Duration) {
	b.t.Helper()
	for end := b.clock.Now().Add(d); b.clock.Now().Before(end); {
		if _, err := b.loop.Step(b.t.Context(), b.clock.Now()); err != nil {
			b.t.Fatal(err)
		}
		b.clock.Advance(interval)
		b.loop.SeeClock()
	}
}

// sound fails the test if the world saw a promise broken.
func (b *bench) sound() {
	b.t.Helper()
	if broken := b.world.Broken(); len(broken) > 0 {
		b.t.Errorf("promises broken: %s", strings.Join(broken, "; "))
	}
}

// want fails the test unless the world has n ready instances and the store knows it.
func (b *bench) want(n int) {
	b.t.Helper()
	if got := b.world.Ready("web"); got != n {
		b.t.Errorf("%d instances are ready in the world, want %d; %s", got, n, b.why())
	}
	is, err := b.store.Instances(b.t.Context(), forescale.InstanceQuery{Service: "web", Live: true})
	if err != nil {
		b.t.Fatal(err)
	}
	var known []string
	for _, i := range is {
		known = append(known, i.ID)
	}
	there := b.world.Names("web")
	slices.Sort(known)
	slices.Sort(there)
	if !slices.Equal(known, there) {
		b.t.Errorf("the store knows %v, the world has %v", known, there)
	}
	b.sound()
}

// why tells the newest decisions, for a failing test.
func (b *bench) why() string {
	ds, err := b.store.Decisions(context.Background(), forescale.DecisionQuery{Limit: 5})
	if err != nil {
		return err.Error()
	}
	var s []string
	for _, d := range ds {
		s = append(s, fmt.Sprintf("%s %d→%d %s %s %s ×%d", d.At.Format("15:04:05"), d.From, d.To, d.Code(), d.Outcome, d.Error, d.Repeats))
	}
	return "newest decisions: " + strings.Join(s, "; ")
}

func TestTheLoopReachesMinFromNothing(t *testing.T) {
	b := newBench(t, func(s *forescale.Service) { s.Min = 3 })
	b.run(5 * time.Minute)
	b.want(3)
	starts, _ := b.world.Effects("web")
	if starts != 3 {
		t.Errorf("%d starts for 3 instances", starts)
	}
}

func TestTheLoopFollowsDemandUpAtOnceAndDownLater(t *testing.T) {
	b := newBench(t, nil)
	b.run(5 * time.Minute)
	b.want(1)
	b.load = 250 // 2.5 busy instances need 4 at 70 %
	b.run(8 * time.Minute)
	b.want(4)
	b.load = 30
	b.run(2 * time.Minute)
	b.want(4) // the window has not passed
	b.run(30 * time.Minute)
	b.want(1)
}

func TestWarmupsAreMeasured(t *testing.T) {
	b := newBench(t, nil)
	b.run(5 * time.Minute)
	ws, err := b.store.Warmups(t.Context(), "web", 10)
	if err != nil || len(ws) != 1 {
		t.Fatalf("%d warm-ups, %v; want 1", len(ws), err)
	}
	if d := ws[0].Duration; d < time.Minute || d > 3*time.Minute {
		t.Errorf("warm-up measured as %v; the world takes about 90 s", d)
	}
}

func TestARestartForgetsNothing(t *testing.T) {
	b := newBench(t, nil)
	b.run(5 * time.Minute)
	b.load = 250
	for range 20 { // a restart after every single round
		b.run(interval)
		b.restart()
	}
	b.want(4)
	if starts, stops := b.world.Effects("web"); starts != 4 || stops != 0 {
		t.Errorf("%d starts and %d stops on the way to 4 instances", starts, stops)
	}
	b.load = 30
	for range 80 {
		b.run(interval)
		b.restart()
	}
	b.want(1)
	if starts, stops := b.world.Effects("web"); starts != 4 || stops != 3 {
		t.Errorf("%d starts and %d stops on the way there and back", starts, stops)
	}
}

func TestModesAndPausesHaveNoEffect(t *testing.T) {
	for _, c := range []struct {
		name  string
		mode  forescale.Mode
		pause *forescale.Pause
	}{
		{"off", forescale.ModeOff, nil},
		{"forecast-only", forescale.ModeForecastOnly, nil},
		{"a pause of the service", forescale.ModeActive, &forescale.Pause{Service: "web", Since: monday, Until: monday.Add(time.Hour)}},
		{"a pause of everything", forescale.ModeActive, &forescale.Pause{Since: monday, Until: monday.Add(time.Hour)}},
	} {
		t.Run(c.name+" has no effect, also across a restart", func(t *testing.T) {
			b := newBench(t, func(s *forescale.Service) { s.Mode = c.mode })
			if c.pause != nil {
				if err := b.store.PutPause(t.Context(), *c.pause); err != nil {
					t.Fatal(err)
				}
			}
			b.load = 900
			b.run(10 * time.Minute)
			b.restart()
			b.run(10 * time.Minute)
			if starts, stops := b.world.Effects("web"); starts != 0 || stops != 0 {
				t.Errorf("%d starts and %d stops", starts, stops)
			}
			if c.pause != nil {
				b.run(time.Hour)
				if b.world.Ready("web") == 0 {
					t.Error("nothing was started after the pause had expired")
				}
			}
		})
	}
}

func TestReactiveScalingWorksWhileForecastsAreBroken(t *testing.T) {
	b := newBench(t, nil)
	b.loop = b.newLoop(brokenLedger{b.store}, b.world)
	if err := b.loop.Refresh(t.Context(), b.clock.Now()); err == nil {
		t.Error("a refresh that could not read its history reported success")
	}
	b.load = 250
	b.run(10 * time.Minute)
	b.want(4)
}

// brokenLedger is a store whose forecasts and history cannot be read.
type brokenLedger struct{ store.Store }

var errBroken = errors.New("ledger is broken")

func (brokenLedger) LatestForecasts(context.Context, time.Time, ...string) ([]forescale.Forecast, error) {
	return nil, errBroken
}
func (brokenLedger) DemandSpans(context.Context, ...string) ([]forescale.DemandSpan, error) {
	return nil, errBroken
}

func TestTroublesOfTheEngine(t *testing.T) {
	t.Parallel()
	at := func(d time.Duration) time.Time { return monday.Add(d) }
	for _, c := range []struct {
		name    string
		trouble sim.Trouble
		healed  int // ready instances after the trouble has passed
	}{
		{"an engine that is gone for ten minutes is survived", sim.Trouble{Kind: sim.Unreachable, From: at(5 * time.Minute), To: at(15 * time.Minute)}, 4},
		{"an engine that hangs for ten minutes is survived", sim.Trouble{Kind: sim.Hanging, From: at(5 * time.Minute), To: at(15 * time.Minute)}, 4},
		{"a read that misses instances for ten minutes is no fact", sim.Trouble{Kind: sim.PartialRead, From: at(5 * time.Minute), To: at(15 * time.Minute)}, 4},
		{"starts that fail are tried again", sim.Trouble{Kind: sim.StartFails, From: at(5 * time.Minute), To: at(15 * time.Minute)}, 4},
		{"answers that get lost double nothing", sim.Trouble{Kind: sim.LostAnswer, From: at(0), To: at(15 * time.Minute)}, 4},
		{"instances that die while they start are replaced", sim.Trouble{Kind: sim.DiesEarly, From: at(5 * time.Minute), To: at(12 * time.Minute)}, 4},
		{"instances that are never ready are replaced", sim.Trouble{Kind: sim.NeverReady, From: at(5 * time.Minute), To: at(12 * time.Minute)}, 4},
		{"all instances dying at once are replaced", sim.Trouble{Kind: sim.Crash, From: at(12 * time.Minute), To: at(13 * time.Minute)}, 4},
		{"a silence of ten minutes scales nothing down", sim.Trouble{Kind: sim.Silence, From: at(15 * time.Minute), To: at(25 * time.Minute)}, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, nil)
			b.world.Trouble(c.trouble)
			b.run(5 * time.Minute)
			b.load = 250
			b.run(45 * time.Minute)
			b.want(c.healed)
			pending, err := b.store.Decisions(t.Context(), forescale.DecisionQuery{Pending: true})
			if err != nil || len(pending) > 0 {
				t.Errorf("%d decisions are still pending (%v)", len(pending), err)
			}
		})
	}
}

func TestADecisionThatCouldNotBeCarriedOutIsRecordedAsFailed(t *testing.T) {
	b := newBench(t, nil)
	b.world.Trouble(sim.Trouble{Kind: sim.StartFails})
	b.run(10 * time.Minute)
	ds, err := b.store.Decisions(t.Context(), forescale.DecisionQuery{Acted: true})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(ds, func(d forescale.Decision) bool { return d.Outcome == forescale.OutcomeFailed && d.Error != "" }) {
		t.Errorf("no decision is recorded as failed; %s", b.why())
	}
	b.world.Heal()
	b.run(20 * time.Minute)
	b.want(1)
}

func TestAJumpOfTheClockHasNoEffect(t *testing.T) {
	for _, jump := range []time.Duration{3 * time.Hour, -3 * time.Hour, 30 * 24 * time.Hour} {
		t.Run(fmt.Sprintf("a jump by %v", jump), func(t *testing.T) {
			b := newBench(t, nil)
			b.load = 250
			b.run(10 * time.Minute)
			b.want(4)
			b.clock.Jump(jump)
			b.loop.SeeClock()
			b.run(20 * time.Minute)
			b.want(4)
			if starts, stops := b.world.Effects("web"); starts != 4 || stops != 0 {
				t.Errorf("%d starts and %d stops around a jump of the clock", starts, stops)
			}
		})
	}
}

func TestAnInstanceThatIsKnownByItsSamplesOnly(t *testing.T) {
	b := newBench(t, func(s *forescale.Service) { s.Mode = forescale.ModeForecastOnly })
	b.loop = loop.New(loop.Config{Store: b.store, Clock: b.clock})
	for range 10 {
		now := b.clock.Now()
		err := b.store.Append(t.Context(), []forescale.Sample{{
			Subject: forescale.Subject{Kind: forescale.KindInstance, Name: "web-on-my-laptop", Service: "web"},
			Metric:  forescale.MetricUtilization, Time: now, Value: 90,
		}})
		if err != nil {
			t.Fatal(err)
		}
		b.run(interval)
	}
	ds, err := b.store.LatestDecisions(t.Context())
	if err != nil || len(ds) != 1 {
		t.Fatalf("%d decisions, %v", len(ds), err)
	}
	if d := ds[0]; d.From != 1 || d.To != 2 || d.Outcome != forescale.OutcomeWould {
		t.Errorf("decision %d → %d, %s; one instance at 90 %% would be joined by another", d.From, d.To, d.Outcome)
	}
}
