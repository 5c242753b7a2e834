package sqlite

import (
	"context"
	"database/sql"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
)

const runColumns = "id, kind, server, due_at, started_at, ended_at, state, attempt, done, failed, error"

// SaveRun implements [store.Runs].
func (s *Store) SaveRun(ctx context.Context, r forescale.Run) error {
	return s.write(ctx, "save run "+r.ID, func(t *tx) error {
		return t.exec("INSERT OR REPLACE INTO run ("+runColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
			r.ID, r.Kind, r.Server, optional(r.DueAt), ms(r.StartedAt), optional(r.EndedAt), string(r.State), r.Attempt, r.Done, r.Failed, r.Error)
	})
}

// ListRuns implements [store.Runs].
func (s *Store) ListRuns(ctx context.Context, q forescale.RunQuery) ([]forescale.Run, error) {
	var w where
	w.equal("kind", q.Kind)
	if !q.Until.IsZero() {
		w.add("started_at <= ?", ms(q.Until))
	}
	if q.Before != "" {
		started, err := first(ctx, s, "find a page of runs", store.CursorUnknown("run", q.Before), scanInt, "SELECT started_at FROM run WHERE id = ?", q.Before)
		if err != nil {
			return nil, err
		}
		w.add("(started_at, id) < (?, ?)", started, q.Before)
	}
	return list(ctx, s, "list runs", func(r row) (run forescale.Run, err error) {
		var started int64
		var due, ended sql.NullInt64
		err = r.Scan(&run.ID, &run.Kind, &run.Server, &due, &started, &ended, &run.State, &run.Attempt, &run.Done, &run.Failed, &run.Error)
		run.DueAt, run.StartedAt, run.EndedAt = fromOptional(due), fromMS(started), fromOptional(ended)
		return run.Settled(), err
	}, "SELECT "+runColumns+" FROM run"+w.String()+" ORDER BY started_at DESC, id DESC"+w.limit(q.Limit), w.args...)
}
