package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// readers is how many reads may run at the same time.
const readers = 4

// reader is the pool that reads, with its prepared statements.
type reader struct {
	db    *sql.DB
	mu    sync.Mutex
	stmts map[string]*sql.Stmt
}

func openReader(c connector) *reader {
	r := &reader{db: sql.OpenDB(c), stmts: map[string]*sql.Stmt{}}
	r.db.SetMaxOpenConns(readers)
	r.db.SetMaxIdleConns(readers)
	return r
}

func (r *reader) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, st := range r.stmts {
		st.Close()
	}
	return r.db.Close()
}

func (r *reader) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if st := r.stmts[query]; st != nil {
		return st, nil
	}
	st, err := r.db.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	r.stmts[query] = st
	return st, nil
}

// list is the rows of one query, each as scan reads it.
func list[T any](ctx context.Context, s *Store, doing string, scan func(row) (T, error), query string, args ...any) ([]T, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	ts, err := readAll(ctx, s.reader, scan, query, args...)
	return ts, s.fault(doing, err)
}

func readAll[T any](ctx context.Context, r *reader, scan func(row) (T, error), query string, args ...any) ([]T, error) {
	var ts []T
	err := readEach(ctx, r, func(one row) error {
		t, err := scan(one)
		ts = append(ts, t)
		return err
	}, query, args...)
	if err != nil {
		return nil, err
	}
	return ts, nil
}

// readEach calls do with each row of a query.
func readEach(ctx context.Context, r *reader, do func(row) error, query string, args ...any) error {
	st, err := r.stmt(ctx, query)
	if err != nil {
		return err
	}
	rows, err := st.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := do(rows); err != nil {
			return err
		}
	}
	return rows.Err()
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

// nothingThere reports whether a single row was asked for and there is none.
func nothingThere(err error) bool { return errors.Is(err, sql.ErrNoRows) }
