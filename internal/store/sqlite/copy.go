package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"math"
	"strings"

	"github.com/forescale/forescale/internal/store"
)

var _ store.Copier = (*Store)(nil)

// copyNote is the row of meta that says how far a copy into this store is.
const copyNote = "copy"

// snapshot is a read transaction. While it lasts the log cannot be folded into
// the file, and grows by what others write.
type snapshot struct {
	s    *Store
	conn *sql.Conn
}

// Snapshot implements [store.Copier].
func (s *Store) Snapshot(ctx context.Context) (store.Snapshot, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	conn, err := s.reader.db.Conn(ctx)
	if err != nil {
		return nil, s.fault("read the store", err)
	}
	var n int
	if _, err = conn.ExecContext(ctx, "BEGIN"); err == nil {
		err = conn.QueryRowContext(ctx, "SELECT count(*) FROM meta").Scan(&n) // the moment is that of the first read
	}
	if err != nil {
		conn.Close()
		return nil, s.fault("read the store", err)
	}
	return &snapshot{s, conn}, nil
}

// Close implements [store.Snapshot].
func (x *snapshot) Close() error {
	_, err := x.conn.ExecContext(context.Background(), "ROLLBACK")
	if err2 := x.conn.Close(); err == nil {
		err = err2
	}
	return err
}

// Count implements [store.Snapshot].
func (x *snapshot) Count(ctx context.Context, t store.Table) (n int64, err error) {
	err = x.conn.QueryRowContext(ctx, "SELECT count(*) FROM "+t.Name).Scan(&n)
	return n, x.s.fault("count rows", err)
}

// Columns implements [store.Snapshot].
func (x *snapshot) Columns(ctx context.Context) ([]string, error) {
	rows, err := x.conn.QueryContext(ctx, `SELECT t.name || '.' || c.name FROM sqlite_schema AS t JOIN pragma_table_info(t.name) AS c
		WHERE t.type IN ('table', 'view') AND t.name NOT LIKE 'sqlite\_%' ESCAPE '\'`)
	if err != nil {
		return nil, x.s.fault("list the tables", err)
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

// Rows implements [store.Snapshot].
func (x *snapshot) Rows(ctx context.Context, t store.Table, after store.Row) iter.Seq2[store.Row, error] {
	return func(yield func(store.Row, error) bool) {
		keys := columnsOf(t, t.Keys)
		query := "SELECT " + columnsOf(t, len(t.Columns)) + " FROM " + t.Name
		if after != nil {
			query += " WHERE (" + keys + ") > (" + marks(t.Keys) + ")"
		}
		rows, err := x.conn.QueryContext(ctx, query+" ORDER BY "+keys, after...)
		if err != nil {
			yield(nil, x.s.fault("read "+t.Name, err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			r := make(store.Row, len(t.Columns))
			to := make([]any, len(r))
			for i := range r {
				to[i] = &r[i]
			}
			if err := rows.Scan(to...); err != nil {
				yield(nil, fmt.Errorf("read a row of %s: %w", t.Name, err))
				return
			}
			for i, c := range t.Columns {
				if c.Kind == store.Score && r[i] == nil {
					r[i] = math.NaN()
				}
			}
			if !yield(r, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(nil, x.s.fault("read "+t.Name, err))
		}
	}
}

func columnsOf(t store.Table, n int) string {
	names := make([]string, n)
	for i, c := range t.Columns[:n] {
		names[i] = `"` + c.Name + `"`
	}
	return strings.Join(names, ", ")
}

func marks(n int) string { return strings.TrimSuffix(strings.Repeat("?, ", n), ", ") }

// CopyNote implements [store.Copier].
func (s *Store) CopyNote(ctx context.Context) (string, error) {
	return first(ctx, s, "read how far a copy is", nil, func(r row) (v string, err error) { return v, r.Scan(&v) },
		"SELECT value FROM meta WHERE key = ?", copyNote)
}

// Load implements [store.Copier].
func (s *Store) Load(ctx context.Context, t store.Table, rows []store.Row, note string) error {
	return s.write(ctx, "load "+t.Name, func(x *tx) error {
		query := "INSERT INTO " + t.Name + " (" + columnsOf(t, len(t.Columns)) + ") VALUES (" + marks(len(t.Columns)) + ") ON CONFLICT (" + columnsOf(t, t.Keys) + ") DO NOTHING"
		for _, r := range rows {
			if err := x.exec(query, r...); err != nil {
				return err
			}
		}
		return x.exec("INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", copyNote, note)
	})
}

// Loaded implements [store.Copier]. Counters go on by themselves: AUTOINCREMENT
// notes the largest number given.
func (s *Store) Loaded(ctx context.Context) error {
	return s.write(ctx, "end a copy", func(x *tx) error { return x.exec("DELETE FROM meta WHERE key = ?", copyNote) })
}
