package sqlite

import (
	"context"
	"encoding/json"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
)

// SaveCapacities implements [store.Fleet].
func (s *Store) SaveCapacities(ctx context.Context, cs []forescale.Capacity) error {
	return s.write(ctx, "keep capacities", func(t *tx) error {
		for _, c := range cs {
			c.From, c.At = fromMS(ms(c.From)), fromMS(ms(c.At))
			body, err := json.Marshal(c)
			if err != nil {
				return err
			}
			if err := t.exec(`INSERT INTO capacity (service, since, at, body) VALUES (?, ?, ?, ?)
				ON CONFLICT (service, since) DO UPDATE SET at = excluded.at, body = excluded.body`, c.Service, ms(c.From), ms(c.At), string(body)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Capacities implements [store.Fleet].
func (s *Store) Capacities(ctx context.Context, service string, since time.Time) ([]forescale.Capacity, error) {
	return list(ctx, s, "read capacities", func(r row) (c forescale.Capacity, err error) {
		var body string
		if err := r.Scan(&body); err != nil {
			return c, err
		}
		if err = json.Unmarshal([]byte(body), &c); err == nil {
			err = c.Valid()
		}
		if err != nil {
			err = store.Contradiction("capacity", c.Service, err)
		}
		return c, err
	}, `SELECT body FROM capacity WHERE at >= ? AND (?2 = '' OR service = ?2) ORDER BY service, since`, ms(since), service)
}
