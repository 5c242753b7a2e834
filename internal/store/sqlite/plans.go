package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/encoding"
)

// RecordPlan implements [store.Plans].
func (s *Store) RecordPlan(ctx context.Context, p forescale.Plan, instances []forescale.Instance) error {
	return s.recordPlan(ctx, unfenced, p, instances)
}

func (s *Store) recordPlan(ctx context.Context, fence int64, p forescale.Plan, instances []forescale.Instance) error {
	return s.writeUnder(ctx, fence, "record a plan", func(t *tx) error {
		p, instances, err := t.charge(p, instances)
		if err != nil {
			return err
		}
		for _, part := range store.Distinct(p.Services) {
			if err := t.savePlans(part); err != nil {
				return err
			}
			if err := t.recordDecisions(fence, part); err != nil {
				return err
			}
		}
		if err := t.saveNodePlan(p.Nodes); err != nil {
			return err
		}
		if err := t.saveNodeLives(p.Orders); err != nil {
			return err
		}
		return t.saveInstances(instances)
	})
}

var insertPlans = &bulk{
	head:    "INSERT INTO plan (service, made_at, lead, until, acting, changes, rollout)",
	columns: 7,
	tail: `ON CONFLICT (service) DO UPDATE SET made_at = excluded.made_at, lead = excluded.lead, until = excluded.until,
		acting = excluded.acting, changes = excluded.changes, rollout = coalesce(excluded.rollout, plan.rollout)`,
}

// savePlans keeps the plans as their services' newest.
func (t *tx) savePlans(plans []forescale.ServicePlan) error {
	changes, rollouts := make([]string, len(plans)), make([]any, len(plans))
	for i, p := range plans {
		var err error
		if changes[i], err = encoding.EncodeChanges(p.Changes); err != nil {
			return fmt.Errorf("of %s: %w", p.Service, err)
		}
		if rollouts[i], err = encoding.EncodeRollout(p.Rollout); err != nil {
			return fmt.Errorf("of %s: %w", p.Service, err)
		}
	}
	return t.insert(insertPlans, len(plans), func(to []any, i int) {
		p := plans[i]
		to[0], to[1], to[2], to[3], to[4], to[5], to[6] = p.Service, ms(p.MadeAt), int64(p.Lead), ms(p.Until), p.Acting, changes[i], rollouts[i]
	})
}

// LatestPlans implements [store.Plans].
func (s *Store) LatestPlans(ctx context.Context, services ...string) ([]forescale.ServicePlan, error) {
	var w where
	w.among("service", services)
	return list(ctx, s, "read the latest plans", func(r row) (p forescale.ServicePlan, err error) {
		var made, until int64
		var changes string
		var rollout sql.NullString
		if err := r.Scan(&p.Service, &made, &p.Lead, &until, &p.Acting, &changes, &rollout); err != nil {
			return p, err
		}
		p.MadeAt, p.Until = fromMS(made), fromMS(until)
		if p.Changes, err = encoding.DecodeChanges(changes); err != nil {
			return p, store.Contradiction("the plan of", p.Service, err)
		}
		if p.Rollout, err = encoding.DecodeRollout(rollout.String); err != nil {
			return p, store.Contradiction("the roll-out of", p.Service, err)
		}
		return p, nil
	}, "SELECT service, made_at, lead, until, acting, changes, rollout FROM plan"+w.String()+" ORDER BY service", w.args...)
}
