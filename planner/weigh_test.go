package planner

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"pgregory.net/rapid"
)

// lifting is a state in which bounds of a decision are gone, one after the other, as
// it tells how.
type lifting struct {
	State
	o Options
	w forescale.Weighing
	d forescale.Decision
}

func liftingOf(s State, o Options, d forescale.Decision) *lifting {
	l := &lifting{State: s, o: o.withDefaults(), w: *d.Weighed, d: d}
	l.Instances, l.Demand = slices.Clone(s.Instances), slices.Clone(s.Demand)
	l.Forecasts, l.Recent = slices.Clone(s.Forecasts), slices.Clone(s.Recent)
	return l
}

// told makes a forecast one that needs what f says of its step and what it needed there.
func (l *lifting) told(k int, f func(t time.Time, high float64) float64) {
	old := &l.Forecasts[k]
	read := outlookOf(l, old)
	p := *old
	p.Levels, p.Values = []float64{0.05, 0.5, 0.95}, make([][]float64, len(old.Values))
	for i := range old.Values {
		t := old.Start.Add(time.Duration(i) * old.Step)
		v, ok := read.high(t)
		switch over := !t.Add(old.Step).After(now); {
		case over && !isNumber(v): // what is past is only compared with
			v = 0
		case !ok || !isNumber(v):
			v = math.NaN()
		}
		v = f(t, v)
		p.Values[i] = []float64{v, v, v}
	}
	if p.Minutes.Known() {
		p.Minutes.Scatter, p.Minutes.Follow, p.Minutes.Shift = 0, 0, -deviations(l.Service.Objective)
	}
	l.Forecasts[k] = p
}

func outlookOf(l *lifting, f *forescale.Forecast) *outlook {
	r := look(now, l.o, &l.State)
	g := signal{metric: f.Metric, points: ofMetric(l.Demand, f.Metric)}
	read := lookAhead(f, l.Service.Objective, now, r.lead, g.minutes(now))
	return &read
}

// settle takes out what ties forecasts to live demand: each then needs what it needed,
// whatever becomes of the newest minutes.
func (l *lifting) settle() {
	for k := range l.Forecasts {
		l.told(k, func(_ time.Time, high float64) float64 { return high })
	}
}

// under is just below what one fewer serve, over just above what is decided serves.
func (l *lifting) under() float64 { return l.w.FewerServe * (1 - 1e-6) }
func (l *lifting) over() float64  { return l.w.Serves*(1+1e-6) + 1e-6 }

// calmed is a whole history of a metric with no more demand than v.
func (l *lifting) calmed(m forescale.Metric, v float64) {
	ps := flat(v)
	for i := range ps {
		ps[i].Metric = m
		for _, old := range l.Demand {
			if old.Metric == m && old.Time.Equal(ps[i].Time) && usable(&old, now) && old.Value < v {
				ps[i].Value, ps[i].Reporting = old.Value, 1
			}
		}
	}
	l.Demand = slices.Concat(slices.DeleteFunc(l.Demand, func(p forescale.DemandPoint) bool { return p.Metric == m }), ps)
	slices.SortStableFunc(l.Demand, func(a, b forescale.DemandPoint) int {
		return slices.Index(l.Service.Metrics, a.Metric) - slices.Index(l.Service.Metrics, b.Metric)
	})
	l.LastSample = now
}

// fewer takes one kind of bound away that forbids fewer.
func (l *lifting) fewer(k forescale.BoundKind) {
	switch k {
	case forescale.BoundLive:
		l.eachPoint(clock(8, 38), func(p *forescale.DemandPoint) { p.Value = min(p.Value, l.under()) })
	case forescale.BoundBehind:
		l.eachPoint(time.Time{}, func(p *forescale.DemandPoint) { p.Value, p.Censored = min(p.Value, l.under()), false })
	case forescale.BoundSaturated:
		l.eachPoint(time.Time{}, func(p *forescale.DemandPoint) { p.Censored = false })
	case forescale.BoundForecast:
		l.eachForecast(l.w.By, l.under())
	case forescale.BoundAhead:
		l.eachForecast(l.w.Until, l.under())
	case forescale.BoundMin:
		l.Service.Min = min(l.Service.Min, l.d.To-1)
	case forescale.BoundStarted:
		for i := range l.Recent {
			l.Recent[i].Actions = slices.DeleteFunc(slices.Clone(l.Recent[i].Actions), func(a forescale.Action) bool { return a.Kind == forescale.ActionStart })
		}
	case forescale.BoundUnseen, forescale.BoundMissing:
		for _, m := range l.Service.Metrics {
			l.calmed(m, l.under())
		}
	case forescale.BoundShort:
		for _, m := range l.Service.Metrics {
			l.foreseen(m, l.under())
		}
	case forescale.BoundStops:
		l.o.StopShare = forescale.MaxInstances
		for i := range l.Recent {
			l.Recent[i].Actions = slices.DeleteFunc(slices.Clone(l.Recent[i].Actions), func(a forescale.Action) bool { return a.Kind == forescale.ActionStop })
		}
	case forescale.BoundSecondWriter:
		l.Foreign = nil
	case forescale.BoundForeign:
		for i := range l.Instances {
			l.Instances[i].Origin = forescale.OriginStarted
		}
	default:
		panic("no way to lift " + string(k))
	}
}

func (l *lifting) eachPoint(from time.Time, f func(*forescale.DemandPoint)) {
	for i := range l.Demand {
		if p := &l.Demand[i]; !p.Time.Before(from) && usable(p, now) {
			f(p)
		}
	}
}

func (l *lifting) eachForecast(to time.Time, most float64) {
	for k := range l.Forecasts {
		l.told(k, func(t time.Time, high float64) float64 {
			if t.Before(to) && isNumber(high) {
				return min(high, most)
			}
			return high
		})
	}
}

// foreseen gives a metric whose forecast does not do for a fall a new one.
func (l *lifting) foreseen(m forescale.Metric, most float64) {
	for k := range l.Forecasts {
		if f := &l.Forecasts[k]; f.Metric == m {
			g := signal{metric: m, forecast: f, fit: fits(now, l.o, f), outlook: *outlookOf(l, f)}
			if n := g.ahead(l.Service.Band, now, l.w.Until, true); n.known {
				return
			}
			kept := forescale.Minutes{} // what windows go by stays
			if g.fit {
				kept = f.Minutes
			}
			*f = flatForecast(m, most)
			f.Minutes = kept
			return
		}
	}
	l.Forecasts = append(l.Forecasts, flatForecast(m, most))
}

func flatForecast(m forescale.Metric, v float64) forescale.Forecast {
	f := foresee(func(time.Time) float64 { return v })
	f.Metric, f.Values = m, slices.Repeat([][]float64{{v, v, v}}, 288)
	return f
}

// more takes one kind of bound away that forbids more.
func (l *lifting) more(k forescale.BoundKind) {
	switch k {
	case forescale.BoundNeed:
		l.wanted()
	case forescale.BoundMax:
		l.Service.Max = max(l.Service.Max, l.d.To+1)
	case forescale.BoundBudget:
		l.Money = nil
	case forescale.BoundSecondWriter:
		l.Foreign = nil
	case forescale.BoundStarts:
		l.Service.MaxStep = forescale.MaxInstances
		for i := range l.Recent {
			if now.Sub(l.Recent[i].At) < l.o.Interval/2 {
				l.Recent[i].At = now.Add(-l.o.Interval / 2)
			}
		}
	case forescale.BoundRoom:
		for k := range l.Instances { // they have ended as they were about to
			switch i := &l.Instances[k]; {
			case i.State == forescale.InstanceDraining && i.Failure == "":
				i.State = forescale.InstanceStopped
			case i.State == forescale.InstanceDraining:
				i.State, i.StoppedAt = forescale.InstanceFailed, i.DrainingAt
			case i.State == forescale.InstanceStarting && !i.Supply(now):
				i.State, i.StoppedAt = forescale.InstanceFailed, i.Deadline
			case i.State == forescale.InstanceReady && !i.Supply(now):
				i.State, i.StoppedAt = forescale.InstanceStopped, now
			}
		}
	case forescale.BoundFailing:
		for i := range l.Instances {
			if l.Instances[i].State != forescale.InstanceReady { // as if none of ours had failed
				l.Instances[i].Origin = forescale.OriginAdopted
			}
		}
	case forescale.BoundMissing:
		for _, m := range l.Service.Metrics {
			l.calmed(m, 0)
		}
	default:
		panic("no way to lift " + string(k))
	}
}

// wanted raises demand: the forecast's within the lead time, or live demand.
func (l *lifting) wanted() {
	for k := range l.Forecasts {
		if f := &l.Forecasts[k]; fits(now, l.o, f) && l.byForecast(k) {
			l.told(k, func(t time.Time, high float64) float64 {
				if t.Add(f.Step).After(now) && t.Before(l.w.By) && isNumber(high) {
					return max(high, l.over())
				}
				return high
			})
			return
		}
	}
	m := l.Service.Metrics[0]
	old := slices.Clone(l.Demand)
	l.calmed(m, math.Inf(1))
	for i := range l.Demand {
		if p := &l.Demand[i]; p.Metric == m {
			p.Value, p.Reporting = l.over(), 1
		}
	}
	for i := range l.Demand { // but for the newest minute all is as it was
		if p := &l.Demand[i]; p.Metric == m && p.Time.Before(clock(8, 39)) {
			if k := slices.IndexFunc(old, func(q forescale.DemandPoint) bool { return q.Metric == m && q.Time.Equal(p.Time) }); k >= 0 {
				*p = old[k]
			}
		}
	}
}

// byForecast reports whether forecast k is one that was read within the lead time.
func (l *lifting) byForecast(k int) bool {
	f := &l.Forecasts[k]
	g := signal{metric: f.Metric, forecast: f, fit: true, outlook: *outlookOf(l, f)}
	return g.ahead(l.Service.Band, now, l.w.By, false).known && !l.followsLive()
}

// followsLive reports whether only live demand counts, as in the first minutes of silence
// and while somebody else changes the count.
func (l *lifting) followsLive() bool {
	for _, b := range l.w.Bounds {
		if b.Kind == forescale.BoundSecondWriter || b.Kind == forescale.BoundMissing && b.Side == forescale.SideMost {
			return true
		}
	}
	return false
}

func (l *lifting) decide() forescale.Decision { return Decide(now, l.o, l.State).Plan.Decision }

func kinds(bs []forescale.Bound) []forescale.BoundKind {
	var ks []forescale.BoundKind
	for _, b := range bs {
		if !slices.Contains(ks, b.Kind) {
			ks = append(ks, b.Kind)
		}
	}
	return ks
}

// weighed draws a state and what is decided in it; what weighs nothing is left out.
func weighed(t *rapid.T) (*lifting, bool) {
	s := anyState(t)
	if rapid.IntRange(0, 3).Draw(t, "money") == 0 {
		s.Money = &Money{Most: s.Service.Min + rapid.IntRange(0, 20).Draw(t, "paid for"), Reason: forescale.Reason{Code: forescale.CodeBudgetCapped, Words: words{"budget": "all"}}}
	}
	l := &lifting{State: s, o: DefaultOptions(), w: forescale.Weighing{}}
	l.o = l.o.withDefaults()
	l.settle()
	d := l.decide()
	if d.Weighed == nil {
		return nil, false
	}
	return liftingOf(l.State, l.o, d), true
}

// What a decision tells of one instance fewer is true: with all of it gone there are
// fewer, and with any of it left there are not.
func TestFewerWouldBeDecidedWithoutWhatHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, ok := weighed(t)
		if !ok || l.d.To < 2 {
			return
		}
		holding := kinds(l.d.Weighed.Holding(forescale.SideLeast))
		if len(holding) == 0 {
			t.Fatalf("nothing forbids fewer than %d: %+v", l.d.To, l.d.Weighed)
		}
		if slices.Contains(holding, forescale.BoundStops) && !slices.ContainsFunc(l.Instances, func(i forescale.Instance) bool { return i.State == forescale.InstanceReady }) {
			return // no share of none ready is more than the one that may always stop
		}
		all := liftingOf(l.State, l.o, l.d)
		for _, k := range holding {
			all.fewer(k)
		}
		if got := all.decide(); got.To >= l.d.To {
			t.Fatalf("without %v still %d of %d: %v, %+v", holding, got.To, l.d.To, codes(got), *got.Weighed)
		}
		for _, left := range holding {
			but := liftingOf(l.State, l.o, l.d)
			for _, k := range holding {
				if k != left && !impliedBy(left, k) {
					but.fewer(k)
				}
			}
			if got := but.decide(); got.To < l.d.To {
				t.Fatalf("%s alone does not hold %d, it became %d: %+v", left, l.d.To, got.To, l.w)
			}
		}
	})
}

// impliedBy reports whether taking away k takes left away as well: live demand is
// the end of the window behind, and the lead time the begin of what lies ahead.
func impliedBy(left, k forescale.BoundKind) bool {
	pairs := map[forescale.BoundKind][]forescale.BoundKind{
		forescale.BoundLive:      {forescale.BoundBehind, forescale.BoundUnseen, forescale.BoundMissing},
		forescale.BoundBehind:    {forescale.BoundUnseen, forescale.BoundMissing, forescale.BoundLive, forescale.BoundSaturated},
		forescale.BoundSaturated: {forescale.BoundBehind, forescale.BoundUnseen, forescale.BoundMissing},
		forescale.BoundForecast:  {forescale.BoundAhead, forescale.BoundShort},
		forescale.BoundAhead:     {forescale.BoundForecast, forescale.BoundShort},
		forescale.BoundUnseen:    {forescale.BoundMissing},
		forescale.BoundMissing:   {forescale.BoundUnseen},
	}
	return slices.Contains(pairs[left], k)
}

// The same of one instance more.
func TestMoreWouldBeDecidedWithoutWhatHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l, ok := weighed(t)
		if !ok {
			return
		}
		holding := kinds(l.d.Weighed.Holding(forescale.SideMost))
		if len(holding) == 0 {
			t.Fatalf("nothing forbids more than %d: %+v", l.d.To, l.d.Weighed)
		}
		all := liftingOf(l.State, l.o, l.d)
		lift := func(l *lifting, ks []forescale.BoundKind) {
			slices.SortFunc(ks, func(a, b forescale.BoundKind) int { // samples first, then what they say
				return rank(a) - rank(b)
			})
			for _, k := range ks {
				l.more(k)
			}
		}
		lift(all, slices.Clone(holding))
		if got := all.decide(); got.To <= l.d.To {
			t.Fatalf("without %v still %d of %d: %v, %+v\n%+v", holding, got.To, l.d.To, codes(got), l.w, got.Weighed)
		}
		for _, left := range holding {
			but := liftingOf(l.State, l.o, l.d)
			lift(but, slices.DeleteFunc(slices.Clone(holding), func(k forescale.BoundKind) bool {
				return k == left || left == forescale.BoundMissing && k == forescale.BoundNeed
			}))
			if got := but.decide(); got.To > l.d.To {
				t.Fatalf("%s alone does not hold %d, it became %d: %+v", left, l.d.To, got.To, l.w)
			}
		}
	})
}

// rank orders what is taken away: samples come before what they say.
func rank(k forescale.BoundKind) int {
	if k == forescale.BoundMissing {
		return 0
	}
	return 1
}
