package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/migration"
)

// Store is a store in one SQLite file. Make it with [Open].
type Store struct {
	path     string
	identity os.FileInfo // of the file that was opened
	options  options

	writer *writer
	reader *reader

	life   sync.RWMutex // held for reading by every method, for writing by Close
	closed bool
}

var _ store.Store = (*Store)(nil)

type options struct {
	version    string        // of the program, kept with each migration
	migrations fs.FS         // tests bring their own
	driver     driver.Driver // tests count statements
	copying    bool          // part of a copy is no fault
	durable    bool          // tests show that the durability tests have teeth
}

// Option changes how a store is opened.
type Option func(*options)

// WithVersion tells the program's version. It is written beside each migration,
// so that an older program can say by whom the file was written.
func WithVersion(v string) Option { return func(o *options) { o.version = v } }

// WithoutSync leaves what is committed to the operating system: a crash of the
// machine may lose or damage it. It is for stores that nobody needs afterwards,
// such as those of simulations.
func WithoutSync() Option { return func(o *options) { o.durable = false } }

// ForCopy opens a store also while it holds part of a copy.
func ForCopy() Option { return func(o *options) { o.copying = true } }

// quickCheckLimit is the size in bytes up to which a file is checked as a whole
// when it is opened. Larger ones would hold up the start for long; there, damage
// is found when the damaged page is read.
const quickCheckLimit = 64 << 20

// Open opens the store at path, and creates the file and its folders if they do
// not exist. It brings an older schema up to date, after a backup. Its errors
// are [forescale.Fault]s: schema_newer, store_damaged, store_unwritable,
// disk_full, store_busy.
func Open(ctx context.Context, path string, opts ...Option) (*Store, error) {
	o := options{migrations: embedded, driver: defaultDriver(), durable: true}
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
	s := &Store{path: path, options: o}
	if err := s.prepareFile(ctx, known); err != nil {
		return nil, err
	}
	if err := s.connect(ctx, known); err != nil {
		return nil, errors.Join(s.fault("open the store", err), s.disconnect())
	}
	return s, nil
}

// prepareFile creates the file if it is missing, and looks at one that is there
// without changing anything.
func (s *Store) prepareFile(ctx context.Context, known []migration.Migration) error {
	info, err := os.Stat(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := createFile(s.path); err != nil {
			return s.fault("create the store", err)
		}
	case err != nil:
		return s.fault("open the store", err)
	case info.IsDir():
		return unwritable(s.path, "the store's path is a folder", nil)
	case info.Size() > 0:
		return s.inspect(ctx, known)
	}
	return nil
}

// inspect refuses a file that is damaged, foreign or newer. It reads only.
func (s *Store) inspect(ctx context.Context, known []migration.Migration) error {
	db := sql.OpenDB(s.connector(peeking))
	defer db.Close()
	v, err := readVersion(ctx, db)
	if err != nil {
		// A read-only folder has no room for the shared memory that even
		// reading needs; connect says so better than this failure.
		if isDamage(err) {
			return s.fault("read the store", err)
		}
		return nil
	}
	return s.refuseForeign(v, known)
}

// connect opens the connections, checks what is there and migrates it.
func (s *Store) connect(ctx context.Context, known []migration.Migration) (err error) {
	if s.identity, err = os.Stat(s.path); err != nil {
		return err
	}
	if s.writer, err = openWriter(ctx, s.path, s.connector(writing)); err != nil {
		return err
	}
	if s.identity.Size() > 0 && s.identity.Size() <= quickCheckLimit {
		if err := s.writer.quickCheck(ctx); err != nil {
			return err
		}
	}
	if err := s.migrate(ctx, known); err != nil {
		return err
	}
	s.reader = openReader(s.connector(reading))
	return s.check(ctx)
}

// createFile makes an empty file that only its owner may read, and syncs the
// folders that name it: a file whose name is lost is lost as well.
func createFile(path string) error {
	if info, err := os.Stat(path + "-wal"); err == nil && info.Size() > 0 {
		return damaged(path, "the store's file is gone, but its write-ahead log is there", nil)
	}
	dir := filepath.Dir(path)
	made, err := makeFolders(dir)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	for _, d := range append(made, dir) {
		if err := syncFolder(d); err != nil {
			return err
		}
	}
	return nil
}

// makeFolders creates dir and gives the folders that hold a new entry.
func makeFolders(dir string) (changed []string, err error) {
	for d := dir; ; d = filepath.Dir(d) {
		if _, err := os.Stat(d); !errors.Is(err, fs.ErrNotExist) || d == filepath.Dir(d) {
			break
		}
		changed = append(changed, filepath.Dir(d))
	}
	return changed, os.MkdirAll(dir, 0o700)
}

func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// enter begins a method; leave ends it. Methods do not call each other in
// between, as a waiting Close would lock them out.
func (s *Store) enter() error {
	s.life.RLock()
	if s.closed {
		s.life.RUnlock()
		return store.Closed
	}
	return nil
}

func (s *Store) leave() { s.life.RUnlock() }

// Close implements [store.Store]. Closing twice is harmless.
func (s *Store) Close() error {
	s.life.Lock()
	defer s.life.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	if err := s.disconnect(); err != nil {
		return s.fault("close the store", err)
	}
	return nil
}

func (s *Store) disconnect() error {
	var errs []error
	if s.reader != nil {
		errs = append(errs, s.reader.close())
	}
	if s.writer != nil { // last: it folds the log back into the file
		errs = append(errs, s.writer.close())
	}
	return errors.Join(errs...)
}
