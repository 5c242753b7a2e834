package sim

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/forescale/forescale"
)

// SaveForecasts implements store.Forecasts.
func (m *Memory) SaveForecasts(_ context.Context, fs []forescale.Forecast) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range fs {
		key := demandKey{f.Service, f.Metric}
		list := m.forecasts[key]
		at, _ := span(list, f.Issued, time.Time{}, issued)
		if at < len(list) && list[at].Issued.Equal(f.Issued) {
			list[at] = f
		} else {
			m.forecasts[key] = slices.Insert(list, at, f)
		}
	}
	return nil
}

func issued(f forescale.Forecast) time.Time { return f.Issued }

// LatestForecasts implements store.Forecasts.
func (m *Memory) LatestForecasts(_ context.Context, since time.Time) ([]forescale.Forecast, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []forescale.Forecast
	for _, key := range slices.SortedFunc(maps.Keys(m.forecasts), byKey) {
		list := m.forecasts[key]
		if f := list[len(list)-1]; f.Issued.After(since) {
			out = append(out, f)
		}
	}
	return out, nil
}

// LedgerForecasts implements store.Forecasts.
func (m *Memory) LedgerForecasts(_ context.Context, service string, metric forescale.Metric, from, to time.Time) ([]forescale.Forecast, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := m.forecasts[demandKey{service, metric}]
	lo, hi := span(list, from, to, issued)
	return slices.Clone(list[lo:hi]), nil
}

// RecordPlan implements store.Plans.
func (m *Memory) RecordPlan(_ context.Context, p forescale.Plan, instances []forescale.Instance) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range p.Services {
		d := s.Decision
		s.Decision = forescale.Decision{}
		m.plans[s.Service] = s
		k := m.newest(s.Service)
		if k >= 0 && m.decisions[k].Same(d) {
			m.decisions[k].Repeats++
			m.decisions[k].LastAt = d.LastAt
			continue
		}
		m.decisions = append(m.decisions, d)
	}
	for _, i := range instances {
		m.instances[i.ID] = i
	}
	return nil
}

// newest is the position of a service's newest decision, -1 if it has none.
func (m *Memory) newest(service string) int {
	for k := len(m.decisions) - 1; k >= 0; k-- {
		if m.decisions[k].Service == service {
			return k
		}
	}
	return -1
}

// LatestPlans implements store.Plans.
func (m *Memory) LatestPlans(context.Context) ([]forescale.ServicePlan, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return sorted(m.plans), nil
}

// LatestDecisions implements store.Plans.
func (m *Memory) LatestDecisions(context.Context) ([]forescale.Decision, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []forescale.Decision
	for _, name := range slices.Sorted(maps.Keys(m.plans)) {
		if k := m.newest(name); k >= 0 {
			out = append(out, m.decisions[k])
		}
	}
	return out, nil
}

// Decisions implements store.Plans.
func (m *Memory) Decisions(_ context.Context, q forescale.DecisionQuery) ([]forescale.Decision, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	limit := cmp.Or(q.Limit, 100)
	var out []forescale.Decision
	started := q.Before == ""
	for k := len(m.decisions) - 1; k >= 0 && len(out) < limit; k-- {
		d := m.decisions[k]
		if !started {
			started = d.ID == q.Before
			continue
		}
		if matches(d, q) {
			out = append(out, d)
		} else if q.ID == "" && !q.From.IsZero() && d.At.Before(q.From) {
			break // they are recorded in the order of time
		}
	}
	return out, nil
}

func matches(d forescale.Decision, q forescale.DecisionQuery) bool {
	return strings.HasPrefix(d.ID, q.ID) && (q.Service == "" || d.Service == q.Service) &&
		(q.From.IsZero() || !d.At.Before(q.From)) && (q.To.IsZero() || d.At.Before(q.To)) &&
		(!q.Acted || len(d.Actions) > 0) && (!q.Pending || d.Outcome == forescale.OutcomePending)
}

// FinishDecision implements store.Plans.
func (m *Memory) FinishDecision(_ context.Context, id string, at time.Time, o forescale.Outcome, errText string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for k := len(m.decisions) - 1; k >= 0; k-- {
		d := &m.decisions[k]
		if d.ID != id {
			continue
		}
		if d.Outcome == forescale.OutcomePending {
			d.Outcome, d.EndedAt, d.Error = o, at, errText
		}
		return nil
	}
	return fmt.Errorf("decision %s: %w", id, forescale.ErrNotFound)
}

// SaveRun implements store.Runs.
func (m *Memory) SaveRun(_ context.Context, r forescale.Run) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.runs[r.ID] = r
	return nil
}

// ListRuns implements store.Runs.
func (m *Memory) ListRuns(_ context.Context, kind string, limit int) ([]forescale.Run, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := slices.DeleteFunc(slices.Collect(maps.Values(m.runs)), func(r forescale.Run) bool { return kind != "" && r.Kind != kind })
	slices.SortFunc(out, func(a, b forescale.Run) int {
		return cmp.Or(b.StartedAt.Compare(a.StartedAt), strings.Compare(b.ID, a.ID))
	})
	return out[:min(cmp.Or(limit, len(out)), len(out))], nil
}
