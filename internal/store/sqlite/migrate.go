package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store/migration"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

var embedded = func() fs.FS {
	sub, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return sub
}()

// applicationID marks the file as ours, in the place that file(1) reads too.
const applicationID = 0x46536361 // "FSca"

// fileVersion is what a file says about itself.
type fileVersion struct {
	application int
	schema      int
	tables      int
	writtenBy   string         // program version of the newest migration, "" if not known
	checksums   map[int]string // by number
	names       map[int]string // by number
}

// querier is a connection or a pool.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func readVersion(ctx context.Context, q querier) (fileVersion, error) {
	v := fileVersion{checksums: map[int]string{}, names: map[int]string{}}
	for query, to := range map[string]*int{
		"PRAGMA application_id":              &v.application,
		"PRAGMA user_version":                &v.schema,
		"SELECT count(*) FROM sqlite_schema": &v.tables,
	} {
		if err := q.QueryRowContext(ctx, query).Scan(to); err != nil {
			return v, fmt.Errorf("read the store's version: %w", err)
		}
	}
	if v.schema == 0 || v.application != applicationID {
		return v, nil
	}
	rows, err := q.QueryContext(ctx, "SELECT number, name, checksum, written_by FROM migration ORDER BY number")
	if err != nil {
		return v, fmt.Errorf("read the store's migrations: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var n int
		var name, sum string
		if err := rows.Scan(&n, &name, &sum, &v.writtenBy); err != nil {
			return v, fmt.Errorf("read a migration: %w", err)
		}
		v.names[n], v.checksums[n] = name, sum
	}
	return v, rows.Err()
}

// refuseForeign refuses a file that this program must not touch.
func (s *Store) refuseForeign(v fileVersion, known []migration.Migration) error {
	switch {
	case v.application != applicationID && (v.tables > 0 || v.application != 0 || v.schema != 0):
		return &forescale.Fault{Code: "store_foreign", Where: s.path,
			What: "the file is a SQLite database of another program",
			Help: "choose another path for the store; nothing was changed", Err: forescale.ErrDamaged}
	case v.schema > len(known):
		return s.newer(v, len(known))
	case len(v.checksums) != v.schema:
		return damaged(s.path, fmt.Sprintf("the store says it has schema %d, but lists %d migrations", v.schema, len(v.checksums)), nil)
	}
	for _, m := range known[:v.schema] {
		if v.checksums[m.Number] != m.Checksum {
			return damaged(s.path, fmt.Sprintf("migration %d (%s) was run with another content than this program knows", m.Number, m.Name), nil)
		}
	}
	return nil
}

func (s *Store) newer(v fileVersion, known int) error {
	what := fmt.Sprintf("the database has schema %d; this program knows up to schema %d", v.schema, known)
	if v.writtenBy != "" && s.options.version != "" {
		what = fmt.Sprintf("the database was written by %s (schema %d); this is %s (schema %d)", v.writtenBy, v.schema, s.options.version, known)
	}
	help := "start the newer program"
	if backup := s.backupPath(known); exists(backup) {
		help += ", or restore " + filepath.Base(backup)
	}
	return &forescale.Fault{Code: "schema_newer", Where: s.path, What: what,
		Help: help + ". Nothing was changed.", Err: forescale.ErrSchemaNewer}
}

// migrate runs the migrations that are missing, each in a transaction of its
// own, after a backup if there is something to lose.
func (s *Store) migrate(ctx context.Context, known []migration.Migration) error {
	v, err := readVersion(ctx, s.writer.conn)
	if err != nil {
		return err
	}
	if err := s.refuseForeign(v, known); err != nil {
		return err
	}
	if v.schema > 0 && v.schema < len(known) {
		if err := s.backup(ctx, v.schema); err != nil {
			return err
		}
	}
	for _, m := range known[v.schema:] {
		if err := s.runMigration(ctx, m); err != nil {
			return fmt.Errorf("run migration %d (%s): %w", m.Number, m.Name, err)
		}
	}
	return nil
}

const migrationTable = `CREATE TABLE IF NOT EXISTS migration (
  number     INTEGER PRIMARY KEY,
  name       TEXT NOT NULL,
  checksum   TEXT NOT NULL,   -- SHA-256 of the script
  written_by TEXT NOT NULL,   -- version of the program that ran it
  run_at     INTEGER NOT NULL -- for people only: nothing depends on it
) STRICT`

func (s *Store) runMigration(ctx context.Context, m migration.Migration) error {
	return s.writer.transact(ctx, func(t *tx) error {
		var schema int
		if err := s.writer.conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&schema); err != nil {
			return err
		}
		if schema >= m.Number {
			return nil // another process was faster
		}
		for _, script := range []string{
			migrationTable,
			m.Script,
			fmt.Sprintf("PRAGMA application_id = %d", applicationID),
			fmt.Sprintf("PRAGMA user_version = %d", m.Number),
		} {
			if _, err := s.writer.conn.ExecContext(ctx, script); err != nil {
				return err
			}
		}
		_, err := s.writer.conn.ExecContext(ctx, "INSERT INTO migration VALUES (?, ?, ?, ?, ?)",
			m.Number, m.Name, m.Checksum, s.options.version, ms(time.Now()))
		return err
	})
}

func (s *Store) backupPath(schema int) string { return fmt.Sprintf("%s.schema-%d.bak", s.path, schema) }

// backup writes a whole copy of the store beside it. The copy gets its name
// when it is complete and synced: a file of that name can be trusted.
func (s *Store) backup(ctx context.Context, schema int) error {
	path := s.backupPath(schema)
	part := path + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove an unfinished backup: %w", err)
	}
	if err := os.WriteFile(part, nil, 0o600); err != nil { // VACUUM would create it for everyone to read
		return fmt.Errorf("create the backup: %w", err)
	}
	if _, err := s.writer.conn.ExecContext(ctx, "VACUUM INTO ?", part); err != nil {
		return errors.Join(fmt.Errorf("write the backup: %w", err), os.Remove(part))
	}
	if err := syncFile(part); err != nil {
		return fmt.Errorf("sync the backup: %w", err)
	}
	if err := os.Rename(part, path); err != nil {
		return fmt.Errorf("name the backup: %w", err)
	}
	return syncFolder(filepath.Dir(path))
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
