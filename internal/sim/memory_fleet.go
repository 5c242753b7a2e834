package sim

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/forescale/forescale"
)

// PutService implements store.Services.
func (m *Memory) PutService(_ context.Context, s forescale.Service, ifVersion int64) (forescale.Service, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if ifVersion >= 0 && m.services[s.Name].Version != ifVersion {
		return forescale.Service{}, forescale.ErrConflict
	}
	s = s.Clone()
	s.Version = m.services[s.Name].Version + 1
	m.services[s.Name] = s
	return s.Clone(), nil
}

// Service implements store.Services.
func (m *Memory) Service(_ context.Context, name string) (forescale.Service, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.services[name]
	if !ok {
		return s, forescale.ErrNotFound
	}
	return s.Clone(), nil
}

// ListServices implements store.Services.
func (m *Memory) ListServices(context.Context) ([]forescale.Service, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return sorted(m.services), nil
}

// sorted is the values by key.
func sorted[T any](by map[string]T) []T {
	var out []T
	for _, k := range slices.Sorted(maps.Keys(by)) {
		out = append(out, by[k])
	}
	return out
}

// DeleteService implements store.Services.
func (m *Memory) DeleteService(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return remove(m.services, name)
}

func remove[T any](from map[string]T, key string) error {
	if _, ok := from[key]; !ok {
		return forescale.ErrNotFound
	}
	delete(from, key)
	return nil
}

// PutPause implements store.Services.
func (m *Memory) PutPause(_ context.Context, p forescale.Pause) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pauses[p.Service] = p
	return nil
}

// EndPause implements store.Services.
func (m *Memory) EndPause(_ context.Context, service string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return remove(m.pauses, service)
}

// Pauses implements store.Services.
func (m *Memory) Pauses(_ context.Context, now time.Time) ([]forescale.Pause, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.DeleteFunc(sorted(m.pauses), func(p forescale.Pause) bool { return !p.Until.After(now) }), nil
}

// PutNode implements store.Services.
func (m *Memory) PutNode(_ context.Context, n forescale.Node) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.nodes[n.Name] = n
	return nil
}

// Nodes implements store.Services.
func (m *Memory) Nodes(context.Context) ([]forescale.Node, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return sorted(m.nodes), nil
}

// PutNodeType implements store.Services.
func (m *Memory) PutNodeType(_ context.Context, t forescale.NodeType) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.nodeTypes[t.Name] = t
	return nil
}

// NodeTypes implements store.Services.
func (m *Memory) NodeTypes(context.Context) ([]forescale.NodeType, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return sorted(m.nodeTypes), nil
}

// SaveInstances implements store.Fleet.
func (m *Memory) SaveInstances(_ context.Context, is []forescale.Instance) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, i := range is {
		m.instances[i.ID] = i
	}
	return nil
}

// Instances implements store.Fleet.
func (m *Memory) Instances(_ context.Context, q forescale.InstanceQuery) ([]forescale.Instance, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []forescale.Instance
	for _, i := range m.instances {
		ended := !i.State.Live()
		if q.Service != "" && i.Service != q.Service || q.Live && ended || !q.Since.IsZero() && ended && i.StoppedAt.Before(q.Since) {
			continue
		}
		out = append(out, i)
	}
	slices.SortFunc(out, func(a, b forescale.Instance) int {
		return cmp.Or(strings.Compare(a.Service, b.Service), a.OrderedAt.Compare(b.OrderedAt), strings.Compare(a.ID, b.ID))
	})
	return out, nil
}

// SaveWarmup implements store.Fleet.
func (m *Memory) SaveWarmup(_ context.Context, w forescale.Warmup) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.warmed[w.Instance] {
		m.warmed[w.Instance] = true
		m.warmups[w.Service] = append(m.warmups[w.Service], w)
	}
	return nil
}

// Warmups implements store.Fleet.
func (m *Memory) Warmups(_ context.Context, service string, limit int) ([]forescale.Warmup, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []forescale.Warmup
	for _, name := range slices.Sorted(maps.Keys(m.warmups)) {
		if service != "" && name != service {
			continue
		}
		ws := slices.Clone(m.warmups[name])
		slices.SortStableFunc(ws, func(a, b forescale.Warmup) int { return b.At.Compare(a.At) })
		out = append(out, ws[:min(limit, len(ws))]...)
	}
	return out, nil
}
