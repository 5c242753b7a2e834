package sqlite

import (
	"context"
	"database/sql"

	"github.com/forescale/forescale"
)

// SaveRun implements [store.Runs].
func (s *Store) SaveRun(ctx context.Context, r forescale.Run) error {
	return s.write(ctx, "save run "+r.ID, func(t *tx) error {
		return t.exec("INSERT OR REPLACE INTO run (id, kind, started_at, ended_at, done, failed, error) VALUES (?, ?, ?, ?, ?, ?, ?)",
			r.ID, r.Kind, ms(r.StartedAt), optional(r.EndedAt), r.Done, r.Failed, r.Error)
	})
}

// ListRuns implements [store.Runs].
func (s *Store) ListRuns(ctx context.Context, kind string, limit int) ([]forescale.Run, error) {
	var w where
	w.equal("kind", kind)
	return list(ctx, s, "list runs", func(r row) (run forescale.Run, err error) {
		var started int64
		var ended sql.NullInt64
		err = r.Scan(&run.ID, &run.Kind, &started, &ended, &run.Done, &run.Failed, &run.Error)
		run.StartedAt, run.EndedAt = fromMS(started), fromOptional(ended)
		return run, err
	}, "SELECT id, kind, started_at, ended_at, done, failed, error FROM run"+w.String()+
		" ORDER BY started_at DESC, id DESC"+w.limit(limit), w.args...)
}
