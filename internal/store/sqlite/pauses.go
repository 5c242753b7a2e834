package sqlite

import (
	"context"
	"time"

	"github.com/forescale/forescale"
)

// PutPause implements [store.Services].
func (s *Store) PutPause(ctx context.Context, p forescale.Pause) error {
	return s.write(ctx, "save a pause", func(t *tx) error {
		return t.exec("INSERT OR REPLACE INTO pause (service, asked_by, note, since, until) VALUES (?, ?, ?, ?, ?)",
			p.Service, p.By, p.Note, ms(p.Since), ms(p.Until))
	})
}

// EndPause implements [store.Services].
func (s *Store) EndPause(ctx context.Context, service string) error {
	return s.write(ctx, "end a pause", func(t *tx) error {
		n, err := t.changed("DELETE FROM pause WHERE service = ?", service)
		return orNotFound(n, err, "pause of service", service)
	})
}

// Pauses implements [store.Services].
func (s *Store) Pauses(ctx context.Context, now time.Time) ([]forescale.Pause, error) {
	return list(ctx, s, "read pauses", scanPause, "SELECT service, asked_by, note, since, until FROM pause WHERE until > ? ORDER BY service", ms(now))
}

func scanPause(r row) (p forescale.Pause, err error) {
	var since, until int64
	err = r.Scan(&p.Service, &p.By, &p.Note, &since, &until)
	p.Since, p.Until = fromMS(since), fromMS(until)
	return p, err
}
