package timescale

import (
	"context"
	"time"

	"github.com/forescale/forescale"
)

// SaveRun implements [store.Runs].
func (s *Store) SaveRun(ctx context.Context, r forescale.Run) error {
	return s.write(ctx, "save run "+r.ID, func(ctx context.Context, t *tx) error {
		return t.exec(ctx, `INSERT INTO run (id, kind, started_at, ended_at, done, failed, error) VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, started_at = excluded.started_at, ended_at = excluded.ended_at,
			done = excluded.done, failed = excluded.failed, error = excluded.error`,
			r.ID, r.Kind, utc(r.StartedAt), optional(r.EndedAt), r.Done, r.Failed, free(r.Error))
	})
}

// ListRuns implements [store.Runs].
func (s *Store) ListRuns(ctx context.Context, kind string, limit int) ([]forescale.Run, error) {
	var w where
	w.equal("kind", kind)
	query := "SELECT id, kind, started_at, ended_at, done, failed, error FROM run" + w.String() +
		" ORDER BY started_at DESC, id DESC" + w.limit(limit)
	return list(ctx, s, "list runs", func(r row) (run forescale.Run, err error) {
		var ended *time.Time
		err = r.Scan(&run.ID, &run.Kind, &run.StartedAt, &ended, &run.Done, &run.Failed, &run.Error)
		run.StartedAt, run.EndedAt = run.StartedAt.UTC(), fromOptional(ended)
		return run, err
	}, query, w.args...)
}
