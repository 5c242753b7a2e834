package sim

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
)

// Memory is what the real loop remembers by in a simulation: it does what the
// stores do, keeps nothing on disk, and so lets a simulated day go by in
// moments. It is not for a server: what it acknowledges ends with the process,
// and it checks nothing, as only the loop writes into it. All methods are safe
// for concurrent use.
type Memory struct {
	mu        sync.Mutex
	samples   map[string][]forescale.Sample // of a service by time; nodes under "node/NAME"
	last      map[string]time.Time
	dirty     map[forescale.Cell]bool
	demand    map[demandKey][]forescale.DemandPoint // by time
	imports   map[string]int64
	services  map[string]forescale.Service
	pauses    map[string]forescale.Pause
	nodes     map[string]forescale.Node
	nodeTypes map[string]forescale.NodeType
	instances map[string]forescale.Instance
	warmups   map[string][]forescale.Warmup // of a service, oldest first
	warmed    map[string]bool               // instances that have a warm-up
	forecasts map[demandKey][]forescale.Forecast
	plans     map[string]forescale.ServicePlan
	decisions []forescale.Decision // oldest first
	runs      map[string]forescale.Run
}

type demandKey struct {
	service string
	metric  forescale.Metric
}

// NewMemory is an empty memory.
func NewMemory() *Memory {
	return &Memory{samples: map[string][]forescale.Sample{}, last: map[string]time.Time{}, dirty: map[forescale.Cell]bool{},
		demand: map[demandKey][]forescale.DemandPoint{}, imports: map[string]int64{}, services: map[string]forescale.Service{},
		pauses: map[string]forescale.Pause{}, nodes: map[string]forescale.Node{}, nodeTypes: map[string]forescale.NodeType{},
		instances: map[string]forescale.Instance{}, warmups: map[string][]forescale.Warmup{}, warmed: map[string]bool{},
		forecasts: map[demandKey][]forescale.Forecast{}, plans: map[string]forescale.ServicePlan{}, runs: map[string]forescale.Run{}}
}

var _ interface {
	store.Samples
	store.Services
	store.Fleet
	store.Forecasts
	store.Plans
	store.Runs
} = (*Memory)(nil)

// Append implements store.Samples.
func (m *Memory) Append(_ context.Context, samples []forescale.Sample) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range samples {
		s.Time = s.Time.UTC().Truncate(time.Millisecond)
		key := "node/" + s.Subject.Name
		if s.Subject.Kind != forescale.KindNode {
			key = s.Subject.Service
			if s.Metric == forescale.MetricDemand || slices.Contains(forescale.ServiceMetrics, s.Metric) {
				m.dirty[forescale.Cell{Service: key, Time: s.Time.Truncate(forescale.DemandStep)}] = true
			}
		}
		list := m.samples[key]
		at, found := slices.BinarySearchFunc(list, s, bySubject)
		if found {
			list[at] = s
		} else {
			m.samples[key] = slices.Insert(list, at, s)
		}
		if s.Time.After(m.last[key]) {
			m.last[key] = s.Time
		}
	}
	return nil
}

func bySubject(a, b forescale.Sample) int {
	return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Subject.Kind, b.Subject.Kind),
		cmp.Compare(a.Subject.Name, b.Subject.Name), cmp.Compare(a.Metric, b.Metric))
}

// Samples implements store.Samples.
func (m *Memory) Samples(_ context.Context, q forescale.SampleQuery) ([]forescale.Sample, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []forescale.Sample
	for key, list := range m.samples {
		if q.Service != "" && key != q.Service {
			continue
		}
		from, to := span(list, q.From, q.To, func(s forescale.Sample) time.Time { return s.Time })
		for _, s := range list[from:to] {
			if (q.Kind == "" || s.Subject.Kind == q.Kind) && (q.Name == "" || s.Subject.Name == q.Name) && (q.Metric == "" || s.Metric == q.Metric) {
				out = append(out, s)
			}
		}
	}
	slices.SortStableFunc(out, bySubject)
	if q.Limit > 0 && len(out) > q.Limit {
		out = out[:q.Limit]
	}
	return out, nil
}

// span is the part of a list, sorted by time, that lies in [from, to); a zero
// time is no limit.
func span[T any](list []T, from, to time.Time, at func(T) time.Time) (lo, hi int) {
	hi = len(list)
	find := func(t time.Time) int {
		i, _ := slices.BinarySearchFunc(list, t, func(x T, t time.Time) int {
			if at(x).Before(t) {
				return -1
			}
			return 1
		})
		return i
	}
	if !from.IsZero() {
		lo = find(from)
	}
	if !to.IsZero() {
		hi = max(lo, find(to))
	}
	return lo, hi
}

// LastSamples implements store.Samples.
func (m *Memory) LastSamples(context.Context) (map[string]time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.last), nil
}

// DirtyCells implements store.Samples.
func (m *Memory) DirtyCells(_ context.Context, limit int) ([]forescale.Cell, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	cells := slices.SortedFunc(maps.Keys(m.dirty), func(a, b forescale.Cell) int {
		return cmp.Or(a.Time.Compare(b.Time), strings.Compare(a.Service, b.Service))
	})
	return cells[:min(limit, len(cells))], nil
}

// SaveDemand implements store.Samples.
func (m *Memory) SaveDemand(_ context.Context, cells []forescale.Cell, points []forescale.DemandPoint) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range cells {
		delete(m.dirty, c)
		for key, list := range m.demand {
			if key.service != c.Service {
				continue
			}
			lo, hi := span(list, c.Time, c.Time.Add(forescale.DemandStep), pointTime)
			m.demand[key] = slices.Delete(list, lo, hi)
		}
	}
	for _, p := range points {
		key := demandKey{p.Service, p.Metric}
		list := m.demand[key]
		lo, hi := span(list, p.Time, p.Time.Add(1), pointTime)
		m.demand[key] = slices.Replace(list, lo, hi, p)
	}
	return nil
}

func pointTime(p forescale.DemandPoint) time.Time { return p.Time }

// Demand implements store.Samples.
func (m *Memory) Demand(_ context.Context, service string, metric forescale.Metric, from, to time.Time) ([]forescale.DemandPoint, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := m.demand[demandKey{service, metric}]
	lo, hi := span(list, from, to, pointTime)
	return slices.Clone(list[lo:hi]), nil
}

// RecentDemand implements store.Samples.
func (m *Memory) RecentDemand(_ context.Context, from time.Time) ([]forescale.DemandPoint, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []forescale.DemandPoint
	for _, key := range m.demandKeys() {
		lo, hi := span(m.demand[key], from, time.Time{}, pointTime)
		out = append(out, m.demand[key][lo:hi]...)
	}
	return out, nil
}

func (m *Memory) demandKeys() []demandKey { return slices.SortedFunc(maps.Keys(m.demand), byKey) }

func byKey(a, b demandKey) int {
	return cmp.Or(strings.Compare(a.service, b.service), cmp.Compare(a.metric, b.metric))
}

// DemandSpans implements store.Samples.
func (m *Memory) DemandSpans(context.Context) ([]forescale.DemandSpan, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []forescale.DemandSpan
	for _, key := range m.demandKeys() {
		if list := m.demand[key]; len(list) > 0 {
			out = append(out, forescale.DemandSpan{Service: key.service, Metric: key.metric,
				First: list[0].Time, Last: list[len(list)-1].Time, Points: int64(len(list))})
		}
	}
	return out, nil
}

// ImportProgress implements store.Samples.
func (m *Memory) ImportProgress(_ context.Context, fingerprint string) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.imports[fingerprint], nil
}

// AppendImport implements store.Samples.
func (m *Memory) AppendImport(ctx context.Context, fingerprint string, rows int64, samples []forescale.Sample) error {
	if err := m.Append(ctx, samples); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.imports[fingerprint] = rows
	return nil
}

// Prune implements store.Samples for samples alone, which are what grows.
func (m *Memory) Prune(_ context.Context, before time.Time) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	gone := int64(0)
	for key, list := range m.samples {
		_, hi := span(list, time.Time{}, before, func(s forescale.Sample) time.Time { return s.Time })
		m.samples[key] = slices.Clone(list[hi:])
		gone += int64(hi)
	}
	return gone, nil
}
