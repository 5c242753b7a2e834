package timescale

import (
	"context"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
)

const runColumns = "id, kind, server, due_at, started_at, ended_at, state, attempt, done, failed, error"

const runMarks = "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11"

func runArgs(r forescale.Run) []any {
	return []any{r.ID, r.Kind, r.Server, optional(r.DueAt), utc(r.StartedAt), optional(r.EndedAt), string(r.State), r.Attempt, r.Done, r.Failed, free(r.Error)}
}

func scanRun(r row) (run forescale.Run, err error) {
	var due, ended *time.Time
	err = r.Scan(&run.ID, &run.Kind, &run.Server, &due, &run.StartedAt, &ended, &run.State, &run.Attempt, &run.Done, &run.Failed, &run.Error)
	run.DueAt, run.StartedAt, run.EndedAt = fromOptional(due), run.StartedAt.UTC(), fromOptional(ended)
	return run.Settled(), err
}

// SaveRun implements [store.Runs].
func (s *Store) SaveRun(ctx context.Context, r forescale.Run) error {
	return s.write(ctx, "save run "+r.ID, func(ctx context.Context, t *tx) error { return t.saveRun(ctx, r) })
}

func (t *tx) saveRun(ctx context.Context, r forescale.Run) error {
	return t.exec(ctx, `INSERT INTO run (`+runColumns+`) VALUES (`+runMarks+`)
		ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, server = excluded.server, due_at = excluded.due_at,
		started_at = excluded.started_at, ended_at = excluded.ended_at, state = excluded.state, attempt = excluded.attempt,
		done = excluded.done, failed = excluded.failed, error = excluded.error`, runArgs(r)...)
}

// ListRuns implements [store.Runs].
func (s *Store) ListRuns(ctx context.Context, q forescale.RunQuery) ([]forescale.Run, error) {
	var w where
	w.equal("kind", q.Kind)
	if !q.Until.IsZero() {
		w.add("started_at <= " + w.arg(utc(q.Until)))
	}
	if q.Before != "" {
		started, err := first(ctx, s, "find a page of runs", store.CursorUnknown("run", q.Before), func(r row) (at time.Time, err error) { return at, r.Scan(&at) },
			"SELECT started_at FROM run WHERE id = $1", q.Before)
		if err != nil {
			return nil, err
		}
		w.add("(started_at, id) < (" + w.arg(utc(started)) + ", " + w.arg(q.Before) + ")")
	}
	query := "SELECT " + runColumns + " FROM run" + w.String() + " ORDER BY started_at DESC, id DESC" + w.limit(q.Limit)
	return list(ctx, s, "list runs", scanRun, query, w.args...)
}
