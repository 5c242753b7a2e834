package timescale

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
)

// What follows is for jobs that are spread over servers. Who spreads them keeps
// tables of its own beside those of the store, and changes both in one commit.

// Pool is the connections of the store; nil if there is but one, which nobody may
// hold while others wait.
func (s *Store) Pool() *pgxpool.Pool {
	if s.pool.Config().MaxConns < 2 {
		return nil
	}
	return s.pool
}

// Fault turns what went wrong with a connection of [Store.Pool] into an error that
// may be shown: it holds neither user nor password.
func (s *Store) Fault(doing string, err error) error { return s.fault(doing, err) }

// BeginRun keeps a run that is not there yet, and what also writes, in one commit.
// It is false if the run is there: then nothing is written. It may call also more
// than once; the last call counts.
func (s *Store) BeginRun(ctx context.Context, r forescale.Run, also func(context.Context, pgx.Tx) error) (begun bool, err error) {
	err = s.write(ctx, "begin run "+r.ID, func(ctx context.Context, t *tx) error {
		n, err := t.changed(ctx, "INSERT INTO run ("+runColumns+") VALUES ("+runMarks+") ON CONFLICT (id) DO NOTHING", runArgs(r)...)
		if begun = n > 0; err != nil || !begun {
			return err
		}
		return also(ctx, t.Tx)
	})
	return begun && err == nil, err
}

// ChangeRun hands the run to change and keeps it, with what change writes besides,
// in one commit. Nobody else changes the run meanwhile. It may call change more than
// once; the last call counts. forescale.ErrNotFound if there is no such run.
func (s *Store) ChangeRun(ctx context.Context, id string, change func(context.Context, pgx.Tx, *forescale.Run) error) error {
	return s.write(ctx, "change run "+id, func(ctx context.Context, t *tx) error {
		r, err := scanRun(t.QueryRow(ctx, "SELECT "+runColumns+" FROM run WHERE id = $1 FOR UPDATE", id))
		if nothingThere(err) {
			return store.CursorUnknown("run", id)
		}
		if err != nil {
			return err
		}
		before := r
		if err := change(ctx, t.Tx, &r); err != nil || r == before {
			return err
		}
		return t.saveRun(ctx, r)
	})
}
