package main

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/forescale/forescale/datasets/traces"
)

func TestDatasetsTellsAllFactsOfEveryTrace(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	list := s.must("datasets")
	for _, tr := range traces.All() {
		if !strings.Contains(list, "\n"+tr.Name+"\t") && !strings.HasPrefix(list, tr.Name+"\t") {
			t.Errorf("the list lacks %s", tr.Name)
		}
		shown := s.must("datasets", "show", tr.Name)
		for _, fact := range []string{tr.Origin, tr.Licence, tr.Parser.String(), tr.Commit, tr.Repository, tr.Oddities, shortDuration(tr.Step)} {
			if !strings.Contains(shown, fact) {
				t.Errorf("what is shown of %s lacks %q", tr.Name, fact)
			}
		}
		for _, f := range tr.Files {
			if !strings.Contains(list, f.SHA256) || !strings.Contains(shown, f.SHA256) || !strings.Contains(shown, f.Path) {
				t.Errorf("the checksum of %s is not told", f.Path)
			}
		}
	}
	var views []traceView
	if err := json.Unmarshal([]byte(s.must("datasets", "-o", "json")), &views); err != nil || len(views) != len(traces.All()) || len(views[0].Files) == 0 {
		t.Errorf("as json: %+v, %v", views, err)
	}
	if rows := strings.Split(strings.TrimSpace(s.must("datasets", "-o", "csv")), "\n"); len(rows) != 1+len(traces.All()) || !strings.HasPrefix(rows[0], "name,step,") {
		t.Errorf("as csv: %v", rows)
	}
	a := &app{stdout: io.Discard, stderr: io.Discard, terminal: true, width: 80}
	var out strings.Builder
	a.stdout = &out
	if err := a.datasets(formatTable); err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(out.String(), "\n") {
		if len(line) > 100 {
			t.Errorf("wider than a terminal: %q", line)
		}
	}
	for _, words := range []string{"Terms: MIT.", "ClarkNet-HTTP"} {
		if !strings.Contains(out.String(), words) {
			t.Errorf("on a terminal the list lacks %q", words)
		}
	}
	s.fails(exitInput, []string{"nyc_taxi", "datasets"}, "datasets", "show", "nyc_taxi_30mins")
	s.fails(exitUsage, []string{"shwo"}, "datasets", "shwo")
}

func TestDatasetsDownloadsWholeFilesOrNone(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	// The test's server stands where the origin does; its file is the test's, too.
	body := "timestamp,value\n2020-07-01 00:00:00,10\n2020-07-01 00:30:00,20\n"
	sum := sha256.Sum256([]byte(body))
	made, _ := traces.Of("nyc_taxi_30min")
	made.Files = []traces.File{{Path: "data/made.csv", Size: int64(len(body)), SHA256: hex.EncodeToString(sum[:])}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/"+made.Repository+"/"+made.Commit+"/data/made.csv" {
			_, _ = fmt.Fprint(w, "something else")
			return
		}
		_, _ = fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)

	var out strings.Builder
	a := &app{stdout: &out, stderr: io.Discard}
	path := filepath.Join(s.dir, "here", "made.csv.gz")
	if err := a.download(t.Context(), made, path, server.URL); err != nil {
		t.Fatal(err)
	}
	if want := path + "\t2 rows\t"; !strings.HasPrefix(out.String(), want) {
		t.Errorf("says %q, want %q", out.String(), want)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if want := "timestamp,series,value\n2020-07-01T04:00:00Z,nyc_taxi,10\n2020-07-01T04:30:00Z,nyc_taxi,20\n"; err != nil || string(text) != want {
		t.Errorf("written is %q, %v", text, err)
	}
	// forescale reads what it wrote.
	if got := s.must("forecast", "run", "--input", path, "--step", "30m", "--horizon", "1", "--quantiles", "0.5"); strings.Count(got, "nyc_taxi") != 1 {
		t.Errorf("forecast of it: %s", got)
	}

	to := filepath.Join(s.dir, "there")
	s.fails(exitFailed, []string{"download_damaged", "14 bytes"}, "datasets", "download", "clarknet_http_1min", "--to", to, "--mirror", server.URL)
	server.Close()
	s.fails(exitUnreachable, []string{"origin_unreachable", "nothing was written", "datasets generate"}, "datasets", "download", "clarknet_http_1min", "--to", to, "--mirror", server.URL)
	if left, err := filepath.Glob(filepath.Join(s.dir, "there*", "*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	// What is there already needs no network, and stays.
	s.file("clarknet_http_1min.csv.gz", "mine")
	if r := s.run("datasets", "download", "clarknet_http_1min", "--to", s.dir, "--mirror", server.URL); r.code != exitOK || !strings.Contains(r.err, "there already") {
		t.Errorf("exit %d: %s", r.code, r.err)
	}
	// Names are looked at before anything is downloaded.
	s.fails(exitInput, []string{"trace_unknown"}, "datasets", "download", "clarknet_http_1min", "nothing", "--to", to)
	s.fails(exitUsage, []string{"NAME is missing"}, "datasets", "download")
}

func TestDatasetsGenerateWritesHistoryFiles(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	args := func(more ...string) []string {
		return append([]string{"datasets", "generate", "--step", "30m", "--timezone", "Europe/Berlin"}, more...)
	}
	week, fortnight := s.must(args("--days", "7")...), s.must(args("--days", "14")...)
	if !strings.HasPrefix(fortnight, week) || strings.Count(week, "\n") != 1+7*48 {
		t.Errorf("a fortnight does not begin with the week, of %d lines", strings.Count(week, "\n"))
	}
	if !strings.HasPrefix(week, "timestamp,series,value\n2026-01-04T23:00:00Z,shop,") {
		t.Errorf("begins with %q", week[:60])
	}
	if other := s.must(args("--days", "7", "--seed", "2")...); other == week {
		t.Error("another seed is the same load")
	}
	for day, rows := range map[string]int{"2026-03-29": 46, "2026-10-25": 50, "2026-06-01": 48} {
		if n := strings.Count(s.must(args("--from", day, "--days", "1")...), "\n") - 1; n != rows {
			t.Errorf("%s has %d half hours, want %d", day, n, rows)
		}
	}

	load, truth := filepath.Join(s.dir, "load.csv"), filepath.Join(s.dir, "truth.csv")
	s.must(args("--preset", "office", "--series", "erp", "--days", "360", "--country", "US", "--output", load, "--truth", truth)...)
	a, b := read(t, load), read(t, truth)
	if len(a) != len(b) || strings.Join(b[0], ",") != "timestamp,series,value,expected,usual,cost,holiday,burst,outage,gap" {
		t.Fatalf("%d rows of load, %d of truth under %v", len(a), len(b), b[0])
	}
	flags := [4]int{}
	for i := range a {
		if strings.Join(a[i], ",") != strings.Join(b[i][:3], ",") {
			t.Fatalf("row %d is %v, beside its truth %v", i, a[i], b[i])
		}
		for k, f := range b[i][6:] {
			if f == "1" {
				flags[k]++
			}
		}
		if day := b[i][0]; strings.HasPrefix(day, "2026-07-03T12") && b[i][6] != "1" || strings.HasPrefix(day, "2026-05-01T12") && b[i][6] == "1" {
			t.Errorf("holidays of the United States: %v", b[i])
		}
	}
	for k, n := range flags {
		if n == 0 || n > len(b)/4 {
			t.Errorf("%s holds at %d of %d times", b[0][6+k], n, len(b))
		}
	}
	if got := s.must("forecast", "run", "--input", load, "--step", "30m", "--horizon", "2", "--quantiles", "0.5"); !strings.Contains(got, "erp,") {
		t.Errorf("forecast of it: %s", got)
	}

	for _, c := range []struct {
		says string
		args []string
	}{
		{"shop, office", []string{"--preset", "bakery"}},
		{"days are out of range", []string{"--days", "0"}},
		{"out of range", []string{"--step", "500ms"}},
		{"not a time zone", []string{"--timezone", "Mars"}},
		{"is not a day", []string{"--from", "tomorrow"}},
		{"a peak", []string{"--peak", "-1"}},
		{"a peak", []string{"--peak", "NaN"}},
		{"holidays", []string{"--country", "XX"}},
		{"two files", []string{"--truth", load, "--output", load}},
	} {
		s.fails(exitUsage, []string{c.says}, append([]string{"datasets", "generate"}, c.args...)...)
	}
}

// read reads a CSV file without quotes.
func read(t *testing.T, path string) (rows [][]string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		rows = append(rows, strings.Split(line, ","))
	}
	return rows
}
