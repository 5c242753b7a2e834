package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/sqlite"
)

// historyCSV is n minutes of a series from 2026-03-02 on.
func historyCSV(series string, n int) string {
	var b strings.Builder
	b.WriteString("timestamp,series,value\n")
	at := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	for i := range n {
		fmt.Fprintf(&b, "%s,%s,%d\n", at.Add(time.Duration(i)*time.Minute).Format(time.RFC3339), series, 100+i%60)
	}
	return b.String()
}

func withCheckout(t *testing.T, s *shell, capacity float64) string {
	t.Helper()
	path := filepath.Join(s.dir, "import.db")
	st, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	if _, err := st.PutService(t.Context(), forescale.Service{Name: "checkout", Capacity: capacity}.WithDefaults(), 0); err != nil {
		t.Fatal(err)
	}
	return path
}

func samplesOf(t *testing.T, path string, q forescale.SampleQuery) []forescale.Sample {
	t.Helper()
	st, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	ss, err := st.Samples(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return ss
}

func TestImportTakesHistoryOverOnce(t *testing.T) {
	s := newShell(t)
	path := withCheckout(t, s, 120)
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte(historyCSV("checkout", 12_000)))
	z.Close()
	file := s.file("history.csv.gz", packed.String())

	r := s.run("import", file, "--store", path)
	if r.code != exitOK || !strings.Contains(r.err, "Imported 12,000 rows.") {
		t.Fatalf("ends with %d: %s", r.code, r.err)
	}
	if want := "checkout\t12000\t2026-03-02T00:00:00Z\t2026-03-10T07:59:00Z\t1m\t0\n"; r.out != want {
		t.Errorf("summary %q, want %q", r.out, want)
	}
	ss := samplesOf(t, path, forescale.SampleQuery{Service: "checkout"})
	if len(ss) != 12_000 || ss[0].Metric != forescale.MetricLoad || ss[0].Subject.Kind != forescale.KindService || ss[0].Value != 100 {
		t.Fatalf("%d samples, first %+v", len(ss), ss[0])
	}
	if r := s.run("import", file, "--store", path); r.code != exitOK || !strings.Contains(r.err, "were imported before") {
		t.Errorf("the second time: %d: %s", r.code, r.err)
	}
	if r := s.run("import", file, "--store", path, "--again"); r.code != exitOK || !strings.Contains(r.err, "Imported 12,000 rows.") {
		t.Errorf("anew: %d: %s", r.code, r.err)
	}
	if n := len(samplesOf(t, path, forescale.SampleQuery{Service: "checkout"})); n != 12_000 {
		t.Errorf("%d samples after importing three times", n)
	}
}

// cutStore ends the context after some commits, and counts rows.
type cutStore struct {
	store.Store
	left int
	cut  context.CancelFunc
	rows int
}

func (c *cutStore) AppendImport(ctx context.Context, print string, rows int64, ss []forescale.Sample) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := c.Store.AppendImport(ctx, print, rows, ss)
	if c.rows += len(ss); err == nil && c.left > 0 {
		if c.left--; c.left == 0 {
			c.cut()
		}
	}
	return err
}

func TestImportGoesOnWhereItWasInterrupted(t *testing.T) {
	s := newShell(t)
	path := withCheckout(t, s, 120)
	file := s.file("history.csv", historyCSV("checkout", 13_000))
	st, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	var out, errs bytes.Buffer
	a := &app{stdout: &out, stderr: &errs, env: s.lookup, clock: forescale.NewSystemClock()}
	ctx, cancel := context.WithCancel(t.Context())
	first := &cutStore{Store: st, left: 2, cut: cancel}
	err = a.importHistory(ctx, first, importFlags{as: "load", faults: 10}, file)
	var f *forescale.Fault
	if !errors.As(err, &f) || f.Code != "interrupted" || !strings.Contains(f.What, "stopped after 10,000 rows; they are kept") || !strings.Contains(f.Help, "goes on from there") {
		t.Fatalf("got %v", err)
	}
	if code := a.report(err); code != exitInterrupted {
		t.Errorf("ends with %d", code)
	}
	second := &cutStore{Store: st}
	if err := a.importHistory(t.Context(), second, importFlags{as: "load", faults: 10}, file); err != nil {
		t.Fatal(err)
	}
	if second.rows != 3_000 {
		t.Errorf("the second run wrote %d rows, want the 3,000 that were missing", second.rows)
	}
	if n := len(samplesOf(t, path, forescale.SampleQuery{Service: "checkout"})); n != 13_000 {
		t.Errorf("%d samples", n)
	}
	if !strings.Contains(errs.String(), "10,000 were there from an earlier run") {
		t.Errorf("it said %s", errs.String())
	}
}

func TestImportNamesWhatIsWrong(t *testing.T) {
	s := newShell(t)
	path := withCheckout(t, s, 0)
	good := "2026-03-02T00:00:00Z,checkout,5\n"
	head := "timestamp,series,value\n"
	for _, c := range []struct {
		name, input string
		code        int
		words       []string
		args        []string
	}{
		{"an unknown service", head + strings.Replace(good, "checkout", "shop", 1), exitInput, []string{"error[service_unknown]", `there is no service "shop"`, "--> stdin:2", "--create"}, []string{"--as", "demand"}},
		{"a service that is misspelt", head + good + strings.Replace(good, "checkout", "chekout", 1), exitInput, []string{`there is no service "chekout"`, `did you mean "checkout"?`, "--> stdin:3", "the rows before it are in"}, []string{"--as", "demand"}},
		{"load of a service whose capacity is not known", head + good, exitFailed, []string{"capacity_unknown", "stdin:2", "--as demand"}, nil},
		{"another header", "time;value\n", exitInput, []string{"history_invalid", "stdin:1", "timestamp,series,value"}, nil},
		{"an empty input", "", exitInput, []string{"history_invalid", "empty"}, nil},
		{"bad rows beside good ones", head + good + "2026-03-02T00:01:00Z,checkout,lots\n2026-03-02T00:02:00Z,checkout,-3\n2026-03-02T00:03:00Z,checkout,NaN\n", exitInput,
			[]string{"3 of 4 rows were refused; the others are in", "stdin:3", "stdin:4", "stdin:5"}, []string{"--as", "demand"}},
		{"200 %", head + "2026-03-02T00:00:00Z,checkout,200\n", exitInput, []string{"sample_out_of_range", "0 to 100 %", "stdin:2"}, []string{"--as", "utilization"}},
		{"the future", head + "2199-01-01T00:00:00Z,checkout,1\n", exitInput, []string{"sample_from_future", "stdin:2"}, []string{"--as", "demand"}},
		{"a local time without a zone", head + "2026-03-02T00:00:00,checkout,1\n", exitInput, []string{"names no zone", "stdin:2"}, []string{"--as", "demand"}},
		{"a local time that a clock change left out", head + "2026-03-29T02:30:00,checkout,1\n", exitInput, []string{"time_not_existing", "Europe/Berlin", "stdin:2"}, []string{"--as", "demand", "--timezone", "Europe/Berlin"}},
		{"two series for one service", head + good + strings.Replace(good, "checkout", "other", 1), exitFailed, []string{"series_many", "stdin:3"}, []string{"--as", "demand", "--service", "checkout"}},
		{"values that are something else", head + good, exitUsage, []string{"load, demand or utilization"}, []string{"--as", "temperature"}},
		{"a zone that is none", head + good, exitUsage, []string{"is not a time zone"}, []string{"--timezone", "Mars"}},
		{"a capacity for a known service", head + good, exitUsage, []string{"goes with --create"}, []string{"--capacity", "9"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.t, s.stdin = t, c.input
			s.fails(c.code, c.words, append([]string{"import", "-", "--store", path}, c.args...)...)
		})
	}
	s.t, s.stdin = t, ""
	s.fails(exitInput, []string{"history_unreadable", "no such file"}, "import", filepath.Join(s.dir, "none.csv"), "--store", path)
	if n := len(samplesOf(t, path, forescale.SampleQuery{Service: "checkout"})); n != 1 {
		t.Errorf("%d samples are in, want the one good row", n)
	}
}

// The row that stopped an import is read again, not taken as done.
func TestImportStopsBeforeTheRowOfAnUnknownService(t *testing.T) {
	s := newShell(t)
	path := withCheckout(t, s, 120)
	file := s.file("two.csv", historyCSV("checkout", 10)+"2026-03-02T00:00:00Z,mailer,5\n2026-03-02T00:01:00Z,mailer,6\n")
	s.fails(exitInput, []string{`there is no service "mailer"`, "two.csv:12"}, "import", file, "--store", path)
	s.must("import", file, "--store", path, "--create", "--capacity", "10")
	if n := len(samplesOf(t, path, forescale.SampleQuery{Service: "mailer"})); n != 2 {
		t.Errorf("%d samples of mailer, want 2", n)
	}
	if n := len(samplesOf(t, path, forescale.SampleQuery{Service: "checkout"})); n != 10 {
		t.Errorf("%d samples of checkout, want 10", n)
	}
}

func TestImportOfUtilizationNamesInstances(t *testing.T) {
	s := newShell(t)
	path := withCheckout(t, s, 0)
	s.stdin = "timestamp,series,value\n2026-03-02T00:00:00Z,checkout/a,5\n2026-03-02T00:00:00Z,checkout/b,7\n2026-03-02T00:01:00Z,checkout,9\n2026-03-02T00:01:00Z,checkout/b,\n"
	r := s.run("import", "-", "--store", path, "--as", "utilization")
	if r.code != exitOK || !strings.Contains(r.err, "1 rows had no value; they are gaps.") {
		t.Fatalf("ends with %d: %s", r.code, r.err)
	}
	var names []string
	for _, x := range samplesOf(t, path, forescale.SampleQuery{Kind: forescale.KindInstance}) {
		names = append(names, x.Subject.Name)
	}
	if got := strings.Join(names, " "); got != "a b checkout" {
		t.Errorf("instances %s", got)
	}
}

func TestImportCreatesServicesWhenAsked(t *testing.T) {
	s := newShell(t)
	path := filepath.Join(s.dir, "new.db")
	file := s.file("h.csv", historyCSV("shop", 100))
	s.must("import", file, "--store", path, "--create", "--capacity", "50", "--timezone", "Europe/Berlin")
	st, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	got, err := st.Service(t.Context(), "shop")
	if err != nil || got.Mode != forescale.ModeForecastOnly || got.Capacity != 50 || got.TimeZone != "Europe/Berlin" {
		t.Errorf("%+v, %v", got, err)
	}
	runs, err := st.ListRuns(t.Context(), forescale.RunQuery{Kind: "import", Limit: 10})
	if err != nil || len(runs) != 1 || runs[0].Done != 100 || runs[0].EndedAt.IsZero() {
		t.Errorf("runs %+v, %v", runs, err)
	}
}
