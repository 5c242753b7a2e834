package planner

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"pgregory.net/rapid"
)

// anyState draws what a store, a person and a bad day can come up with.
func anyState(t *rapid.T) State {
	s := State{Service: anyService(t)}
	s.Instances = anyInstances(t)
	for _, m := range s.Service.Metrics {
		s.Demand = append(s.Demand, anyDemand(t, m)...)
		if rapid.IntRange(0, 3).Draw(t, "forecast") > 0 {
			s.Forecasts = append(s.Forecasts, anyForecast(t, m))
		}
	}
	if rapid.Bool().Draw(t, "sampled") {
		s.LastSample = now.Add(-time.Duration(rapid.IntRange(0, 10_000).Draw(t, "silent")) * time.Second)
	}
	for range rapid.IntRange(0, 4).Draw(t, "warmups") {
		s.Warmups = append(s.Warmups, forescale.Warmup{Duration: time.Duration(rapid.IntRange(-5, 900).Draw(t, "warmup")) * time.Second})
	}
	s.Recent = anyRecent(t)
	if rapid.Bool().Draw(t, "had one before") {
		s.Last = last(rapid.IntRange(0, 30).Draw(t, "last"))
		s.Last.LastAt = now.Add(-time.Duration(rapid.IntRange(0, 7200).Draw(t, "last ago")) * time.Second)
		s.Last.Outcome = rapid.SampledFrom([]forescale.Outcome{forescale.OutcomeNone, forescale.OutcomeDone, forescale.OutcomeWould, forescale.OutcomeFailed}).Draw(t, "outcome")
	}
	if rapid.IntRange(0, 9).Draw(t, "pause") == 0 {
		s.Pauses = pauseOf(rapid.SampledFrom([]string{"", "checkout", "other"}).Draw(t, "of"), -time.Hour, time.Duration(rapid.IntRange(-1, 1).Draw(t, "until"))*time.Minute)
	}
	if rapid.IntRange(0, 5).Draw(t, "second writer") == 0 {
		s.Foreign = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) ForeignChange {
			return ForeignChange{At: now.Add(-time.Duration(rapid.IntRange(-60, 3600).Draw(t, "foreign ago")) * time.Second),
				Appeared: rapid.Bool().Draw(t, "appeared"), Undoes: rapid.Bool().Draw(t, "undoes")}
		}), 1, 6).Draw(t, "foreign")
	}
	s.Blind = rapid.SampledFrom([]string{"", "", "", "", "", "", "", "docker: no answer"}).Draw(t, "blind")
	s.ClockJump = rapid.SampledFrom([]time.Duration{0, 0, 0, 0, 0, 0, 0, time.Hour, -time.Minute}).Draw(t, "jump")
	return s
}

func anyService(t *rapid.T) forescale.Service {
	s := checkout()
	s.Mode = rapid.SampledFrom([]forescale.Mode{forescale.ModeActive, forescale.ModeActive, forescale.ModeActive, forescale.ModeForecastOnly, forescale.ModeOff}).Draw(t, "mode")
	s.Min = rapid.IntRange(1, 6).Draw(t, "min")
	s.Max = s.Min + rapid.IntRange(0, 30).Draw(t, "room")
	s.MaxStep = rapid.IntRange(0, 5).Draw(t, "step")
	s.Warmup = time.Duration(rapid.IntRange(0, 1800).Draw(t, "warmup")) * time.Second
	s.Objective = rapid.SampledFrom([]float64{0.5, 0.9, 0.95, 0.999}).Draw(t, "objective")
	s.Missing.FollowForecast = rapid.Bool().Draw(t, "follow")
	s.Metrics = rapid.SampledFrom([][]forescale.Metric{{forescale.MetricUtilization}, {forescale.MetricLoad, forescale.MetricUtilization}}).Draw(t, "metrics")
	s.Capacity = 100
	return s
}

func anyInstances(t *rapid.T) []forescale.Instance {
	is := make([]forescale.Instance, rapid.IntRange(0, 30).Draw(t, "instances"))
	for k := range is {
		ordered := now.Add(-time.Duration(rapid.IntRange(0, 7200).Draw(t, "ordered")) * time.Second)
		i := forescale.Instance{
			ID: fmt.Sprintf("checkout-%d", k), Service: "checkout", OrderedAt: ordered, Deadline: ordered.Add(10 * time.Minute),
			State:    rapid.SampledFrom([]forescale.InstanceState{forescale.InstanceReady, forescale.InstanceReady, forescale.InstanceReady, forescale.InstanceStarting, forescale.InstanceDraining, forescale.InstanceFailed}).Draw(t, "state"),
			Origin:   rapid.SampledFrom([]forescale.Origin{forescale.OriginStarted, forescale.OriginStarted, forescale.OriginAdopted, forescale.OriginPushed}).Draw(t, "origin"),
			Decision: rapid.SampledFrom([]string{"", "dec_sat"}).Draw(t, "decision"),
		}
		if i.State == forescale.InstanceReady || i.State == forescale.InstanceDraining {
			i.ReadyAt = ordered.Add(time.Minute)
		}
		if i.State == forescale.InstanceFailed {
			i.StoppedAt = ordered.Add(2 * time.Minute)
		}
		if i.State == forescale.InstanceReady && rapid.IntRange(0, 5).Draw(t, "unready") == 0 {
			i.UnreadySince = now.Add(-time.Minute)
		}
		is[k] = i
	}
	return is
}

func anyDemand(t *rapid.T, m forescale.Metric) []forescale.DemandPoint {
	base := rapid.Float64Range(0, 12).Draw(t, "base")
	silent := rapid.SampledFrom([]int{0, 0, 0, 2, 6, 15}).Draw(t, "minutes of silence")
	ps := flat(base)[:15-silent]
	for k := range ps {
		p := &ps[k]
		p.Metric = m
		switch rapid.IntRange(0, 19).Draw(t, "odd") {
		case 0:
			p.Value = math.NaN()
		case 1:
			p.Value = math.Inf(1)
		case 2:
			p.Value, p.Reporting = 0, 0
		case 3:
			p.Value = -1
		case 4:
			p.Value *= 3
		case 5:
			p.Censored = true
		}
	}
	if rapid.Bool().Draw(t, "holes") {
		ps = slices.DeleteFunc(ps, func(p forescale.DemandPoint) bool { return p.Time.Minute()%3 == 0 })
	}
	return ps
}

func anyForecast(t *rapid.T, m forescale.Metric) forescale.Forecast {
	base := rapid.Float64Range(0, 12).Draw(t, "forecast base")
	jump := now.Add(time.Duration(rapid.IntRange(0, 7200).Draw(t, "forecast jump")) * time.Second)
	f := foresee(stepTo(base, jump, rapid.Float64Range(0, 12).Draw(t, "forecast then")))
	f.Metric = m
	age := time.Duration(rapid.SampledFrom([]int{10, 10, 10, 44, 120}).Draw(t, "forecast age")) * time.Minute
	f.Issued = now.Add(-age)
	if rapid.Bool().Draw(t, "minutes known") {
		f.Minutes = forescale.Minutes{
			Unit: rapid.SampledFrom([]float64{1e-6, 2, 1e6}).Draw(t, "unit"), Scatter: rapid.Float64Range(0, 1).Draw(t, "scatter"),
			Follow: rapid.Float64Range(0, 1).Draw(t, "follow"), Shift: rapid.Float64Range(lowestShift, highestShift).Draw(t, "shift"),
			Before: rapid.SliceOfN(rapid.Float64Range(0, 12), 0, 3).Draw(t, "before"),
		}
	}
	switch rapid.IntRange(0, 9).Draw(t, "forecast oddity") {
	case 0:
		f.Values[rapid.IntRange(0, 20).Draw(t, "odd step")][2] = math.NaN()
	case 1:
		f.Values = f.Values[:rapid.IntRange(0, 10).Draw(t, "steps")]
	case 2:
		f.Start = f.Start.Add(time.Hour)
	}
	return f
}

func anyRecent(t *rapid.T) []forescale.Decision {
	ds := make([]forescale.Decision, rapid.IntRange(0, 3).Draw(t, "recent"))
	ago := time.Duration(0)
	for k := range ds {
		ago += time.Duration(rapid.IntRange(1, 1200).Draw(t, "ago")) * time.Second
		kind := rapid.SampledFrom([]forescale.ActionKind{forescale.ActionStart, forescale.ActionStop}).Draw(t, "kind")
		ds[k] = acted(kind, rapid.IntRange(1, 4).Draw(t, "actions"), ago)
		if kind == forescale.ActionStart && rapid.Bool().Draw(t, "for saturation") {
			ds[k].ID = "dec_sat"
			ds[k].Reasons = []forescale.Reason{{Code: full, Numbers: numbers{"required": float64(rapid.IntRange(0, 20).Draw(t, "of"))}}}
		}
	}
	return ds
}

// liveNeed is what the newest two minutes need, worked out apart from the planner:
// 0 when they tell nothing.
func liveNeed(s State) int {
	need := 0
	for _, p := range s.Demand {
		if p.Time.Before(clock(8, 38)) || math.IsNaN(p.Value) || math.IsInf(p.Value, 0) || p.Value < 0 || p.Value == 0 && p.Reporting == 0 {
			continue
		}
		n := 1
		for 100*p.Value/float64(n) > s.Service.Band.Upper(n)+1e-7 {
			n++
		}
		need = max(need, n)
	}
	return need
}

// heard reports whether each metric of the service told something lately.
func heard(s State) (any, all bool) {
	all = true
	for _, m := range s.Service.Metrics {
		one := s
		one.Demand = slices.DeleteFunc(slices.Clone(s.Demand), func(p forescale.DemandPoint) bool { return p.Metric != m })
		ok := liveNeed(one) > 0
		any, all = any || ok, all && ok
	}
	return any, all
}

func TestAnyState(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anyState(t)
		before := printed(s)
		o := DefaultOptions()
		r := Decide(now, o, s)
		d := r.Plan.Decision
		v := s.Service

		if got := printed(s); got != before {
			t.Fatalf("the state was changed from\n%s to\n%s", before, got)
		}
		if a, b := encode(r), encode(Decide(now, DefaultOptions(), s)); a != b {
			t.Fatalf("not the same again:\n%s\n%s", a, b)
		}

		readyNow, startingNow, all := 0, 0, 0
		for _, i := range s.Instances {
			switch {
			case i.State == forescale.InstanceReady && i.UnreadySince.IsZero():
				readyNow++
			case i.State == forescale.InstanceStarting && now.Before(i.Deadline):
				startingNow++
			}
			if i.State.Live() {
				all++
			}
		}
		supply := readyNow + startingNow
		if d.From != supply {
			t.Fatalf("supply %d, want %d: what starts counts once, until its deadline", d.From, supply)
		}

		starts, stops := count(d, forescale.ActionStart), count(d, forescale.ActionStop)
		paused := len(s.Pauses) > 0 && s.Pauses[0].Covers("checkout", now)
		held := s.Blind != "" || s.ClockJump != 0
		if (v.Mode != forescale.ModeActive || paused || held) && (starts+stops+len(r.Instances) > 0 || d.Outcome == forescale.OutcomePending) {
			t.Fatalf("an effect in mode %s, paused %t, held %t: %v", v.Mode, paused, held, d.Actions)
		}
		if held || v.Mode == forescale.ModeOff {
			if d.To != supply {
				t.Fatalf("held or off, but from %d to %d", supply, d.To)
			}
			return
		}
		if starts+stops > 0 && (starts != max(0, d.To-supply) || stops != max(0, supply-d.To)) {
			t.Fatalf("%d starts, %d stops from %d to %d", starts, stops, supply, d.To)
		}
		if d.To > v.Max && d.To > supply || d.To < v.Min && d.To < supply {
			t.Fatalf("to %d, allowed are %d to %d", d.To, v.Min, v.Max)
		}
		if all+starts > max(v.Max, all) {
			t.Fatalf("%d of %d may run and %d are started, max is %d", all, supply, starts, v.Max)
		}
		step := v.MaxStep
		if step == 0 {
			step = max(4, supply)
		}
		for _, e := range s.Recent { // a step just before this one was a part of it
			if now.Sub(e.At) < o.Interval/2 {
				step = max(0, step-count(e, forescale.ActionStart))
			}
		}
		if d.To-supply > step {
			t.Fatalf("%d more in one step of %d", d.To-supply, step)
		}

		// Never below the reactive need, within max and what one step allows.
		slow := slices.Contains(codes(d), failing)
		yields := slices.ContainsFunc(d.Reasons, func(x forescale.Reason) bool {
			return x.Code == forescale.CodeSecondWriter && x.Words["limit"] != "foreign"
		})
		if yields && (d.To < supply || d.To > max(supply, 1, liveNeed(s)) && !slices.Contains(codes(d), full)) {
			t.Fatalf("from %d to %d against somebody else; live demand needs %d", supply, d.To, liveNeed(s))
		}
		if floor := min(liveNeed(s), v.Max, supply+step, supply+max(0, v.Max-all)); d.To < floor && !slow {
			t.Fatalf("to %d, live demand needs %d", d.To, floor)
		}
		if floor := min(v.Min, supply+step, supply+max(0, v.Max-all)); d.To < floor && !slow && !yields {
			t.Fatalf("to %d, below min %d", d.To, v.Min)
		}

		// Fewer only by all signals, not soon after a start, not many at once.
		if d.To < supply && supply <= v.Max {
			some, every := heard(s)
			if !every && (some || !v.Missing.FollowForecast) {
				t.Fatalf("from %d to %d although not all signals are there: %v", supply, d.To, codes(d))
			}
			rest := o.Window // and without known minutes around all forecasts, longer
			if len(s.Forecasts) == len(v.Metrics) && !slices.ContainsFunc(s.Forecasts, func(f forescale.Forecast) bool { return !f.Minutes.Known() }) {
				rest = r.Plan.Lead
			}
			for _, e := range s.Recent {
				if count(e, forescale.ActionStart) > 0 && now.Sub(e.At) < rest {
					t.Fatalf("a stop %v after a start", now.Sub(e.At))
				}
			}
		}
		used := 0
		for _, e := range s.Recent {
			if now.Sub(e.At) < o.StopWindow {
				used += count(e, forescale.ActionStop)
			}
		}
		if limit := max(1, readyNow/10); supply-d.To > max(0, limit-used) {
			t.Fatalf("%d stops after %d within the window, the limit is %d", supply-d.To, used, limit)
		}
		for _, i := range r.Instances {
			if i.State == forescale.InstanceDraining && i.Origin == forescale.OriginPushed {
				t.Fatalf("%s is to be stopped, which nobody we know runs", i.ID)
			}
		}

		// The plan begins now, goes on in time, and each change is one.
		cs := r.Plan.Changes
		if !cs[0].At.Equal(now) || cs[0].Wanted != d.To {
			t.Fatalf("the plan begins with %+v, decided is %d", cs[0], d.To)
		}
		for i := 1; i < len(cs); i++ {
			if !cs[i].At.After(cs[i-1].At) || cs[i].Wanted == cs[i-1].Wanted || cs[i].Wanted > v.Max || cs[i].Wanted < v.Min {
				t.Fatalf("change %d of the plan: %+v after %+v", i, cs[i], cs[i-1])
			}
			fell := i == 1 && d.To < supply || i > 1 && cs[i-1].Wanted < cs[i-2].Wanted
			if fell && cs[i].Wanted > cs[i-1].Wanted && cs[i].At.Sub(cs[i-1].At) < dwell && d.To >= v.Min && d.To < v.Max {
				t.Fatalf("the plan stops at %v and starts at %v", cs[i-1].At, cs[i].At)
			}
		}
		for _, x := range d.Reasons {
			if text := x.Sentence(time.UTC, now); text == "" || text == string(x.Code) {
				t.Fatalf("no sentence for %+v", x)
			}
		}
	})
}

// printed is a state as text; JSON has no NaN.
func printed(s State) string {
	l := ""
	if s.Last != nil {
		l = fmt.Sprintf("%+v", *s.Last)
	}
	s.Last = nil
	return fmt.Sprintf("%+v %s", s, l)
}
