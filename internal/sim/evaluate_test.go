package sim

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/datasets"
	"github.com/forescale/forescale/internal/loop"
	"github.com/forescale/forescale/internal/store/memory"
)

// past is three days of the shop by the minute, the last twelve hours to be measured,
// with so many instances ready all the time.
func past(ready int) Past {
	load := datasets.DefaultPattern(1, 5, time.UTC)
	p := Past{Service: forescale.Service{Name: "shop", Min: 1, Max: 20, Objective: 0.95}.WithDefaults(), Warmup: 3 * time.Minute,
		From: monday.Add(60 * time.Hour), To: monday.Add(72 * time.Hour), Options: loop.Options{Interval: 5 * time.Minute, Refresh: time.Hour}}
	for at := monday; at.Before(p.To); at = at.Add(time.Minute) {
		p.Demand = append(p.Demand, forescale.DemandPoint{Service: "shop", Metric: forescale.MetricUtilization, Time: at, Value: load.At(at), Ready: ready, Reporting: ready})
	}
	return p
}

func evaluate(t *testing.T, p Past) forescale.Evaluation {
	t.Helper()
	e, err := Evaluate(t.Context(), p, memory.New())
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestAnEvaluationReplaysWhatHappened(t *testing.T) {
	t.Parallel()
	p := past(20)
	p.Demand = slices.Delete(p.Demand, 65*60, 66*60) // an hour without samples
	p.Demand[62*60].Censored = true
	e := evaluate(t, p)
	if len(e.Outcomes) != 1+len(replayed) || e.Outcomes[0].Name != forescale.HappenedName || e.Outcomes[1].Name != forescale.PredictiveName {
		t.Fatalf("outcomes %+v", e.Outcomes)
	}
	for _, o := range e.Outcomes { // all are measured by the same minutes
		if o.Elasticity.Steps != 11*60 {
			t.Errorf("%s is measured over %d minutes, want those of 11 hours", o.Name, o.Elasticity.Steps)
		}
	}
	if was := e.Outcomes[0]; was.Elasticity.Supply != 20*11*60 || was.Starts != 0 {
		t.Errorf("what happened: %+v", was)
	}
	if ours := e.Outcomes[1]; ours.Elasticity.Supply >= e.Outcomes[0].Elasticity.Supply || ours.Elasticity.Supply <= 0 {
		t.Errorf("forescale takes %g instance-minutes, what happened %g", ours.Elasticity.Supply, e.Outcomes[0].Elasticity.Supply)
	}
	if math.Abs(e.Known-11.0/12) > 1e-9 || math.Abs(e.Censored-1.0/660) > 1e-9 || e.Beyond != 0 || e.Verdict != forescale.VerdictOn || e.Learned != 60*time.Hour {
		t.Errorf("known %g, censored %g, beyond %g, %s after %v: %q", e.Known, e.Censored, e.Beyond, e.Verdict, e.Learned, e.Why)
	}
}

// Imported load tells nothing of instances: then it is not said what happened.
func TestAnEvaluationOfImportedLoadComparesWithWhatIsUsual(t *testing.T) {
	t.Parallel()
	e := evaluate(t, past(0))
	if e.Outcomes[0].Name != forescale.PredictiveName || e.Verdict == forescale.VerdictWait {
		t.Errorf("%s: %+v", e.Verdict, e.Outcomes)
	}
}

func TestNothingIsEvaluatedWithoutAPast(t *testing.T) {
	t.Parallel()
	p := past(3)
	p.Demand = p.Demand[len(p.Demand)-60:]
	_, err := Evaluate(t.Context(), p, nil)
	var fault *forescale.Fault
	if !errors.As(err, &fault) || fault.Code != "history_short" {
		t.Errorf("an hour: %v", err)
	}
}

// A deploy that doubles what an instance serves halves the demand that is kept from then
// on. The history is replayed as if that had always been so; what happened keeps its time
// below need, and its hours are those of instances of now.
func TestAnEvaluationReplaysByTheCapacityOfNow(t *testing.T) {
	t.Parallel()
	now := past(10)
	for i := range now.Demand {
		now.Demand[i].Metric = forescale.MetricLoad
	}
	then := now
	then.Demand = slices.Clone(now.Demand)
	deploy := monday.Add(66 * time.Hour)
	then.Counts = forescale.Capacities{{Service: "shop", From: monday, Value: 50}, {Service: "shop", From: deploy, Value: 100}}
	for i := range then.Demand {
		if d := &then.Demand[i]; d.Time.Before(deploy) {
			d.Value, d.Ready, d.Reporting = 2*d.Value, 20, 20
		}
	}
	want, got := evaluate(t, now), evaluate(t, then)
	if len(got.Outcomes) != len(want.Outcomes) || got.Beyond != want.Beyond || !slices.Equal(got.Outcomes[1:], want.Outcomes[1:]) {
		t.Errorf("replayed %+v,\nby the capacity of now %+v", got.Outcomes[1:], want.Outcomes[1:])
	}
	if was, w := got.Outcomes[0].Elasticity, want.Outcomes[0].Elasticity; math.Abs(was.Supply-w.Supply) > 1e-6 || math.Abs(was.Demand-w.Demand) > 1e-6 || was.StepsUnder != 0 {
		t.Errorf("what happened took %g instances of now for a demand of %g, want %g for %g", was.Supply, was.Demand, w.Supply, w.Demand)
	}
}

// points gives what it holds, as a store does.
type points []forescale.DemandPoint

// Capacities tells of one that each instance serves twice as much since the third minute.
func (ps points) Capacities(context.Context, string, time.Time) ([]forescale.Capacity, error) {
	return []forescale.Capacity{{Service: "shop", From: monday, Value: 1}, {Service: "shop", From: monday.Add(2 * time.Minute), Value: 2}}, nil
}

func (ps points) EachDemand(_ context.Context, from, to time.Time, _ []string, do func(*forescale.DemandPoint) error) error {
	for _, p := range ps {
		if p.Time.Before(from) || !p.Time.Before(to) {
			continue
		}
		if err := do(&p); err != nil {
			return err
		}
	}
	return nil
}

func TestTheLargestMetricOfEachMinuteIsRead(t *testing.T) {
	t.Parallel()
	at := func(m forescale.Metric, minute int, v float64) forescale.DemandPoint {
		return forescale.DemandPoint{Metric: m, Time: monday.Add(time.Duration(minute) * time.Minute), Value: v}
	}
	all := points{at(forescale.MetricUtilization, 0, 1), at(forescale.MetricUtilization, 1, 2), at(forescale.MetricCPU, 0, 9),
		at(forescale.MetricLoad, 0, 6), at(forescale.MetricLoad, 1, 3), at(forescale.MetricLoad, 2, 5), at(forescale.MetricLoad, 9, 5)}
	for _, c := range []struct {
		metrics []forescale.Metric
		want    []float64
	}{
		{nil, []float64{6, 2, 5}}, // cpu only stands in for utilization; a load of 3 is one of 1.5 now
		{[]forescale.Metric{forescale.MetricCPU, forescale.MetricUtilization}, []float64{9, 2}},
	} {
		got, counts, err := ReadDemand(t.Context(), all, forescale.Service{Name: "shop", Metrics: c.metrics}, monday, monday.Add(5*time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		values := make([]float64, len(got))
		for i, p := range got {
			values[i] = p.Value
		}
		if !slices.Equal(values, c.want) || len(counts) != 2 {
			t.Errorf("of %v: %v, want %v", c.metrics, values, c.want)
		}
	}
}
