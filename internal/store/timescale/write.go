package timescale

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// tx is one write transaction.
type tx struct {
	pgx.Tx
	s        *Store
	onCommit []func()
}

// attempts is how often a transaction is tried that the database gave up for the
// sake of another one, or whose connection was dead.
const attempts = 5

// begin opens a transaction, in one message. A statement that waits for a lock
// gives up before the caller does, so that those who try again do not pile up
// in the server. The bound of a statement lies beyond the caller's time: it ends
// what was left behind, and never a commit that waits for a standby, as the
// database would then answer that it holds.
const begin = "BEGIN; SET LOCAL lock_timeout = '20s'; SET LOCAL statement_timeout = '150s'"

// write makes one change durable, or none.
func (s *Store) write(ctx context.Context, doing string, change func(context.Context, *tx) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	return s.fault(doing, s.transact(ctx, change))
}

// transact runs change in a transaction, again if the database asks for it. It
// returns nil only after the commit.
func (s *Store) transact(ctx context.Context, change func(context.Context, *tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, writeTime, errSlow)
	defer cancel()
	var err error
	for range attempts {
		if err = s.once(ctx, change); !s.worthAnother(ctx, err) {
			break
		}
	}
	return withCause(ctx, err)
}

// once is one attempt. The commit does not end with the context: cut off in the
// middle, nobody would know what became of it.
func (s *Store) once(ctx context.Context, change func(context.Context, *tx) error) error {
	p, err := s.pool.BeginTx(ctx, pgx.TxOptions{BeginQuery: s.options.begin})
	if err != nil {
		return err
	}
	t := &tx{Tx: p, s: s}
	over := false
	defer func() { // also when change panics
		if !over {
			stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTime)
			defer cancel()
			_ = p.Rollback(stop) // a connection that cannot roll back is closed, which does
		}
	}()
	if err := change(ctx, t); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	over = true
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.options.commit)
	defer cancel()
	if err := p.Commit(stop); err != nil {
		return commitError(err)
	}
	for _, f := range t.onCommit {
		f()
	}
	return nil
}

const rollbackTime = 5 * time.Second

// commitError marks an error of a commit after which nobody knows whether it
// holds: the answer of the database did not arrive.
func commitError(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) || errors.Is(err, pgx.ErrTxCommitRollback) {
		return err // the database said that it did not
	}
	return &unknownCommit{err}
}

type unknownCommit struct{ err error }

func (u *unknownCommit) Error() string { return "commit: " + u.err.Error() }
func (u *unknownCommit) Unwrap() error { return u.err }

// worthAnother reports whether the transaction had no effect and may succeed
// when it is repeated as it is.
func (s *Store) worthAnother(ctx context.Context, err error) bool {
	switch codeOf(err) {
	case "40001", "40P01": // serialization failure, deadlock
		return true
	}
	return s.wasDead(ctx, err)
}

// wasDead reports whether err is of a connection that broke before a commit was
// asked for. Others that are kept are as old, so a restart of the server costs
// nobody an error: they go, and the next attempt connects anew.
func (s *Store) wasDead(ctx context.Context, err error) bool {
	var unknown *unknownCommit
	if err == nil || ctx.Err() != nil || errors.As(err, &unknown) || dialing(err) || !isBroken(err) {
		return false
	}
	s.pool.Reset()
	return true
}

// exec is a statement whose rows nobody counts.
func (t *tx) exec(ctx context.Context, query string, args ...any) error {
	_, err := t.Exec(ctx, query, args...)
	return err
}

// changed is exec that tells how many rows it touched.
func (t *tx) changed(ctx context.Context, query string, args ...any) (int64, error) {
	tag, err := t.Exec(ctx, query, args...)
	return tag.RowsAffected(), err
}

// Locks of a transaction, by number. They are advisory, belong to one schema of
// one database, and end with the transaction.
const (
	lockSchema = 1 // migrating
	lockNames  = 2 // shared: using ids of series and lines; exclusive: deleting them
	lockPlan   = 3 // recording a round
)

// lockKey is the second half of an advisory lock's key; the first is the number.
const lockKey = "hashtext('forescale ' || current_schema())"

func (t *tx) lock(ctx context.Context, number int) error {
	return t.exec(ctx, "SELECT pg_advisory_xact_lock($1::int, "+lockKey+")", number)
}
