package sqlite

import (
	"context"
	"database/sql"
	"os"

	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/migration"
)

// Check implements [store.Store]. It also notices that the file was replaced or
// removed under the running store, and that writing has ended after a failure.
func (s *Store) Check(ctx context.Context) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	if f := s.writer.broken.Load(); f != nil {
		return f
	}
	return s.fault("check the store", s.check(ctx))
}

func (s *Store) check(ctx context.Context) error {
	info, err := os.Stat(s.path)
	if err != nil || !os.SameFile(info, s.identity) {
		return damaged(s.path, "the store's file was removed or replaced while it was open", err)
	}
	known, err := migration.Read(s.options.migrations)
	if err != nil {
		return err
	}
	v, err := readVersion(ctx, s.reader.db)
	if err != nil {
		return err
	}
	if err := s.refuseForeign(v, known); err != nil {
		return err
	}
	var canary, copied sql.NullString
	if err := s.reader.db.QueryRowContext(ctx, "SELECT max(value) FILTER (WHERE key = 'canary'), max(value) FILTER (WHERE key = 'copy') FROM meta").Scan(&canary, &copied); err != nil {
		return err
	}
	if copied.Valid && !s.options.copying {
		return store.Unfinished(s.path, copied.String)
	}
	if canary.String != "sings" {
		return damaged(s.path, "the row that proves that the store can be read is missing or changed", nil)
	}
	return nil
}
