package timescale

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/forescale/forescale/internal/store/migration"
)

// oldest is the oldest TimescaleDB that is used: the first whose compressed
// chunks take late and corrected samples.
const oldestMajor, oldestMinor = 2, 11

// migrateExtension uses TimescaleDB if it can be had, and says so if not.
func (s *Store) migrateExtension(ctx context.Context) error {
	done, err := readApplied(ctx, s.pool, trackExtension)
	if err != nil {
		return err
	}
	version, err := s.findExtension(ctx)
	if err != nil {
		return err
	}
	if version == "" {
		if len(done) > 0 {
			return s.damaged("its tables are those of TimescaleDB, and the extension is gone", nil)
		}
		return nil
	}
	known, err := migration.Read(s.options.extension)
	if err != nil {
		return err
	}
	if err := s.runTrack(ctx, trackExtension, known); err != nil {
		return err
	}
	s.extension = version
	return s.pool.QueryRow(ctx, `SELECT quote_ident(n.nspname) || '.' FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace
		WHERE e.extname = 'timescaledb'`).Scan(&s.functions)
}

const without = "samples are kept in plain tables: nothing is compressed, and what is old is deleted row by row; the hourly roll-ups are made by forescale itself"

// findExtension is the version to use, "" for none, with a warning why.
func (s *Store) findExtension(ctx context.Context) (string, error) {
	if s.options.plain {
		return "", nil
	}
	var installed, available *string
	if err := s.pool.QueryRow(ctx, `SELECT (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'),
		(SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb')`).Scan(&installed, &available); err != nil {
		return "", err
	}
	switch {
	case installed == nil && available == nil:
		s.warn("timescaledb_missing", "the server has no TimescaleDB; "+without,
			"install the extension on the server, and start forescale again: what is there moves over")
		return "", nil
	case installed == nil:
		return s.createExtension(ctx, *available)
	case older(*installed):
		s.warn("timescaledb_old", fmt.Sprintf("TimescaleDB %s is too old, %d.%d is needed; %s", *installed, oldestMajor, oldestMinor, without),
			"update it (ALTER EXTENSION timescaledb UPDATE), and start forescale again: what is there moves over")
		return "", nil
	}
	return *installed, nil
}

func (s *Store) createExtension(ctx context.Context, version string) (string, error) {
	if older(version) {
		s.warn("timescaledb_old", fmt.Sprintf("TimescaleDB %s is too old, %d.%d is needed; %s", version, oldestMajor, oldestMinor, without),
			"install a newer one on the server, and start forescale again")
		return "", nil
	}
	_, err := s.pool.Exec(ctx, "CREATE EXTENSION IF NOT EXISTS timescaledb SCHEMA public") // where everybody finds it
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return version, nil
	case errors.As(err, &pg) && pg.Code == "23505": // another server creates it just now
		return version, nil
	case errors.As(err, &pg):
		s.warn("timescaledb_refused", "TimescaleDB is there but cannot be used: "+pg.Message+"; "+without,
			"let a superuser run CREATE EXTENSION timescaledb in this database, and start forescale again: what is there moves over")
		return "", nil
	}
	return "", err
}

func older(version string) bool {
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	a, err1 := strconv.Atoi(major)
	b, err2 := strconv.Atoi(minor)
	if err1 != nil || err2 != nil {
		return true
	}
	return a < oldestMajor || a == oldestMajor && b < oldestMinor
}

// findFunctions puts the functions of TimescaleDB into reach until the commit: it
// may be installed in a schema that the address does not name.
func (t *tx) findFunctions(ctx context.Context) error {
	return t.exec(ctx, `SELECT set_config('search_path', concat_ws(', ', nullif(current_setting('search_path'), ''), quote_ident(n.nspname)), true)
		FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = 'timescaledb'`)
}
