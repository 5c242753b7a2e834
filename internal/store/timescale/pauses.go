package timescale

import (
	"context"
	"time"

	"github.com/forescale/forescale"
)

// PutPause implements [store.Services].
func (s *Store) PutPause(ctx context.Context, p forescale.Pause) error {
	return s.write(ctx, "save a pause", func(ctx context.Context, t *tx) error {
		return t.exec(ctx, `INSERT INTO pause (service, asked_by, note, since, until) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (service) DO UPDATE SET asked_by = excluded.asked_by, note = excluded.note, since = excluded.since, until = excluded.until`,
			p.Service, free(p.By), free(p.Note), utc(p.Since), utc(p.Until))
	})
}

// EndPause implements [store.Services].
func (s *Store) EndPause(ctx context.Context, service string) error {
	return s.write(ctx, "end a pause", func(ctx context.Context, t *tx) error {
		n, err := t.changed(ctx, "DELETE FROM pause WHERE service = $1", service)
		return orNotFound(n, err, "pause of service", service)
	})
}

// Pauses implements [store.Services].
func (s *Store) Pauses(ctx context.Context, now time.Time) ([]forescale.Pause, error) {
	return list(ctx, s, "read pauses", scanPause, "SELECT service, asked_by, note, since, until FROM pause WHERE until > $1 ORDER BY service", utc(now))
}

func scanPause(r row) (p forescale.Pause, err error) {
	err = r.Scan(&p.Service, &p.By, &p.Note, &p.Since, &p.Until)
	p.Since, p.Until = p.Since.UTC(), p.Until.UTC()
	return p, err
}
