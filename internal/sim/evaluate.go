package sim

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/loop"
)

// Past is the stored history of one service, to be replayed.
type Past struct {
	Service forescale.Service
	Demand  []forescale.DemandPoint // one for each minute that is known, by time, as it was worked out then
	Counts  forescale.Capacities    // that demand by load was divided by; it is replayed by that of To
	Warmup  time.Duration           // that each start is taken to need
	From    time.Time               // measured from here on; what lies before is learned from
	To      time.Time
	Options loop.Options
}

// Remembered is what a past is read from.
type Remembered interface {
	EachDemand(ctx context.Context, from, to time.Time, services []string, do func(*forescale.DemandPoint) error) error
	Capacities(ctx context.Context, service string, since time.Time) ([]forescale.Capacity, error)
}

// ReadDemand is a service's demand during [from, to), by time: of each minute that of
// the metric with the largest, as the largest need decides. counts are the service's
// capacities; demand by load is compared by that of to, and given as it was.
func ReadDemand(ctx context.Context, r Remembered, s forescale.Service, from, to time.Time) (points []forescale.DemandPoint, counts forescale.Capacities, err error) {
	if counts, err = r.Capacities(ctx, s.Name, time.Time{}); err != nil {
		return nil, nil, fmt.Errorf("read capacities of %s: %w", s.Name, err)
	}
	by := map[forescale.Metric][]forescale.DemandPoint{}
	err = r.EachDemand(ctx, from, to, []string{s.Name}, func(p *forescale.DemandPoint) error {
		if s.Uses(p.Metric) {
			by[p.Metric] = append(by[p.Metric], *p)
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read demand of %s: %w", s.Name, err)
	}
	if len(s.Metrics) == 0 && len(by[forescale.MetricUtilization]) > 0 {
		delete(by, forescale.MetricCPU) // it only stands in for utilization that nobody pushes
	}
	var all []forescale.DemandPoint
	for _, m := range slices.Sorted(maps.Keys(by)) {
		all = append(all, by[m]...)
	}
	slices.SortStableFunc(all, func(a, b forescale.DemandPoint) int {
		return cmp.Or(a.Time.Compare(b.Time), -cmp.Compare(a.Value*worth(counts, a, to), b.Value*worth(counts, b, to)))
	})
	return slices.CompactFunc(all, func(a, b forescale.DemandPoint) bool { return a.Time.Equal(b.Time) }), counts, nil
}

// worth is by how much a point has to be multiplied to be demand by the capacity of
// now: a load that needed two instances then needs four once each serves half.
func worth(counts forescale.Capacities, p forescale.DemandPoint, now time.Time) float64 {
	if p.Metric != forescale.MetricLoad {
		return 1
	}
	return counts.Factor(p.Time, now)
}

// replayed are the policies that an evaluation sets beside what happened.
var replayed = []Policy{Predictive, KubernetesHPA, LastWeeks}

// Evaluate replays a past under forescale and what others use. Store is empty,
// and what the real loop remembers by. Minutes without known demand are left out of all measures alike.
func Evaluate(ctx context.Context, p Past, store loop.Store) (forescale.Evaluation, error) {
	e := forescale.Evaluation{Service: p.Service.Name, Mode: p.Service.Mode, Objective: p.Service.Objective, Max: p.Service.Max, From: p.From, To: p.To, Warmup: p.Warmup, Step: forescale.DemandStep}
	study, known, err := p.study()
	if err != nil {
		return e, err
	}
	e.Learned = p.From.Sub(study.Load.Start)
	for i := study.Load.Index(p.From); i < len(known); i++ {
		if d := known[i]; d != nil {
			e.Known++
			if d.Censored {
				e.Censored++
			}
			if study.need(study.Load.Values[i]) > p.Service.Max {
				e.Beyond++
			}
		}
	}
	e.Censored, e.Beyond = e.Censored/max(e.Known, 1), e.Beyond/max(e.Known, 1)
	e.Known /= max(1, float64(p.To.Sub(p.From)/e.Step))
	if was := p.happened(study, known); float64(was.Elasticity.Steps) > e.Known*float64(p.To.Sub(p.From)/e.Step)/2 {
		e.Outcomes = append(e.Outcomes, was)
	}
	for _, policy := range replayed {
		rows, err := study.Run(ctx, policy, store, nil)
		if err != nil {
			return e, fmt.Errorf("replay %s under %s: %w", p.Service.Name, policy, err)
		}
		e.Outcomes = append(e.Outcomes, study.outcome(policy, rows, known))
	}
	e.Judge()
	return e, nil
}

// study is the past as a load on instances that serve 1 at 100 %, and what is known
// of each of its steps, nil where nothing is.
func (p Past) study() (Study, []*forescale.DemandPoint, error) {
	if len(p.Demand) == 0 || !p.From.Before(p.To) || !p.Demand[0].Time.Before(p.From) {
		return Study{}, nil, &forescale.Fault{Code: "history_short", Where: p.Service.Name, What: "there is no history before " + p.From.UTC().Format(time.RFC3339),
			Help: "wait until there is some, or import it"}
	}
	load := forescale.Series{Start: p.Demand[0].Time, Step: forescale.DemandStep}
	load.Values = make([]float64, load.Index(p.To))
	for i := range load.Values {
		load.Values[i] = math.NaN()
	}
	known := make([]*forescale.DemandPoint, len(load.Values))
	for i := range p.Demand {
		d := &p.Demand[i]
		if k := load.Index(d.Time); k < len(known) {
			load.Values[k], known[k] = d.Value*worth(p.Counts, *d, p.To), d
		}
	}
	s := p.Service.Clone()
	s.Capacity, s.Warmup = 1, p.Warmup
	return Study{Service: s, Load: load, Train: p.From, From: p.From, To: p.To, Options: p.Options}, known, nil
}

// happened measures what was really ready, where that is known: of imported history it
// is not. Who became ready is what starts can be told from. What was needed is held
// against what was ready with the capacity of then; the sums are in instances of now, so
// that they compare with the others.
func (p Past) happened(s Study, known []*forescale.DemandPoint) forescale.Outcomes {
	o := forescale.Outcomes{Name: forescale.HappenedName}
	var before *forescale.ElasticityStep
	for i := s.Load.Index(s.From); i < len(known); i++ {
		d := known[i]
		if d == nil || d.Ready == 0 {
			before = nil
			continue
		}
		x := forescale.ElasticityStep{Demand: d.Value, Required: s.need(d.Value), Ready: float64(d.Ready)}
		if last := known[max(0, i-1)]; i > 0 && last != nil && last.Ready > 0 {
			o.Starts += max(0, d.Ready-last.Ready)
		}
		var one forescale.Elasticity
		one.Step(x, before)
		by := worth(p.Counts, *d, p.To)
		one.Demand, one.Lost, one.Need, one.Supply = one.Demand*by, one.Lost*by, one.Need*by, one.Supply*by
		o.Elasticity.Add(one)
		before = &x
	}
	return o
}

// outcome adds up the rows, which begin with From, whose demand is known.
func (s Study) outcome(name Policy, rows []Row, known []*forescale.DemandPoint) forescale.Outcomes {
	o := forescale.Outcomes{Name: string(name)}
	first := s.Load.Index(s.From)
	var before *forescale.ElasticityStep
	for i, r := range rows {
		if known[first+i] == nil {
			before = nil
			continue
		}
		x := forescale.ElasticityStep{Demand: r.Demand, Required: r.Required, Ready: r.Ready}
		o.Elasticity.Step(x, before)
		o.Starts += r.Starts
		before = &x
	}
	return o
}
