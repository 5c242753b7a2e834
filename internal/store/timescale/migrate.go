package timescale

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store/migration"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

//go:embed extension/*.sql
var extensionFiles embed.FS

func sub(files embed.FS, folder string) fs.FS {
	dir, err := fs.Sub(files, folder)
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return dir
}

// Tracks are numbered apart from each other.
const (
	trackSchema    = "schema"
	trackExtension = "timescaledb"
)

// applied is a migration that was run, as the database tells.
type applied struct {
	number                    int
	name, checksum, writtenBy string
}

const migrationTable = `CREATE TABLE IF NOT EXISTS migration (
  track      text        NOT NULL,
  number     integer     NOT NULL,
  name       text        NOT NULL,
  checksum   text        NOT NULL,  -- SHA-256 of the script
  written_by text        NOT NULL,  -- version of the program that ran it
  run_at     timestamptz NOT NULL DEFAULT now(),  -- for people only: nothing depends on it
  PRIMARY KEY (track, number)
)`

// readApplied is what was run of a track, in order. It looks for the table in
// the catalog itself: to_regclass may remember, within a transaction, that there
// was none before another server made it.
func readApplied(ctx context.Context, q querier, track string) ([]applied, error) {
	there, err := readAll(ctx, q, scanText, "SELECT relname::text FROM pg_class WHERE relname = 'migration' AND relnamespace = current_schema()::regnamespace")
	if err != nil || len(there) == 0 {
		return nil, err
	}
	return readAll(ctx, q, func(r row) (a applied, err error) {
		return a, r.Scan(&a.number, &a.name, &a.checksum, &a.writtenBy)
	}, "SELECT number, name, checksum, written_by FROM migration WHERE track = $1 ORDER BY number", track)
}

// refuse refuses a schema that this program must not touch.
func (s *Store) refuse(done []applied, known []migration.Migration) error {
	if len(done) > len(known) {
		return s.newer(done, len(known))
	}
	for i, a := range done {
		if a.number != i+1 || a.checksum != known[i].Checksum {
			return s.damaged(fmt.Sprintf("migration %d (%s) was run with another content than this program knows", a.number, a.name), nil)
		}
	}
	return nil
}

func (s *Store) newer(done []applied, known int) error {
	what := fmt.Sprintf("the database has schema %d; this program knows up to schema %d", len(done), known)
	if by := done[len(done)-1].writtenBy; by != "" && s.options.version != "" {
		what = fmt.Sprintf("the database was written by %s (schema %d); this is %s (schema %d)", by, len(done), s.options.version, known)
	}
	return &forescale.Fault{Code: "schema_newer", Where: s.place, What: what,
		Help: "start the newer program. Nothing was changed.", Err: forescale.ErrSchemaNewer}
}

// migrate runs what is missing of both tracks. Several servers may do so at the
// same time: an advisory lock lets them through one by one, and each looks again
// when it is through.
func (s *Store) migrate(ctx context.Context) error {
	known, err := migration.Read(s.options.migrations)
	if err != nil {
		return err
	}
	if err := s.runTrack(ctx, trackSchema, known); err != nil {
		return err
	}
	return s.migrateExtension(ctx)
}

// runTrack runs each missing migration in a transaction of its own: half of one
// is never there.
func (s *Store) runTrack(ctx context.Context, track string, known []migration.Migration) error {
	done, err := readApplied(ctx, s.pool, track)
	if err != nil {
		return err
	}
	if err := s.refuse(done, known); err != nil {
		return err
	}
	if len(done) == 0 && track == trackSchema {
		if err := s.refuseForeign(ctx); err != nil {
			return err
		}
	}
	for _, m := range known[len(done):] {
		if err := s.runMigration(ctx, track, m, known); err != nil {
			if taken(err) {
				return s.damaged(fmt.Sprintf("parts of migration %d (%s) are there that the table migration does not list (%s): somebody changed one of them",
					m.Number, m.Name, messageOf(err)), err)
			}
			return fmt.Errorf("run migration %d (%s): %w", m.Number, m.Name, err)
		}
	}
	return nil
}

// taken reports whether a migration found a table, column or other object of a
// name that it was to make. Migrations have no halves, so people made it.
func taken(err error) bool {
	switch codeOf(err) {
	case "42P07", "42701", "42710", "42P16": // table or index, column, object, key
		return true
	}
	return false
}

// refuseForeign refuses a schema in which another program has a table of a name
// that is needed here. Tables of other names are left alone.
func (s *Store) refuseForeign(ctx context.Context) error {
	taken, err := readAll(ctx, s.pool, scanText, `SELECT relname::text FROM pg_class WHERE relnamespace = current_schema()::regnamespace
		AND relname IN ('meta', 'series', 'sample', 'dirty', 'line', 'demand', 'service', 'decision', 'instance', 'key')
		AND to_regclass(quote_ident(current_schema()) || '.migration') IS NULL ORDER BY 1`)
	if err != nil || len(taken) == 0 {
		return err
	}
	return &forescale.Fault{Code: "store_foreign", Where: s.place,
		What: "the database holds tables of another program: " + strings.Join(taken, ", "),
		Help: "create a database for forescale alone, or a schema, and name it with search_path=SCHEMA in the address; nothing was changed",
		Err:  forescale.ErrDamaged}
}

func (s *Store) runMigration(ctx context.Context, track string, m migration.Migration, known []migration.Migration) error {
	return pgx.BeginFunc(ctx, s.pool, func(p pgx.Tx) error {
		t := &tx{Tx: p, s: s}
		if err := t.lock(ctx, lockSchema); err != nil {
			return err
		}
		done, err := readApplied(ctx, p, track)
		if err != nil {
			return err
		}
		if err := s.refuse(done, known); err != nil || len(done) >= m.Number {
			return err // another server was faster
		}
		if track == trackExtension {
			if err := t.findFunctions(ctx); err != nil {
				return err
			}
		}
		for _, script := range []string{migrationTable, m.Script} {
			if _, err := p.Conn().PgConn().Exec(ctx, script).ReadAll(); err != nil { // many statements at once
				return err
			}
		}
		return t.exec(ctx, "INSERT INTO migration (track, number, name, checksum, written_by) VALUES ($1, $2, $3, $4, $5)",
			track, m.Number, m.Name, m.Checksum, s.options.version)
	})
}
