package demo

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/forescale/forescale/internal/loop"
	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/sqlite"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bare is the loop alone, without an API: enough for the simulated world.
type bare struct {
	loop   *loop.Loop
	cancel context.CancelFunc
	failed chan error
	done   chan struct{}
}

func serveBare(_ context.Context, w Wiring) (Server, error) {
	l := loop.New(loop.Config{Store: w.Store, Sources: []loop.Source{w.Source}, Target: w.Target, Clock: w.Clock, Log: slog.New(slog.DiscardHandler),
		Options: loop.Options{Collect: w.Times.Collect, Interval: w.Times.Interval, Pulse: w.Times.Pulse, Refresh: w.Times.Refresh},
		OnStep:  func(r loop.Report) { w.OnStep(r.At, r.Decisions) }})
	ctx, cancel := context.WithCancel(context.Background())
	b := &bare{loop: l, cancel: cancel, failed: make(chan error, 1), done: make(chan struct{})}
	go func() {
		defer close(b.done)
		if err := l.Run(ctx); err != nil {
			b.failed <- err
		}
	}()
	return b, nil
}

func (b *bare) URL() string          { return "http://127.0.0.1:0" }
func (b *bare) Failed() <-chan error { return b.failed }
func (b *bare) Refresh(ctx context.Context, services ...string) error {
	return b.loop.Refresh(ctx, monday(time.UTC), services...)
}

func (b *bare) Close(context.Context) error {
	b.cancel()
	<-b.done
	return nil
}

func openStore(ctx context.Context, path string) (store.Store, error) { return sqlite.Open(ctx, path) }

// script is a buffer that may be written and read at the same time.
type script struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *script) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *script) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func folders(t *testing.T) []string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(os.TempDir(), prefix+owner()+"-*"))
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}

func TestADayInTheSimulatedWorldEndsWithTheTable(t *testing.T) {
	var out script
	err := Run(t.Context(), Config{Days: 1, Day: 12 * time.Second, Docker: Off, Seed: 1, Out: &out, Store: openStore, Serve: serveBare})
	if err != nil {
		t.Fatal(err)
	}
	text := out.String()
	t.Log(text)
	for _, want := range []string{"simulated, as asked for", "4 weeks imported", "page", "→", "The whole run", "Kubernetes HPA at 70 %", "Kubernetes HPA at 60 %", "No promise was broken"} {
		if !strings.Contains(text, want) {
			t.Errorf("the output lacks %q", want)
		}
	}
	// Who does better is for the simulation's tests, where no time goes by: here a
	// machine that is busy for a second sleeps through two hours.
	for _, policy := range []string{"forescale ", "Kubernetes HPA at 70 %", "Kubernetes HPA at 60 %"} {
		n := row(t, text, policy)
		if n[0] < 0 || n[0] > 100 || n[1] < 0 || n[1] > 100 || n[2] < 12 || n[2] > 24*10 || n[3] < 1 {
			t.Errorf("row of %s: %v", policy, n)
		}
	}
	if left := folders(t); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// row reads the numbers of the table's row of a policy.
func row(t *testing.T, text, policy string) []float64 {
	t.Helper()
	table := text[strings.LastIndex(text, "POLICY"):]
	at := strings.Index(table, "\n"+policy)
	if at < 0 {
		t.Fatalf("no row of %q in\n%s", policy, table)
	}
	line, _, _ := strings.Cut(table[at+1+len(policy):], "\n")
	var out []float64
	for _, f := range regexp.MustCompile(`[0-9.]+`).FindAllString(line, -1) {
		v, err := strconv.ParseFloat(f, 64)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	if len(out) != 4 {
		t.Fatalf("%v in %q, want four numbers", out, line)
	}
	return out
}

func TestCtrlCEndsItWithTheTableAndLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var out script
	acted := make(chan struct{})
	var once sync.Once
	serve := func(ctx context.Context, w Wiring) (Server, error) {
		// Ends when the demonstration has gone on for some simulated hours.
		go func() {
			<-w.Clock.After(4 * time.Hour)
			once.Do(func() { close(acted) })
			cancel()
		}()
		return serveBare(ctx, w)
	}
	err := Run(ctx, Config{Day: 8 * time.Second, Docker: Off, Seed: 2, Out: &out, Store: openStore, Serve: serve})
	if err != nil {
		t.Fatalf("Ctrl-C is no error: %v", err)
	}
	<-acted
	if text := out.String(); !strings.Contains(text, "The whole run") {
		t.Errorf("no table in\n%s", text)
	}
	if left := folders(t); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestWithoutAnEngine(t *testing.T) {
	t.Parallel()
	none := func(context.Context) (Engine, error) { return nil, io.ErrUnexpectedEOF }
	t.Run("required is a fault that says what to do", func(t *testing.T) {
		var out script
		err := Run(t.Context(), Config{Days: 1, Day: time.Minute, Docker: Required, Out: &out, Engine: none})
		if err == nil || !strings.Contains(err.Error(), "--docker off") {
			t.Errorf("error: %v", err)
		}
	})
	t.Run("auto plays in the simulated world and says so", func(t *testing.T) {
		var out script
		ctx, cancel := context.WithCancel(t.Context())
		serve := func(ctx context.Context, w Wiring) (Server, error) {
			cancel()
			return serveBare(ctx, w)
		}
		if err := Run(ctx, Config{Days: 1, Day: time.Minute, Docker: Auto, Out: &out, Engine: none, Store: openStore, Serve: serve}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), "SIMULATED") {
			t.Errorf("it does not say so:\n%s", out.String())
		}
	})
}
