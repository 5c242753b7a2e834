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
	Demand  []forescale.DemandPoint // one for each minute that is known, by time
	Warmup  time.Duration           // that each start is taken to need
	From    time.Time               // measured from here on; what lies before is learned from
	To      time.Time
	Options loop.Options
}

// Remembered is what a past is read from.
type Remembered interface {
	EachDemand(ctx context.Context, from, to time.Time, services []string, do func(forescale.DemandPoint) error) error
}

// ReadDemand is a service's demand during [from, to), by time: of each minute that of
// the metric with the largest, as the largest need decides.
func ReadDemand(ctx context.Context, r Remembered, s forescale.Service, from, to time.Time) ([]forescale.DemandPoint, error) {
	by := map[forescale.Metric][]forescale.DemandPoint{}
	err := r.EachDemand(ctx, from, to, []string{s.Name}, func(p forescale.DemandPoint) error {
		if len(s.Metrics) == 0 || slices.Contains(s.Metrics, p.Metric) {
			by[p.Metric] = append(by[p.Metric], p)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read demand of %s: %w", s.Name, err)
	}
	if len(s.Metrics) == 0 && len(by[forescale.MetricUtilization]) > 0 {
		delete(by, forescale.MetricCPU) // it only stands in for utilization that nobody pushes
	}
	var all []forescale.DemandPoint
	for _, m := range slices.Sorted(maps.Keys(by)) {
		all = append(all, by[m]...)
	}
	slices.SortStableFunc(all, func(a, b forescale.DemandPoint) int {
		return cmp.Or(a.Time.Compare(b.Time), -cmp.Compare(a.Value, b.Value))
	})
	return slices.CompactFunc(all, func(a, b forescale.DemandPoint) bool { return a.Time.Equal(b.Time) }), nil
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
			if study.need(d.Value) > p.Service.Max {
				e.Beyond++
			}
		}
	}
	e.Censored, e.Beyond = e.Censored/max(e.Known, 1), e.Beyond/max(e.Known, 1)
	e.Known /= max(1, float64(p.To.Sub(p.From)/e.Step))
	if was := study.happened(known); float64(was.Elasticity.Steps) > e.Known*float64(p.To.Sub(p.From)/e.Step)/2 {
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
			load.Values[k], known[k] = d.Value, d
		}
	}
	s := p.Service.Clone()
	s.Capacity, s.Warmup = 1, p.Warmup
	return Study{Service: s, Load: load, Train: p.From, From: p.From, To: p.To, Options: p.Options}, known, nil
}

// happened measures what was really ready, where that is known: of imported history it
// is not. Who became ready is what starts can be told from.
func (s Study) happened(known []*forescale.DemandPoint) forescale.Outcomes {
	rows := make([]Row, len(known))
	known = slices.Clone(known)
	for i, d := range known {
		if d == nil || d.Ready == 0 {
			known[i] = nil
			continue
		}
		rows[i] = Row{Demand: d.Value, Ready: float64(d.Ready), Required: s.need(d.Value)}
		if i > 0 && known[i-1] != nil {
			rows[i].Starts = max(0, d.Ready-known[i-1].Ready)
		}
	}
	return s.outcome(forescale.HappenedName, rows[s.Load.Index(s.From):], known)
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
