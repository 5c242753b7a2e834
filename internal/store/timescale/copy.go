package timescale

import (
	"context"
	"fmt"
	"iter"
	"math"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/forescale/forescale/internal/store"
)

var _ store.Copier = (*Store)(nil)

// copyNote is the row of meta that says how far a copy into this store is.
const copyNote = "copy"

// snapshot is a transaction that sees one moment and writes nothing.
type snapshot struct {
	s    *Store
	conn *pgxpool.Conn
	tx   pgx.Tx
}

// Snapshot implements [store.Copier].
func (s *Store) Snapshot(ctx context.Context) (store.Snapshot, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, s.fault("read the store", err)
	}
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err == nil {
		// It is idle while the other side of a copy works.
		_, err = tx.Exec(ctx, "SELECT set_config('idle_in_transaction_session_timeout', '0', true)")
	}
	if err != nil {
		conn.Release()
		return nil, s.fault("read the store", err)
	}
	return &snapshot{s, conn, tx}, nil
}

// Close implements [store.Snapshot].
func (x *snapshot) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), rollbackTime)
	defer cancel()
	err := x.tx.Rollback(ctx)
	x.conn.Release()
	return x.s.fault("end reading", err)
}

// source is what is read of a table: some are not copied as they are.
func (s *Store) source(t store.Table) string {
	switch {
	case t.Name == "hours_final":
		return "(SELECT value::timestamptz AS hour FROM meta WHERE key = 'hours_final' AND value <> '-infinity') AS final"
	case t.Name == "hours" && s.extension != "":
		return `(SELECT line, hour, mean, least, most, points, saturated FROM hours WHERE hour < ` + movedHour + `
			UNION ALL SELECT line, hour, mean, least, most, points, saturated FROM demand_hour WHERE hour >= ` + movedHour + ` AND hour < ` + finalHour + `) AS hours`
	case t.Name == "hours":
		return "(SELECT * FROM hours WHERE hour < " + finalHour + ") AS hours"
	}
	return t.Name
}

// Count implements [store.Snapshot].
func (x *snapshot) Count(ctx context.Context, t store.Table) (n int64, err error) {
	err = x.tx.QueryRow(ctx, "SELECT count(*) FROM "+x.s.source(t)).Scan(&n)
	return n, x.s.fault("count rows", err)
}

// Columns implements [store.Snapshot].
func (x *snapshot) Columns(ctx context.Context) ([]string, error) {
	names, err := readAll(ctx, x.tx, scanText, `SELECT c.relname || '.' || a.attname FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
		WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') AND a.attnum > 0 AND NOT a.attisdropped`)
	return names, x.s.fault("list the tables", err)
}

// Rows implements [store.Snapshot].
func (x *snapshot) Rows(ctx context.Context, t store.Table, after store.Row) iter.Seq2[store.Row, error] {
	return func(yield func(store.Row, error) bool) {
		keys := columnsOf(t, t.Keys, "")
		selected := make([]string, len(t.Columns))
		for i, c := range t.Columns {
			selected[i] = `"` + c.Name + `"` + readAs[c.Kind]
		}
		query := "SELECT " + strings.Join(selected, ", ") + " FROM " + x.s.source(t)
		var args []any
		if after != nil {
			var marks []string
			for i, v := range after {
				marks = append(marks, fmt.Sprintf("$%d::%s", i+1, arrayOf[t.Columns[i].Kind]))
				args = append(args, toPG(t.Columns[i].Kind, v))
			}
			query += " WHERE (" + keys + ") > (" + strings.Join(marks, ", ") + ")"
		}
		rows, err := x.tx.Query(ctx, query+" ORDER BY "+keys, args...)
		if err != nil {
			yield(nil, x.s.fault("read "+t.Name, err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			r, err := rows.Values()
			if err != nil {
				yield(nil, fmt.Errorf("read a row of %s: %w", t.Name, err))
				return
			}
			for i, c := range t.Columns {
				r[i] = fromPG(c.Kind, r[i])
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

// arrayOf is the type that a kind is written as, and readAs how it is read: JSON
// as the text that it was written as.
var (
	arrayOf = map[store.Kind]string{store.Text: "text", store.Int: "bigint", store.Real: "double precision", store.Score: "double precision",
		store.Bool: "boolean", store.Time: "timestamptz", store.Minute: "timestamptz", store.Hour: "timestamptz", store.JSON: "text", store.Blob: "bytea"}
	readAs = map[store.Kind]string{store.JSON: "::text"}
)

// toPG is a value as PostgreSQL takes it.
func toPG(k store.Kind, v any) any {
	if v == nil {
		if k == store.Score {
			return math.NaN()
		}
		return nil
	}
	switch k {
	case store.Text, store.JSON:
		return store.Clean(v.(string))
	case store.Bool:
		return v.(int64) != 0
	case store.Time:
		return time.UnixMilli(v.(int64)).UTC()
	case store.Minute:
		return time.Unix(v.(int64)*60, 0).UTC()
	case store.Hour:
		return time.Unix(v.(int64)*3600, 0).UTC()
	}
	return v
}

// fromPG is a value as rows of a copy hold it.
func fromPG(k store.Kind, v any) any {
	switch v := v.(type) {
	case int32:
		return int64(v)
	case int16:
		return int64(v)
	case bool:
		if v {
			return int64(1)
		}
		return int64(0)
	case time.Time:
		if k == store.Minute {
			return v.Unix() / 60
		}
		if k == store.Hour {
			return v.Unix() / 3600
		}
		return v.UnixMilli()
	}
	return v
}

func columnsOf(t store.Table, n int, before string) string {
	names := make([]string, n)
	for i, c := range t.Columns[:n] {
		names[i] = before + `"` + c.Name + `"`
	}
	return strings.Join(names, ", ")
}

// CopyNote implements [store.Copier].
func (s *Store) CopyNote(ctx context.Context) (string, error) {
	return first(ctx, s, "read how far a copy is", nil, scanText, "SELECT value FROM meta WHERE key = $1", copyNote)
}

// Load implements [store.Copier].
func (s *Store) Load(ctx context.Context, t store.Table, rows []store.Row, note string) error {
	return s.write(ctx, "load "+t.Name, func(ctx context.Context, x *tx) error {
		if err := x.load(ctx, t, rows); err != nil {
			return err
		}
		return x.exec(ctx, "INSERT INTO meta VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value", copyNote, note)
	})
}

func (t *tx) load(ctx context.Context, table store.Table, rows []store.Row) error {
	if table.Name == "hours_final" {
		keys := []string{"hours_final"}
		if t.s.extension != "" { // whose aggregate begins where the copied hours end
			keys = append(keys, "hours_moved")
		}
		return t.exec(ctx, "UPDATE meta SET value = $1 WHERE key = ANY ($2::text[])", toPG(store.Hour, rows[0][0]).(time.Time).Format(time.RFC3339), keys)
	}
	given, values := make([]string, len(table.Columns)), make([]string, len(table.Columns))
	args := make([]any, len(table.Columns))
	for i, c := range table.Columns {
		given[i] = fmt.Sprintf("$%d::%s[]", i+1, arrayOf[c.Kind])
		values[i] = fmt.Sprintf(`r."%s"`, c.Name)
		if c.Kind == store.JSON {
			values[i] += "::json"
		}
		args[i] = column(rows, func(r store.Row) any { return toPG(c.Kind, r[i]) })
	}
	all := columnsOf(table, len(table.Columns), "")
	if err := t.exec(ctx, "INSERT INTO "+table.Name+" ("+all+") OVERRIDING SYSTEM VALUE SELECT "+strings.Join(values, ", ")+
		" FROM unnest("+strings.Join(given, ", ")+") AS r ("+all+") ON CONFLICT ("+columnsOf(table, table.Keys, "")+") DO NOTHING", args...); err != nil || table.Name != "demand" {
		return err
	}
	due := map[hourKey]struct{}{}
	for _, r := range rows {
		due[hourKey{r[0].(int64), hourOf(toPG(store.Minute, r[1]).(time.Time))}] = struct{}{}
	}
	b := &pgx.Batch{}
	t.queueDue(b, due)
	return t.SendBatch(ctx, b).Close()
}

// Loaded implements [store.Copier].
func (s *Store) Loaded(ctx context.Context) error {
	return s.write(ctx, "end a copy", func(ctx context.Context, x *tx) error {
		for _, t := range store.Tables {
			if !t.Counter {
				continue
			}
			key := t.Columns[0].Name
			if err := x.exec(ctx, fmt.Sprintf("SELECT setval(pg_get_serial_sequence('%s', '%s'), max(%s)) FROM %s HAVING max(%s) IS NOT NULL", t.Name, key, key, t.Name, key)); err != nil {
				return err
			}
		}
		return x.exec(ctx, "DELETE FROM meta WHERE key = $1", copyNote)
	})
}
