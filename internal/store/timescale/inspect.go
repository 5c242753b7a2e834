package timescale

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/migration"
)

// Inspect connects to a database to look at it. It changes nothing: each
// transaction is read-only, and a standby will do.
func Inspect(ctx context.Context, dsn string, opts ...Option) (*store.Inspection, error) {
	o := settle(opts)
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, wrongAddress(dsn)
	}
	s := &Store{place: placeOf(config.ConnConfig.Config), options: o}
	if o.password != "" {
		config.ConnConfig.Password = o.password
	}
	config.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on"
	prepareConfig(config, dsn)
	config.MaxConns = 1
	known, err := migration.Read(o.migrations)
	if err != nil {
		return nil, err
	}
	if s.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, s.fault("open the store", err)
	}
	s.leases = s.pool
	in := &store.Inspection{Close: s.Close}
	readable, err := s.inspect(ctx, in, known)
	if err != nil {
		s.Close()
		return nil, s.fault("look at the store", err)
	}
	if !readable {
		return in, nil
	}
	x, err := s.Snapshot(ctx)
	if err != nil {
		s.Close()
		return nil, err
	}
	in.Snapshot = x
	in.Close = func() error { err := x.Close(); s.Close(); return err }
	return in, nil
}

// inspect looks for what is wrong, and reports whether the tables can be read.
func (s *Store) inspect(ctx context.Context, in *store.Inspection, known []migration.Migration) (bool, error) {
	var version string
	var size int64
	var follows bool
	if err := s.pool.QueryRow(ctx, "SELECT current_setting('server_version'), pg_database_size(current_database()), pg_is_in_recovery()").Scan(&version, &size, &follows); err != nil {
		return false, err
	}
	in.Add(store.Fine, "place", fmt.Sprintf("%s, PostgreSQL %s, %d bytes", s.place, version, size), "")
	if follows {
		in.Add(store.Warning, "standby", "the database is a standby: it takes no writes", "name the primary for forescale serve")
	}
	if err := s.look(ctx); err != nil {
		return false, err
	}
	extension, err := s.usableExtension(ctx)
	if err != nil {
		return false, err
	}
	if extension != "" {
		in.Add(store.Fine, "extension", "TimescaleDB "+extension, "")
	}
	for _, w := range s.warnings {
		in.Add(store.Warning, w.Code, w.What, w.Help)
	}
	done, err := readApplied(ctx, s.pool, trackSchema)
	if err != nil {
		return false, err
	}
	if len(done) == 0 {
		if err := s.refuseForeign(ctx); err != nil {
			in.Fault("schema", err)
		} else {
			in.Add(store.Failure, "schema", "the database holds no store", "forescale serve makes one in it")
		}
		return false, nil
	}
	if err := s.refuse(done, known); err != nil {
		in.Fault("schema", err)
		return false, nil
	}
	if len(done) < len(known) {
		in.Add(store.Warning, "schema", fmt.Sprintf("version %d; this program has %d", len(done), len(known)), "it is brought up to date when a server starts; make a backup before")
		return false, nil // its tables may lack what is read here
	}
	in.Add(store.Fine, "schema", fmt.Sprintf("version %d", len(done)), "")
	broken, err := readAll(ctx, s.pool, scanText, `SELECT c.relname::text FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid
		WHERE c.relnamespace = current_schema()::regnamespace AND NOT i.indisvalid ORDER BY 1`)
	if err != nil {
		return false, err
	}
	for _, index := range broken {
		in.Add(store.Failure, "damage", "the index "+index+" is not valid", "run REINDEX INDEX "+index)
	}
	s.options.copying = true // is told below
	if err := s.check(ctx); err != nil {
		in.Fault("damage", s.fault("check the store", err))
		return false, nil
	}
	var copied *string
	if err := s.pool.QueryRow(ctx, "SELECT max(value) FROM meta WHERE key = $1", copyNote).Scan(&copied); err != nil {
		return false, err
	}
	if copied != nil {
		in.Fault("copy", store.Unfinished(s.place, *copied))
	}
	return true, s.inspectCompression(ctx, in, extension)
}

// inspectCompression tells what a row of the compressed chunks takes, and took. The
// counts of rows stand in TimescaleDB's own tables alone, which may change.
func (s *Store) inspectCompression(ctx context.Context, in *store.Inspection, extension string) error {
	if extension == "" {
		return nil
	}
	sizes, err := readAll(ctx, s.pool, scanText, `SELECT format('%s: %s bytes a row in %s compressed chunks, %s before', h.table_name,
			round(sum(z.compressed_heap_size + z.compressed_toast_size + z.compressed_index_size) / sum(z.numrows_pre_compression), 2), count(*),
			round(sum(z.uncompressed_heap_size + z.uncompressed_toast_size + z.uncompressed_index_size) / sum(z.numrows_pre_compression)))
		FROM _timescaledb_catalog.compression_chunk_size AS z JOIN _timescaledb_catalog.chunk AS c ON c.id = z.chunk_id
			JOIN _timescaledb_catalog.hypertable AS h ON h.id = c.hypertable_id
		WHERE h.schema_name = current_schema() AND h.table_name IN ('sample', 'demand') AND z.numrows_pre_compression > 0
		GROUP BY h.table_name ORDER BY h.table_name DESC`)
	if code := codeOf(err); code == "42P01" || code == "42703" || code == "42501" { // it is not there, or not for this user
		in.Add(store.Fine, "compression", "this TimescaleDB does not tell what a row takes", "")
		return nil
	}
	if err == nil && len(sizes) == 0 {
		sizes = []string{"no chunk is compressed yet"}
	}
	for _, says := range sizes {
		in.Add(store.Fine, "compression", says, "")
	}
	return err
}

// usableExtension is the version of TimescaleDB that is installed, with a warning
// if there is none that can be used. It creates none.
func (s *Store) usableExtension(ctx context.Context) (string, error) {
	var installed *string
	if err := s.pool.QueryRow(ctx, "SELECT max(extversion) FROM pg_extension WHERE extname = 'timescaledb'").Scan(&installed); err != nil {
		return "", err
	}
	switch {
	case installed == nil:
		s.warn("timescaledb_missing", "the database does not use TimescaleDB; "+without, "install the extension, and start forescale again: what is there moves over")
		return "", nil
	case older(*installed):
		s.warn("timescaledb_old", fmt.Sprintf("TimescaleDB %s is too old, %d.%d is needed; %s", *installed, oldestMajor, oldestMinor, without),
			"update it (ALTER EXTENSION timescaledb UPDATE), and start forescale again: what is there moves over")
		return "", nil
	}
	return *installed, nil
}

// Span implements [store.Snapshot].
func (x *snapshot) Span(ctx context.Context, table, column string) (first, last time.Time, err error) {
	var a, b *time.Time
	err = x.tx.QueryRow(ctx, fmt.Sprintf("SELECT min(%s), max(%[1]s) FROM %s", column, table)).Scan(&a, &b)
	return fromOptional(a), fromOptional(b), x.s.fault("read "+table, err)
}

// Words implements [store.Snapshot].
func (x *snapshot) Words(ctx context.Context, table, column string) ([]string, error) {
	words, err := readAll(ctx, x.tx, scanText, fmt.Sprintf("SELECT DISTINCT %s FROM %s ORDER BY 1", column, table))
	return words, x.s.fault("read "+table, err)
}
