package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// monday is the moment of most tests.
var monday = time.Date(2026, 11, 23, 7, 40, 12, 0, time.UTC)

// handClock shows what it was set to.
type handClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *handClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}
func (c *handClock) Elapsed() time.Duration                 { return time.Duration(c.Now().UnixNano()) }
func (c *handClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// fixture is an API over a real store.
type fixture struct {
	*testing.T
	api   *API
	store store.Store
	clock *handClock
	log   *bytes.Buffer
	key   string // sent with each request if set
}

// setup builds one; change may alter its config.
func setup(t *testing.T, change ...func(*Config)) *fixture {
	t.Helper()
	st, err := sqlite.Open(context.Background(), filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{T: t, store: st, clock: &handClock{now: monday}, log: &bytes.Buffer{}}
	cfg := Config{Store: st, Ingest: st, Clock: f.clock, World: "simulated world", Version: "0.1.0",
		Log: slog.New(slog.NewTextHandler(f.log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	for _, c := range change {
		c(&cfg)
	}
	f.api = New(cfg)
	t.Cleanup(func() {
		f.api.Close()
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// answer is what came back.
type answer struct {
	*testing.T
	status int
	header http.Header
	body   []byte
}

// do sends one request. headers are pairs.
func (f *fixture) do(method, path, body string, headers ...string) answer {
	f.Helper()
	r := httptest.NewRequest(method, "http://127.0.0.1:8480"+path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if f.key != "" {
		r.Header.Set("Authorization", "Bearer "+f.key)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
			continue
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	f.api.ServeHTTP(w, r)
	return answer{T: f.T, status: w.Code, header: w.Header(), body: w.Body.Bytes()}
}

// is checks the status.
func (a answer) is(status int) answer {
	a.Helper()
	if a.status != status {
		a.Fatalf("status %d, want %d: %s", a.status, status, a.body)
	}
	return a
}

// read decodes the body.
func (a answer) read(v any) {
	a.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		a.Fatalf("%v in %s", err, a.body)
	}
}

// problem checks that this is a problem with that code and gives it.
func (a answer) problem(status int, code string) Problem {
	a.Helper()
	a.is(status)
	var p Problem
	a.read(&p)
	if p.Code != code || p.Status != status || p.Detail == "" || p.Title == "" || !strings.HasSuffix(p.Type, code) {
		a.Errorf("got %s, want code %s", a.body, code)
	}
	if ct := a.header.Get("Content-Type"); ct != problemType {
		a.Errorf("content type %q", ct)
	}
	return p
}

// service registers a service in the store.
func (f *fixture) service(name string, change ...func(*forescale.Service)) forescale.Service {
	f.Helper()
	s := forescale.Service{Name: name, Mode: forescale.ModeActive, Min: 2, Max: 12, TimeZone: "Europe/Berlin"}.WithDefaults()
	for _, c := range change {
		c(&s)
	}
	s.UpdatedAt = f.clock.Now()
	s, err := f.store.PutService(f.Context(), s, -1)
	if err != nil {
		f.Fatal(err)
	}
	return s
}

// newKey makes a key and returns its secret.
func (f *fixture) newKey(role forescale.Role, service string) string {
	f.Helper()
	secret := fmt.Sprintf("fsk_%s_%s_%x", role, service, sha256.Sum256([]byte(f.Name()+string(role)+service)))
	hash := sha256.Sum256([]byte(secret))
	k := forescale.Key{ID: "key_" + string(role) + service, Name: "key of " + string(role), Role: role, Service: service, Hash: hash[:], CreatedAt: monday}
	if err := f.store.CreateKey(f.Context(), k); err != nil {
		f.Fatal(err)
	}
	return secret
}

// brokenStore fails every read and write that its embedded store would do.
type brokenStore struct{ Store }

var errDisk = errors.New("disk I/O error: fsk_never_shown")

func (brokenStore) Service(context.Context, string) (forescale.Service, error) {
	return forescale.Service{}, errDisk
}
func (brokenStore) ListServices(context.Context) ([]forescale.Service, error) { return nil, errDisk }
func (brokenStore) Budgets(context.Context) ([]forescale.Budget, error)       { return nil, errDisk }
func (brokenStore) FindServices(context.Context, forescale.ServiceQuery) ([]forescale.Service, error) {
	return nil, errDisk
}
func (brokenStore) Pauses(context.Context, time.Time) ([]forescale.Pause, error) {
	return nil, errDisk
}
func (brokenStore) Events(context.Context, time.Time) ([]forescale.Event, error) {
	return nil, errDisk
}
func (brokenStore) PutPause(context.Context, forescale.Pause) error { return errDisk }
func (brokenStore) EndPause(context.Context, string) error          { return errDisk }
func (brokenStore) Nodes(context.Context) ([]forescale.Node, error) { return nil, errDisk }
func (brokenStore) NodeTypes(context.Context) ([]forescale.NodeType, error) {
	return nil, errDisk
}
func (brokenStore) NodeLives(context.Context, time.Time) ([]forescale.NodeLife, error) {
	return nil, errDisk
}
func (brokenStore) NodeWishes(context.Context) ([]forescale.NodeWish, error)  { return nil, errDisk }
func (brokenStore) PutNodeWish(context.Context, forescale.NodeWish) error     { return errDisk }
func (brokenStore) Agents(context.Context) ([]forescale.Agent, error)         { return nil, errDisk }
func (brokenStore) RemoveAgent(context.Context, string) error                 { return errDisk }
func (brokenStore) JoinTokens(context.Context) ([]forescale.JoinToken, error) { return nil, errDisk }
func (brokenStore) Instances(context.Context, forescale.InstanceQuery) ([]forescale.Instance, error) {
	return nil, errDisk
}
func (brokenStore) Learned(context.Context, string, time.Time) ([]forescale.LearnedTimes, error) {
	return nil, errDisk
}
func (brokenStore) Capacities(context.Context, string, time.Time) ([]forescale.Capacity, error) {
	return nil, errDisk
}
func (brokenStore) Warmups(context.Context, string, int) ([]forescale.Warmup, error) {
	return nil, errDisk
}
func (brokenStore) LatestPlans(context.Context, ...string) ([]forescale.ServicePlan, error) {
	return nil, errDisk
}
func (brokenStore) Decisions(context.Context, forescale.DecisionQuery) ([]forescale.Decision, error) {
	return nil, errDisk
}
func (brokenStore) ListRuns(context.Context, forescale.RunQuery) ([]forescale.Run, error) {
	return nil, errDisk
}
func (brokenStore) Check(context.Context) error { return errDisk }

// failingIngest fails with what it holds.
type failingIngest struct{ err error }

func (i failingIngest) Append(context.Context, []forescale.Sample) error { return i.err }

func TestWhatIsNotOursToShowIsInternalAndLoggedOnce(t *testing.T) {
	f := setup(t, func(c *Config) { c.Store = brokenStore{c.Store} })
	a := f.do("GET", "/v1/services", "")
	p := a.problem(500, "internal")
	if strings.Contains(string(a.body), "disk") || p.Help == "" {
		t.Errorf("the cause leaks: %s", a.body)
	}
	if n := strings.Count(f.log.String(), "disk I/O error"); n != 1 {
		t.Errorf("the cause is logged %d times:\n%s", n, f.log)
	}
}

func TestAPanicIsOneProblem(t *testing.T) {
	f := setup(t)
	h := f.api.recovered(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("boom") }))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	answer{T: t, status: w.Code, header: w.Header(), body: w.Body.Bytes()}.problem(500, "internal")
	if !strings.Contains(f.log.String(), "boom") {
		t.Error("the panic is not logged")
	}
}

func TestUnknownPathsAndMethods(t *testing.T) {
	f := setup(t)
	f.do("GET", "/v1/nothing", "").problem(404, "not_found")
	f.do("POST", "/v1/decisions", "{}").problem(405, "method_not_allowed")
	p := f.do("GET", "/v1/decisions?servcie=checkout", "").problem(422, "invalid_request")
	if len(p.Errors) != 1 || p.Errors[0].Code != "unknown_parameter" || p.Errors[0].Help != `did you mean "service"?` {
		t.Errorf("got %+v", p.Errors)
	}
}

func TestServeEndsWithItsContextAndItsStreams(t *testing.T) {
	f := setup(t)
	ctx, cancel := context.WithCancel(t.Context())
	ln := listen(t)
	served := make(chan error, 1)
	go func() { served <- f.api.Serve(ctx, ln) }()
	resp, err := http.Get("http://" + ln.Addr().String() + "/v1/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	cancel()
	if _, err := io.ReadAll(resp.Body); err != nil {
		t.Errorf("the stream did not end well: %v", err)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	http.DefaultClient.CloseIdleConnections()
}
