package planner

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"pgregory.net/rapid"
)

// life is a service whose instances the test lets live and die: it does with
// decisions what the loop and an engine do.
type life struct {
	now       time.Time
	o         Options
	s         forescale.Service
	instances []forescale.Instance
	demand    []forescale.DemandPoint
	warmups   []forescale.Warmup
	recent    []forescale.Decision
	last      *forescale.Decision
	forecast  func(now time.Time) []forescale.Forecast
	warmup    func() time.Duration // of the next start; negative: it fails after as long
	takes     map[string]time.Duration
	stopped   int
}

// tick lives one planning interval under a true demand.
func (l *life) tick(demand float64) forescale.Decision {
	l.live()
	l.measure(demand)
	s := State{Service: l.s, Instances: l.instances, Demand: l.demand, LastSample: l.now, Warmups: l.warmups, Recent: l.recent, Last: l.last}
	if l.forecast != nil {
		s.Forecasts = l.forecast(l.now)
	}
	r := Decide(l.now, l.o, s)
	d := r.Plan.Decision
	for _, i := range r.Instances {
		k := slices.IndexFunc(l.instances, func(x forescale.Instance) bool { return x.ID == i.ID })
		if k < 0 {
			l.instances = append(l.instances, i)
			l.takes[i.ID] = l.warmup()
		} else {
			l.instances[k] = i
		}
	}
	if len(d.Actions) > 0 {
		l.recent = append([]forescale.Decision{d}, l.recent...)
	}
	l.last = &d
	l.now = l.now.Add(l.o.Interval)
	return d
}

// live lets time have its way with the instances.
func (l *life) live() {
	for k := range l.instances {
		i := &l.instances[k]
		takes := l.takes[i.ID]
		switch {
		case i.State == forescale.InstanceStarting && takes >= 0 && !l.now.Before(i.OrderedAt.Add(takes)):
			i.State, i.ReadyAt = forescale.InstanceReady, i.OrderedAt.Add(takes)
			l.warmups = append([]forescale.Warmup{{Duration: takes}}, l.warmups...)
			l.warmups = l.warmups[:min(50, len(l.warmups))]
		case i.State == forescale.InstanceStarting && takes < 0 && !l.now.Before(i.OrderedAt.Add(-takes)):
			i.State, i.StoppedAt, i.Failure = forescale.InstanceFailed, l.now, "exit 1"
		case i.State == forescale.InstanceStarting && !l.now.Before(i.Deadline):
			i.State, i.StoppedAt, i.Failure = forescale.InstanceFailed, l.now, "not ready in time"
		case i.State == forescale.InstanceDraining && l.now.Sub(i.DrainingAt) >= l.s.Cooldown:
			i.State, i.StoppedAt = forescale.InstanceStopped, l.now
			l.stopped++
		}
	}
	l.instances = slices.DeleteFunc(l.instances, func(i forescale.Instance) bool {
		return i.State == forescale.InstanceStopped || i.State == forescale.InstanceFailed && l.now.Sub(i.StoppedAt) > time.Hour
	})
	l.recent = slices.DeleteFunc(l.recent, func(d forescale.Decision) bool { return l.now.Sub(d.At) > time.Hour })
}

// measure is the demand that can be seen: not more than is ready.
func (l *life) measure(demand float64) {
	n := l.count(forescale.InstanceReady)
	cell := l.now.Truncate(forescale.DemandStep)
	p := forescale.DemandPoint{Service: l.s.Name, Metric: forescale.MetricUtilization, Time: cell, Value: min(demand, float64(n)), Reporting: n, Ready: n}
	p.Censored = demand >= 0.95*float64(n)
	l.demand = slices.DeleteFunc(l.demand, func(x forescale.DemandPoint) bool {
		return x.Time.Equal(cell) || x.Time.Before(l.now.Add(-History))
	})
	if n > 0 {
		l.demand = append(l.demand, p)
	}
}

func (l *life) count(s forescale.InstanceState) int {
	n := 0
	for _, i := range l.instances {
		if i.State == s {
			n++
		}
	}
	return n
}

func (l *life) supply() int {
	return l.count(forescale.InstanceReady) + l.count(forescale.InstanceStarting)
}

func newLife(s forescale.Service) *life {
	return &life{now: now, o: DefaultOptions(), s: s, takes: map[string]time.Duration{}, warmup: func() time.Duration { return s.Warmup }}
}

// constant is a forecast of v, whatever happens.
func constant(v float64) func(time.Time) []forescale.Forecast {
	return func(t time.Time) []forescale.Forecast {
		f := foresee(func(time.Time) float64 { return v })
		f.Start, f.Issued = t.Truncate(f.Step), t
		return []forescale.Forecast{f}
	}
}

// A random demand, random warm-ups, some of them failures: never below min once
// there, never above max, no stop soon after a start, and all quiet in the end.
func TestALife(t *testing.T) {
	if testing.Short() {
		t.Skip("computes for long")
	}
	rapid.Check(t, func(t *rapid.T) {
		s := checkout()
		s.Max = rapid.IntRange(4, 20).Draw(t, "max")
		s.Warmup = time.Duration(rapid.IntRange(10, 300).Draw(t, "declared")) * time.Second
		l := newLife(s)
		fails := rapid.IntRange(0, 4).Draw(t, "one in this many starts fails")
		l.warmup = func() time.Duration {
			d := time.Duration(rapid.IntRange(5, 400).Draw(t, "takes")) * time.Second
			if fails > 1 && rapid.IntRange(1, fails).Draw(t, "fails") == 1 {
				return -d
			}
			return d
		}
		if rapid.Bool().Draw(t, "forecast") {
			l.forecast = constant(rapid.Float64Range(0, 5).Draw(t, "forecast of"))
		}
		l.demand = nil

		var started time.Time
		demand := 1.0
		for k := range 240 { // two hours
			if k%rapid.SampledFrom([]int{1, 20}).Draw(t, "pace") == 0 {
				demand = rapid.Float64Range(0, float64(s.Max)).Draw(t, "demand")
			}
			d := l.tick(demand)
			if count(d, forescale.ActionStop) > 0 && l.supply() < s.Min {
				t.Fatalf("%d left by our hand, min is %d", l.supply(), s.Min)
			}
			if all := l.supply() + l.count(forescale.InstanceDraining); all > s.Max {
				t.Fatalf("%d run, max is %d", all, s.Max)
			}
			if stops := count(d, forescale.ActionStop); stops > 0 && !started.IsZero() && d.At.Sub(started) < l.o.Window {
				t.Fatalf("%d stopped at %v, %v after a start", stops, d.At, d.At.Sub(started))
			}
			if count(d, forescale.ActionStart) > 0 {
				started = d.At
			}
		}

		l.warmup = func() time.Duration { return 10 * time.Second }
		l.forecast = nil
		for range 60 + 2*s.Max { // half an hour of nothing, and a minute for each to stop
			l.tick(0.1)
		}
		if got := l.count(forescale.InstanceReady); got != s.Min || l.supply() != s.Min {
			t.Fatalf("after an hour of nothing %d are ready, %d there, want %d: %v", got, l.supply(), s.Min, codes(*l.last))
		}
	})
}

func TestAnOscillatingDemandDoesNotFlap(t *testing.T) {
	l := newLife(checkout())
	l.forecast = constant(0.5)
	actions := 0
	for k := range 480 { // four hours, up and down every three minutes
		demand := 1.5
		if k/6%2 == 1 {
			demand = 4.5
		}
		d := l.tick(demand)
		if k >= 120 {
			actions += len(d.Actions)
		}
	}
	if actions > 0 {
		t.Errorf("%d starts and stops in the last three hours, want none", actions)
	}
}

// Saturation steps up once per warm-up, not once per planning step.
func TestSaturationStepsOncePerWarmup(t *testing.T) {
	s := checkout()
	s.Max = 100
	l := newLife(s)
	for range 60 {
		l.tick(1) // half an hour to settle
	}
	var tos []int
	for range 40 { // twenty minutes of far too much
		d := l.tick(60)
		if count(d, forescale.ActionStart) > 0 {
			tos = append(tos, d.To)
		}
	}
	// By half each time, once in 4 min 10 s and the minute that shows it.
	if got, want := fmt.Sprint(tos), "[3 5 8 12]"; got != want {
		t.Errorf("steps to %s, want %s", got, want)
	}
}

func TestASlowerServiceIsWaitedForInTheEnd(t *testing.T) {
	s := checkout()
	s.Warmup = 30 * time.Second
	l := newLife(s)
	l.warmup = func() time.Duration { return 20 * time.Minute } // forty times as long as declared
	for range 240 {
		l.tick(0.5)
	}
	if got := l.count(forescale.InstanceReady); got < s.Min {
		t.Errorf("after two hours %d are ready, want %d", got, s.Min)
	}
}

func TestARiseThatWasForeseenFindsItsInstancesReady(t *testing.T) {
	l := newLife(checkout())
	at := now.Add(2 * time.Hour).Truncate(5 * time.Minute)
	truth := stepTo(2, at, 6)
	l.forecast = func(t time.Time) []forescale.Forecast {
		f := foresee(func(time.Time) float64 { return 0 })
		f.Start, f.Issued = t.Truncate(f.Step), t
		for i := range f.Values {
			v := truth(f.Start.Add(time.Duration(i) * f.Step))
			f.Values[i] = []float64{v, v, v}
		}
		return []forescale.Forecast{f}
	}
	for l.now.Before(at.Add(time.Hour)) {
		tick := l.now
		l.tick(truth(tick))
		need := l.s.Band.Required(truth(tick))
		if have := l.count(forescale.InstanceReady); tick.After(now.Add(15*time.Minute)) && have < need {
			t.Fatalf("at %v %d are ready, %d are needed", tick, have, need)
		}
		if tick.After(now.Add(time.Hour)) && tick.Before(at.Add(-6*time.Minute)) && l.supply() > 3 {
			t.Fatalf("at %v %d are there already", tick, l.supply())
		}
	}
	if got := l.count(forescale.InstanceReady); got != 8 {
		t.Errorf("%d are ready in the end, want 8", got)
	}
}
