package sim

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/loop"
)

// Policy is a way of scaling that a study can measure.
type Policy string

// The policies. All but Oracle see only what is past.
const (
	Predictive     Policy = "predictive"      // forescale itself: the real loop
	KubernetesHPA  Policy = "hpa"             // see [HPA], at 70 %
	TargetTracking Policy = "target-tracking" // see [Tracking], at 70 %
	LastWeeks      Policy = "last-week"       // the HPA at 70 % that is fed with last week's value, see [LastWeek]
	StaticMax      Policy = "static-max"      // as many as the highest demand of the training part needs
	StaticMean     Policy = "static-mean"     // as many as its mean needs
	Oracle         Policy = "oracle"          // knows the future and orders a warm-up ahead: the physical limit
)

// Policies are all there are.
func Policies() []Policy {
	return []Policy{Predictive, KubernetesHPA, TargetTracking, LastWeeks, StaticMax, StaticMean, Oracle}
}

// usualTarget is the utilization in % that the rivals aim at.
const usualTarget = 70

// Study is one load under one service, on which policies are measured alike: they
// may learn from what was before Train, act from then on, and are measured during
// [From, To).
type Study struct {
	Service forescale.Service // its capacity turns load into demand; its warm-up is the true one
	Load    forescale.Series  // in the capacity's unit; a gap holds the value before it
	Train   time.Time
	From    time.Time
	To      time.Time
	Seed    uint64
	Options loop.Options // of the real loop

	// Budget is money per month that Predictive has to keep to from Train on; zero: none.
	// Its months are counted back from To; of the first one that is not whole there is
	// a share ([Study.Limits]).
	Budget forescale.Money

	// Warmup is how long starts truly take; zero: always the service's.
	Warmup Spread
	// Conditions are those of the world that the real loop and its rivals act in. The
	// oracle and the static policies know nothing of them.
	Conditions Conditions
}

// warmup is how long starts truly take.
func (s Study) warmup() Spread {
	if s.Warmup.Median == 0 && len(s.Warmup.Measured) == 0 {
		return Spread{Median: s.Service.Warmup, Sigma: s.Warmup.Sigma}
	}
	return s.Warmup
}

// demand is the load of each step in busy instances.
func (s Study) demand() []float64 {
	trace := Recorded{s.Load}
	out := make([]float64, len(s.Load.Values))
	for i := range out {
		out[i] = trace.At(s.Load.At(i)) / s.Service.Capacity
	}
	return out
}

// Run measures one policy and gives one row a step of [From, To). Store is what
// the real loop remembers by, empty, and is used by Predictive alone. progress,
// if not nil, is called with the share that is done.
func (s Study) Run(ctx context.Context, p Policy, store loop.Store, progress func(share float64)) ([]Row, error) {
	demand := s.demand()
	var rows []Row
	first := 0 // position of the first row in the load
	switch p {
	case Predictive:
		first = s.Load.Index(s.Train)
		var err error
		if rows, err = s.predict(ctx, store, demand[first], progress); err != nil {
			return nil, err
		}
	case Oracle:
		rows = s.foresee(demand)
	case StaticMax, StaticMean:
		rows = s.hold(demand, p)
	default:
		var err error
		if rows, err = s.rival(ctx, demand, p); err != nil {
			return nil, err
		}
	}
	return s.cut(p, rows, first, demand), nil
}

// cut gives the rows of [From, To), with their times and needs. The first of rows
// is that of step first.
func (s Study) cut(p Policy, rows []Row, first int, demand []float64) []Row {
	from, to := max(s.Load.Index(s.From)-first, 0), min(s.Load.Index(s.To)-first, len(rows))
	rows = rows[min(from, to):to]
	for i := range rows {
		k := first + from + i
		rows[i].Time, rows[i].Demand = s.Load.At(k), demand[k]
		rows[i].Required = s.need(demand[k])
		if !s.inWorld(p) {
			rows[i].Nodes = max(1, s.Conditions.Nodes)
		}
	}
	return rows
}

// need is how many instances a demand asks for, by the band and min.
func (s Study) need(demand float64) int {
	return max(s.Service.Band.Required(demand), s.Service.Min, 1)
}

// within keeps a count between min and max.
func (s Study) within(n int) int { return min(max(n, s.Service.Min), s.Service.Max) }

// predict is the real loop over a world that begins with Train. What was before
// is imported, as a user would.
func (s Study) predict(ctx context.Context, store loop.Store, now float64, progress func(float64)) ([]Row, error) {
	svc := s.Service.Clone()
	svc.Mode, svc.Metrics = forescale.ModeActive, []forescale.Metric{forescale.MetricLoad}
	if s.Conditions.Utilization {
		svc.Metrics = []forescale.Metric{forescale.MetricUtilization}
	}
	trace := Recorded{s.Load}
	sim, err := NewSimulation(ctx, Setup{Store: store, Start: s.Train, Seed: s.Seed, Step: s.Load.Step, Options: s.Options, Conditions: s.Conditions},
		Workload{Service: svc, Load: trace, Capacity: svc.Capacity, Warmup: s.warmup(), Initial: s.within(s.need(now))})
	if err != nil {
		return nil, err
	}
	before := Samples(trace, svc.Name, s.Load.Start, s.Train, s.Load.Step)
	if s.Conditions.Utilization { // history knows the demand
		for i := range before {
			before[i].Metric, before[i].Value = forescale.MetricDemand, before[i].Value/svc.Capacity
		}
	}
	if err := sim.Import(ctx, before); err != nil {
		return nil, fmt.Errorf("import what was before: %w", err)
	}
	whole := s.To.Sub(s.Train)
	purse := purse{study: s, store: store}
	for done := time.Duration(0); done < whole; {
		if progress != nil {
			progress(float64(done) / float64(whole))
		}
		left, err := purse.fill(ctx, s.Train.Add(done))
		if err != nil {
			return nil, err
		}
		part := min(time.Hour, left, whole-done)
		if err := sim.Run(ctx, part); err != nil {
			return nil, err
		}
		done += part
	}
	if broken := sim.World.Broken(); len(broken) > 0 {
		return nil, fmt.Errorf("%d promises were broken, the first: %s", len(broken), broken[0])
	}
	return sim.World.Timeline(svc.Name), nil
}

// foresee has what is needed ready in each step, ordered a warm-up before.
func (s Study) foresee(demand []float64) []Row {
	rows := make([]Row, len(demand))
	ahead := int((s.Service.Warmup + s.Load.Step - 1) / s.Load.Step)
	for i := range rows {
		n := s.within(s.need(demand[i]))
		wanted := n
		for k := i; k <= i+ahead && k < len(demand); k++ {
			wanted = max(wanted, s.within(s.need(demand[k])))
		}
		rows[i] = Row{Ready: float64(n), Wanted: wanted, Starting: float64(wanted - n)}
		if i > 0 {
			rows[i].Starts = max(0, n-int(rows[i-1].Ready))
		}
	}
	return rows
}

// hold has the same number all the time, chosen from what was before Train.
func (s Study) hold(demand []float64, p Policy) []Row {
	before := demand[:max(1, s.Load.Index(s.Train))]
	level := slices.Max(before)
	if p == StaticMean {
		level = 0
		for _, d := range before {
			level += d / float64(len(before))
		}
	}
	n := s.within(s.need(level))
	rows := make([]Row, len(demand))
	for i := range rows {
		rows[i] = Row{Ready: float64(n), Wanted: n}
	}
	return rows
}

// inWorld reports whether a policy acts in the simulated world, rather than on the
// demand alone, which is the same in a world that obeys.
func (s Study) inWorld(p Policy) bool {
	switch p {
	case Predictive:
		return true
	case Oracle, StaticMax, StaticMean:
		return false
	}
	return !s.Conditions.Ideal() || s.Warmup.Sigma > 0 || len(s.Warmup.Measured) > 0
}

// rival replays what people use today, from the load's beginning.
func (s Study) rival(ctx context.Context, demand []float64, p Policy) ([]Row, error) {
	n0 := s.within(s.need(demand[0]))
	hpa, tracking := DefaultHPA(usualTarget, s.Service.Warmup), DefaultTracking(usualTarget, s.Service.Warmup)
	hpa.Min, hpa.Max, tracking.Min, tracking.Max = s.Service.Min, s.Service.Max, s.Service.Min, s.Service.Max
	if p == LastWeeks {
		hpa.Forecast = LastWeek(demand, s.Load.Step)
	}
	switch {
	case p == TargetTracking && s.inWorld(p):
		return s.govern(ctx, tracking.scaler(s.Load.Step), trackingPeriod, n0)
	case p == TargetTracking:
		return tracking.Replay(demand, s.Load.Step, n0), nil
	case p != KubernetesHPA && p != LastWeeks:
		return nil, fmt.Errorf("there is no policy %q", p)
	case s.inWorld(p):
		return s.govern(ctx, hpa.scaler(s.Load.Step), hpaPeriod, n0)
	}
	return hpa.Replay(demand, s.Load.Step, n0), nil
}
