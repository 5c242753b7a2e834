package sqlite

import (
	"cmp"
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

// sources are what is read of tables that are not copied as they are.
var sources = map[string]string{
	"hours_final": "(SELECT CAST(value AS INTEGER) AS hour FROM meta WHERE key = 'hours_final' AND value <> '-1000000')",
	"hours":       "(SELECT * FROM hours WHERE hour < " + finalHour + ")",
}

func source(t store.Table) string { return cmp.Or(sources[t.Name], t.Name) }

// Count implements [store.Snapshot].
func (x *snapshot) Count(ctx context.Context, t store.Table) (n int64, err error) {
	err = x.conn.QueryRowContext(ctx, "SELECT count(*) FROM "+source(t)).Scan(&n)
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
		query := "SELECT " + columnsOf(t, len(t.Columns)) + " FROM " + source(t)
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
		if err := x.load(t, rows); err != nil {
			return err
		}
		return x.exec("INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", copyNote, note)
	})
}

func (t *tx) load(table store.Table, rows []store.Row) error {
	if table.Name == "hours_final" {
		return t.exec("UPDATE meta SET value = CAST(? AS TEXT) WHERE key = 'hours_final'", rows[0][0])
	}
	query := "INSERT INTO " + table.Name + " (" + columnsOf(table, len(table.Columns)) + ") VALUES (" + marks(len(table.Columns)) + ") ON CONFLICT (" + columnsOf(table, table.Keys) + ") DO NOTHING"
	for _, r := range rows {
		if err := t.exec(query, r...); err != nil {
			return err
		}
	}
	if table.Name != "demand" {
		return nil
	}
	due := map[int64]map[int64]bool{} // lines by hour
	for _, r := range rows {
		line, hour := r[0].(int64), hourOf(r[1].(int64))
		if due[hour] == nil {
			due[hour] = map[int64]bool{}
		}
		due[hour][line] = true
	}
	return t.markHours(due)
}

// Loaded implements [store.Copier]. Counters go on by themselves: AUTOINCREMENT
// notes the largest number given.
func (s *Store) Loaded(ctx context.Context) error {
	return s.write(ctx, "end a copy", func(x *tx) error { return x.exec("DELETE FROM meta WHERE key = ?", copyNote) })
}
