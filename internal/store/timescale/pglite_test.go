package timescale

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/postgrestest"
	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/storetest"
)

// startPglite starts TimescaleDB as WebAssembly: a whole one in one process, of
// one connection, and without background jobs.
func startPglite(t testing.TB) *server {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		postgrestest.Skip(t, "Node.js is not here, in which TimescaleDB runs as WebAssembly: apt-get install nodejs npm")
	}
	dir, err := filepath.Abs(filepath.Join("testdata", "pglite"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "@unni-craftsman", "pglite")); err != nil {
		postgrestest.Skip(t, "TimescaleDB as WebAssembly is not here: npm ci --legacy-peer-deps in internal/store/timescale/testdata/pglite")
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
	return &server{single: true, dsn: "postgres://postgres@127.0.0.1:" + strings.TrimSpace(port) +
		"/postgres?sslmode=disable&pool_max_conns=1&default_query_exec_mode=cache_describe"}
}

// TestStoreOnTimescaleDB runs the suite on hypertables. A fresh store takes a
// second there, so the model is checked with fewer sequences.
func TestStoreOnTimescaleDB(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes")
	}
	v := withExtension(t)
	if v.dsn == os.Getenv(testPostgres) {
		t.Skip("TestStore runs on the named server, which has TimescaleDB")
	}
	storetest.Fewer(t, "5")
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
	v := withExtension(t)
	storetest.Fewer(t, "1")
	t.Run("from a file", func(t *testing.T) { storetest.ExerciseCopy(t, freshFile, freshSchema(v, true)) })
	t.Run("to a file", func(t *testing.T) { storetest.ExerciseCopy(t, freshSchema(v, true), freshFile) })
}

// allOf runs statements one by one.
func allOf(t *testing.T, s *Store, statements ...string) {
	t.Helper()
	for _, st := range statements {
		if _, err := s.pool.Exec(t.Context(), st, pgx.QueryExecModeExec); err != nil {
			t.Fatalf("%s: %v", st, err)
		}
	}
}

// daysOfDemand is a point every ten minutes of some days, of one service.
func daysOfDemand(days int) ([]forescale.Cell, []forescale.DemandPoint) {
	var cells []forescale.Cell
	var points []forescale.DemandPoint
	for i := range days * 24 * 6 {
		at := benchStart.Add(time.Duration(i) * 10 * time.Minute)
		cells = append(cells, forescale.Cell{Service: "a", Time: at})
		points = append(points, forescale.DemandPoint{Service: "a", Metric: forescale.MetricLoad, Time: at, Value: float64(i*7919%1000) / 8, Censored: i%4 == 0})
	}
	return cells, points
}

// byTheHour works the hours out from points, as the store is to do.
func byTheHour(points []forescale.DemandPoint) []forescale.DemandHour {
	var hours []forescale.DemandHour
	for _, p := range points {
		at := p.Time.Truncate(time.Hour)
		if n := len(hours); n == 0 || !hours[n-1].Time.Equal(at) {
			hours = append(hours, forescale.DemandHour{Service: p.Service, Metric: p.Metric, Time: at, Least: p.Value, Most: p.Value})
		}
		h := &hours[len(hours)-1]
		h.Least, h.Most = min(h.Least, p.Value), max(h.Most, p.Value)
		h.Mean += p.Value
		h.Points++
		if p.Censored {
			h.Saturated++
		}
	}
	for i := range hours {
		hours[i].Mean /= float64(hours[i].Points)
		hours[i].Saturated /= float64(hours[i].Points)
	}
	return hours
}

// Twenty days lie in several chunks; all but the newest are compressed.
func TestHoursAndChunksOnTimescaleDB(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server")
	}
	v := withExtension(t)
	dsn := v.fresh(t)
	ctx := t.Context()
	s := openAt(t, dsn)
	small := Chunks{Samples: 6 * time.Hour, Demand: 5 * 24 * time.Hour, CompressAfter: 2 * 24 * time.Hour}
	for _, want := range []bool{true, false} {
		if changed, err := s.Tune(ctx, small); err != nil || changed != want {
			t.Fatalf("tuned: %v, %v; want %v", changed, err, want)
		}
	}
	var sizes, policies int
	if err := s.pool.QueryRow(ctx, `SELECT (SELECT count(*) FROM timescaledb_information.dimensions WHERE (hypertable_name, time_interval) IN (('sample', '6 hours'), ('demand', '5 days'))),
		(SELECT count(*) FROM timescaledb_information.jobs WHERE proc_name = 'policy_compression' AND hypertable_name IN ('sample', 'demand') AND (config->>'compress_after')::interval = '2 days')`).Scan(&sizes, &policies); err != nil || sizes != 2 || policies != 2 {
		t.Fatalf("%d sizes and %d policies were set, %v", sizes, policies, err)
	}
	cells, points := daysOfDemand(20)
	if err := s.SaveDemand(ctx, cells, points); err != nil {
		t.Fatal(err)
	}
	minutes := func() []forescale.DemandPoint {
		t.Helper()
		ps, err := s.Demand(ctx, "a", forescale.MetricLoad, benchStart.AddDate(-1, 0, 0), benchStart.AddDate(1, 0, 0))
		if err != nil {
			t.Fatal(err)
		}
		return ps
	}
	wantHours(t, s, byTheHour(points))
	if err := s.RollUp(ctx); err != nil {
		t.Fatal(err)
	}
	wantHours(t, s, byTheHour(points))

	// Late and corrected, in chunks that are compressed by now.
	allOf(t, s, "SELECT compress_chunk(c) FROM show_chunks('demand', older_than => '"+benchStart.AddDate(0, 0, 17).Format(time.RFC3339)+"'::timestamptz) AS c")
	points[3].Value, points[3].Censored = 1e6, true
	if err := s.SaveDemand(ctx, []forescale.Cell{cells[3], cells[9]}, []forescale.DemandPoint{points[3]}); err != nil {
		t.Fatal(err)
	}
	points = slices.Delete(points, 9, 10)
	if err := s.RollUp(ctx); err != nil {
		t.Fatal(err)
	}
	wantHours(t, s, byTheHour(points))
	allOf(t, s, "SELECT compress_chunk(c, if_not_compressed => true) FROM show_chunks('demand', older_than => '"+benchStart.AddDate(0, 0, 17).Format(time.RFC3339)+"'::timestamptz) AS c")

	// What is old goes by whole chunks while they are compressed, and is counted. What
	// shares a chunk with something newer stays, and so do the hours.
	want := byTheHour(points)
	cut := benchStart.AddDate(0, 0, 12)
	n, err := s.Prune(ctx, store.Cutoffs{Minutes: cut, Samples: cut})
	if err != nil {
		t.Fatal(err)
	}
	left := minutes()
	if gone := int64(len(points) - len(left)); gone != n || n == 0 || !left[0].Time.Before(cut) || left[0].Time.Before(cut.AddDate(0, 0, -5)) {
		t.Errorf("%d rows are said to be gone, %d are; the first left is of %s, the cut-off was %s", n, gone, left[0].Time, cut)
	}
	var compressed int
	if err := s.pool.QueryRow(ctx, "SELECT count(*) FROM timescaledb_information.chunks WHERE hypertable_name = 'demand' AND is_compressed").Scan(&compressed); err != nil || compressed == 0 {
		t.Errorf("%d chunks are compressed, %v: pruning unpacked them", compressed, err)
	}
	spans, err := s.DemandSpans(ctx)
	if err != nil || len(spans) != 1 || spans[0].Points != int64(len(left)) {
		t.Errorf("%+v, %v; want %d points", spans, err, len(left))
	}
	wantHours(t, s, want)
	if err := s.RollUp(ctx); err != nil {
		t.Fatal(err)
	}
	wantHours(t, s, want)
	if n, err := s.Prune(ctx, store.Cutoffs{Hours: cut}); err != nil || n != 12*24 {
		t.Errorf("%d hours went, %v", n, err)
	}
	wantHours(t, s, want[12*24:])
}

// A database that gets the extension later keeps the hours whose minutes are gone.
func TestHoursMoveOverToTimescaleDB(t *testing.T) {
	if testing.Short() {
		t.Skip("starts a server")
	}
	v := withExtension(t)
	old := v.fresh(t)
	points := oldDemand(t, old) // by an older program, with the extension
	for range 2 {
		s := openAt(t, old)
		wantHours(t, s, byTheHour(points))
		if err := s.RollUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		wantHours(t, s, byTheHour(points))
		s.Close()
	}

	dsn := v.fresh(t)
	ctx := t.Context()
	cells, points := daysOfDemand(3)
	want := byTheHour(points)
	plain := openAt(t, dsn, WithoutExtension())
	if err := plain.SaveDemand(ctx, cells, points); err != nil {
		t.Fatal(err)
	}
	if _, err := plain.Prune(ctx, store.Cutoffs{Minutes: benchStart.Add(30*time.Hour + 20*time.Minute)}); err != nil {
		t.Fatal(err)
	}
	plain.Close()
	for range 2 { // the second time there is nothing to do
		s := openAt(t, dsn)
		if s.Extension() == "" {
			t.Fatal(s.Warnings())
		}
		for range 2 {
			wantHours(t, s, want)
			if err := s.RollUp(ctx); err != nil {
				t.Fatal(err)
			}
		}
		s.Close()
	}
}
