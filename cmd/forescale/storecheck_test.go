package main

import (
	"crypto/sha256"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"
)

// change runs statements on a store's file as somebody would by hand.
func change(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range statements {
		if _, err := db.Exec(st); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestStoreCheckFindsWhatIsWrongAndChangesNothing(t *testing.T) {
	for _, c := range []struct {
		sentence string
		change   []string
		code     int
		says     []string
	}{
		{"a sound store", nil, exitOK, []string{"ok    schema", "10000 rows from 2026-11-02T08:00:00Z", "1 services", "ok    damage"}},
		{"a newer schema", []string{"PRAGMA user_version = 99"}, 2, []string{"fail  schema", "up to schema", "start the newer program"}},
		{"a table of migrations that was changed", []string{"UPDATE migration SET checksum = 'x'"}, 2, []string{"fail  schema", "another content"}},
		{"another program's file", []string{"PRAGMA application_id = 7"}, 2, []string{"fail  schema", "another program"}},
		{"no canary", []string{"DELETE FROM meta"}, 2, []string{"fail  canary"}},
		{"a state of a later version", []string{"INSERT INTO instance (id, service, node, state, origin, address, decision, stop_by, failure, ordered_at) VALUES ('a','s','','hibernating','','','','','',0)"}, 2,
			[]string{"fail  words", `instance.state "hibernating"`}},
		{"a run of a later version", []string{"INSERT INTO run (id, kind, started_at, done, failed, error, state) VALUES ('r','k',1,0,0,'','resting')"}, 2,
			[]string{"fail  words", `run.state "resting"`}},
		{"half a copy", []string{`INSERT INTO meta VALUES ('copy', '{"from":"there"}')`}, 2, []string{"fail  copy", "part of a copy of there"}},
		{"samples from the future", []string{"INSERT INTO sample VALUES (1, 4000000000000, 1)"}, exitFailed, []string{"warn  sample", "has not reached", "clocks"}},
		{"an index that lacks rows", []string{"INSERT INTO run (id, kind, started_at, done, failed, error) VALUES ('r','k',1,0,0,'')", "PRAGMA writable_schema = 1",
			"UPDATE sqlite_schema SET sql = 'CREATE INDEX run_started ON run (kind DESC, id DESC)' WHERE name = 'run_started'"}, 2, []string{"fail  damage"}},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			path := filledStore(t, 10_000)
			change(t, path, c.change...)
			before, names := fileSum(t, path), folder(t, path)
			s := newShell(t)
			r := s.run("store", "check", "--store", path)
			if r.code != c.code {
				t.Errorf("ends with %d, want %d: %s", r.code, c.code, r.err)
			}
			for _, word := range c.says {
				if !strings.Contains(r.out, word) {
					t.Errorf("%q is missing in\n%s%s", word, r.out, r.err)
				}
			}
			if fileSum(t, path) != before || folder(t, path) != names {
				t.Errorf("it changed something: %s, before %s", folder(t, path), names)
			}
		})
	}
	t.Run("no store", func(t *testing.T) {
		s := newShell(t)
		if r := s.run("store", "check", "--store", filepath.Join(s.dir, "none.db")); r.code != 2 || !strings.Contains(r.out, "there is no file") {
			t.Errorf("%d: %s%s", r.code, r.out, r.err)
		}
		if _, err := os.Stat(filepath.Join(s.dir, "none.db")); !errors.Is(err, os.ErrNotExist) {
			t.Error("it was made")
		}
	})
	t.Run("while a server runs on it", func(t *testing.T) {
		s := newShell(t)
		path := filledStore(t, 10)
		s.serve("--store", path)
		s.must("store", "check", "--store", path, "-o", "json")
	})
}

func fileSum(t *testing.T, path string) [32]byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(data)
}

// folder is the names of the files beside a store.
func folder(t *testing.T, path string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(names, " ")
}
