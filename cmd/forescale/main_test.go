package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/forescale/forescale/internal/dockertest"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) {
	if kind := os.Getenv(childServer); kind != "" {
		os.Exit(serverChild(kind))
	}
	if os.Getenv(childProgram) != "" {
		main()
	}
	code := dockertest.Main(m)
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// shell runs commands in-process, in a home and an environment of its own.
type shell struct {
	t     *testing.T
	dir   string
	env   map[string]string
	stdin string
}

func newShell(t *testing.T) *shell {
	dir := t.TempDir()
	return &shell{t: t, dir: dir, env: map[string]string{"HOME": dir, "XDG_STATE_HOME": filepath.Join(dir, "state")}}
}

func (s *shell) lookup(name string) (string, bool) {
	v, ok := s.env[name]
	return v, ok
}

// result is what one command gave.
type result struct {
	code     int
	out, err string
}

func (s *shell) run(args ...string) result {
	s.t.Helper()
	// A command that should have ended, but serves, must not hold up the tests.
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	return s.runContext(ctx, args...)
}

func (s *shell) runContext(ctx context.Context, args ...string) result {
	var out, errs bytes.Buffer
	code := run(ctx, args, strings.NewReader(s.stdin), &out, &errs, s.lookup)
	return result{code, out.String(), errs.String()}
}

// must runs a command that has to work, and gives what it wrote.
func (s *shell) must(args ...string) string {
	s.t.Helper()
	r := s.run(args...)
	if r.code != exitOK {
		s.t.Fatalf("forescale %s ends with %d: %s", strings.Join(args, " "), r.code, r.err)
	}
	return r.out
}

// fails runs a command that must end with code and say all of the words.
func (s *shell) fails(code int, words []string, args ...string) result {
	s.t.Helper()
	r := s.run(args...)
	if r.code != code {
		s.t.Errorf("forescale %s ends with %d, want %d: %s%s", strings.Join(args, " "), r.code, code, r.out, r.err)
	}
	for _, w := range words {
		if !strings.Contains(r.err, w) {
			s.t.Errorf("forescale %s: %q is missing in\n%s", strings.Join(args, " "), w, r.err)
		}
	}
	return r
}

// file writes a file into the shell's folder.
func (s *shell) file(name, content string) string {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// running is a `serve` in the background.
type running struct {
	t    *testing.T
	url  string
	stop func() result // interrupts it and waits
	log  *lines
	said *lines // on standard output
}

// serve starts a server on a free port, without an engine, and waits until it answers.
func (s *shell) serve(args ...string) *running {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, errs := &lines{}, &lines{}
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, append([]string{"serve", "--listen", "127.0.0.1:0", "--docker", "off"}, args...), strings.NewReader(""), out, errs, s.lookup)
	}()
	r := &running{t: s.t, log: errs, said: out}
	var once sync.Once
	var last result
	r.stop = func() result {
		once.Do(func() {
			cancel()
			last = result{<-done, out.String(), errs.String()}
		})
		return last
	}
	s.t.Cleanup(func() { r.stop() })
	eventually(s.t, 20*time.Second, func() error {
		select {
		case code := <-done:
			done <- code
			s.t.Fatalf("serve ended with %d: %s", code, errs.String())
		default:
		}
		if _, url, ok := strings.Cut(out.String(), "listens on "); ok && strings.Contains(url, "\n") {
			r.url, _, _ = strings.Cut(url, "\n")
			return nil
		}
		return fmt.Errorf("it does not listen yet: %s", errs.String())
	})
	s.env["FORESCALE_SERVER"] = r.url
	return r
}

// push sends rows and fails unless all are stored.
func (r *running) push(rows any) {
	r.t.Helper()
	body, err := json.Marshal(rows)
	if err != nil {
		r.t.Fatal(err)
	}
	resp, err := http.Post(r.url+"/v1/samples", "application/json", bytes.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(resp.Body)
	http.DefaultClient.CloseIdleConnections()
	if resp.StatusCode != http.StatusOK || !bytes.Contains(answer, []byte(`"refused":0`)) {
		r.t.Fatalf("push: %s: %s", resp.Status, answer)
	}
}

// lines is a buffer that may be read while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// eventually asks until there is no error, at most for within.
func eventually(t *testing.T, within time.Duration, ask func() error) {
	t.Helper()
	deadline := time.After(within)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask()
		if err == nil {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("after %v: %v", within, err)
		case <-tick.C:
		}
	}
}

// golden holds got against a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got\n%s\nwant\n%s", name, got, want)
	}
}

// parseJSON reads what a command wrote with -o json.
func parseJSON[T any](t *testing.T, s string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, s)
	}
	return v
}

// faultCode is the code in "error[code]: …".
func faultCode(err error) string { return faultsOf(err)[0].Code }
