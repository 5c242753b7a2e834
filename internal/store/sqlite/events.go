package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/forescale/forescale"
)

// PutEvent implements [store.Services].
func (s *Store) PutEvent(ctx context.Context, e forescale.Event) error {
	return s.write(ctx, "save event "+e.Name, func(t *tx) error {
		return t.exec("INSERT OR REPLACE INTO event (name, service, begins, until, factor, leave_out, origin) VALUES (?, ?, ?, ?, ?, ?, ?)",
			e.Name, e.Service, ms(e.From), ms(e.Until), e.Factor, e.LeaveOut, string(e.Origin))
	})
}

// DeleteEvent implements [store.Services].
func (s *Store) DeleteEvent(ctx context.Context, name string) error {
	return s.write(ctx, "delete event "+name, func(t *tx) error {
		n, err := t.changed("DELETE FROM event WHERE name = ?", name)
		if err == nil && n == 0 {
			return fmt.Errorf("event %s: %w", name, forescale.ErrNotFound)
		}
		return err
	})
}

// Events implements [store.Services].
func (s *Store) Events(ctx context.Context, since time.Time) ([]forescale.Event, error) {
	return list(ctx, s, "list events", func(r row) (e forescale.Event, err error) {
		var from, until int64
		err = r.Scan(&e.Name, &e.Service, &from, &until, &e.Factor, &e.LeaveOut, &e.Origin)
		e.From, e.Until = fromMS(from), fromMS(until)
		return e, err
	}, "SELECT name, service, begins, until, factor, leave_out, origin FROM event WHERE until > ? ORDER BY begins, name", ms(since))
}
