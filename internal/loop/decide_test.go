package loop

import (
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

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

// BenchmarkPlanning is what a round plans when all that it needs was read: trajectory and
// decision of each service, without store and nodes.
//
//	go test -run '^$' -bench Planning -benchtime 5x -cpu 1 ./internal/loop
//	go test -run '^$' -bench present/10000 -benchtime 5x -cpu 1 ./planner/nodes
//
// Both together must take less than 1 s for 10,000 services on one core, and 100,000
// less than 10 s on two.
func BenchmarkPlanning(b *testing.B) {
	now := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	for _, n := range []int{1000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("services=%d", n), func(b *testing.B) {
			l, states := town(n, now)
			before := used(b)
			for b.Loop() {
				l.decide(now, states)
			}
			b.ReportMetric(float64((used(b)-before).Microseconds())/float64(b.N*n), "cpu-µs/service")
		})
	}
}

// used is what this process has used of the processor so far, which other load on the
// machine sways less than the time that went by.
func used(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// town is n services with a day of forecast in ten levels each, whose minutes are known,
// and the demand of the last minutes. The values are of a few forecasts, so that
// 100,000 fit.
func town(n int, now time.Time) (*Loop, []planner.State) {
	l := New(Config{})
	l.forecasts.by, l.window.now, l.window.by = map[string][]kept{}, now, map[string][]*window{}
	var days []kept
	for k := range 100 {
		f := forescale.Forecast{Metric: forescale.MetricLoad, Issued: now, Start: now.Add(-10 * time.Minute), Step: 5 * time.Minute, Model: "m",
			Levels:  []float64{.025, .05, .1, .25, .5, .75, .9, .95, .975, .99},
			Minutes: forescale.Minutes{Unit: 4, Scatter: 0.05, Before: []float64{4, 4, 4}, Follow: 0.6, Shift: 0.1, Seen: 5000}}
		for i := range 290 {
			row := make([]float64, len(f.Levels))
			for j := range row {
				row[j] = (4 + 3*math.Sin(float64(i+3*k)/288*2*math.Pi)) * (0.8 + 0.05*float64(j))
			}
			f.Values = append(f.Values, row)
		}
		days = append(days, keep(f))
	}
	states := make([]planner.State, n)
	for k := range states {
		svc := forescale.Service{Name: fmt.Sprintf("s%06d", k), Mode: forescale.ModeActive, Max: 40, Metrics: []forescale.Metric{forescale.MetricLoad}}.WithDefaults()
		day := days[k%len(days)]
		day.Service = svc.Name
		l.forecasts.by[svc.Name] = []kept{day}
		l.forecasts.names = append(l.forecasts.names, svc.Name)
		for ago := range 15 {
			l.window.put(forescale.DemandPoint{Service: svc.Name, Metric: forescale.MetricLoad, Time: now.Add(-time.Duration(ago) * time.Minute), Value: 4, Reporting: 8, Ready: 8})
		}
		states[k] = planner.State{Service: svc, LastSample: now}
		for i := range 8 {
			states[k].Instances = append(states[k].Instances, forescale.Instance{ID: fmt.Sprint(svc.Name, "-", i), Service: svc.Name, State: forescale.InstanceReady})
		}
	}
	return l, states
}
