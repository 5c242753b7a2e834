package sqlite

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store/migration"
)

// withMigrations adds scripts to the real ones.
func withMigrations(t *testing.T, more ...string) Option {
	t.Helper()
	files := fstest.MapFS{}
	names, err := fs.Glob(embedded, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		data, err := fs.ReadFile(embedded, name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: data}
	}
	for i, script := range more {
		files[migrationName(len(names)+i+1)] = &fstest.MapFile{Data: []byte(script)}
	}
	return func(o *options) { o.migrations = files }
}

// known is how many real migrations there are.
func known(t *testing.T) int {
	t.Helper()
	ms, err := migration.Read(embedded)
	if err != nil {
		t.Fatal(err)
	}
	return len(ms)
}

func migrationName(n int) string { return fmt.Sprintf("%04d_more.sql", n) }

// filled is the path of a closed store that holds a batch.
func filled(t *testing.T, opts ...Option) string {
	t.Helper()
	path := filepath.Join(memoryDir(t), "state.db")
	s, err := Open(t.Context(), path, opts...)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Append(t.Context(), childBatch(0)), s.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func contents(t *testing.T, path string) [32]byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(data)
}

func TestAnOlderSchemaIsRaisedAfterABackup(t *testing.T) {
	path := filled(t)
	more := withMigrations(t, "CREATE TABLE more (id INTEGER PRIMARY KEY) STRICT; INSERT INTO more VALUES (7);")
	for range 2 { // the second time there is nothing to do
		s, err := Open(t.Context(), path, more)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.Samples(t.Context(), forescale.SampleQuery{})
		if err != nil || len(got) != rowsPerBatch {
			t.Fatalf("%d samples, %v", len(got), err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	backup := fmt.Sprintf("%s.schema-%d.bak", path, known(t))
	info, err := os.Stat(backup)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	if what := lost(t, backup, 0); what != "" {
		t.Fatalf("the backup: %s", what)
	}
}

func TestAMigrationThatFailsChangesNothing(t *testing.T) {
	path := filled(t)
	_, err := Open(t.Context(), path, withMigrations(t, "CREATE TABLE more (id INTEGER PRIMARY KEY) STRICT; INSERT INTO more VALUES ('x');"))
	if err == nil || !strings.Contains(err.Error(), fmt.Sprint("migration ", known(t)+1)) {
		t.Fatalf("got %v", err)
	}
	if what := lost(t, path, 0); what != "" { // opens it without the new migration
		t.Fatal(what)
	}
	_, err = Open(t.Context(), path, withMigrations(t, "CREATE TABLE more (id INTEGER PRIMARY KEY) STRICT;"))
	if err != nil {
		t.Fatalf("the repaired migration: %v", err)
	}
}

func TestANewerSchemaIsRefusedAndNotTouched(t *testing.T) {
	more := withMigrations(t, "CREATE TABLE more (id INTEGER PRIMARY KEY) STRICT;")
	for _, c := range []struct {
		sentence string
		path     string
		opts     []Option
		says     []string
	}{
		{"the versions are named where they are known", filled(t, more, WithVersion("0.9")), []Option{WithVersion("0.8")},
			[]string{fmt.Sprintf("written by 0.9 (schema %d)", known(t)+1), fmt.Sprintf("this is 0.8 (schema %d)", known(t)), "Nothing was changed"}},
		{"else the schemas are", filled(t, more), nil, []string{fmt.Sprint("has schema ", known(t)+1), fmt.Sprint("up to schema ", known(t))}},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			before := contents(t, c.path)
			_, err := Open(t.Context(), c.path, c.opts...)
			var f *forescale.Fault
			if !errors.As(err, &f) || f.Code != "schema_newer" || !errors.Is(err, forescale.ErrSchemaNewer) {
				t.Fatalf("got %v", err)
			}
			for _, words := range c.says {
				if !strings.Contains(f.Terminal(), words) {
					t.Errorf("%q is not said in\n%s", words, f.Terminal())
				}
			}
			if contents(t, c.path) != before {
				t.Error("the file was changed")
			}
		})
	}
	t.Run("the backup to restore is named if it is there", func(t *testing.T) {
		path := filled(t)
		s, err := Open(t.Context(), path, more)
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		_, err = Open(t.Context(), path)
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("restore state.db.schema-%d.bak", known(t))) {
			t.Fatalf("got %v", err)
		}
	})
	t.Run("a running store notices that a newer program came", func(t *testing.T) {
		dir := memoryDir(t)
		s := openIn(t, dir)
		newer, err := Open(t.Context(), filepath.Join(dir, "state.db"), more)
		if err != nil {
			t.Fatal(err)
		}
		defer newer.Close()
		if err := s.Check(t.Context()); !errors.Is(err, forescale.ErrSchemaNewer) {
			t.Fatalf("got %v", err)
		}
	})
}

func TestDemandOfAnOlderSchemaIsRolledUp(t *testing.T) {
	path := filepath.Join(memoryDir(t), "state.db")
	first, err := fs.ReadFile(embedded, "0001_start.sql")
	if err != nil {
		t.Fatal(err)
	}
	old, err := Open(t.Context(), path, func(o *options) { o.migrations = fstest.MapFS{"0001_start.sql": {Data: first}} })
	if err != nil {
		t.Fatal(err)
	}
	err = old.writer.transact(t.Context(), func(x *tx) error {
		return errors.Join(x.exec("INSERT INTO line (id, service, metric, points) VALUES (7, 'a', 'load', 2)"),
			x.exec("INSERT INTO demand VALUES (7, ?1, 1, 0, 1, 1), (7, ?1 + 1, 2, 1, 1, 1), (7, ?1 + 60, 5, 0, 1, 1)", minuteOf(benchStart)))
	})
	if err := errors.Join(err, old.Close()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := s.DemandHours(t.Context(), "a", forescale.MetricLoad, benchStart, benchStart.Add(9*time.Hour))
		want := []forescale.DemandHour{
			{Service: "a", Metric: forescale.MetricLoad, Time: benchStart, Mean: 1.5, Least: 1, Most: 2, Points: 2, Saturated: 0.5},
			{Service: "a", Metric: forescale.MetricLoad, Time: benchStart.Add(time.Hour), Mean: 5, Least: 5, Most: 5, Points: 1},
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%+v, %v", got, err)
		}
		if err := errors.Join(s.RollUp(t.Context()), s.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestMigrationsAreNumberedWithoutGaps(t *testing.T) {
	if _, err := migration.Read(fstest.MapFS{"0001_a.sql": {}, "0003_b.sql": {}}); err == nil {
		t.Fatal("a gap was accepted")
	}
	if ms, err := migration.Read(embedded); err != nil || len(ms) == 0 {
		t.Fatal(ms, err)
	}
}
