package memory

import (
	"context"
	"maps"
	"slices"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
)

// RecordPlan implements [store.Plans].
func (s *Store) RecordPlan(ctx context.Context, p forescale.Plan, instances []forescale.Instance) error {
	return s.recordPlan(ctx, unfenced, p, instances)
}

func (s *Store) recordPlan(ctx context.Context, fence int64, p forescale.Plan, instances []forescale.Instance) error {
	return s.write(ctx, fence, func() error {
		if err := s.idsAreFree(p); err != nil {
			return err
		}
		p, instances := s.charge(p, instances)
		for _, sp := range p.Services {
			s.savePlan(sp)
			if sp.Decision.ID == "" {
				continue // a plan without a decision changes nothing now
			}
			if fence != unfenced {
				sp.Decision.Fence = fence
			}
			s.recordDecision(sp.Decision)
		}
		s.saveNodePlan(p.Nodes)
		s.saveNodeLives(p.Orders)
		s.saveInstances(instances)
		return nil
	})
}

// idsAreFree returns an error if a decision would be added whose id is taken.
func (s *Store) idsAreFree(p forescale.Plan) error {
	last := make(map[string]forescale.Decision, len(p.Services)) // by service, of this plan
	added := make(map[string]bool, len(p.Services))
	for _, sp := range p.Services {
		d := sp.Decision
		if d.ID == "" {
			continue
		}
		newest, known := last[d.Service]
		if !known {
			if kept := s.newest[d.Service]; kept != nil {
				newest, known = kept.Decision, true
			}
		}
		if known && newest.Same(d) {
			continue
		}
		if s.byID[d.ID] != nil || added[d.ID] {
			return store.DecisionExists(d.ID)
		}
		last[d.Service], added[d.ID] = d, true
	}
	return nil
}

func (s *Store) savePlan(p forescale.ServicePlan) {
	p.MadeAt, p.Until, p.Decision = utc(p.MadeAt), utc(p.Until), forescale.Decision{}
	p.Changes = slices.Clone(p.Changes)
	for i := range p.Changes {
		p.Changes[i].At = utc(p.Changes[i].At)
	}
	if p.Rollout == nil {
		p.Rollout = s.plans[p.Service].Rollout
	}
	s.plans[p.Service] = p
}

// LatestPlans implements [store.Plans].
func (s *Store) LatestPlans(ctx context.Context, services ...string) (out []forescale.ServicePlan, err error) {
	err = s.read(ctx, func() {
		for _, name := range slices.Sorted(maps.Keys(s.plans)) {
			if among(services, name) {
				out = append(out, s.plans[name])
			}
		}
	})
	return out, err
}
