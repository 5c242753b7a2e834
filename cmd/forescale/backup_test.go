package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/postgrestest"
)

// A backup is made as docs/storage.md says, while a server runs, and restored; the
// restored store is sound, has all that there was, and a server goes on with it.
func TestABackupOfAStoreInUseIsRestored(t *testing.T) {
	const samples = 3000
	wantAll := func(t *testing.T, s *shell, backup string) {
		t.Helper()
		// What it warns of is not of the store: a database without TimescaleDB.
		if r := s.run("store", "check", "--store", backup); r.code == 2 || strings.Contains(r.out, "fail  ") || !strings.Contains(r.out, "1 services") || !strings.Contains(r.out, "ok    words") {
			t.Fatalf("the backup is not sound, %d:\n%s%s", r.code, r.out, r.err)
		}
		st, err := openStore(t.Context(), backup)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC) // of filledStore; the server adds its own
		found, err := st.Samples(t.Context(), forescale.SampleQuery{Kind: forescale.KindNode, Metric: forescale.MetricCPU, From: start, To: start.Add(samples * time.Second)})
		if closed := st.Close(); err != nil || closed != nil || len(found) != samples {
			t.Fatalf("%d samples of %d, %v, %v", len(found), samples, err, closed)
		}
		server := s.serve("--store", backup)
		if out := s.must("services"); !strings.Contains(out, "checkout") {
			t.Error(out)
		}
		if r := server.stop(); r.code != exitOK {
			t.Errorf("the server ends with %d: %s", r.code, r.err)
		}
	}
	t.Run("of a file, by VACUUM INTO", func(t *testing.T) {
		s := newShell(t)
		path, backup := filledStore(t, samples), filepath.Join(s.dir, "backup.db")
		server := s.serve("--store", path)
		change(t, path, "VACUUM INTO '"+backup+"'")
		server.stop()
		wantAll(t, s, backup)
	})
	t.Run("of PostgreSQL, by pg_dump and pg_restore", func(t *testing.T) {
		s := newShell(t)
		bin, first := postgrestest.Programs(t), postgrestest.Start(t).DSN("")
		restored := strings.Replace(first, "/postgres?", "/restored?", 1)
		dump := filepath.Join(s.dir, "forescale.dump")
		s.must("store", "copy", "--from", filledStore(t, samples), "--to", first)
		server := s.serve("--store", first)
		// pg_dump fails while tables are made or dropped, as those of the queue are at a first start.
		eventually(t, time.Minute, func() error {
			if out := s.must("runs"); !strings.Contains(out, "-spread") {
				return fmt.Errorf("no job was spread yet: %q", out)
			}
			return nil
		})
		for _, c := range [][]string{{"pg_dump", "-Fc", "-f", dump, first}, {"createdb", "--maintenance-db", first, "restored"}, {"pg_restore", "--exit-on-error", "-d", restored, dump}} {
			if out, err := exec.Command(filepath.Join(bin, c[0]), c[1:]...).CombinedOutput(); err != nil {
				t.Fatalf("%s: %v: %s", c[0], err, out)
			}
		}
		server.stop()
		wantAll(t, s, restored)
	})
}
