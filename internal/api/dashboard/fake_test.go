package dashboard_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/api"
	"github.com/forescale/forescale/internal/api/dashboard"
	"github.com/forescale/forescale/internal/store/memory"
)

type object = map[string]any

// fake answers as the server does (shapes of /v1), from generated services whose
// numbers obey the band. What needs no generated history is answered by the server's
// own API over a store of its own, with the world that a test puts there. Its clock is
// its own: it begins at a chosen moment and may run fast, so that a page that asks the
// browser for the time is found out.
type fake struct {
	*httptest.Server

	mu       sync.Mutex
	begin    time.Time // what now is at start
	start    time.Time
	speed    float64
	world    string
	services []*workload
	pauses   []object
	key      string // asked for when not ""
	broken   bool   // every read fails
	failed   map[string]string
	leads    object // who leads of several servers, of which this is app-1-02bd
	subs     map[chan string]bool
	asked    []string // method and path of each request
	bodies   []string // of POSTs
	keys     []string // Authorization of each request
	quit     chan struct{}

	store   *memory.Store
	real    http.Handler
	budgets []forescale.BudgetOutlook
	judged  func(days int) (forescale.Evaluation, error) // what an evaluation answers
}

// served is the fake's time as a clock.
type served struct{ f *fake }

func (c served) Now() time.Time                         { return c.f.now() }
func (c served) Elapsed() time.Duration                 { return time.Since(c.f.start) }
func (c served) After(d time.Duration) <-chan time.Time { return time.After(d) }

// newFake serves the built page and the given services. It is closed with the test.
func newFake(t *testing.T, begin time.Time, services ...*workload) *fake {
	t.Helper()
	f := &fake{begin: begin, start: time.Now(), speed: 1, world: "Docker Engine", services: services,
		subs: map[chan string]bool{}, quit: make(chan struct{}), store: memory.New()}
	real := api.New(api.Config{Store: f.store, Ingest: f.store, Clock: served{f},
		Budgets: func(context.Context) ([]forescale.BudgetOutlook, error) { return f.budgets, nil },
		Evaluate: func(_ context.Context, _ forescale.Service, days int) (forescale.Evaluation, error) {
			return f.judged(days)
		}})
	t.Cleanup(real.Close)
	f.real = real
	for _, w := range services {
		w.fill(begin)
	}
	mux := http.NewServeMux()
	assets := http.FileServerFS(dashboard.Assets())
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", dashboard.Policy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		assets.ServeHTTP(w, r)
	})
	for pattern, h := range map[string]func(*http.Request) (any, *problem){
		"GET /v1/about":                     f.about,
		"GET /v1/services":                  f.listServices,
		"GET /v1/services/{name}":           f.oneService,
		"GET /v1/services/{name}/capacity":  f.capacity,
		"GET /v1/services/{name}/accuracy":  f.accuracy,
		"GET /v1/plans":                     f.plans,
		"GET /v1/services/{name}/decisions": f.decisions,
		"GET /v1/decisions/{id}":            f.oneDecision,
		"GET /v1/instances":                 f.instances,
		"GET /v1/warmups":                   f.warmups,
		"GET /v1/pauses":                    f.listPauses,
		"POST /v1/pauses":                   f.addPause,
		"DELETE /v1/pauses/{name}":          f.endPause,
	} {
		mux.HandleFunc(pattern, f.answer(h))
	}
	for _, pattern := range []string{"GET /v1/budgets", "GET /v1/nodes", "GET /v1/node-types", "GET /v1/nodes/plan", "GET /v1/services/{name}/evaluation", "GET /v1/services/{name}/elasticity"} {
		mux.HandleFunc(pattern, f.pass)
	}
	mux.HandleFunc("GET /v1/stream", f.stream)
	f.Server = httptest.NewServer(mux)
	t.Cleanup(func() {
		close(f.quit)
		f.Server.CloseClientConnections()
		f.Server.Close()
	})
	return f
}

// problem is an RFC 9457 answer.
type problem struct {
	status             int
	code, detail, help string
}

func (f *fake) now() time.Time {
	return f.begin.Add(time.Duration(float64(time.Since(f.start)) * f.speed)).Truncate(time.Millisecond)
}

// with changes the fake while requests run.
func (f *fake) with(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fake) allowed(r *http.Request) bool {
	f.asked = append(f.asked, r.Method+" "+r.URL.RequestURI())
	f.keys = append(f.keys, r.Header.Get("Authorization"))
	return f.key == "" || r.Header.Get("Authorization") == "Bearer "+f.key
}

var keyWanted = &problem{401, "key_missing", "a key with the role read is needed", "send it as Authorization: Bearer fsk_…"}

func (f *fake) answer(h func(*http.Request) (any, *problem)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		var v any
		var p *problem
		switch {
		case !f.allowed(r):
			p = keyWanted
		case f.broken:
			p = &problem{503, "store_failed", "the store does not answer: disk I/O error", "look at the server's log"}
		default:
			v, p = h(r)
		}
		f.mu.Unlock()
		if p != nil {
			fail(w, p)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
}

// pass has the server's own API answer.
func (f *fake) pass(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case !f.allowed(r):
		fail(w, keyWanted)
	case f.broken:
		fail(w, &problem{503, "store_failed", "the store does not answer: disk I/O error", "look at the server's log"})
	default:
		f.real.ServeHTTP(w, r)
	}
}

func fail(w http.ResponseWriter, p *problem) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.status)
	_ = json.NewEncoder(w).Encode(object{"title": http.StatusText(p.status), "status": p.status, "detail": p.detail, "code": p.code, "help": p.help})
}

func (f *fake) about(*http.Request) (any, *problem) {
	return object{"version": "0.1.0", "clock": object{"now": f.now(), "speed": f.speed}, "zone": "Europe/Berlin", "world": f.world, "mode": "serve",
		"server": "app-1-02bd", "leader": f.leads == nil || f.leads["server"] == "app-1-02bd", "leads": f.leads}, nil
}

// named puts the newest change of the first service into a place.
func (f *fake) named(place string) string {
	return strings.Replace(place, "DECISION", f.services[0].decided(f.begin, false)[0]["id"].(string), 1)
}

func (f *fake) find(name string) (*workload, *problem) {
	for _, w := range f.services {
		if w.name == name {
			return w, nil
		}
	}
	return nil, &problem{404, "service_unknown", fmt.Sprintf("there is no service %q", name), ""}
}

func (f *fake) listServices(*http.Request) (any, *problem) {
	items := []any{}
	for _, w := range f.services {
		items = append(items, w.view(f.now(), f.paused(w.name)))
	}
	return object{"items": items, "next": ""}, nil
}

func (f *fake) oneService(r *http.Request) (any, *problem) {
	w, p := f.find(r.PathValue("name"))
	if p != nil {
		return nil, p
	}
	return w.view(f.now(), f.paused(w.name)), nil
}

func (f *fake) capacity(r *http.Request) (any, *problem) {
	w, p := f.find(r.PathValue("name"))
	if p != nil {
		return nil, p
	}
	from, err1 := time.Parse(time.RFC3339, r.FormValue("from"))
	to, err2 := time.Parse(time.RFC3339, r.FormValue("to"))
	if err1 != nil || err2 != nil || !to.After(from) {
		return nil, &problem{422, "range_invalid", "from and to are not a range", "write times such as 2026-11-23T07:40:00Z"}
	}
	step, _ := time.ParseDuration(r.FormValue("step"))
	return w.capacity(f.now(), from, to, step, f.paused(w.name) != nil), nil
}

func (f *fake) plans(*http.Request) (any, *problem) {
	items := []any{}
	for _, w := range f.services {
		items = append(items, w.plan(f.now()))
	}
	return object{"items": items, "next": ""}, nil
}

func (f *fake) decisions(r *http.Request) (any, *problem) {
	w, p := f.find(r.PathValue("name"))
	if p != nil {
		return nil, p
	}
	all := w.decided(f.now(), r.FormValue("acted") != "true")
	skip := 0
	_, _ = fmt.Sscan(r.FormValue("cursor"), &skip)
	all = all[min(skip, len(all)):]
	const limit = 30
	next := ""
	if len(all) > limit {
		all, next = all[:limit], fmt.Sprint(skip+limit)
	}
	for i := range all {
		all[i] = w.whole(all[i])
	}
	return object{"items": all, "next": next}, nil
}

func (f *fake) oneDecision(r *http.Request) (any, *problem) {
	for _, w := range f.services {
		for _, d := range w.decided(f.now(), true) {
			if strings.HasPrefix(d["id"].(string), r.PathValue("id")) {
				return w.whole(d), nil
			}
		}
	}
	return nil, &problem{404, "decision_unknown", "there is no such decision", ""}
}

func (f *fake) instances(r *http.Request) (any, *problem) {
	if r.FormValue("service") == "" {
		items := []object{}
		for _, w := range f.services {
			items = append(items, w.instances(f.now())...)
		}
		return object{"items": items, "next": ""}, nil
	}
	w, p := f.find(r.FormValue("service"))
	if p != nil {
		return nil, p
	}
	return object{"items": w.instances(f.now()), "next": ""}, nil
}

// accuracy is that of checkout; nothing is known of the others.
func (f *fake) accuracy(r *http.Request) (any, *problem) {
	name := r.PathValue("name")
	live, drift := object{"from": "2026-11-17T00:00:00Z", "until": nil, "leads": []object{}}, object{"alarm": "none", "message": ""}
	if name == "checkout" {
		live["until"] = "2026-11-23T07:00:00Z"
		live["leads"] = []object{
			{"lead": "30m0s", "steps": 2012, "coverage": 0.914, "error": 0.081, "last_week_error": 0.132},
			{"lead": "24h0m0s", "steps": 1912, "coverage": 0.74, "error": 0.18, "last_week_error": 0.14},
		}
		drift = object{"alarm": "coverage", "message": "The forecasts have drifted since Mon 23 Nov 06:20: truths left the 90 % interval far more often than 1 in 10."}
	}
	return object{"service": name, "live": live, "drift": drift}, nil
}

func (f *fake) warmups(r *http.Request) (any, *problem) {
	w, p := f.find(r.FormValue("service"))
	if p != nil {
		return nil, p
	}
	return object{"items": w.warmups(f.now()), "next": ""}, nil
}

func (f *fake) paused(name string) object {
	for _, p := range f.pauses {
		if (p["service"] == name || p["service"] == "") && p["until"].(time.Time).After(f.now()) {
			return object{"by": p["by"], "until": p["until"], "note": p["note"]}
		}
	}
	return nil
}

func (f *fake) listPauses(*http.Request) (any, *problem) {
	return object{"items": f.pauses, "next": ""}, nil
}

func (f *fake) addPause(r *http.Request) (any, *problem) {
	var in struct{ Service, For, Note string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return nil, &problem{400, "body_invalid", err.Error(), ""}
	}
	d, err := time.ParseDuration(in.For)
	if err != nil {
		return nil, &problem{422, "pause_invalid", "for is not a duration", "write 2h"}
	}
	f.bodies = append(f.bodies, fmt.Sprintf("%s for %s: %s", in.Service, in.For, in.Note))
	p := object{"service": in.Service, "by": "anna", "note": in.Note, "since": f.now(), "until": f.now().Add(d)}
	f.pauses = append(f.pauses, p)
	return p, nil
}

func (f *fake) endPause(r *http.Request) (any, *problem) {
	name := strings.TrimSuffix(r.PathValue("name"), "-")
	f.pauses = slices.DeleteFunc(f.pauses, func(p object) bool { return p["service"] == name })
	return object{}, nil
}

// stream sends what step is given, until the client or the test goes away.
func (f *fake) stream(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	ok, broken := f.allowed(r), f.broken
	ch := make(chan string, 16)
	if ok && !broken {
		f.subs[ch] = true
	}
	f.mu.Unlock()
	switch {
	case !ok:
		fail(w, keyWanted)
		return
	case broken:
		fail(w, &problem{503, "store_failed", "the store does not answer: disk I/O error", ""})
		return
	}
	defer f.with(func() { delete(f.subs, ch) })
	w.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprint(w, ": hello\n\n")
	w.(http.Flusher).Flush()
	for {
		select {
		case text, open := <-ch:
			if !open {
				return
			}
			fmt.Fprint(w, text)
			w.(http.Flusher).Flush()
		case <-r.Context().Done():
			return
		case <-f.quit:
			return
		}
	}
}

// step tells all who listen that a planning round is over.
func (f *fake) step() {
	f.mu.Lock()
	defer f.mu.Unlock()
	data, _ := json.Marshal(object{"at": f.now(), "decisions": []any{}, "failed": f.failed})
	for ch := range f.subs {
		select {
		case ch <- "event: step\ndata: " + string(data) + "\n\n":
		default:
		}
	}
}

// cut ends all streams, as a restart does.
func (f *fake) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for ch := range f.subs {
		close(ch)
		delete(f.subs, ch)
	}
}
