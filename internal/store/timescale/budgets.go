package timescale

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
)

// PutBudget implements [store.Money].
func (s *Store) PutBudget(ctx context.Context, b forescale.Budget, ifVersion int64) (forescale.Budget, error) {
	b.UpdatedAt = utc(b.UpdatedAt)
	body, err := json.Marshal(b)
	if err != nil {
		return forescale.Budget{}, fmt.Errorf("write budget %s as JSON: %w", b.Name, err)
	}
	err = s.write(ctx, "save budget "+b.Name, func(ctx context.Context, t *tx) error {
		var last int64
		var exists bool
		// A name that is new gets a row to hold until the commit.
		if err := t.exec(ctx, "INSERT INTO budget (name, version, updated_at) VALUES ($1, 0, $2) ON CONFLICT DO NOTHING", b.Name, b.UpdatedAt); err != nil {
			return err
		}
		if err := t.QueryRow(ctx, "SELECT version, body IS NOT NULL FROM budget WHERE name = $1 FOR UPDATE", b.Name).Scan(&last, &exists); err != nil {
			return err
		}
		if b.Version, err = store.NextVersion("budgets/", b.Name, last, exists, ifVersion); err != nil {
			return err
		}
		return t.exec(ctx, "UPDATE budget SET version = $2, updated_at = $3, body = $4 WHERE name = $1", b.Name, b.Version, b.UpdatedAt, string(body))
	})
	if err != nil {
		return forescale.Budget{}, err
	}
	return b, nil
}

const selectBudgets = "SELECT name, version, updated_at, body FROM budget WHERE body IS NOT NULL ORDER BY name"

func scanBudget(r row) (b forescale.Budget, err error) {
	var stored forescale.Budget
	var body string
	if err := r.Scan(&stored.Name, &stored.Version, &stored.UpdatedAt, &body); err != nil {
		return b, err
	}
	if err := json.Unmarshal([]byte(body), &b); err != nil {
		return b, store.Contradiction("budget", stored.Name, err)
	}
	b.Name, b.Version, b.UpdatedAt = stored.Name, stored.Version, stored.UpdatedAt.UTC()
	return b, nil
}

// Budgets implements [store.Money].
func (s *Store) Budgets(ctx context.Context) ([]forescale.Budget, error) {
	return list(ctx, s, "list budgets", scanBudget, selectBudgets)
}

// DeleteBudget implements [store.Money].
func (s *Store) DeleteBudget(ctx context.Context, name string) error {
	return s.write(ctx, "delete budget "+name, func(ctx context.Context, t *tx) error {
		n, err := t.changed(ctx, "UPDATE budget SET body = NULL WHERE name = $1 AND body IS NOT NULL", name)
		return orNotFound(n, err, "budget", name)
	})
}
