package timescale

import (
	"context"
	"fmt"
	"time"

	"github.com/forescale/forescale"
)

// PutEvent implements [store.Services].
func (s *Store) PutEvent(ctx context.Context, e forescale.Event) error {
	return s.write(ctx, "save event "+e.Name, func(ctx context.Context, t *tx) error {
		return t.exec(ctx, `INSERT INTO event (name, service, begins, until, factor, leave_out, origin) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (name) DO UPDATE SET service = excluded.service, begins = excluded.begins, until = excluded.until,
			factor = excluded.factor, leave_out = excluded.leave_out, origin = excluded.origin`,
			e.Name, e.Service, utc(e.From), utc(e.Until), e.Factor, e.LeaveOut, string(e.Origin))
	})
}

// DeleteEvent implements [store.Services].
func (s *Store) DeleteEvent(ctx context.Context, name string) error {
	return s.write(ctx, "delete event "+name, func(ctx context.Context, t *tx) error {
		n, err := t.changed(ctx, "DELETE FROM event WHERE name = $1", name)
		if err == nil && n == 0 {
			return fmt.Errorf("event %s: %w", name, forescale.ErrNotFound)
		}
		return err
	})
}

// Events implements [store.Services].
func (s *Store) Events(ctx context.Context, since time.Time) ([]forescale.Event, error) {
	return list(ctx, s, "list events", func(r row) (e forescale.Event, err error) {
		err = r.Scan(&e.Name, &e.Service, &e.From, &e.Until, &e.Factor, &e.LeaveOut, &e.Origin)
		e.From, e.Until = e.From.UTC(), e.Until.UTC()
		return e, err
	}, "SELECT name, service, begins, until, factor, leave_out, origin FROM event WHERE until > $1 ORDER BY begins, name", utc(since))
}
