package sqlite

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/encoding"
)

// SaveElasticity implements [store.Scores].
func (s *Store) SaveElasticity(ctx context.Context, days []forescale.ElasticityDay) error {
	if len(days) == 0 {
		return ctx.Err()
	}
	return s.write(ctx, "save elasticity", func(t *tx) error {
		for _, d := range days {
			body, err := json.Marshal(d.Elasticity)
			if err != nil {
				return fmt.Errorf("of %s: %w", d.Service, err)
			}
			if err := t.exec(`INSERT INTO elasticity (service, day, body) VALUES (?, ?, ?)
				ON CONFLICT (service, day) DO UPDATE SET body = excluded.body`, d.Service, encoding.Day(d.Day), string(body)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Elasticities implements [store.Scores].
func (s *Store) Elasticities(ctx context.Context, q forescale.TallyQuery) ([]forescale.ElasticityDay, error) {
	var w where
	w.ofDays(q)
	return list(ctx, s, "read elasticity", func(r row) (d forescale.ElasticityDay, err error) {
		var day int64
		var body string
		if err := r.Scan(&d.Service, &day, &body); err != nil {
			return d, err
		}
		d.Day = encoding.FromDay(day)
		if err := json.Unmarshal([]byte(body), &d.Elasticity); err != nil {
			return d, store.Contradiction("the elasticity of", d.Service, err)
		}
		return d, nil
	}, "SELECT service, day, body FROM elasticity"+w.String()+" ORDER BY service, day", w.args...)
}
