package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store/encoding"
)

// writer is the one connection that writes. Its turn is a channel rather than a
// lock, so that waiting for it ends with the context.
type writer struct {
	path  string
	db    *sql.DB
	conn  *sql.Conn
	turn  chan struct{}
	stmts map[string]*sql.Stmt
	bulks map[bulkSize]*sql.Stmt
	args  []any // of a bulk insert, used again and again

	broken      atomic.Pointer[forescale.Fault] // set once after a commit that may have lost writes
	dataVersion int64
	series      map[seriesKey]int64 // ids, of committed rows only
	handedLock  sync.Mutex
	handed      map[handedCell]int64
	decoded     encoding.Services // for those who read, too
}

func openWriter(ctx context.Context, path string, c connector) (*writer, error) {
	w := &writer{
		path:   path,
		db:     sql.OpenDB(c),
		turn:   make(chan struct{}, 1),
		stmts:  map[string]*sql.Stmt{},
		bulks:  map[bulkSize]*sql.Stmt{},
		series: map[seriesKey]int64{},
		handed: map[handedCell]int64{},
	}
	w.db.SetMaxOpenConns(1)
	var err error
	if w.conn, err = w.db.Conn(ctx); err != nil {
		return nil, errors.Join(err, w.db.Close())
	}
	return w, nil
}

func (w *writer) close() error {
	for _, st := range w.stmts {
		st.Close()
	}
	for _, st := range w.bulks {
		st.Close()
	}
	return errors.Join(w.conn.Close(), w.db.Close())
}

// quickCheck reads the whole file and reports the first contradiction.
func (w *writer) quickCheck(ctx context.Context) error {
	var verdict string
	if err := w.conn.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return fmt.Errorf("check the store: %w", err)
	}
	if verdict != "ok" {
		return fmt.Errorf("check the store: %s: %w", verdict, forescale.ErrDamaged)
	}
	return nil
}

// tx is one write transaction. Its statements do not take the caller's context:
// a transaction is short, and interrupting it would save nothing.
type tx struct {
	w         *writer
	onCommit  []func()
	newSeries map[seriesKey]int64
}

// write makes one change durable, or none.
func (s *Store) write(ctx context.Context, doing string, change func(*tx) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	return s.fault(doing, s.writer.transact(ctx, change))
}

// transact waits for its turn and runs change in a transaction. It returns nil
// only after the commit was synced.
func (w *writer) transact(ctx context.Context, change func(*tx) error) error {
	select {
	case w.turn <- struct{}{}:
		defer func() { <-w.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := ctx.Err(); err != nil {
		return err // select takes either when both are ready
	}
	if f := w.broken.Load(); f != nil {
		return f
	}
	t := &tx{w: w}
	if err := t.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	over := false
	defer func() { // also when change panics
		if !over {
			t.rollback()
		}
	}()
	if err := t.noticeOthers(); err != nil {
		return err
	}
	if err := change(t); err != nil {
		if losesWrites(err) {
			w.refuseFromNowOn(err)
		}
		return err
	}
	if err := t.exec("COMMIT"); err != nil {
		if isIOError(err) {
			w.refuseFromNowOn(err)
		}
		return err
	}
	over = true
	for _, f := range t.onCommit {
		f()
	}
	return nil
}

// rollback undoes what was done. After some errors SQLite has done so itself
// and says that no transaction is active: that is as good.
func (t *tx) rollback() {
	err := t.exec("ROLLBACK")
	if err != nil && !strings.Contains(err.Error(), "no transaction is active") {
		t.w.refuseFromNowOn(err)
	}
}

// refuseFromNowOn ends writing. After a failed sync the kernel may have dropped
// the pages and call the next sync a success; only opening the file again, and
// reading what is in it, tells what holds.
func (w *writer) refuseFromNowOn(err error) {
	w.broken.CompareAndSwap(nil, &forescale.Fault{Code: "store_failed", Where: w.path, Err: err,
		What: "the disk failed while the store wrote to it: " + err.Error(),
		Help: "check the disk and the system log, then start forescale again; nothing is written or acknowledged until then"})
}

// noticeOthers drops what is cached when another process has written.
func (t *tx) noticeOthers() error {
	var v int64
	if err := t.one("PRAGMA data_version").Scan(&v); err != nil {
		return err
	}
	if v != t.w.dataVersion {
		clear(t.w.series)
		t.w.dataVersion = v
	}
	return nil
}

// stmt is the prepared statement of a query.
func (t *tx) stmt(query string) (*sql.Stmt, error) {
	if st := t.w.stmts[query]; st != nil {
		return st, nil
	}
	st, err := t.w.conn.PrepareContext(context.Background(), query)
	if err != nil {
		return nil, fmt.Errorf("prepare a statement: %w", err)
	}
	t.w.stmts[query] = st
	return st, nil
}

func (t *tx) exec(query string, args ...any) error {
	_, err := t.changed(query, args...)
	return err
}

// changed is exec that tells how many rows it touched.
func (t *tx) changed(query string, args ...any) (int64, error) {
	st, err := t.stmt(query)
	if err != nil {
		return 0, err
	}
	r, err := st.ExecContext(context.Background(), args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// row is one row to scan.
type row interface{ Scan(to ...any) error }

type failedRow struct{ err error }

func (r failedRow) Scan(...any) error { return r.err }

func (t *tx) one(query string, args ...any) row {
	st, err := t.stmt(query)
	if err != nil {
		return failedRow{err}
	}
	return st.QueryRowContext(context.Background(), args...)
}

func (t *tx) each(scan func(row) error, query string, args ...any) error {
	st, err := t.stmt(query)
	if err != nil {
		return err
	}
	rows, err := st.QueryContext(context.Background(), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// bulk describes an insert of many rows: "INSERT INTO x VALUES (?,?),(?,?) …".
type bulk struct {
	head    string
	columns int
	tail    string
}

type bulkSize struct {
	bulk *bulk
	rows int
}

// bulkSizes are the numbers of rows that statements are prepared for, so that
// any number of rows takes few statements and few of them are kept. Larger ones
// are slower: the driver finds each parameter's value by walking over all values
// before it, so that 256 rows take half as long again in one statement as in 16.
var bulkSizes = [...]int{16, 4, 1}

func (b *bulk) query(rows int) string {
	one := "(" + strings.TrimSuffix(strings.Repeat("?,", b.columns), ",") + ")"
	return b.head + " VALUES " + one + strings.Repeat(","+one, rows-1) + " " + b.tail
}

// insert inserts n rows; fill writes the columns of row i into to.
func (t *tx) insert(b *bulk, n int, fill func(to []any, i int)) error {
	done := 0
	for _, rows := range bulkSizes {
		for n-done >= rows {
			args := t.w.args[:0]
			for range rows {
				from := len(args)
				for range b.columns {
					args = append(args, nil)
				}
				fill(args[from:], done)
				done++
			}
			t.w.args = args
			if err := t.execBulk(b, rows, args); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *tx) execBulk(b *bulk, rows int, args []any) error {
	key := bulkSize{b, rows}
	st := t.w.bulks[key]
	if st == nil {
		var err error
		if st, err = t.w.conn.PrepareContext(context.Background(), b.query(rows)); err != nil {
			return fmt.Errorf("prepare an insert: %w", err)
		}
		t.w.bulks[key] = st
	}
	_, err := st.ExecContext(context.Background(), args...)
	return err
}
