package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
)

// saveNodePlan keeps the plan in place of the one before. Nobody changes a plan
// that was made.
func (s *Store) saveNodePlan(p *forescale.NodePlan) {
	if p != nil {
		s.nodePlan = p
	}
}

// NodePlan implements [store.Plans].
func (s *Store) NodePlan(ctx context.Context) (p *forescale.NodePlan, err error) {
	err = s.readOr(ctx, func() error {
		if s.nodePlan == nil {
			return store.NotFound("plan", "nodes")
		}
		copied := *s.nodePlan
		p = &copied
		return nil
	})
	return p, err
}

// useKey is what an [forescale.InstanceUse] is of.
type useKey struct{ service, nodeType string }

// SaveUses implements [store.Fleet].
func (s *Store) SaveUses(ctx context.Context, us []forescale.InstanceUse) error {
	return s.put(ctx, unfenced, func() {
		for _, u := range us {
			u.At = utc(u.At)
			s.uses[useKey{u.Service, u.Type}] = u
		}
	})
}

// Uses implements [store.Fleet].
func (s *Store) Uses(ctx context.Context) (out []forescale.InstanceUse, err error) {
	err = s.readOr(ctx, func() error {
		keys := slices.SortedFunc(maps.Keys(s.uses), func(a, b useKey) int {
			return cmp.Or(cmp.Compare(a.service, b.service), cmp.Compare(a.nodeType, b.nodeType))
		})
		for _, k := range keys {
			if err := s.uses[k].Valid(); err != nil {
				return store.Contradiction("use of an instance", k.service, err)
			}
			out = append(out, s.uses[k])
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// pruneNodes forgets the plan of nodes and the uses that are older than cut.
func (s *Store) pruneNodes(cut int64) (n int64) {
	if s.nodePlan != nil && s.nodePlan.MadeAt.UnixMilli() < cut {
		s.nodePlan = nil
		n++
	}
	for k, u := range s.uses {
		if u.At.UnixMilli() < cut {
			delete(s.uses, k)
			n++
		}
	}
	return n
}
