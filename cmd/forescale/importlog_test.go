package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store/sqlite"
)

var logDay = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// accessLog is a log of minutes from..to of a day, three requests in each of its
// minutes, the first of them an error.
func accessLog(host string, from, to int) string {
	var b strings.Builder
	for m := from; m < to; m++ {
		for k, status := range []int{503, 200, 200} {
			at := logDay.Add(time.Duration(m)*time.Minute + time.Duration(k)*20*time.Second).In(time.FixedZone("", 3600))
			fmt.Fprintf(&b, "%s192.0.2.7 - - [%s] \"GET /cart/%d HTTP/1.1\" %d 512 \"-\" \"curl\"\n", host, at.Format("02/Jan/2006:15:04:05 -0700"), m, status)
		}
	}
	return b.String()
}

func gzipText(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(s))
	_ = z.Close()
	return b.String()
}

func TestImportOfARotatedAccessLog(t *testing.T) {
	s := newShell(t)
	path := withCheckout(t, s, 2)
	now := s.file("access.log", accessLog("", 200, 300))
	before := s.file("access.log.1", accessLog("", 100, 200))
	first := s.file("access.log.2.gz", gzipText(accessLog("", 0, 100)))

	r := s.run("import", now, first, before, "--service", "checkout", "--store", path)
	if r.code != exitOK || !strings.Contains(r.err, "Imported 298 rows.\nCounted 900 lines of 3 files.") {
		t.Fatalf("ends with %d: %s", r.code, r.err)
	}
	if want := "checkout\t298\t2026-03-02T00:01:00Z\t2026-03-02T04:58:00Z\t1m\t0\n"; r.out != want {
		t.Errorf("summary %q, want %q", r.out, want)
	}
	ss := samplesOf(t, path, forescale.SampleQuery{Service: "checkout"})
	if len(ss) != 298 || ss[0].Metric != forescale.MetricLoad || ss[0].Subject.Kind != forescale.KindService || ss[0].Value != 3.0/60 {
		t.Fatalf("%d samples, first %+v", len(ss), ss[0])
	}

	// The same through a pipe, packed, and only some of the requests: values are replaced.
	s.stdin = gzipText(accessLog("", 0, 300))
	r = s.run("import", "-", "--service", "checkout", "--store", path, "--status", "2xx", "--path", "/cart/", "--percent", "1000", "--step", "5m")
	if r.code != exitOK || !strings.Contains(r.err, "Counted 600 lines of 1 file; 300 more are of other hosts, paths or statuses.") {
		t.Fatalf("ends with %d: %s", r.code, r.err)
	}
	ss = samplesOf(t, path, forescale.SampleQuery{Service: "checkout"})
	if len(ss) != 298 || ss[0].Value != .05 || ss[4].Value != 10*2.0/60 {
		t.Errorf("%d samples, %+v, %+v", len(ss), ss[0], ss[4])
	}
}

func TestImportOfVirtualHosts(t *testing.T) {
	s := newShell(t)
	path := filepath.Join(s.dir, "new.db")
	s.stdin = accessLog("shop.example:443 ", 0, 10) + accessLog("blog.example:443 ", 5, 20) + accessLog("www.example:80 ", 0, 30)
	r := s.run("import", "-", "--store", path, "--host", "Shop.example=shop", "--host", "blog.example=blog", "--create", "--capacity", "5")
	if r.code != exitOK {
		t.Fatalf("ends with %d: %s", r.code, r.err)
	}
	if want := "blog\t24\t2026-03-02T00:05:00Z\t2026-03-02T00:28:00Z\t1m\t0\nshop\t28\t2026-03-02T00:01:00Z\t2026-03-02T00:28:00Z\t1m\t0\n"; r.out != want {
		t.Errorf("summary %q, want %q", r.out, want)
	}
	r = s.run("import", "-", "--store", path, "--host", "shop.example", "--host", "blog.example", "--service", "shop")
	if r.code != exitOK || !strings.HasPrefix(r.out, "shop\t28\t") || !strings.Contains(r.err, "Counted 75 lines") {
		t.Errorf("two hosts of one service: %d: %s%s", r.code, r.out, r.err)
	}
}

func TestImportTellsWhatOfALogDoesNotCount(t *testing.T) {
	s := newShell(t)
	path := withCheckout(t, s, 2)
	first := s.file("a.log", accessLog("", 0, 100)+"GET \x1b[31m\n")
	later := s.file("b.log", accessLog("", 300, 400))
	r := s.run("import", first, later, "--service", "checkout", "--store", path)
	for _, want := range []string{"Imported 196 rows.", "no line from 2026-03-02T01:39:40Z to 2026-03-02T05:00:00Z", "left as a gap", "1 line did not count", "a.log:301: ", "a time such as"} {
		if !strings.Contains(r.err, want) {
			t.Errorf("%q is missing in %s", want, r.err)
		}
	}
	if r.code != exitOK || strings.Contains(r.err, "\x1b") {
		t.Errorf("ends with %d: %q", r.code, r.err)
	}
}

func TestImportRefusesALogAsAWhole(t *testing.T) {
	s := newShell(t)
	path := withCheckout(t, s, 2)
	good := accessLog("", 0, 100)
	for _, c := range []struct {
		name, input string
		code        int
		words       []string
		args        []string
	}{
		{"lines of something else", good + strings.Repeat("x\n", 10), exitInput, []string{"access_log_invalid", "10 of 310 lines", "more than 1 %", "stdin:301", "nothing was imported", "--bad-lines"}, []string{"--service", "checkout"}},
		{"a history, called a log", historyCSV("checkout", 5), exitInput, []string{"access_log_invalid", "6 of 6 lines"}, []string{"--service", "checkout", "--format", "access-log"}},
		{"a log, called a history", good, exitInput, []string{"history_invalid", "the header is"}, []string{"--service", "checkout", "--format", "csv"}},
		{"an unknown format", good, exitUsage, []string{"--format csv, access-log or auto"}, []string{"--format", "log"}},
		{"no service", good, exitUsage, []string{"service of the access log is not named", "--host HOST=SERVICE"}, nil},
		{"an unknown service", good, exitInput, []string{"service_unknown", `did you mean "checkout"`}, []string{"--service", "chekout"}},
		{"a new service without a capacity", good, exitFailed, []string{"capacity_unknown", "--capacity"}, []string{"--service", "shop", "--create"}},
		{"values that are no load", good, exitUsage, []string{"tells load"}, []string{"--service", "checkout", "--as", "demand"}},
		{"a step that does not divide an hour", good, exitUsage, []string{"divides an hour"}, []string{"--service", "checkout", "--step", "7m"}},
		{"a status that is none", good, exitUsage, []string{`"20x" is not a status`}, []string{"--service", "checkout", "--status", "2xx,20x"}},
		{"a path that is none", good, exitUsage, []string{"begin of a path"}, []string{"--service", "checkout", "--path", "cart"}},
		{"a host without a service", good, exitUsage, []string{"HOST=SERVICE"}, []string{"--host", "shop.example"}},
		{"a host's service beside the service", good, exitUsage, []string{"--host a=b and --service"}, []string{"--service", "checkout", "--host", "a=b"}},
		{"a host's service that is none", good, exitUsage, []string{`"B!" is not a service name`}, []string{"--host", "a=B!"}},
		{"no percent at all", good, exitUsage, []string{"cannot count 0 %"}, []string{"--service", "checkout", "--percent", "0"}},
		{"all lines bad", good, exitUsage, []string{"--bad-lines 100"}, []string{"--service", "checkout", "--bad-lines", "100"}},
		{"what a history does not take", historyCSV("checkout", 5), exitUsage, []string{"--path goes with access logs"}, []string{"--path", "/cart"}},
		{"what Prometheus takes", good, exitUsage, []string{"--query goes with --prometheus"}, []string{"--service", "checkout", "--query", "up"}},
		{"a log that is cut off", gzipText(good)[:200], exitInput, []string{"history_unreadable", "damaged or cut off", "nothing was imported"}, []string{"--service", "checkout"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.t, s.stdin = t, c.input
			s.fails(c.code, c.words, append([]string{"import", "-", "--store", path}, c.args...)...)
		})
	}
	s.t = t
	log, csv := s.file("a.log", good), s.file("a.csv", historyCSV("checkout", 5))
	s.fails(exitUsage, []string{"some of the files are access logs"}, "import", log, csv, "--service", "checkout", "--store", path)
	s.fails(exitUsage, []string{"standard input and files"}, "import", log, "-", "--service", "checkout", "--store", path)
	s.fails(exitUsage, []string{"FILE is missing", "--prometheus"}, "import", "--store", path)
	if n := len(samplesOf(t, path, forescale.SampleQuery{})); n != 0 {
		t.Errorf("%d samples are in", n)
	}
}

func TestImportOfSeveralHistories(t *testing.T) {
	s := newShell(t)
	path := withCheckout(t, s, 2)
	a, b := s.file("a.csv", historyCSV("checkout", 5)), s.file("b.csv", historyCSV("checkout", 8))
	if r := s.run("import", a, b, "--store", path); r.code != exitOK || strings.Count(r.err, "Imported ") != 2 {
		t.Errorf("ends with %d: %s", r.code, r.err)
	}
	if n := len(samplesOf(t, path, forescale.SampleQuery{})); n != 8 {
		t.Errorf("%d samples are in, want 8", n)
	}
}

// A pipe has a name, too, as <(ssh …) of a shell: it is read once, from its begin.
func TestImportOfANamedPipe(t *testing.T) {
	s := newShell(t)
	path := withCheckout(t, s, 2)
	for name, text := range map[string]string{"log": accessLog("", 0, 100), "history": historyCSV("checkout", 98)} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		written := make(chan error, 1)
		go func() {
			_, err := w.WriteString(text)
			written <- errors.Join(err, w.Close())
		}()
		got := s.run("import", fmt.Sprintf("/dev/fd/%d", r.Fd()), "--service", "checkout", "--store", path)
		if err := errors.Join(<-written, r.Close()); err != nil {
			t.Fatal(err)
		}
		if got.code != exitOK || !strings.Contains(got.err, "Imported 98 rows.") {
			t.Errorf("%s: ends with %d: %s", name, got.code, got.err)
		}
	}
}

func TestCountingThatIsInterruptedImportsNothing(t *testing.T) {
	s := newShell(t)
	path := withCheckout(t, s, 2)
	st, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	ctx, cancel := context.WithCancel(t.Context())
	var errs bytes.Buffer
	a := &app{stdin: cutReader{cancel}, stdout: &errs, stderr: &errs, env: s.lookup, clock: forescale.NewSystemClock()}
	in, err := a.openHistory("-", nil)
	if err != nil {
		t.Fatal(err)
	}
	err = a.importLogs(ctx, st, importFlags{service: "checkout", as: "load", step: time.Minute}, logFlags{percent: 100, bad: 1}, []*history{in})
	var f *forescale.Fault
	if !errors.As(err, &f) || f.Code != "interrupted" || !strings.Contains(f.What, "before any row was kept") {
		t.Fatalf("got %v", err)
	}
	if code := a.report(err); code != exitInterrupted {
		t.Errorf("ends with %d", code)
	}
	if n := len(samplesOf(t, path, forescale.SampleQuery{})); n != 0 {
		t.Errorf("%d samples are in", n)
	}
}

// cutReader is an endless log that ends the context.
type cutReader struct{ cut context.CancelFunc }

func (c cutReader) Read(p []byte) (int, error) {
	c.cut()
	return copy(p, accessLog("", 0, 1)), nil
}
