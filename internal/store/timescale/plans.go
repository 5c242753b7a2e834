package timescale

import (
	"context"
	"fmt"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/encoding"
)

// RecordPlan implements [store.Plans].
func (s *Store) RecordPlan(ctx context.Context, p forescale.Plan, instances []forescale.Instance) error {
	return s.recordPlan(ctx, unfenced, p, instances)
}

// recordPlan records rounds one after the other, also those of several servers,
// so that the order of recording is the order of the commits. A round of a
// thousand services takes few statements. Fence, decisions and instances are one
// commit, and what a decision costs belongs to it.
func (s *Store) recordPlan(ctx context.Context, fence int64, p forescale.Plan, instances []forescale.Instance) error {
	return s.writeUnder(ctx, fence, "record a plan", func(ctx context.Context, t *tx) error {
		if err := t.lock(ctx, lockPlan); err != nil {
			return err
		}
		p, instances, err := t.charge(ctx, p, instances)
		if err != nil {
			return err
		}
		for _, part := range store.Distinct(p.Services) {
			if err := t.savePlans(ctx, part); err != nil {
				return err
			}
			if err := t.recordDecisions(ctx, fence, part); err != nil {
				return err
			}
		}
		if err := t.saveNodePlan(ctx, p.Nodes); err != nil {
			return err
		}
		if err := t.saveNodeLives(ctx, p.Orders); err != nil {
			return err
		}
		return t.saveInstances(ctx, instances)
	})
}

// savePlans keeps the plans as their services' newest.
func (t *tx) savePlans(ctx context.Context, plans []forescale.ServicePlan) error {
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
	return t.exec(ctx, `INSERT INTO plan (service, made_at, lead, until, acting, changes, rollout)
		SELECT * FROM unnest($1::text[], $2::timestamptz[], $3::bigint[], $4::timestamptz[], $5::bool[], $6::json[], $7::json[])
		ON CONFLICT (service) DO UPDATE SET made_at = excluded.made_at, lead = excluded.lead, until = excluded.until,
			acting = excluded.acting, changes = excluded.changes, rollout = coalesce(excluded.rollout, plan.rollout)`,
		column(plans, func(p forescale.ServicePlan) string { return p.Service }),
		column(plans, func(p forescale.ServicePlan) time.Time { return utc(p.MadeAt) }),
		column(plans, func(p forescale.ServicePlan) int64 { return int64(p.Lead) }),
		column(plans, func(p forescale.ServicePlan) time.Time { return utc(p.Until) }),
		column(plans, func(p forescale.ServicePlan) bool { return p.Acting }),
		changes, rollouts)
}

// LatestPlans implements [store.Plans].
func (s *Store) LatestPlans(ctx context.Context, services ...string) ([]forescale.ServicePlan, error) {
	var w where
	w.among("service", services)
	return list(ctx, s, "read the latest plans", func(r row) (p forescale.ServicePlan, err error) {
		var lead int64
		var changes string
		var rollout *string
		if err := r.Scan(&p.Service, &p.MadeAt, &lead, &p.Until, &p.Acting, &changes, &rollout); err != nil {
			return p, err
		}
		p.MadeAt, p.Until, p.Lead = p.MadeAt.UTC(), p.Until.UTC(), time.Duration(lead)
		if p.Changes, err = encoding.DecodeChanges(changes); err != nil {
			return p, store.Contradiction("the plan of", p.Service, err)
		}
		if rollout == nil {
			return p, nil
		}
		if p.Rollout, err = encoding.DecodeRollout(*rollout); err != nil {
			return p, store.Contradiction("the roll-out of", p.Service, err)
		}
		return p, nil
	}, "SELECT service, made_at, lead, until, acting, changes, rollout FROM plan"+w.String()+" ORDER BY service", w.args...)
}
