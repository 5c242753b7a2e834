package timescale

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/forescale/forescale/internal/store"
)

// Bounds of one operation when the caller's context sets none that is nearer: a
// database that is paused must not hold a caller for ever.
const (
	writeTime = time.Minute
	readTime  = 2 * time.Minute
)

// row is one row to scan.
type row interface{ Scan(to ...any) error }

// querier is a pool, a connection or a transaction.
type querier interface {
	Query(ctx context.Context, query string, args ...any) (pgx.Rows, error)
}

// list is the rows of one query, each as scan reads it.
func list[T any](ctx context.Context, s *Store, doing string, scan func(row) (T, error), query string, args ...any) ([]T, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	if err := ctx.Err(); err != nil {
		return nil, s.fault(doing, err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, readTime, errSlow)
	defer cancel()
	ts, err := readAll(ctx, s.pool, scan, query, args...)
	if s.wasDead(ctx, err) {
		ts, err = readAll(ctx, s.pool, scan, query, args...)
	}
	return ts, s.fault(doing, withCause(ctx, err))
}

func readAll[T any](ctx context.Context, q querier, scan func(row) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var ts []T
	for rows.Next() {
		t, err := scan(rows)
		if err != nil {
			return nil, err
		}
		ts = append(ts, t)
	}
	return ts, rows.Err()
}

// first is the one row of a query, or absent if there is none.
func first[T any](ctx context.Context, s *Store, doing string, absent error, scan func(row) (T, error), query string, args ...any) (T, error) {
	var none T
	ts, err := list(ctx, s, doing, scan, query, args...)
	if err != nil {
		return none, err
	}
	if len(ts) == 0 {
		return none, absent
	}
	return ts[0], nil
}

func scanInt(r row) (n int64, err error) { return n, r.Scan(&n) }

func scanText(r row) (s string, err error) { return s, r.Scan(&s) }

// nothingThere reports whether a single row was asked for and there is none.
func nothingThere(err error) bool { return errors.Is(err, pgx.ErrNoRows) }

// withCause puts the reason why the context ended into an error that came of it.
func withCause(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	return errors.Join(context.Cause(ctx), err)
}

// free is a text of another program as PostgreSQL can keep it: valid UTF-8
// without zeros. An instance whose failure reads badly is worth keeping.
func free(s string) string { return store.Clean(s) }

// column is what f gives for each of the rows, as one array.
func column[R, T any](rows []R, f func(R) T) []T {
	out := make([]T, len(rows))
	for i, r := range rows {
		out[i] = f(r)
	}
	return out
}

// lastOf drops those of several rows of one key that are not the last: one
// statement may touch a row once.
func lastOf[R any, K comparable](rows []R, key func(R) K) []R {
	at := make(map[K]int, len(rows))
	out := make([]R, 0, len(rows))
	for _, r := range rows {
		if i, ok := at[key(r)]; ok {
			out[i] = r
			continue
		}
		at[key(r)] = len(out)
		out = append(out, r)
	}
	return out
}
