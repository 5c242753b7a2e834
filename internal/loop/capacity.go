package loop

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/forecast/capacity"
)

const (
	// capacityPace is how often a service's capacity is learned anew.
	capacityPace = time.Hour
	// capacityStep is by how much it has to move before it is counted with: each step
	// is one more to reckon back in history.
	capacityStep = 0.05
	// capacityAhead is when a new one begins to hold, at least: whoever works out
	// demand has read it by then, so that a minute is of one capacity.
	capacityAhead = 2 * time.Minute
)

// LearnCapacities learns what an instance serves, of every service that is read by its
// load and was not learned within the hour, or declares something else since. It works
// from the store alone.
func (l *Loop) LearnCapacities(ctx context.Context, now time.Time) (r Worked, err error) {
	services, err := l.store.ListServices(ctx)
	if err != nil {
		return r, fmt.Errorf("read services: %w", err)
	}
	if err := l.capacities.update(ctx, l.store); err != nil {
		return r, fmt.Errorf("read capacities: %w", err)
	}
	services = slices.DeleteFunc(services, func(s forescale.Service) bool {
		return s.Mode == forescale.ModeOff || !(s.Capacity > 0) || !s.Uses(forescale.MetricLoad) || !l.capacityDue(now, s)
	})
	for batch := range slices.Chunk(services, forecastsAtOnce) {
		loads, err := l.loads(ctx, now, batch)
		if err != nil {
			return r, err
		}
		var learned []forescale.Capacity
		for _, s := range batch {
			if m, there := loads[s.Name]; there {
				r.Done++
				learned = append(learned, counted(l.capacities.of(s.Name), s, m.first, now, capacity.Learn(m.minutes()))...)
			}
		}
		if err := l.store.SaveCapacities(ctx, learned); err != nil {
			return r, fmt.Errorf("keep capacities: %w", err)
		}
	}
	return r, nil
}

func (l *Loop) capacityDue(now time.Time, s forescale.Service) bool {
	cs := l.capacities.of(s.Name)
	if len(cs) == 0 {
		return true
	}
	last := cs[len(cs)-1]
	return last.Declared != s.Capacity || now.Sub(last.At).Abs() >= capacityPace
}

// counted is what has to be kept of a service when e was learned at now: its newest
// capacity looked at again, or that and one that follows it. first is when its demand
// by load begins.
func counted(cs forescale.Capacities, s forescale.Service, first, now time.Time, e forescale.CapacityEstimate) []forescale.Capacity {
	last := forescale.Capacity{Service: s.Name, From: first, Value: s.Capacity, Declared: s.Capacity}
	if len(cs) > 0 {
		last = cs[len(cs)-1]
	}
	before := last.Value
	if last.Declared != s.Capacity {
		before = 0 // what was counted with leaned on another word
	}
	v := capacity.Lean(&e, s.Capacity, before)
	if math.Abs(math.Log(v/last.Value)) <= math.Log1p(capacityStep) && before > 0 {
		last.At, last.Learned = now, e
		return []forescale.Capacity{last}
	}
	next := forescale.Capacity{Service: s.Name, At: now, Value: v, Declared: s.Capacity, Learned: e,
		From: now.UTC().Truncate(forescale.DemandStep).Add(capacityAhead + forescale.DemandStep)}
	if !next.From.After(last.From) { // the clock was set back
		next.From = last.From.Add(forescale.DemandStep)
	}
	if len(cs) > 0 {
		return []forescale.Capacity{next}
	}
	last.At = now
	return []forescale.Capacity{last, next}
}

// loadOf is the load and the utilization of one service by the minute.
type loadOf struct {
	first, from time.Time
	load, used  []float64 // NaN: not known; used is in %
	ready       []float64
}

func newLoadOf(first, from, to time.Time) *loadOf {
	n := int(to.Sub(from) / forescale.DemandStep)
	m := &loadOf{first: first, from: from, load: make([]float64, n), used: make([]float64, n), ready: make([]float64, n)}
	for i := range n {
		m.load[i], m.used[i] = math.NaN(), math.NaN()
	}
	return m
}

func (m *loadOf) add(p forescale.DemandPoint, counts forescale.Capacities, declared float64) {
	i := int(p.Time.Sub(m.from) / forescale.DemandStep)
	switch {
	case i < 0 || i >= len(m.load):
	case p.Metric == forescale.MetricLoad:
		m.load[i] = p.Value * counts.At(p.Time, declared)
	case p.Ready > 0:
		m.used[i], m.ready[i] = 100*p.Value/float64(p.Ready), float64(p.Ready)
	}
}

// minutes are those of which both are known, of one instance.
func (m *loadOf) minutes() []capacity.Minute {
	var ms []capacity.Minute
	for i, load := range m.load {
		if !math.IsNaN(load) && !math.IsNaN(m.used[i]) {
			ms = append(ms, capacity.Minute{Time: m.from.Add(time.Duration(i) * forescale.DemandStep), Load: load / m.ready[i], Utilization: m.used[i]})
		}
	}
	return ms
}

// loads reads what capacities are learned from, of those services that have demand by
// load. Where utilization is not kept, cpu is.
func (l *Loop) loads(ctx context.Context, now time.Time, services []forescale.Service) (map[string]*loadOf, error) {
	to := now.UTC().Truncate(forescale.DemandStep)
	from := to.Add(-capacity.Window)
	spans, err := l.store.DemandSpans(ctx, forescale.ServiceNames(services)...)
	if err != nil {
		return nil, fmt.Errorf("read spans: %w", err)
	}
	all := map[string]*loadOf{}
	used := map[string]forescale.Metric{}
	for _, span := range spans {
		switch span.Metric {
		case forescale.MetricLoad:
			all[span.Service] = newLoadOf(span.First, from, to)
		case forescale.MetricUtilization, forescale.MetricCPU:
			if used[span.Service] != forescale.MetricUtilization {
				used[span.Service] = span.Metric
			}
		}
	}
	declared := make(map[string]float64, len(all))
	var names []string
	for _, s := range services {
		if all[s.Name] != nil {
			declared[s.Name] = s.Capacity
			names = append(names, s.Name)
		}
	}
	if len(names) == 0 {
		return all, nil
	}
	err = l.store.EachDemand(ctx, from, to, names, func(p *forescale.DemandPoint) error {
		if p.Metric == forescale.MetricLoad || p.Metric == used[p.Service] {
			all[p.Service].add(*p, l.capacities.of(p.Service), declared[p.Service])
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read demand: %w", err)
	}
	return all, nil
}

// recount makes forecasts of load, and what is known of their minutes, what they would
// be with the capacity of now. Their values may be shared: those that change are new ones.
func (l *Loop) recount(now time.Time, service string, fs []forescale.Forecast) {
	for i := range fs {
		if by := l.capacities.ofMetric(service, fs[i].Metric).Factor(fs[i].Issued, now); by != 1 {
			fs[i] = fs[i].Times(by)
		}
	}
}

// capacityCache holds the capacities of all services. Rounds and jobs share it.
type capacityCache struct {
	mu   sync.Mutex
	upTo time.Time
	by   map[string]forescale.Capacities // what is in here is not changed
}

// clocksApart is how far the clocks of servers may be apart: what one of them keeps may
// look older than what was read.
const clocksApart = 2 * time.Minute

// update reads what is new.
func (c *capacityCache) update(ctx context.Context, s Store) error {
	c.mu.Lock()
	since := c.upTo
	c.mu.Unlock()
	if !since.IsZero() {
		since = since.Add(-clocksApart)
	}
	fresh, err := s.Capacities(ctx, "", since)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by = map[string]forescale.Capacities{}
	}
	for _, f := range fresh {
		c.by[f.Service] = with(c.by[f.Service], f)
		if f.At.After(c.upTo) {
			c.upTo = f.At
		}
	}
	return nil
}

// with is a copy of cs with c in its place.
func with(cs forescale.Capacities, c forescale.Capacity) forescale.Capacities {
	i, there := slices.BinarySearchFunc(cs, c.From, func(o forescale.Capacity, t time.Time) int { return o.From.Compare(t) })
	switch {
	case !there:
		return slices.Insert(slices.Clone(cs), i, c)
	case cs[i] == c:
		return cs
	}
	cs = slices.Clone(cs)
	cs[i] = c
	return cs
}

// of are the capacities of a service.
func (c *capacityCache) of(service string) forescale.Capacities {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.by[service]
}

// ofMetric are those that demand in this metric was divided by.
func (c *capacityCache) ofMetric(service string, m forescale.Metric) forescale.Capacities {
	if m != forescale.MetricLoad {
		return nil
	}
	return c.of(service)
}
