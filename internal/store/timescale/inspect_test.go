package timescale

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/forescale/forescale/internal/store"
)

func TestInspectingADatabaseChangesNothing(t *testing.T) {
	v := sharedCluster(t)
	look := func(dsn string, opts ...Option) map[string]store.Level {
		t.Helper()
		in, err := Inspect(t.Context(), dsn, opts...)
		if err != nil {
			t.Fatal(err)
		}
		defer in.Close()
		if err := in.Read(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		found := map[string]store.Level{}
		for _, f := range in.Findings {
			found[f.About] = f.Level
		}
		return found
	}
	want := func(found map[string]store.Level, about string, level store.Level) {
		t.Helper()
		if found[about] != level {
			t.Errorf("%s is %q, want %q, in %v", about, found[about], level, found)
		}
	}
	dsn := v.fresh(t)
	want(look(dsn), "schema", store.Failure)
	if done, err := readApplied(t.Context(), openPlain(t, dsn), trackSchema); err != nil || len(done) != 0 {
		t.Errorf("it made a schema: %v, %v", done, err)
	}
	s := openAt(t, dsn)
	if err := s.Append(t.Context(), ingestBatch(0)); err != nil {
		t.Fatal(err)
	}
	found := look(dsn)
	for _, about := range []string{"place", "schema", "content", "sample", "words"} {
		want(found, about, store.Fine)
	}
	newer := migrationsAnd("CREATE TABLE future (a int);")
	want(look(dsn, func(o *options) { o.migrations = newer }), "schema", store.Warning)
	openAt(t, dsn, func(o *options) { o.migrations = newer }).Close()
	want(look(dsn), "schema", store.Failure)
	execAt(t, dsn, "DELETE FROM migration WHERE number > (SELECT max(number) - 1 FROM migration WHERE track = 'schema') AND track = 'schema'", "UPDATE meta SET value = 'is silent' WHERE key = 'canary'")
	want(look(dsn), "damage", store.Failure)
	execAt(t, dsn, "UPDATE meta SET value = 'sings' WHERE key = 'canary'", "INSERT INTO meta VALUES ('copy', '{}')", "UPDATE series SET kind = 'moon'")
	found = look(dsn)
	want(found, "copy", store.Failure)
	want(found, "words", store.Failure)
}

func openPlain(t *testing.T, dsn string) querier {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}
