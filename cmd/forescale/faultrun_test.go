package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/loop"
	"github.com/forescale/forescale/internal/postgrestest"
	"github.com/forescale/forescale/internal/sim"
	"github.com/forescale/forescale/internal/store"
)

// faultSetting is what a server of the fault run is told.
type faultSetting struct {
	DSN, Socket   string
	Origin, Began time.Time // the fast clock showed Origin when it was Began
	Speed         float64
}

const (
	faultEnv   = "FORESCALE_TEST_FAULT_SERVER" // a faultSetting as JSON
	faultCount = "FORESCALE_FAULTS"            // how many faults; fewer by default
	faultLease = 2 * time.Second
)

func (f faultSetting) clock() forescale.Clock {
	gone := time.Duration(float64(time.Since(f.Began)) * f.Speed)
	return forescale.NewFastClock(f.Origin.Add(gone), f.Speed)
}

// of is a duration of real time on the fast clock.
func (f faultSetting) of(real time.Duration) time.Duration {
	return time.Duration(float64(real) * f.Speed)
}

// faultServer is a server wired as serve wires it, on a database that may be away
// and on the world of the test.
func faultServer(ctx context.Context) int {
	var f faultSetting
	if err := json.Unmarshal([]byte(os.Getenv(faultEnv)), &f); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var st store.Store
	for {
		var err error
		if st, err = openStore(ctx, f.DSN); err == nil {
			break
		}
		log.Info("not open yet", "error", err)
		select {
		case <-ctx.Done():
			return 0
		case <-tick.C:
		}
	}
	w := &farWorld{http: http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", f.Socket)
	}}}}
	s, err := startServer(ctx, serverConfig{Store: st, Listen: childPort, Clock: f.clock(), Speed: f.Speed, World: "simulated world",
		Shared: true, Lease: faultLease, Sources: []loop.Source{w}, Log: log,
		TargetUnder: func(t forescale.Term) loop.Target { return farTarget{w, t.Fence} },
		Options: loop.Options{Collect: f.of(200 * time.Millisecond), Interval: f.of(400 * time.Millisecond), Pulse: f.of(100 * time.Millisecond),
			Refresh: 24 * time.Hour, ActPatience: f.of(100 * time.Millisecond)}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	select {
	case <-ctx.Done():
	case err = <-s.Failed():
	}
	if err := errors.Join(err, s.Close(context.Background()), st.Close()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// farWorld is the test's world as a server reaches it.
type farWorld struct{ http http.Client }

// effect is one request to the world.
type effect struct {
	Fence    int64
	Service  forescale.Service
	Instance forescale.Instance
}

// refusal is the world's answer when it refused.
type refusal struct {
	Code, What string
	Newest     int64
}

func (w *farWorld) ask(ctx context.Context, what string, e effect, to any) error {
	body, err := json.Marshal(e)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://world/"+what, bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := w.http.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		var no refusal
		if err := json.NewDecoder(resp.Body).Decode(&no); err != nil {
			return err
		}
		f := &forescale.Fault{Code: no.Code, What: no.What, Where: "world"}
		if no.Newest > 0 {
			f.Err = &forescale.LowerFence{Newest: no.Newest}
		}
		return f
	}
	if to != nil {
		return json.NewDecoder(resp.Body).Decode(to)
	}
	return nil
}

// Observe implements loop.Source.
func (w *farWorld) Observe(ctx context.Context) forescale.Observation {
	o := forescale.Observation{Failed: map[string]string{}}
	if err := w.ask(ctx, "observe", effect{}, &o); err != nil {
		o = forescale.Observation{Failed: map[string]string{"world": err.Error()}}
	}
	return o
}

// farTarget acts on the world under a fence. Each effect is under way for a while
// and cannot be called back, as a request that the network holds: so there is
// always one when a leader is paused.
type farTarget struct {
	world *farWorld
	fence int64
}

func (t farTarget) do(ctx context.Context, what string, s forescale.Service, i forescale.Instance) error {
	<-time.After(rand.N(300 * time.Millisecond))
	return t.world.ask(context.WithoutCancel(ctx), what, effect{t.fence, s, i}, nil)
}

// Fence implements loop.Fencer.
func (t farTarget) Fence(ctx context.Context) error {
	return t.world.ask(ctx, "fence", effect{Fence: t.fence}, nil)
}

// Start implements loop.Target.
func (t farTarget) Start(ctx context.Context, s forescale.Service, i forescale.Instance) error {
	return t.do(ctx, "start", s, i)
}

// Stop implements loop.Target.
func (t farTarget) Stop(ctx context.Context, s forescale.Service, i forescale.Instance) error {
	return t.do(ctx, "stop", s, i)
}

// serveWorld lets servers reach the world through a socket, and gives its path.
func serveWorld(t *testing.T, w *sim.World) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "fw") // short: the name of a socket must be
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "world")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		var e effect
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
			return // it was killed while it sent this
		}
		under := w.Under(e.Fence)
		var err error
		switch r.URL.Path {
		case "/observe":
			_ = json.NewEncoder(rw).Encode(w.Observe(r.Context()))
		case "/fence":
			err = under.Fence(r.Context())
		case "/start":
			err = under.Start(r.Context(), e.Service, e.Instance)
		case "/stop":
			err = under.Stop(r.Context(), e.Service, e.Instance)
		}
		if err != nil {
			no := refusal{What: err.Error()}
			var f *forescale.Fault
			if errors.As(err, &f) {
				no.Code = f.Code
			}
			var lower *forescale.LowerFence
			if errors.As(err, &lower) {
				no.Newest = lower.Newest
			}
			rw.WriteHeader(http.StatusConflict)
			_ = json.NewEncoder(rw).Encode(no)
		}
	})}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	t.Cleanup(func() { srv.Close(); <-done; os.RemoveAll(dir) })
	return socket
}

// faultRun is three servers, one database, one world, and what was acknowledged.
type faultRun struct {
	*testing.T
	set     faultSetting
	clock   forescale.Clock
	cluster postgrestest.Cluster
	store   store.Store
	world   *sim.World
	servers []*process
	calm    atomic.Bool // the load stands still

	mu    sync.Mutex
	acked map[string]float64 // instance and time → value
	well  []bool             // servers without a fault
	count map[string]int
}

// The day has a morning and an evening peak.
func (f *faultRun) load(at time.Time) float64 {
	if f.calm.Load() {
		return 1.4
	}
	hours := at.Sub(f.set.Origin).Hours()
	return 1 + 2.5*math.Pow(math.Sin(hours*math.Pi/12), 2)
}

// faultServices are enough that something is under way at every fault.
var faultServices = []string{"shop-a", "shop-b", "shop-c", "shop-d", "shop-e", "shop-f"}

func newFaultRun(t *testing.T, speed float64) *faultRun {
	f := &faultRun{T: t, cluster: postgrestest.Start(t), acked: map[string]float64{}, count: map[string]int{}}
	f.set = faultSetting{Origin: time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC), Began: time.Now(), Speed: speed}
	f.clock = f.set.clock()
	var loads []sim.Workload
	for _, name := range faultServices {
		service := forescale.Service{Name: name, Mode: forescale.ModeActive, Min: 1, Max: 8, Origin: forescale.OriginAPI,
			Warmup: f.set.of(500 * time.Millisecond), Cooldown: f.set.of(300 * time.Millisecond)}.WithDefaults()
		loads = append(loads, sim.Workload{Service: service, Silent: true, Capacity: 1,
			Load: sim.TraceFunc(f.load), Warmup: sim.Spread{Median: f.set.of(300 * time.Millisecond)}})
	}
	f.world = sim.NewWorld(sim.Config{Clock: f.clock, Tick: time.Minute}, loads...)
	f.set.Socket = serveWorld(t, f.world)
	var err error
	if f.store, err = openStore(t.Context(), f.cluster.DSN("")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.store.Close() })
	for _, l := range loads {
		if _, err := f.store.PutService(t.Context(), l.Service, 0); err != nil {
			t.Fatal(err)
		}
	}
	for nth := range 3 {
		p := newProcess(t, nth, "faults", nil)
		p.http.Timeout = 3 * time.Second
		set := f.set
		set.DSN = f.cluster.DSN(p.net.Host)
		text, err := json.Marshal(set)
		if err != nil {
			t.Fatal(err)
		}
		p.env = append(p.env, faultEnv+"="+string(text))
		f.servers, f.well = append(f.servers, p), append(f.well, true)
		p.start()
		p.ready()
	}
	return f
}

// push sends what the world's instances measure to a server until ctx ends, and
// keeps what was acknowledged. A row that was not is sent to the next one.
func (f *faultRun) push(ctx context.Context) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := f.clock.Now().Truncate(time.Millisecond)
		seen := f.world.Observe(ctx)
		ready, values := map[string][]string{}, map[string]float64{}
		for _, i := range seen.Instances {
			if i.Ready {
				ready[i.Service] = append(ready[i.Service], i.ID)
			}
		}
		var rows []map[string]any
		for service, ids := range ready {
			for _, id := range ids {
				values[id] = math.Round(min(100, 100*f.load(now)/float64(len(ids)))*100) / 100
				rows = append(rows, map[string]any{"service": service, "instance": id, "time": now, "utilization": values[id]})
			}
		}
		if len(rows) == 0 {
			continue
		}
		body, _ := json.Marshal(rows)
		p := f.servers[n%3]
		r, _ := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+childPort+"/v1/samples", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		resp, err := p.http.Do(r)
		if err != nil {
			continue
		}
		answer, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || !bytes.Contains(answer, []byte(`"refused":0`)) {
			continue
		}
		f.mu.Lock()
		for id, value := range values {
			f.acked[sampleKey(id, now)] = value
		}
		f.mu.Unlock()
	}
}

func sampleKey(instance string, at time.Time) string {
	return instance + " " + strconv.FormatInt(at.UnixMilli(), 10)
}

// victim picks a server without a fault, rather the leader than another one.
func (f *faultRun) victim(ctx context.Context, r *rand.Rand) int {
	n := r.IntN(3)
	if r.Float64() < 0.7 {
		if term, err := f.store.Lead(ctx); err == nil {
			for k, p := range f.servers {
				if strings.Contains(term.Holder, fmt.Sprintf("-%d-", p.pid())) {
					n = k
				}
			}
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for k := range 3 {
		if n := (n + k) % 3; f.well[n] {
			f.well[n] = false
			return n
		}
	}
	return -1
}

// hurt makes one fault and gives what heals it.
func (f *faultRun) hurt(kind string, p *process) (heal func()) {
	switch kind {
	case "kill -9":
		p.kill()
		return p.start
	case "stop":
		p.signal(syscall.SIGSTOP)
		return func() { p.signal(syscall.SIGCONT) }
	default:
		p.net.Cut()
		return p.net.Heal
	}
}

// Many random faults over a simulated day, with real servers and a real database.
// In the end the world's own record shows that no decision was carried out twice
// and nothing doubled or left behind, and the database holds every sample that
// was acknowledged. FORESCALE_FAULTS=200 makes it a long one.
func TestRandomFaultsOverADay(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	faults, _ := strconv.Atoi(os.Getenv(faultCount))
	faults = cmp.Or(faults, 12)
	const each = 2500 * time.Millisecond // of a fault, about
	f := newFaultRun(t, float64(24*time.Hour)/float64(time.Duration(faults)*each))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var pushing, healing sync.WaitGroup
	pushing.Go(func() { f.push(ctx) })

	r := rand.New(rand.NewPCG(3, 14))
	for range faults {
		kind := []string{"kill -9", "stop", "stop", "cut", "cut", "restart of the database"}[r.IntN(6)]
		lasts, gap := 200*time.Millisecond+time.Duration(r.IntN(4500))*time.Millisecond, time.Duration(r.IntN(1500))*time.Millisecond
		for _, name := range faultServices {
			f.ask(r.IntN(3), name, 1+r.IntN(6))
		}
		if kind == "restart of the database" {
			f.cluster.Restart(t)
		} else if n := f.victim(ctx, r); n >= 0 {
			heal := f.hurt(kind, f.servers[n])
			healing.Go(func() {
				<-time.After(lasts)
				heal()
				f.mu.Lock()
				defer f.mu.Unlock()
				f.well[n] = true
			})
		} else {
			kind = "none: all servers have one"
		}
		f.count[kind]++
		<-time.After(gap + each/3)
	}
	healing.Wait()
	f.calm.Store(true)
	f.settle()
	cancel()
	pushing.Wait()
	f.check()
}

// ask changes the minimum, so that there is much to do. A server that cannot be
// reached just now takes no request.
func (f *faultRun) ask(nth int, service string, min int) {
	f.mu.Lock()
	well := f.well[nth]
	f.mu.Unlock()
	if !well {
		return
	}
	_ = f.servers[nth].ask(http.MethodPatch, "/v1/services/"+service, fmt.Sprintf(`{"min_instances": %d}`, min), nil)
}

// settle waits until a leader has brought everything to an end.
func (f *faultRun) settle() {
	f.Helper()
	for _, p := range f.servers {
		p.ready()
	}
	eventually(f.T, 3*time.Minute, func() error {
		for _, name := range faultServices {
			if err := f.servers[0].ask(http.MethodPatch, "/v1/services/"+name, `{"min_instances": 2}`, nil); err != nil {
				return err
			}
		}
		pending, err := f.store.Decisions(f.Context(), forescale.DecisionQuery{Pending: true, Limit: 1000})
		if err != nil || len(pending) > 0 {
			return fmt.Errorf("%d decisions are under way, %v", len(pending), err)
		}
		live, err := f.store.Instances(f.Context(), forescale.InstanceQuery{Live: true})
		if err != nil {
			return err
		}
		var names []string
		for _, i := range live {
			names = append(names, i.ID)
		}
		there := f.names()
		slices.Sort(names)
		slices.Sort(there)
		if !slices.Equal(names, there) || len(there) < 2*len(faultServices) {
			return fmt.Errorf("the store has %v, the world %v", names, there)
		}
		return nil
	})
}

// names are all containers in the world.
func (f *faultRun) names() (all []string) {
	for _, s := range faultServices {
		all = append(all, f.world.Names(s)...)
	}
	return all
}

// check holds the world's own record against the store.
func (f *faultRun) check() {
	f.Helper()
	if broken := f.world.Broken(); len(broken) > 0 {
		f.Errorf("broken promises: %s", strings.Join(broken, "\n"))
	}
	ordered, acted, before := map[string]int{}, 0, ""
	fences := map[int64]bool{}
	for {
		ds, err := f.store.Decisions(f.Context(), forescale.DecisionQuery{Acted: true, Before: before, Limit: 500})
		if err != nil {
			f.Fatal(err)
		}
		for _, d := range ds {
			acted++
			fences[d.Fence] = true
			for _, a := range d.Actions {
				if a.Kind == forescale.ActionStart {
					ordered[a.Instance]++
				}
			}
			before = d.ID
		}
		if len(ds) == 0 {
			break
		}
	}
	for _, name := range f.names() {
		if ordered[name] != 1 {
			f.Errorf("%s runs, and was ordered %d times", name, ordered[name])
		}
	}
	for name, n := range ordered {
		if n != 1 {
			f.Errorf("%s was ordered %d times", name, n)
		}
	}
	starts, stops := 0, 0
	for _, name := range faultServices {
		a, b := f.world.Effects(name)
		starts, stops = starts+a, stops+b
	}
	if starts > len(ordered) || fences[0] {
		f.Errorf("%d starts of %d ordered; fences %v", starts, len(ordered), fences)
	}
	kept := map[string]float64{}
	samples, err := f.store.Samples(f.Context(), forescale.SampleQuery{Kind: forescale.KindInstance})
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range samples {
		if s.Metric == forescale.MetricUtilization {
			kept[sampleKey(s.Subject.Name, s.Time)] = s.Value
		}
	}
	lost := 0
	for key, value := range f.acked {
		if got, ok := kept[key]; !ok || got != value {
			lost++
		}
	}
	if lost > 0 {
		f.Errorf("%d of %d acknowledged samples are lost", lost, len(f.acked))
	}
	term, err := f.store.Lead(f.Context())
	f.Logf("faults %v; %d take-overs, %v; decisions with actions %d under %d fences; %d starts, %d stops, %d refused by the world; %d samples acknowledged",
		f.count, term.Fence, err, acted, len(fences), starts, stops, f.world.Refused(), len(f.acked))
	if len(fences) < 2 || starts < 3 || len(f.acked) < 100 {
		f.Error("too little happened to tell anything")
	}
}
