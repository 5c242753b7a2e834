package sqlite

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
	err = s.write(ctx, "save budget "+b.Name, func(t *tx) error {
		var last int64
		var exists bool
		err := t.one("SELECT version, body IS NOT NULL FROM budget WHERE name = ?", b.Name).Scan(&last, &exists)
		if err != nil && !nothingThere(err) {
			return err
		}
		if b.Version, err = store.NextVersion("budgets/", b.Name, last, exists, ifVersion); err != nil {
			return err
		}
		return t.exec(`INSERT INTO budget (name, version, updated_at, body) VALUES (?, ?, ?, ?)
			ON CONFLICT (name) DO UPDATE SET version = excluded.version, updated_at = excluded.updated_at, body = excluded.body`,
			b.Name, b.Version, ms(b.UpdatedAt), string(body))
	})
	if err != nil {
		return forescale.Budget{}, err
	}
	return b, nil
}

const selectBudgets = "SELECT name, version, updated_at, body FROM budget WHERE body IS NOT NULL ORDER BY name"

func scanBudget(r row) (b forescale.Budget, err error) {
	var name, body string
	var version, updated int64
	if err := r.Scan(&name, &version, &updated, &body); err != nil {
		return b, err
	}
	if err := json.Unmarshal([]byte(body), &b); err != nil {
		return b, store.Contradiction("budget", name, err)
	}
	b.Name, b.Version, b.UpdatedAt = name, version, fromMS(updated)
	return b, nil
}

// Budgets implements [store.Money].
func (s *Store) Budgets(ctx context.Context) ([]forescale.Budget, error) {
	return list(ctx, s, "list budgets", scanBudget, selectBudgets)
}

// DeleteBudget implements [store.Money].
func (s *Store) DeleteBudget(ctx context.Context, name string) error {
	return s.write(ctx, "delete budget "+name, func(t *tx) error {
		n, err := t.changed("UPDATE budget SET body = NULL WHERE name = ? AND body IS NOT NULL", name)
		return orNotFound(n, err, "budget", name)
	})
}
