package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
)

// registered is a service, or the version of one that was deleted.
type registered struct {
	forescale.Service
	gone bool
}

// PutService implements [store.Services].
func (s *Store) PutService(ctx context.Context, svc forescale.Service, ifVersion int64) (forescale.Service, error) {
	svc = svc.Clone()
	svc.UpdatedAt = utc(svc.UpdatedAt)
	err := s.write(ctx, unfenced, func() (err error) {
		last, known := s.services[svc.Name]
		if svc.Version, err = store.NextVersion("services/", svc.Name, last.Version, known && !last.gone, ifVersion); err != nil {
			return err
		}
		s.services[svc.Name] = registered{Service: svc.Clone()}
		return nil
	})
	if err != nil {
		return forescale.Service{}, err
	}
	return svc, nil
}

// Service implements [store.Services].
func (s *Store) Service(ctx context.Context, name string) (svc forescale.Service, err error) {
	err = s.readOr(ctx, func() error {
		r, known := s.services[name]
		if !known || r.gone {
			return store.NotFound("service", name)
		}
		svc = r.Clone()
		return nil
	})
	return svc, err
}

// ListServices implements [store.Services].
func (s *Store) ListServices(ctx context.Context) ([]forescale.Service, error) {
	return s.FindServices(ctx, forescale.ServiceQuery{})
}

// FindServices implements [store.Services].
func (s *Store) FindServices(ctx context.Context, q forescale.ServiceQuery) (out []forescale.Service, err error) {
	err = s.read(ctx, func() {
		if len(q.Names) == 0 {
			out = slices.Grow(out, len(s.services))
		}
		for name, r := range s.services {
			if !r.gone && among(q.Names, name) && name > q.After {
				out = append(out, r.Clone())
			}
		}
	})
	slices.SortFunc(out, func(a, b forescale.Service) int { return cmp.Compare(a.Name, b.Name) })
	return page(out, q.Limit), err
}

// page is the first n, all when n is 0 or less.
func page[T any](all []T, n int) []T {
	if n <= 0 {
		return all
	}
	return all[:min(len(all), n)]
}

// DeleteService implements [store.Services].
func (s *Store) DeleteService(ctx context.Context, name string) error {
	return s.write(ctx, unfenced, func() error {
		r, known := s.services[name]
		if !known || r.gone {
			return store.NotFound("service", name)
		}
		s.services[name] = registered{Service: forescale.Service{Version: r.Version}, gone: true}
		return nil
	})
}

// PutPause implements [store.Services].
func (s *Store) PutPause(ctx context.Context, p forescale.Pause) error {
	p.Since, p.Until = utc(p.Since), utc(p.Until)
	return s.put(ctx, unfenced, func() { s.pauses[p.Service] = p })
}

// EndPause implements [store.Services].
func (s *Store) EndPause(ctx context.Context, service string) error {
	return remove(ctx, s, func(c *content) map[string]forescale.Pause { return c.pauses }, "pause of service", service)
}

// remove takes away what there must be.
func remove[T any](ctx context.Context, s *Store, from func(*content) map[string]T, what, name string) error {
	return s.write(ctx, unfenced, func() error {
		m := from(&s.content)
		if _, there := m[name]; !there {
			return store.NotFound(what, name)
		}
		delete(m, name)
		return nil
	})
}

// Pauses implements [store.Services].
func (s *Store) Pauses(ctx context.Context, now time.Time) (out []forescale.Pause, err error) {
	err = s.read(ctx, func() {
		for _, p := range s.pauses {
			if p.Until.UnixMilli() > now.UnixMilli() {
				out = append(out, p)
			}
		}
	})
	slices.SortFunc(out, func(a, b forescale.Pause) int { return cmp.Compare(a.Service, b.Service) })
	return out, err
}

// PutEvent implements [store.Services].
func (s *Store) PutEvent(ctx context.Context, e forescale.Event) error {
	e.From, e.Until = utc(e.From), utc(e.Until)
	return s.put(ctx, unfenced, func() { s.events[e.Name] = e })
}

// DeleteEvent implements [store.Services].
func (s *Store) DeleteEvent(ctx context.Context, name string) error {
	return remove(ctx, s, func(c *content) map[string]forescale.Event { return c.events }, "event", name)
}

// Events implements [store.Services].
func (s *Store) Events(ctx context.Context, since time.Time) (out []forescale.Event, err error) {
	err = s.read(ctx, func() {
		for _, e := range s.events {
			if e.Until.UnixMilli() > since.UnixMilli() {
				out = append(out, e)
			}
		}
	})
	slices.SortFunc(out, func(a, b forescale.Event) int {
		return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.Name, b.Name))
	})
	return out, err
}

// PutNode implements [store.Services].
func (s *Store) PutNode(ctx context.Context, n forescale.Node) error {
	return s.putNode(ctx, unfenced, n)
}

func (s *Store) putNode(ctx context.Context, fence int64, n forescale.Node) error {
	n.UpdatedAt, n.Labels = utc(n.UpdatedAt), labelsOf(n.Labels)
	return s.put(ctx, fence, func() { s.nodes[n.Name] = n })
}

// labelsOf is a copy; none at all are nil.
func labelsOf(labels map[string]string) map[string]string {
	if len(labels) == 0 {
		return nil
	}
	return maps.Clone(labels)
}

// DeleteNode implements [store.Services].
func (s *Store) DeleteNode(ctx context.Context, name string) error {
	return remove(ctx, s, func(c *content) map[string]forescale.Node { return c.nodes }, "node", name)
}

// Nodes implements [store.Services].
func (s *Store) Nodes(ctx context.Context) (out []forescale.Node, err error) {
	err = s.read(ctx, func() { out = byName(s.nodes) })
	return out, err
}

// PutNodeType implements [store.Services].
func (s *Store) PutNodeType(ctx context.Context, t forescale.NodeType) error {
	t.UpdatedAt, t.Labels = utc(t.UpdatedAt), labelsOf(t.Labels)
	return s.put(ctx, unfenced, func() { s.nodeTypes[t.Name] = t })
}

// DeleteNodeType implements [store.Services].
func (s *Store) DeleteNodeType(ctx context.Context, name string) error {
	return remove(ctx, s, func(c *content) map[string]forescale.NodeType { return c.nodeTypes }, "node type", name)
}

// NodeTypes implements [store.Services].
func (s *Store) NodeTypes(ctx context.Context) (out []forescale.NodeType, err error) {
	err = s.read(ctx, func() { out = byName(s.nodeTypes) })
	return out, err
}

// byName is a map's values in the order of its keys.
func byName[T any](m map[string]T) []T {
	out := make([]T, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[name])
	}
	return out
}
