package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/migration"
)

// Inspect opens a file to be looked at. It changes nothing: neither schema nor
// log, and it works in a folder that cannot be written.
func Inspect(ctx context.Context, path string, opts ...Option) (*store.Inspection, error) {
	o := options{migrations: embedded, driver: defaultDriver()}
	for _, opt := range opts {
		opt(&o)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find the store's folder: %w", err)
	}
	known, err := migration.Read(o.migrations)
	if err != nil {
		return nil, err
	}
	in := &store.Inspection{Close: func() error { return nil }}
	info, err := os.Stat(path)
	if err != nil || info.IsDir() {
		in.Add(store.Failure, "place", "there is no file at "+path, "name the store with --store")
		return in, nil
	}
	in.Add(store.Fine, "place", fmt.Sprintf("%s, SQLite, %d bytes", path, info.Size()), "")
	s := &Store{path: path, options: o}
	db := sql.OpenDB(connector{driver: o.driver, dsn: s.peekDSN()})
	db.SetMaxOpenConns(1)
	in.Close = db.Close
	conn, err := db.Conn(ctx)
	if err != nil {
		in.Fault("damage", s.fault("read the store", err))
		return in, nil
	}
	x := &snapshot{s, conn}
	in.Close = func() error { return errors.Join(x.Close(), db.Close()) }
	if _, err := conn.ExecContext(ctx, "BEGIN"); err != nil {
		in.Fault("damage", s.fault("read the store", err))
		return in, nil
	}
	if x.inspect(ctx, in, known) {
		in.Snapshot = x
	}
	return in, ctx.Err()
}

// peekDSN is how to read the file and leave it alone. Without a log nobody has it
// open, and SQLite need not make files beside it.
func (s *Store) peekDSN() string {
	q := url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(5000)", "query_only(1)"}}
	if info, err := os.Stat(s.path + "-wal"); err != nil || info.Size() == 0 {
		q.Set("immutable", "1")
	}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: s.path}).EscapedPath(), RawQuery: q.Encode()}).String()
}

// inspect looks for what is wrong, and reports whether the tables can be read.
func (x *snapshot) inspect(ctx context.Context, in *store.Inspection, known []migration.Migration) bool {
	v, err := readVersion(ctx, x.conn)
	if err == nil && v.tables == 0 && v.application == 0 {
		in.Add(store.Failure, "schema", "the file is empty", "forescale serve makes a store of it")
		return false
	}
	if err == nil {
		err = x.s.refuseForeign(v, known)
	}
	if err != nil {
		in.Fault("schema", x.s.fault("read the store's version", err))
		return false
	}
	if v.schema < len(known) {
		in.Add(store.Warning, "schema", fmt.Sprintf("version %d; this program has %d", v.schema, len(known)), "it is brought up to date when a server starts, after a backup")
		return false // its tables may lack what is read here
	}
	in.Add(store.Fine, "schema", fmt.Sprintf("version %d", v.schema), "")
	rows, err := x.conn.QueryContext(ctx, "PRAGMA integrity_check(5)")
	var faults []string
	if err == nil {
		defer rows.Close()
		for rows.Next() && err == nil {
			var line string
			if err = rows.Scan(&line); line != "ok" {
				faults = append(faults, line)
			}
		}
		err = errors.Join(err, rows.Err())
	}
	switch {
	case err != nil:
		in.Fault("damage", x.s.fault("check the pages", err))
		return false
	case len(faults) > 0:
		in.Fault("damage", damaged(x.s.path, "the file is damaged: "+strings.Join(faults, "; "), nil))
	default:
		in.Add(store.Fine, "damage", "none: every page and index was read", "")
	}
	var canary, copied sql.NullString
	if err := x.conn.QueryRowContext(ctx, "SELECT max(value) FILTER (WHERE key = 'canary'), max(value) FILTER (WHERE key = 'copy') FROM meta").Scan(&canary, &copied); err != nil || canary.String != "sings" {
		in.Fault("canary", damaged(x.s.path, "the row that proves that the store can be read is missing or changed", err))
		return false
	}
	if copied.Valid {
		in.Fault("copy", store.Unfinished(x.s.path, copied.String))
	}
	return true
}

// Span implements [store.Snapshot].
func (x *snapshot) Span(ctx context.Context, table, column string) (first, last time.Time, err error) {
	var a, b sql.NullInt64
	if err := x.conn.QueryRowContext(ctx, fmt.Sprintf("SELECT min(%s), max(%[1]s) FROM %s", column, table)).Scan(&a, &b); err != nil || !a.Valid {
		return first, last, x.s.fault("read "+table, err)
	}
	if column == "minute" {
		return fromMinute(a.Int64), fromMinute(b.Int64), nil
	}
	return fromMS(a.Int64), fromMS(b.Int64), nil
}

// Words implements [store.Snapshot].
func (x *snapshot) Words(ctx context.Context, table, column string) ([]string, error) {
	rows, err := x.conn.QueryContext(ctx, fmt.Sprintf("SELECT DISTINCT %s FROM %s ORDER BY 1", column, table))
	if err != nil {
		return nil, x.s.fault("read "+table, err)
	}
	defer rows.Close()
	var words []string
	for rows.Next() {
		var w string
		if err := rows.Scan(&w); err != nil {
			return nil, x.s.fault("read "+table, err)
		}
		words = append(words, w)
	}
	return words, x.s.fault("read "+table, rows.Err())
}
