package sqlite

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
)

// saveNodePlan keeps the plan in place of the one before.
func (t *tx) saveNodePlan(p *forescale.NodePlan) error {
	if p == nil {
		return nil
	}
	body, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("write the plan of nodes as JSON: %w", err)
	}
	return t.exec(`INSERT INTO node_plan (one, made_at, body) VALUES (1, ?, ?)
		ON CONFLICT (one) DO UPDATE SET made_at = excluded.made_at, body = excluded.body`, ms(p.MadeAt), string(body))
}

// NodePlan implements [store.Plans].
func (s *Store) NodePlan(ctx context.Context) (*forescale.NodePlan, error) {
	p, err := first(ctx, s, "read the plan of nodes", store.NotFound("plan", "nodes"), func(r row) (p forescale.NodePlan, err error) {
		var body string
		if err := r.Scan(&body); err != nil {
			return p, err
		}
		if err := json.Unmarshal([]byte(body), &p); err != nil {
			return p, store.Contradiction("the plan of", "nodes", err)
		}
		return p, nil
	}, "SELECT body FROM node_plan")
	if err != nil {
		return nil, err
	}
	return &p, nil
}

// SaveUses implements [store.Fleet].
func (s *Store) SaveUses(ctx context.Context, us []forescale.InstanceUse) error {
	return s.write(ctx, "keep what instances use", func(t *tx) error {
		for _, u := range us {
			u.At = fromMS(ms(u.At))
			body, err := json.Marshal(u)
			if err != nil {
				return err
			}
			if err := t.exec(`INSERT INTO instance_use (service, type, at, body) VALUES (?, ?, ?, ?)
				ON CONFLICT (service, type) DO UPDATE SET at = excluded.at, body = excluded.body`, u.Service, u.Type, ms(u.At), string(body)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Uses implements [store.Fleet].
func (s *Store) Uses(ctx context.Context) ([]forescale.InstanceUse, error) {
	return list(ctx, s, "read what instances use", func(r row) (u forescale.InstanceUse, err error) {
		var body string
		if err := r.Scan(&u.Service, &body); err != nil {
			return u, err
		}
		if err = json.Unmarshal([]byte(body), &u); err == nil {
			err = u.Valid()
		}
		if err != nil {
			return u, store.Contradiction("use of an instance", u.Service, err)
		}
		return u, nil
	}, "SELECT service, body FROM instance_use ORDER BY service, type")
}
