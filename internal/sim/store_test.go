package sim

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/loop"
	"github.com/forescale/forescale/internal/store/memory"
	"github.com/forescale/forescale/internal/store/sqlite"
)

// decided is what a run left behind.
type decided struct {
	rows      []Row
	decisions []forescale.Decision
	plans     []forescale.ServicePlan
	instances []forescale.Instance
	forecasts []forescale.Forecast
}

func decide(t *testing.T, s Study, store loop.Store) (d decided) {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	var err error
	d.rows, err = s.Run(t.Context(), Predictive, store, nil)
	must(err)
	d.decisions, err = store.Decisions(t.Context(), forescale.DecisionQuery{Limit: 100_000})
	must(err)
	d.plans, err = store.LatestPlans(t.Context())
	must(err)
	d.instances, err = store.Instances(t.Context(), forescale.InstanceQuery{})
	must(err)
	d.forecasts, err = store.LedgerForecasts(t.Context(), s.Service.Name, forescale.MetricLoad, s.Train, s.To)
	must(err)
	return d
}

func TestASimulationIsTheSameWithEveryStore(t *testing.T) {
	t.Parallel()
	s := study(288+120, 11)
	s.Options.Interval = 2 * time.Minute
	file, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "study.db"), sqlite.WithoutSync())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}()
	a, b := decide(t, s, memory.New()), decide(t, s, file)
	if len(a.rows) != 120 || len(a.decisions) < 10 || len(a.forecasts) != 10 {
		t.Fatalf("a run of %d rows, %d decisions, %d forecasts tells nothing", len(a.rows), len(a.decisions), len(a.forecasts))
	}
	for _, part := range []struct {
		name         string
		memory, file any
	}{{"timeline", a.rows, b.rows}, {"decisions", a.decisions, b.decisions}, {"plans", a.plans, b.plans},
		{"instances", a.instances, b.instances}, {"forecasts", a.forecasts, b.forecasts}} {
		a, b := fmt.Sprintf("%+v", part.memory), fmt.Sprintf("%+v", part.file) // in which every bit of a number shows
		if a != b {
			k := 0
			for k < min(len(a), len(b)) && a[k] == b[k] {
				k++
			}
			k = max(0, k-200)
			t.Errorf("the %s in memory differ from those in a file:\n…%.400s\n…%.400s", part.name, a[k:], b[k:])
		}
	}
}

func TestASimulationKeepsTheDemandThatItLearnsFrom(t *testing.T) {
	t.Parallel()
	s := study(288*4, 5)
	s.Train = s.Load.Start.Add(12 * time.Hour)
	s.Options = loop.Options{Interval: 30 * time.Minute, Refresh: 12 * time.Hour}
	s.From, s.To = s.Train, s.Load.End()
	store := memory.New()
	if _, err := s.Run(t.Context(), Predictive, store, nil); err != nil {
		t.Fatal(err)
	}
	spans, err := store.DemandSpans(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	if len(spans) == 0 || spans[0].Metric != forescale.MetricLoad || !spans[0].First.Equal(s.Load.Start) || spans[0].Last.Before(s.To.Add(-time.Hour)) {
		t.Errorf("demand is kept of %+v, want it from %v to %v", spans, s.Load.Start, s.To)
	}
	samples, err := store.Samples(t.Context(), forescale.SampleQuery{To: s.To.Add(-49 * time.Hour)})
	if err != nil || len(samples) > 0 {
		t.Errorf("%d samples are kept for longer than two days, %v", len(samples), err)
	}
}
