package loop

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/planner"
)

// manyStates are n services of one or two metrics, each with a forecast of its own,
// and the loop that keeps the forecasts.
func manyStates(n int, now time.Time) (*Loop, []planner.State) {
	l := New(Config{Options: Options{}})
	l.forecasts.by = map[string][]kept{}
	states := make([]planner.State, n)
	for k := range states {
		name := fmt.Sprintf("s%04d", k)
		svc := forescale.Service{Name: name, Mode: forescale.ModeActive, Max: 40}.WithDefaults()
		for m, metric := range []forescale.Metric{forescale.MetricLoad, forescale.MetricUtilization}[:1+k%2] {
			svc.Metrics = append(svc.Metrics, metric)
			f := forescale.Forecast{Service: name, Metric: metric, Issued: now, Start: now, Step: 5 * time.Minute, Model: "m", Levels: []float64{0.5, 0.9}}
			for i := range 20 + k%7 {
				v := float64(1 + (k+i*(m+1))%13)
				f.Values = append(f.Values, []float64{v, v + 1})
			}
			l.forecasts.by[name] = append(l.forecasts.by[name], keep(f))
		}
		l.forecasts.names = append(l.forecasts.names, name)
		states[k] = planner.State{Service: svc, LastSample: now}
	}
	return l, states
}

// Decisions are the same, byte for byte, whoever plans which service, and the room that
// forecasts are laid out in shows in none.
func TestDecisionsDoNotDependOnHowTheyAreSharedOut(t *testing.T) { // not in parallel: it sets the number of processors
	now := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	const n = 700 // more than have their forecasts kept whole
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	l, states := manyStates(n, now)
	var want []planner.Result
	for _, s := range states {
		for _, k := range l.forecasts.by[s.Service.Name] {
			s.Forecasts = append(s.Forecasts, k.whole(&room{}))
		}
		r := planner.Decide(now, l.opt.Planner, s)
		want = append(want, r)
	}
	text := asJSON(t, want)
	for _, procs := range []int{1, 2, 5} {
		runtime.GOMAXPROCS(procs)
		if got := asJSON(t, l.decide(now, states)); got != text {
			t.Errorf("with %d processors other decisions are made", procs)
		}
	}
	if text == asJSON(t, l.decide(now.Add(time.Minute), states)) {
		t.Error("a minute later all is the same: the test tells nothing")
	}
}

func asJSON(t *testing.T, rs []planner.Result) string {
	t.Helper()
	type whole struct {
		planner.Result
		Decision forescale.Decision
	}
	var all []whole
	for _, r := range rs {
		all = append(all, whole{r, r.Plan.Decision})
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Planning takes no more for each service when there are more of them.
func TestPlanningTakesAsMuchForEachServiceHoweverManyThereAre(t *testing.T) { // not in parallel: allocations are counted
	now := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	var each []float64
	for _, n := range []int{200, 2000} {
		l, states := manyStates(n, now)
		each = append(each, testing.AllocsPerRun(3, func() { l.decide(now, states) })/float64(n))
	}
	t.Logf("allocations for each service: %.1f", each)
	if slices.Max(each) > 60 || each[1] > 1.1*each[0] {
		t.Errorf("%.1f allocations for each of 200 services, %.1f of 2,000", each[0], each[1])
	}
}
