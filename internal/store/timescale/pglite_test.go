package timescale

import (
	"bufio"
	"context"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale/internal/store/storetest"
)

// startPglite starts TimescaleDB as WebAssembly: a whole one in one process, of
// one connection, and without background jobs.
func startPglite(t *testing.T) *server {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		skipOrFail(t, "Node.js is not here, in which TimescaleDB runs as WebAssembly: apt-get install nodejs npm")
	}
	dir, err := filepath.Abs(filepath.Join("testdata", "pglite"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "@unni-craftsman", "pglite")); err != nil {
		skipOrFail(t, "TimescaleDB as WebAssembly is not here: npm ci --legacy-peer-deps in internal/store/timescale/testdata/pglite")
	}
	cmd := exec.Command(node, "serve.mjs")
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		killer := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
		defer killer.Stop()
		cmd.Wait()
	})
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the server did not start: %v", err)
	}
	return &server{dsn: "postgres://postgres@127.0.0.1:" + strings.TrimSpace(port) +
		"/postgres?sslmode=disable&pool_max_conns=1&default_query_exec_mode=cache_describe"}
}

// TestStoreOnTimescaleDB runs the suite on hypertables. A fresh store takes a
// second there, so the model is checked with fewer sequences.
func TestStoreOnTimescaleDB(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes")
	}
	v := startPglite(t)
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		checks.Value.Set("5")
		defer checks.Value.Set(checks.DefValue)
	}
	s := openAt(t, v.fresh(t))
	if s.Extension() == "" {
		t.Fatalf("TimescaleDB is not used: %v", s.Warnings())
	}
	s.Close()
	exercise(t, v, true)
}

// TestCopyOnTimescaleDB moves a store into hypertables and out of them. The server
// has one connection, so the other side is a file.
func TestCopyOnTimescaleDB(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes")
	}
	v := startPglite(t)
	storetest.Fewer(t, "1")
	t.Run("from a file", func(t *testing.T) { storetest.ExerciseCopy(t, freshFile, freshSchema(v, true)) })
	t.Run("to a file", func(t *testing.T) { storetest.ExerciseCopy(t, freshSchema(v, true), freshFile) })
}

// TestAggregates shows that what is compressed takes late samples, and that they
// reach the roll-ups.
func TestAggregates(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server")
	}
	v := startPglite(t)
	dsn := v.fresh(t)
	ctx := context.Background()
	s := openAt(t, dsn)
	batch := ingestBatch(0)
	if err := s.Append(ctx, batch); err != nil {
		t.Fatal(err)
	}
	for _, st := range []string{
		"SELECT compress_chunk(c) FROM show_chunks('sample') AS c",
		"CALL refresh_continuous_aggregate('sample_minute', NULL, NULL)",
	} {
		if _, err := s.pool.Exec(ctx, st); err != nil {
			t.Fatalf("%s: %v", st, err)
		}
	}
	late := batch[0]
	late.Value = 1e6 // corrects one that is there
	if err := s.Append(ctx, batch[:1]); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(ctx, append(batch[:0:0], late)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.pool.Exec(ctx, "CALL refresh_continuous_aggregate('sample_minute', NULL, NULL)"); err != nil {
		t.Fatal(err)
	}
	var most float64
	var samples int
	if err := s.pool.QueryRow(ctx, "SELECT max(most), sum(samples)::int FROM sample_minute").Scan(&most, &samples); err != nil {
		t.Fatal(err)
	}
	if most != 1e6 || samples != len(batch) {
		t.Errorf("the roll-up tells of %v as the most, of %d samples; want 1e6 of %d", most, samples, len(batch))
	}
}
