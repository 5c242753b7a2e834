package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

// needPrometheus names the variable that turns a missing server from a skipped
// test into a failed one.
const needPrometheus = "FORESCALE_NEED_PROMETHEUS"

// The password of anna, and its hash as the server wants it.
const annasPassword, annasHash = "open sesame", "$2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy"

// startPrometheus runs a server that holds the metrics, in the OpenMetrics format,
// and lets in nobody but anna. It gives its address.
func startPrometheus(t *testing.T, metrics string) string {
	t.Helper()
	for _, program := range []string{"prometheus", "promtool"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv(needPrometheus) != "" {
				t.Fatal(err)
			}
			t.Skipf("%s is not here: apt-get install prometheus", program)
		}
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	data := filepath.Join(dir, "data")
	if out, err := exec.Command("promtool", "tsdb", "create-blocks-from", "openmetrics", write("metrics", metrics), data).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	log := &lines{}
	cmd := exec.Command("prometheus", "--config.file="+write("prometheus.yml", "global: {scrape_interval: 1h}\n"), "--storage.tsdb.path="+data, "--storage.tsdb.retention.time=100y",
		"--web.listen-address=127.0.0.1:0", "--web.config.file="+write("web.yml", "basic_auth_users:\n  anna: "+annasHash+"\n"), "--query.max-samples=4000")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGKILL)
		<-ended
	})
	var address string
	eventually(t, time.Minute, func() error {
		select {
		case <-ended:
			t.Fatalf("the server ended: %s", log.String())
		default:
		}
		_, after, listens := strings.Cut(log.String(), `msg="Listening on" address=`)
		if !listens || !strings.Contains(after, "Server is ready") {
			return fmt.Errorf("it is not ready: %s", log.String())
		}
		address, _, _ = strings.Cut(after, "\n")
		return nil
	})
	return address
}

// dayOfMetrics are the counters of two services over most of a day, minute by
// minute: one request a second and two.
func dayOfMetrics() string {
	var b strings.Builder
	b.WriteString("# TYPE requests counter\n")
	for k, name := range []string{"web", "blog"} {
		for m := range 1000 {
			fmt.Fprintf(&b, "requests_total{service=%q,pod=\"p\"} %d %d\n", name, 60*m*(k+1), logDay.Unix()+60*int64(m))
		}
	}
	b.WriteString("# EOF\n")
	return b.String()
}

func TestImportOfARealPrometheus(t *testing.T) {
	s := newShell(t)
	path := withCheckout(t, s, 2)
	address := startPrometheus(t, dayOfMetrics())
	ask := func(query string, more ...string) []string {
		return append([]string{"import", "--store", path, "--prometheus", address, "--from", "2026-03-02", "--to", "2026-03-02T16:39:00Z", "--query", query}, more...)
	}
	s.fails(exitRefused, []string{"prometheus_denied", "401", "--password-file"}, ask("up", "--service", "checkout")...)

	s.env["FORESCALE_PROMETHEUS_USER"] = "anna"
	secret := s.file("secret", annasPassword+"\n")
	r := s.run(ask("sum by (service) (rate(requests_total[2m]))", "--password-file", secret, "--create", "--capacity", "4")...)
	if r.code != exitOK || !strings.Contains(r.err, "Imported 1998 rows.") && !strings.Contains(r.err, "Imported 1,998 rows.") {
		t.Fatalf("ends with %d: %s", r.code, r.err)
	}
	// Of the first minute there is no rate yet.
	if want := "blog\t999\t2026-03-02T00:01:00Z\t2026-03-02T16:39:00Z\t1m\t0\nweb\t999\t2026-03-02T00:01:00Z\t2026-03-02T16:39:00Z\t1m\t0\n"; r.out != want {
		t.Errorf("summary %q, want %q", r.out, want)
	}
	ss := samplesOf(t, path, forescale.SampleQuery{Service: "blog"})
	if len(ss) != 999 || ss[500].Value != 2 || ss[500].Metric != forescale.MetricLoad || ss[500].Subject.Kind != forescale.KindService {
		t.Fatalf("%d samples, %+v", len(ss), ss[500])
	}

	// More steps than the server gives at once, 11,989, of a server that holds fewer
	// still; it has values at some of them.
	s.env["FORESCALE_PROMETHEUS_PASSWORD"] = annasPassword
	r = s.run(ask(`requests_total{service="web"} and on() (vector(time()) % 60 == 0)`, "--service", "checkout", "--as", "demand", "--step", "5s")...)
	if want := "checkout\t1000\t2026-03-02T00:00:00Z\t2026-03-02T16:39:00Z\t1m\t0\n"; r.code != exitOK || r.out != want {
		t.Fatalf("ends with %d: %s%s", r.code, r.out, r.err)
	}
	if ss := samplesOf(t, path, forescale.SampleQuery{Service: "checkout"}); len(ss) != 1000 || ss[13].Value != 780 {
		t.Errorf("%d samples, %+v", len(ss), ss[13])
	}

	r = s.run(ask(`rate(requests_total[2m])`, "--as", "utilization", "--instance-label", "pod", "--step", "1h")...)
	if r.code != exitOK || !strings.Contains(r.out, "blog/p\t16\t2026-03-02T01:00:00Z\t2026-03-02T16:00:00Z\t1h\t0\n") {
		t.Errorf("ends with %d: %s%s", r.code, r.out, r.err)
	}
	r = s.run(ask(`vector(0) / 0`, "--service", "checkout", "--step", "1h")...)
	if r.code != exitOK || !strings.Contains(r.err, "Imported 0 rows.\n17 rows had no value; they are gaps.") {
		t.Errorf("ends with %d: %s%s", r.code, r.out, r.err)
	}

	for query, words := range map[string][]string{
		`sum(`:               {"prometheus_refused", "parse error"},
		`requests_total[5m]`: {"prometheus_refused", "range vector"},
		`requests_total + on(pod) group_left requests_total`:                  {"prometheus_refused", "cannot run the query"},
		`sum(requests_total)`:                                                 {"prometheus_refused", `no label "service": {}`},
		`requests_total or label_replace(requests_total, "pod", "q", "", "")`: {`several series are of "blog"`, "sum by (service)"},
	} {
		s.fails(exitFailed, words, ask(query, "--create", "--capacity", "4", "--step", "1h")...)
	}
	s.fails(exitInput, []string{"the query gives nothing from 2026-03-02T00:00:00Z"}, ask("no_such_metric", "--step", "1h")...)
	s.fails(exitRefused, []string{"prometheus_denied"}, ask("up", "--service", "checkout", "--password-file", s.file("wrong", "sesame"))...)
	s.fails(exitInput, []string{"service_unknown", `no service "nobody"`}, ask(`label_replace(requests_total{service="web"}, "service", "nobody", "", "")`, "--step", "1h")...)
}

func TestImportOfPrometheusSaysWhatIsWrong(t *testing.T) {
	s := newShell(t)
	path := withCheckout(t, s, 2)
	good := []string{"--prometheus", "https://prometheus.example", "--query", "up"}
	for _, c := range []struct {
		name  string
		env   map[string]string
		args  []string
		code  int
		words []string
	}{
		{"files, too", nil, append(good, "a.csv"), exitUsage, []string{"--prometheus and files"}},
		{"no query", nil, []string{"--prometheus", "p.example"}, exitUsage, []string{"--query is missing"}},
		{"no URL", nil, []string{"--prometheus", "://", "--query", "up"}, exitUsage, []string{"not the URL of a server"}},
		{"a password in the URL", nil, []string{"--prometheus", "https://anna:sesame@p.example", "--query", "up"}, exitUsage, []string{"holds a user", "--password-file"}},
		{"a page of the server", nil, []string{"--prometheus", "https://p.example/graph?g0=1", "--query", "up"}, exitUsage, []string{"goes on after the path"}},
		{"what logs take", nil, append(good, "--host", "a=b"), exitUsage, []string{"--host goes with access logs"}},
		{"a label and the service", nil, append(good, "--service", "checkout", "--label", "app"), exitUsage, []string{"--label and --service"}},
		{"instances of load", nil, append(good, "--instance-label", "pod"), exitUsage, []string{"--as utilization"}},
		{"parts of a second", nil, append(good, "--step", "1500ms"), exitUsage, []string{"whole seconds"}},
		{"a time that is none", nil, append(good, "--from", "yesterday"), exitUsage, []string{`"yesterday" is not a time`}},
		{"an end before the begin", nil, append(good, "--from", "2026-03-02", "--to", "2026-03-01"), exitUsage, []string{"is before --from"}},
		{"a token and a user", map[string]string{"FORESCALE_PROMETHEUS_TOKEN": "sesame"}, append(good, "--user", "anna"), exitUsage, []string{"both a token and a user"}},
		{"a user without a password", nil, append(good, "--user", "anna"), exitUsage, []string{`password of "anna" is missing`, "FORESCALE_PROMETHEUS_PASSWORD"}},
		{"a password without a user", nil, append(good, "--password-file", s.file("p", "sesame")), exitUsage, []string{"of no user"}},
		{"a file that is empty", nil, append(good, "--token-file", s.file("e", "\n")), exitUsage, []string{"--token-file is empty"}},
		{"a file that is none", nil, append(good, "--token-file", filepath.Join(s.dir, "none")), exitUsage, []string{"cannot read the file of --token-file"}},
		{"a token of two lines", nil, append(good, "--token-file", s.file("two", "a\nsesame")), exitUsage, []string{"control characters"}},
		{"a token that everybody could read", map[string]string{"FORESCALE_PROMETHEUS_TOKEN": "sesame"}, []string{"--prometheus", "http://p.example", "--query", "up"}, exitFailed, []string{"key_in_clear", "https://"}},
		{"a certificate that is none", nil, append(good, "--ca-file", s.file("c", "x")), exitUsage, []string{"no usable certificate"}},
		{"nobody there", nil, []string{"--prometheus", "127.0.0.1:1", "--query", "up", "--service", "checkout"}, exitUnreachable, []string{"prometheus_unreachable", "http://127.0.0.1:1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.t = t
			for name, value := range c.env {
				s.env[name] = value
				defer delete(s.env, name)
			}
			r := s.fails(c.code, c.words, append([]string{"import", "--store", path}, c.args...)...)
			if strings.Contains(r.out+r.err, "sesame") {
				t.Errorf("it shows the secret: %s", r.err)
			}
		})
	}
}
