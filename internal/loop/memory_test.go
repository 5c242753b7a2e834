package loop_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/forecast"
	"github.com/forescale/forescale/internal/loop"
	"github.com/forescale/forescale/internal/sim"
	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/sqlite"
)

// newest is the newest decision of the service.
func (b *bench) newest() forescale.Decision {
	b.t.Helper()
	ds, err := b.store.LatestDecisions(b.t.Context())
	if err != nil || len(ds) != 1 {
		b.t.Fatalf("%d decisions, %v", len(ds), err)
	}
	return ds[0]
}

func TestHoldsAreDecisionsToo(t *testing.T) {
	t.Run("a partial read is named as the reason", func(t *testing.T) {
		b := newBench(t, nil)
		b.run(5 * time.Minute)
		b.world.Trouble(sim.Trouble{Kind: sim.PartialRead})
		b.run(interval)
		if d := b.newest(); d.Code() != forescale.CodeHoldBlind {
			t.Errorf("decided by %s", d.Code())
		}
	})
	t.Run("a jump of the clock is named as the reason", func(t *testing.T) {
		b := newBench(t, nil)
		b.run(5 * time.Minute)
		b.clock.Jump(time.Hour)
		b.loop.SeeClock()
		b.run(interval)
		if d := b.newest(); d.Code() != forescale.CodeHoldClock {
			t.Errorf("decided by %s", d.Code())
		}
	})
	t.Run("a clock that was set back while nothing ran is found out by the memory", func(t *testing.T) {
		b := newBench(t, nil)
		b.run(5 * time.Minute)
		b.clock.Jump(-3 * time.Hour)
		b.restart()
		if err := b.loop.LookBack(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.load = 900
		b.run(interval)
		if d := b.newest(); d.Code() != forescale.CodeHoldClock {
			t.Errorf("decided by %s", d.Code())
		}
		if starts, _ := b.world.Effects("web"); starts != 1 {
			t.Errorf("%d starts", starts)
		}
	})
}

func TestALateSampleMeetsTheFleetOfItsTime(t *testing.T) {
	b := newBench(t, nil)
	now := b.clock.Now()
	then := now.Add(-3 * time.Hour)
	err := b.store.SaveInstances(t.Context(), []forescale.Instance{{
		ID: "web-old", Service: "web", State: forescale.InstanceStopped, Origin: forescale.OriginStarted,
		OrderedAt: then.Add(-time.Minute), ReadyAt: then.Add(30 * time.Minute), StoppedAt: then.Add(time.Hour),
	}})
	if err != nil {
		t.Fatal(err)
	}
	sample := func(at time.Time) forescale.Sample {
		return forescale.Sample{Subject: forescale.Subject{Kind: forescale.KindInstance, Name: "web-old", Service: "web"},
			Metric: forescale.MetricUtilization, Time: at, Value: 80}
	}
	if err := b.store.Append(t.Context(), []forescale.Sample{sample(then), sample(then.Add(45 * time.Minute))}); err != nil {
		t.Fatal(err)
	}
	b.run(interval)
	points, err := b.store.Demand(t.Context(), "web", forescale.MetricUtilization, then.Add(-time.Minute), now.Add(-time.Hour))
	if err != nil || len(points) != 1 || !points[0].Time.Equal(then.Add(45*time.Minute)) || points[0].Value != 0.8 {
		t.Errorf("demand %+v, %v; want only the sample that came while the instance was ready", points, err)
	}
}

func TestLabelsRegisterButNeverOverrule(t *testing.T) {
	for _, c := range []struct {
		name    string
		origin  forescale.Origin
		max     int
		changes int64
	}{
		{"labels that change change the service, once", forescale.OriginLabel, 10, 1},
		{"labels do not change what the config file says", forescale.OriginConfig, 7, 0},
		{"nor what a request has changed", forescale.OriginAPI, 7, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, func(s *forescale.Service) { s.Origin = c.origin })
			svc, err := b.store.Service(t.Context(), "web")
			if err != nil {
				t.Fatal(err)
			}
			labelled := svc.Clone()
			labelled.Origin = forescale.OriginLabel
			b.world = sim.NewWorld(sim.Config{Clock: b.clock}, sim.Workload{Service: labelled, Labelled: true,
				Load: sim.TraceFunc(func(time.Time) float64 { return 1 }), Capacity: 100})
			svc.Max = 7
			if err := b.store.DeleteService(t.Context(), "web"); err != nil {
				t.Fatal(err)
			}
			svc, err = b.store.PutService(t.Context(), svc, 0)
			if err != nil {
				t.Fatal(err)
			}
			b.loop = b.newLoop(b.store, b.world)
			b.run(5 * interval)
			got, err := b.store.Service(t.Context(), "web")
			if err != nil || got.Max != c.max || got.Version-svc.Version != c.changes {
				t.Errorf("max %d after %d changes, %v; want %d after %d", got.Max, got.Version-svc.Version, err, c.max, c.changes)
			}
		})
	}
}

// babble is a source that tells nonsense.
type babble struct{ clock forescale.Clock }

func (s babble) Observe(context.Context) forescale.Observation {
	sample := func(service string, v float64, ahead time.Duration) forescale.Sample {
		return forescale.Sample{Subject: forescale.Subject{Kind: forescale.KindInstance, Name: service + "-1", Service: service},
			Metric: forescale.MetricUtilization, Time: s.clock.Now().Add(ahead), Value: v}
	}
	return forescale.Observation{Samples: []forescale.Sample{
		sample("web", math.NaN(), 0), sample("web", 200, 0), sample("web", -1, 0), sample("web", 50, time.Hour),
		sample("unknown", 50, 0), sample("web", 60, 0),
	}}
}

func TestWhatIsNoMeasurementIsNotKept(t *testing.T) {
	b := newBench(t, nil)
	b.loop = loop.New(loop.Config{Store: b.store, Sources: []loop.Source{babble{b.clock}}, Clock: b.clock})
	b.run(interval)
	kept, err := b.store.Samples(t.Context(), forescale.SampleQuery{})
	if err != nil || len(kept) != 1 || kept[0].Value != 60 {
		t.Errorf("kept %+v, %v; want the one at 60 %%", kept, err)
	}
}

func TestForecasts(t *testing.T) {
	withHistory := func(t *testing.T, mode forescale.Mode) *bench {
		b := newBench(t, func(s *forescale.Service) { s.Mode = mode })
		now := b.clock.Now()
		var cells []forescale.Cell
		var points []forescale.DemandPoint
		for at := now.Add(-14 * 24 * time.Hour); at.Before(now); at = at.Add(5 * time.Minute) {
			cells = append(cells, forescale.Cell{Service: "web", Time: at})
			points = append(points, forescale.DemandPoint{Service: "web", Metric: forescale.MetricUtilization, Time: at,
				Value: 2 + math.Sin(2*math.Pi*float64(at.Hour())/24), Reporting: 1, Ready: 1})
		}
		if err := b.store.SaveDemand(t.Context(), cells, points); err != nil {
			t.Fatal(err)
		}
		return b
	}
	ledger := func(b *bench) []forescale.Forecast {
		fs, err := b.store.LatestForecasts(b.t.Context(), time.Time{})
		if err != nil {
			b.t.Fatal(err)
		}
		return fs
	}
	t.Run("a refresh keeps a forecast as issued, with model and run", func(t *testing.T) {
		b := withHistory(t, forescale.ModeForecastOnly)
		if err := b.loop.Refresh(t.Context(), b.clock.Now()); err != nil {
			t.Fatal(err)
		}
		fs := ledger(b)
		if len(fs) != 1 || fs[0].Model == "" || !fs[0].Issued.Equal(b.clock.Now()) || len(fs[0].Values) != 288 {
			t.Errorf("ledger holds %d forecasts: %+v", len(fs), fs)
		}
		runs, err := b.store.ListRuns(t.Context(), forescale.RunQuery{Kind: "forecast", Limit: 1})
		if err != nil || len(runs) != 1 || runs[0].Done != 1 || runs[0].EndedAt.IsZero() {
			t.Errorf("runs %+v, %v", runs, err)
		}
	})
	t.Run("what is known of minutes around forecasts goes on where the last one was, also by another server", func(t *testing.T) {
		b := withHistory(t, forescale.ModeForecastOnly)
		shift := 0.0
		for k, want := range []int{0, 15, 30} {
			b.restart() // whatever is known is in the store
			now := b.clock.Now()
			if err := b.loop.Refresh(t.Context(), now); err != nil {
				t.Fatal(err)
			}
			m := ledger(b)[0].Minutes
			if !m.Known() || m.Seen != want || len(m.Before) != 3*min(k, 1) || k > 0 && m.Shift == shift {
				t.Errorf("of forecast %d is known %+v, want %d minutes seen and another shift than %v", k+1, m, want, shift)
			}
			shift = m.Shift
			var cells []forescale.Cell
			var points []forescale.DemandPoint
			for at := now.Truncate(time.Minute); at.Before(now.Add(15 * time.Minute).Truncate(time.Minute)); at = at.Add(time.Minute) {
				cells = append(cells, forescale.Cell{Service: "web", Time: at})
				points = append(points, forescale.DemandPoint{Service: "web", Metric: forescale.MetricUtilization, Time: at, Value: 9, Reporting: 1, Ready: 1})
			}
			if err := b.store.SaveDemand(t.Context(), cells, points); err != nil {
				t.Fatal(err)
			}
			b.clock.Advance(15 * time.Minute)
		}
	})
	t.Run("the past is learned from hours where its minutes are gone", func(t *testing.T) {
		b := withHistory(t, forescale.ModeForecastOnly)
		now := b.clock.Now()
		refresh := func() forescale.Forecast {
			t.Helper()
			b.clock.Advance(time.Minute)
			if err := b.loop.Refresh(t.Context(), now); err != nil {
				t.Fatal(err)
			}
			return ledger(b)[0]
		}
		want := refresh() // demand is even within each hour, so nothing is lost with the minutes
		if _, err := b.store.Prune(t.Context(), store.Cutoffs{Minutes: now.Add(-26 * time.Hour).Truncate(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		if got := refresh(); got.Model != want.Model || !near(got.Values, want.Values) {
			t.Errorf("%s foresees %v; with minutes %s foresaw %v", got.Model, got.Values[:3], want.Model, want.Values[:3])
		}
		if _, err := b.store.Prune(t.Context(), store.Cutoffs{Hours: now.Add(-26 * time.Hour)}); err != nil {
			t.Fatal(err)
		}
		if got := refresh(); got.Model == want.Model && near(got.Values, want.Values) {
			t.Error("a day of history foresees the same as 14: the test tests nothing")
		}
	})
	t.Run("an import is told of once its demand is worked out, until the schedule has seen to it", func(t *testing.T) {
		b := withHistory(t, forescale.ModeForecastOnly)
		told := func(want time.Time, when string) {
			t.Helper()
			b.restart() // whatever is known is in the store
			if got, err := b.loop.ImportedAt(t.Context(), b.clock.Now()); err != nil || !got.Equal(want) {
				t.Errorf("told of an import at %v %s, %v; want %v", got, when, err, want)
			}
		}
		none := time.Time{}
		told(none, "without one")
		past := forescale.Sample{Subject: forescale.Subject{Kind: forescale.KindService, Name: "web", Service: "web"},
			Metric: forescale.MetricDemand, Time: b.clock.Now().Add(-time.Hour), Value: 2}
		if err := b.store.Append(t.Context(), []forescale.Sample{past}); err != nil {
			t.Fatal(err)
		}
		run := forescale.Run{ID: "import-1", Kind: "import", StartedAt: b.clock.Now(), Done: 1}
		save := func() {
			t.Helper()
			if err := b.store.SaveRun(t.Context(), run); err != nil {
				t.Fatal(err)
			}
		}
		save()
		told(none, "while it runs")
		b.clock.Advance(time.Minute)
		run.EndedAt = b.clock.Now()
		save()
		told(none, "before the demand is worked out")
		b.run(interval)
		told(run.EndedAt, "after it is")
		first := run.EndedAt
		b.clock.Advance(time.Minute)
		run = forescale.Run{ID: "import-2", Kind: "import", StartedAt: b.clock.Now(), EndedAt: b.clock.Now()}
		save()
		told(first, "after one that brought nothing")
		b.clock.Advance(15 * time.Minute)
		told(none, "a pace later")
	})
	t.Run("only the named services are forecast", func(t *testing.T) {
		b := withHistory(t, forescale.ModeForecastOnly)
		if r, err := b.loop.RefreshServices(t.Context(), b.clock.Now(), []string{"shop", "api"}); err != nil || r.Done != 0 || len(ledger(b)) != 0 {
			t.Errorf("%+v, %v, %d forecasts; want none", r, err, len(ledger(b)))
		}
		if r, err := b.loop.RefreshServices(t.Context(), b.clock.Now(), []string{"web", "api"}); err != nil || r.Done != 1 || r.Failed != 0 || len(ledger(b)) != 1 {
			t.Errorf("%+v, %v, %d forecasts; want one", r, err, len(ledger(b)))
		}
	})
	t.Run("a service that is off is not forecast", func(t *testing.T) {
		b := withHistory(t, forescale.ModeOff)
		if err := b.loop.Refresh(t.Context(), b.clock.Now()); err != nil || len(ledger(b)) != 0 {
			t.Errorf("%d forecasts, %v", len(ledger(b)), err)
		}
	})
	t.Run("a model that panics costs that forecast only", func(t *testing.T) {
		b := withHistory(t, forescale.ModeForecastOnly)
		l := loop.New(loop.Config{Store: b.store, Clock: b.clock, Forecast: func(forecast.Request) (forescale.Forecast, error) { panic("index out of range") }})
		if err := l.Refresh(t.Context(), b.clock.Now()); err == nil {
			t.Error("reported success")
		}
		runs, err := b.store.ListRuns(t.Context(), forescale.RunQuery{Kind: "forecast", Limit: 1})
		if err != nil || len(runs) != 1 || runs[0].Failed != 1 || runs[0].Error == "" {
			t.Errorf("runs %+v, %v", runs, err)
		}
	})
}

// near reports whether forecasts differ by no more than sums in another order do.
func near(a, b [][]float64) bool {
	return slices.EqualFunc(a, b, func(a, b []float64) bool {
		return slices.EqualFunc(a, b, func(a, b float64) bool { return math.Abs(a-b) < 1e-5 })
	})
}

// A forecast that hangs is given up, and those of other services are made. Too
// many that hang are not joined by more.
func TestAForecastThatHangsStopsNobodyElse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "forescale.db")
	synctest.Test(t, func(t *testing.T) {
		s, err := sqlite.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		clock := forescale.NewSystemClock()
		now := clock.Now()
		var names []string
		var cells []forescale.Cell
		var points []forescale.DemandPoint
		for i := range 20 {
			name := fmt.Sprintf("s%02d", i)
			names = append(names, name)
			if _, err := s.PutService(t.Context(), forescale.Service{Name: name}.WithDefaults(), 0); err != nil {
				t.Fatal(err)
			}
			for at := now.Add(-5 * time.Hour); at.Before(now); at = at.Add(5 * time.Minute) {
				cells = append(cells, forescale.Cell{Service: name, Time: at})
				points = append(points, forescale.DemandPoint{Service: name, Metric: forescale.MetricUtilization, Time: at, Value: 1, Reporting: 1, Ready: 1})
			}
		}
		if err := s.SaveDemand(t.Context(), cells, points); err != nil {
			t.Fatal(err)
		}
		h := &hanging{release: make(chan struct{})}
		l := loop.New(loop.Config{Store: s, Clock: clock, Forecast: h.forecast})
		r, err := l.RefreshServices(t.Context(), now, names[:5])
		if err != nil || r.Done != 5 || r.Failed != 2 {
			t.Errorf("%+v, %v; want 5 done, 2 of them failed", r, err)
		}
		for _, words := range []string{"s00: ", "s03: ", "given up"} {
			if r.Fault == nil || !strings.Contains(r.Fault.Error(), words) {
				t.Errorf("%q is not told in %v", words, r.Fault)
			}
		}
		h.all.Store(true)
		if r, err = l.RefreshServices(t.Context(), now, names[5:]); err != nil || r.Failed != 15 || h.waiting.Load() != 16 {
			t.Errorf("%+v, %v, %d hang; want all failed, and 16 that hang", r, err, h.waiting.Load())
		}
		h.all.Store(false)
		close(h.release)
		synctest.Wait()
		if r, err = l.RefreshServices(t.Context(), now, names); err != nil || r.Done != 20 || r.Failed != 0 {
			t.Errorf("%+v, %v; want all done when nothing hangs any more", r, err)
		}
	})
}

// hanging is a model that does not come back for some services.
type hanging struct {
	all     atomic.Bool
	waiting atomic.Int64
	release chan struct{}
}

func (h *hanging) forecast(r forecast.Request) (forescale.Forecast, error) {
	if name := r.Service.Name; h.all.Load() || name == "s00" || name == "s03" {
		h.waiting.Add(1)
		<-h.release
	}
	return forecast.Make(r)
}

// refusing is a target that can never start anything.
type refusing struct{ calls int }

func (r *refusing) Start(context.Context, forescale.Service, forescale.Instance) error {
	r.calls++
	return &forescale.Fault{Code: "image_missing", What: "there is no image x"}
}
func (r *refusing) Stop(context.Context, forescale.Service, forescale.Instance) error { return nil }

func TestAStartThatCannotWorkIsNotTriedAgain(t *testing.T) {
	b := newBench(t, nil)
	r := &refusing{}
	b.loop = b.newLoop(b.store, r)
	b.run(interval)
	for range 3 {
		if _, err := b.loop.Collect(t.Context(), b.clock.Now()); err != nil {
			t.Fatal(err)
		}
		b.clock.Advance(10 * time.Minute)
	}
	if r.calls != 1 {
		t.Errorf("%d attempts", r.calls)
	}
	ds, err := b.store.Decisions(t.Context(), forescale.DecisionQuery{Acted: true})
	if err != nil || !slices.ContainsFunc(ds, func(d forescale.Decision) bool { return d.Outcome == forescale.OutcomeFailed }) {
		t.Errorf("no decision is recorded as failed: %+v, %v", ds, err)
	}
}

// TestRunKeepsItsPaces runs the loop for an hour of made-up time.
func TestRunKeepsItsPaces(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	path := filepath.Join(t.TempDir(), "forescale.db")
	synctest.Test(t, func(t *testing.T) {
		s, err := sqlite.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}()
		clock := forescale.NewSystemClock()
		svc := forescale.Service{Name: "web", Mode: forescale.ModeActive}.WithDefaults()
		if _, err := s.PutService(t.Context(), svc, 0); err != nil {
			t.Fatal(err)
		}
		world := sim.NewWorld(sim.Config{Clock: clock}, sim.Workload{Service: svc, Capacity: 100,
			Load: sim.TraceFunc(func(time.Time) float64 { return 30 }), Warmup: sim.Spread{Median: time.Minute}})
		rounds := 0
		l := loop.New(loop.Config{Store: s, Sources: []loop.Source{world}, Target: world, Clock: clock,
			OnStep: func(loop.Report) { rounds++ }})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := l.Run(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		if rounds < 119 || rounds > 122 {
			t.Errorf("%d planning rounds in an hour, want one each 30 s", rounds)
		}
		if world.Ready("web") != 1 {
			t.Errorf("%d instances are ready", world.Ready("web"))
		}
	})
}
