package planner

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/forescale/forescale"
)

// now is a Monday morning, 12 s into a minute.
var now = time.Date(2026, 11, 23, 8, 40, 12, 0, time.UTC)

// checkout is an active service of 2 to 12 instances that take 4 min 10 s to start.
func checkout() forescale.Service {
	return forescale.Service{
		Name: "checkout", Mode: forescale.ModeActive, Min: 2, Max: 12, Warmup: 250 * time.Second,
		Metrics: []forescale.Metric{forescale.MetricUtilization},
	}.WithDefaults()
}

// calm is four ready instances that were busy at 2.6 for a quarter of an hour,
// and a forecast of the same for a day.
func calm() State {
	s := State{Service: checkout(), LastSample: now.Add(-2 * time.Second)}
	s.Instances = ready(4)
	s.Demand = flat(2.6)
	s.Forecasts = []forescale.Forecast{foresee(func(time.Time) float64 { return 2.5 })}
	return s
}

// ready are n instances that have been ready for hours.
func ready(n int) []forescale.Instance {
	is := make([]forescale.Instance, n)
	for i := range is {
		at := now.Add(-10*time.Hour + time.Duration(i)*time.Minute)
		is[i] = forescale.Instance{
			ID: fmt.Sprintf("checkout-%d", i+1), Service: "checkout", Node: "n-01", State: forescale.InstanceReady,
			Origin: forescale.OriginStarted, OrderedAt: at, StartedAt: at, ReadyAt: at.Add(4 * time.Minute), Deadline: at.Add(10 * time.Minute),
		}
	}
	return is
}

// starting are n instances that were ordered ago, by decision.
func starting(n int, ago time.Duration, decision string) []forescale.Instance {
	is := make([]forescale.Instance, n)
	for i := range is {
		is[i] = forescale.Instance{
			ID: fmt.Sprintf("checkout-s%d", i+1), Service: "checkout", State: forescale.InstanceStarting, Origin: forescale.OriginStarted,
			Decision: decision, OrderedAt: now.Add(-ago), Deadline: now.Add(-ago).Add(10 * time.Minute),
		}
	}
	return is
}

// failed are n instances that never became ready, the newest a second ago.
func failed(n int, ago time.Duration) []forescale.Instance {
	is := make([]forescale.Instance, n)
	for i := range is {
		at := now.Add(-ago - time.Duration(i)*time.Minute)
		is[i] = forescale.Instance{
			ID: fmt.Sprintf("checkout-f%d", i+1), Service: "checkout", State: forescale.InstanceFailed, Origin: forescale.OriginStarted,
			OrderedAt: at.Add(-time.Minute), StoppedAt: at, Failure: "exit 1",
		}
	}
	return is
}

// crashed are n instances that were ready for five minutes and ended, the newest ago.
func crashed(n int, ago time.Duration) []forescale.Instance {
	is := failed(n, ago)
	for i := range is {
		is[i].ReadyAt = is[i].StoppedAt.Add(-5 * time.Minute)
		is[i].OrderedAt = is[i].ReadyAt.Add(-4 * time.Minute)
	}
	return is
}

// flat is the same demand in each minute of the history, the running one excluded.
func flat(v float64) []forescale.DemandPoint { return minutes(slices.Repeat([]float64{v}, 15)...) }

// minutes is the demand of the newest complete minutes, oldest first.
func minutes(vs ...float64) []forescale.DemandPoint {
	end := now.Truncate(time.Minute)
	ps := make([]forescale.DemandPoint, len(vs))
	for i, v := range vs {
		ps[i] = forescale.DemandPoint{
			Service: "checkout", Metric: forescale.MetricUtilization, Time: end.Add(time.Duration(i-len(vs)) * time.Minute),
			Value: v, Reporting: 4, Ready: 4,
		}
	}
	return ps
}

// foresee is a forecast for a day in steps of 5 min, issued 10 min ago: median f,
// and 10 % more at 95 %.
func foresee(f func(time.Time) float64) forescale.Forecast {
	start := now.Add(-10 * time.Minute).Truncate(5 * time.Minute)
	p := forescale.Forecast{
		Service: "checkout", Metric: forescale.MetricUtilization, Issued: now.Add(-10 * time.Minute), Model: "weekly profile",
		Start: start, Step: 5 * time.Minute, Levels: []float64{0.05, 0.5, 0.95}, Values: make([][]float64, 288),
	}
	for i := range p.Values {
		v := f(start.Add(time.Duration(i) * p.Step))
		p.Values[i] = []float64{v * 0.9, v, v * 1.1}
	}
	return p
}

// stepTo is demand v before at and w from then on.
func stepTo(v float64, at time.Time, w float64) func(time.Time) float64 {
	return func(t time.Time) float64 {
		if t.Before(at) {
			return v
		}
		return w
	}
}

// clock is a time of the day of now.
func clock(h, m int) time.Time { return time.Date(2026, 11, 23, h, m, 0, 0, time.UTC) }

// acted is a decision with n actions of a kind, some time ago.
func acted(kind forescale.ActionKind, n int, ago time.Duration) forescale.Decision {
	d := forescale.Decision{ID: "dec_" + ago.String(), Service: "checkout", At: now.Add(-ago), Mode: forescale.ModeActive, Outcome: forescale.OutcomeDone}
	for i := range n {
		d.Actions = append(d.Actions, forescale.Action{Kind: kind, Instance: fmt.Sprintf("x-%d", i)})
	}
	return d
}

// last is the newest decision, which wanted n.
func last(n int) *forescale.Decision {
	return &forescale.Decision{Service: "checkout", At: now.Add(-time.Minute), LastAt: now.Add(-30 * time.Second), Mode: forescale.ModeActive,
		From: n, To: n, Outcome: forescale.OutcomeNone, Reasons: []forescale.Reason{{Code: forescale.CodeSteady}}}
}

func codes(d forescale.Decision) []forescale.Code {
	cs := make([]forescale.Code, len(d.Reasons))
	for i, r := range d.Reasons {
		cs[i] = r.Code
	}
	return cs
}

func count(d forescale.Decision, k forescale.ActionKind) int {
	n := 0
	for _, a := range d.Actions {
		if a.Kind == k {
			n++
		}
	}
	return n
}

func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}
