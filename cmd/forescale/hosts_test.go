package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/dockertest"
	"github.com/forescale/forescale/internal/sim"
	"github.com/forescale/forescale/internal/store"
)

// clockEnv is the clock of a program that this test binary is, a faultSetting as JSON.
const clockEnv = "FORESCALE_TEST_CLOCK"

// fastProgram is the program on the clock of the test: a server or an agent.
func fastProgram(ctx context.Context) int {
	var f faultSetting
	if err := json.Unmarshal([]byte(os.Getenv(clockEnv)), &f); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, env: os.LookupEnv, clock: f.clock()}
	return a.run(ctx, os.Args[1:])
}

const (
	hostSpeed    = 60 // times real time
	hostShop     = "shop"
	hostRack     = "rack" // the host that is its owner's, and protected
	hostRoom     = 2      // instances that one holds
	hostMost     = 4
	hostCapacity = 100 // load that an instance serves at 100 %
)

// hostSite is a whole server, its own store beside it, and hosts of their own, of which
// it orders all but one.
type hostSite struct {
	*testing.T
	*process // the server
	dir      string
	set      faultSetting
	clock    forescale.Clock
	hosts    *dockertest.Hosts
	store    store.Store

	surge atomic.Int64      // load that stands in for that of the time of day
	where map[string]string // of each container that was ever seen, its host
	both  []string          // containers that were seen on two
}

// newHostSite starts it all at a moment, with four weeks of history of the load.
func newHostSite(t *testing.T, begin time.Time, load sim.TraceFunc, budget int) *hostSite {
	t.Helper()
	if testing.Short() {
		t.Skip("takes minutes")
	}
	s := &hostSite{T: t, dir: t.TempDir(), where: map[string]string{}}
	s.process = &process{t: t, command: exec.Command, log: &lines{}, http: http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}}
	image := dockertest.Image(t)
	policy, program, provides := filepath.Join(s.dir, "policy.yaml"), filepath.Join(s.dir, "program"), filepath.Join(s.dir, "provider")
	if err := os.WriteFile(policy, []byte("images: ['"+image+"']\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.hosts = dockertest.NewHosts(t, provider(t, "local-host"), program, policy, image)
	// It is the clock of the server and of all agents.
	s.set = faultSetting{Origin: begin, Began: time.Now(), Speed: hostSpeed}
	s.clock = s.set.clock()
	clock, err := json.Marshal(s.set)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	executable(t, program, fmt.Sprintf("export %s=fast %s='%s'\nexec '%s' \"$@\"\n", childServer, clockEnv, clock, self))
	executable(t, provides, fmt.Sprintf(`if [ "$1" = start ] && [ -e '%[1]s/fails' ]; then echo "no host is free" >&2; exit 1; fi
if [ "$1" = start ] && [ -e '%[1]s/hangs' ]; then exec sleep 1000; fi
exec '%[2]s' "$@"
`, s.dir, provider(t, "local-host")))
	agents, listen := s.hosts.Address()+":8481", freePort(t)
	s.url = "http://" + listen
	config := filepath.Join(s.dir, "forescale.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, hostConfig, provides, agents, image, budget), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(s.dir, "a.db")
	if s.store, err = openStore(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.store.Close() })
	history := sim.Samples(load, hostShop, begin.AddDate(0, 0, -28), begin, 5*time.Minute)
	for part := range slices.Chunk(history, 2000) {
		if err := s.store.Append(t.Context(), part); err != nil {
			t.Fatal(err)
		}
	}
	s.args = []string{"serve", "--config", config, "--store", path, "--agents", agents, "--listen", listen, "--docker", "off"}
	s.env = append(append(os.Environ(), "HOME="+s.dir), s.hosts.Env()...)
	t.Cleanup(func() {
		s.kill()
		if t.Failed() {
			t.Logf("server:\n%s", s.log)
		}
	})
	s.program = program
	s.start()
	s.ready()
	a := &app{stdin: strings.NewReader(""), stdout: &bytes.Buffer{}, stderr: s.log, env: os.LookupEnv, clock: s.clock}
	if code := a.run(t.Context(), []string{"join-token", "create", "--node", hostRack, "--store", path}); code != exitOK {
		t.Fatalf("join-token ends with %d: %s", code, s.log)
	}
	s.hosts.Make([]string{"FORESCALE_JOIN_TOKEN=" + strings.TrimSpace(a.stdout.(*bytes.Buffer).String())}, "start", hostRack, "host", "https://"+agents)
	ctx, cancel := context.WithCancel(context.Background())
	var beside sync.WaitGroup
	beside.Go(func() { s.push(ctx, load) })
	t.Cleanup(func() { cancel(); beside.Wait() })
	return s
}

const hostConfig = `planning: {refresh: 5m}
node_types:
  host:
    cores: 2
    memory: 16GiB
    disk: 40GB          # is what holds two instances: it is declared, and not measured
    price_per_hour: 1
    billing_step: 1m
    boot_time: 10m
    max_count: 4
    start: [%[1]q, start, "{node}", "{type}", "{server}"]
    stop: [%[1]q, stop, "{node}"]
    list: [%[1]q, list, "{type}"]
    command_time: 10s
    command_env: [FORESCALE_HOSTS, FORESCALE_NETWORK, FORESCALE_PROGRAM, FORESCALE_POLICY, FORESCALE_IMAGES]
    server: https://%[2]s
nodes:
  rack: {type: host, protected: true}
services:
  shop:
    mode: active
    min_instances: 1
    max_instances: 8
    metrics: [load]
    capacity: 100
    warmup: 2m
    cooldown: 10s
    resources: {cores: 0.1, memory: 64MiB, disk: 20GB}
    template: {image: %[3]q, port: 8080}
budgets:
  hosts: {scope: node_type, of: host, limit: %[4]d}
`

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// push tells the load until ctx ends, each 10 s of the clock. A server that is away hears
// nothing.
func (s *hostSite) push(ctx context.Context, load sim.TraceFunc) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.clock.After(10 * time.Second):
		}
		now := cmp.Or(float64(s.surge.Load()), load(s.clock.Now()))
		_ = s.ask(http.MethodPost, "/v1/samples", fmt.Sprintf(`[{"service": %q, "load": %g}]`, hostShop, now), nil)
	}
}

// until waits for a moment of the clock.
func (s *hostSite) until(at time.Time) { <-s.clock.After(at.Sub(s.clock.Now())) }

// runs are the containers that the engines of all hosts have, by host; true: it is healthy.
func (s *hostSite) runs() (map[string]map[string]bool, error) {
	on := map[string]map[string]bool{}
	for _, host := range s.hosts.All() {
		names, err := s.hosts.Containers(s.Context(), host, forescale.LabelService+"="+hostShop)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", host, err)
		}
		on[host] = names
		for name := range names {
			if was, seen := s.where[name]; seen && was != host {
				s.both = append(s.both, fmt.Sprintf("%s on %s and %s", name, was, host))
			}
			s.where[name] = host
		}
	}
	return on, nil
}

// healthy counts what takes load; an engine that does not answer has none.
func healthy(on map[string]map[string]bool) (n int) {
	for _, names := range on {
		for _, well := range names {
			if well {
				n++
			}
		}
	}
	return n
}

// lives are all hosts that were ever ordered.
func (s *hostSite) lives() []forescale.NodeLife {
	s.Helper()
	all, err := s.store.NodeLives(s.Context(), s.set.Origin)
	if err != nil {
		s.Fatal(err)
	}
	return all
}

// settled waits until the hosts run what the store has, at least min, each on the host that
// it has it on, all are healthy, nothing is under way, and there are no hosts but those
// that the store has.
func (s *hostSite) settled(within time.Duration, least, most int) {
	s.Helper()
	eventually(s.T, within, func() error {
		is, err := s.store.Instances(s.Context(), forescale.InstanceQuery{Live: true})
		if err != nil {
			return err
		}
		stored := map[string]map[string]bool{hostRack: {}}
		known := []string{hostRack}
		for _, x := range s.lives() {
			if x.Live() {
				stored[x.Node], known = map[string]bool{}, append(known, x.Node)
			}
			if x.Live() && x.State != forescale.NodeReady {
				return fmt.Errorf("the host %s is %s", x.Node, x.State)
			}
		}
		for _, i := range is {
			if stored[i.Node] == nil || i.State != forescale.InstanceReady {
				return fmt.Errorf("the instance %s is %s on %q", i.ID, i.State, i.Node)
			}
			stored[i.Node][i.ID] = true
		}
		there, err := s.runs()
		if err != nil {
			return err
		}
		pending, err := s.store.Decisions(s.Context(), forescale.DecisionQuery{Pending: true, Limit: 10})
		slices.Sort(known)
		if a, b := fmt.Sprint(stored), fmt.Sprint(there); err != nil || a != b || len(is) < least || len(is) > most || len(pending) > 0 || !slices.Equal(known, s.hosts.All()) {
			return fmt.Errorf("the store has %s, hosts run %s, want %d to %d; %d decisions are under way, hosts %v, %v", a, b, least, most, len(pending), s.hosts.All(), err)
		}
		return nil
	})
}

// once checks that each container that was ever seen was ordered once and lived on one host.
func (s *hostSite) once() {
	s.Helper()
	ordered := map[string]int{}
	for before := ""; ; {
		ds, err := s.store.Decisions(s.Context(), forescale.DecisionQuery{Acted: true, Before: before, Limit: 500})
		if err != nil {
			s.Fatal(err)
		}
		for _, d := range ds {
			before = d.ID
			for _, a := range d.Actions {
				if a.Kind == forescale.ActionStart {
					ordered[a.Instance]++
				}
			}
		}
		if len(ds) == 0 {
			break
		}
	}
	for name := range s.where {
		if ordered[name] != 1 {
			s.Errorf("%s ran, and was ordered %d times", name, ordered[name])
		}
	}
	if len(s.both) > 0 {
		s.Errorf("doubled: %v", s.both)
	}
	if len(s.where) == 0 {
		s.Error("nothing ever ran")
	}
}

// invoice is what the hosts cost until now, in whole billing steps, by their lives alone.
func (s *hostSite) invoice() float64 {
	sum := 0.0
	for _, x := range s.lives() {
		end := x.EndedAt
		if x.Live() {
			end = s.clock.Now()
		}
		sum += math.Ceil(end.Sub(x.OrderedAt).Minutes()) / 60
	}
	return sum
}

// bill checks that no more is spent and bound than there is.
func (s *hostSite) bill(limit float64) {
	s.Helper()
	var page struct {
		Items []struct {
			Status struct{ Spent, Reserved, Left float64 }
		}
	}
	if err := s.ask(http.MethodGet, "/v1/budgets", "", &page); err != nil {
		return // the next time
	}
	for _, b := range page.Items {
		if b.Status.Left < 0 || b.Status.Spent > limit {
			s.Errorf("%s: spent %g, bound %g, left %g", s.clock.Now(), b.Status.Spent, b.Status.Reserved, b.Status.Left)
		}
	}
	if sum := s.invoice(); sum > limit {
		s.Errorf("%s: the hosts cost %g, and %g is the limit", s.clock.Now(), sum, limit)
	}
}

// The morning of a shop, on real hosts: each has an engine and an agent of its own.
// Hosts are ordered ahead of the rise and given back after it; one that is emptied at the
// peak goes when its instances run elsewhere; the protected one stays; and money holds.
func TestHostsComeBeforeThePeakAndGoAfterIt(t *testing.T) {
	day := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
	rise := day.Add(9 * time.Hour)
	top, fall, low := rise.Add(20*time.Minute), rise.Add(40*time.Minute), rise.Add(50*time.Minute)
	const base, peak = 50.0, 360.0
	load := func(at time.Time) float64 { // the same each day
		switch m := day.Add(at.Sub(at.Truncate(24 * time.Hour))); {
		case m.Before(rise), m.After(low):
			return base
		case m.Before(top):
			return base + (peak-base)*float64(m.Sub(rise))/float64(top.Sub(rise))
		case m.Before(fall):
			return peak
		default:
			return peak - (peak-base)*float64(m.Sub(fall))/float64(low.Sub(fall))
		}
	}
	const limit = 12
	s := newHostSite(t, day.Add(8*time.Hour+40*time.Minute), load, limit)
	s.settled(time.Minute, 1, hostRoom)
	s.until(top)
	s.bill(limit)
	lives := s.lives()
	for k, x := range lives {
		t.Logf("%s ordered %s, ready %s", x.Node, x.OrderedAt.Format(time.TimeOnly), x.ReadyAt.Format(time.TimeOnly))
		// When what was there before is not enough any more.
		full := rise
		for forescale.DefaultBand().Required(load(full)/hostCapacity) <= hostRoom*(k+1) && full.Before(top) {
			full = full.Add(time.Minute)
		}
		if full.Before(top) && (x.ReadyAt.IsZero() || x.ReadyAt.After(full)) {
			t.Errorf("%s was needed at %s", x.Node, full.Format(time.TimeOnly))
		}
	}
	if len(lives) < 2 {
		t.Fatalf("%d hosts were ordered for the peak", len(lives))
	}
	need := forescale.DefaultBand().Required(peak / hostCapacity)
	s.settled(time.Minute, need, 8)

	gone := lives[0].Node
	if err := s.ask(http.MethodPatch, "/v1/nodes/"+gone, `{"draining": true}`, nil); err != nil {
		t.Fatal(err)
	}
	least := math.MaxInt // instances more than are needed; a busy machine may still be at it when the load falls
	eventually(t, 2*time.Minute, func() error {
		on, err := s.runs()
		if err != nil {
			return err // an engine that just ends or begins
		}
		least = min(least, healthy(on)-forescale.DefaultBand().Required(load(s.clock.Now())/hostCapacity))
		if slices.Contains(s.hosts.All(), gone) {
			return errors.New(gone + " is still there")
		}
		return nil
	})
	if least < 0 {
		t.Errorf("%d instances more were needed than took load while a host was emptied", -least)
	}
	t.Logf("%s was emptied and gone by %s; at least %d instances more took load than were needed", gone, s.clock.Now().Format(time.TimeOnly), least)
	s.bill(limit)

	eventually(t, 4*time.Minute, func() error {
		s.bill(limit)
		if _, err := s.runs(); err != nil {
			return err
		}
		if there := s.hosts.All(); !slices.Equal(there, []string{hostRack}) {
			return fmt.Errorf("at %s there are %v", s.clock.Now().Format(time.TimeOnly), there)
		}
		return nil
	})
	s.settled(time.Minute, 1, hostRoom)
	if now := s.clock.Now(); now.Before(fall) {
		t.Errorf("the hosts went at %s, in the middle of the peak", now)
	}
	for _, x := range s.lives() {
		if x.Failure != "" || x.State != forescale.NodeStopped {
			t.Errorf("%s is %s: %s", x.Node, x.State, x.Failure)
		}
		if x.Node == hostRack {
			t.Error("the protected host has a life of its own")
		}
	}
	t.Logf("only %s is left at %s", hostRack, s.clock.Now().Format(time.TimeOnly))

	// A peak that nobody foresaw, and no money for it.
	bound := s.invoice() + 0.005
	if err := s.ask(http.MethodPut, "/v1/budgets/evening", fmt.Sprintf(`{"scope": "all", "limit": %.3f}`, bound), nil); err != nil {
		t.Fatal(err)
	}
	s.surge.Store(peak)
	eventually(t, time.Minute, func() error {
		s.bill(bound)
		var plan nodePlanView
		if err := s.ask(http.MethodGet, "/v1/nodes/plan", "", &plan); err != nil {
			return err
		}
		for _, n := range plan.Notes {
			if n.Reason.Code == forescale.CodeBudgetCapped {
				return nil
			}
		}
		return fmt.Errorf("money holds back no host: %+v", plan.Notes)
	})
	s.settled(time.Minute, hostRoom, 8)
	if there := s.hosts.All(); !slices.Equal(there, []string{hostRack}) {
		t.Errorf("there are %v, and no money for any", there)
	}
	s.once()
	t.Logf("%d hosts were ordered, for %.2f of %d; %d instances", len(s.lives()), s.invoice(), limit, len(s.where))
}

// hostDay lets a whole day run on hosts: 24 minutes.
const hostDay = "FORESCALE_HOST_DAY"

// A whole day with a rise in the morning and one in the evening. Minutes in which fewer
// instances took load than the band asks for are told by the hour, and those in which a
// host that was ordered in time was late are none.
func TestADayOnHosts(t *testing.T) {
	if os.Getenv(hostDay) == "" {
		t.Skip("takes 24 minutes; set " + hostDay + "=1")
	}
	day := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
	bump := func(hour, at, width float64) float64 { return math.Exp(-math.Pow((hour-at)/width, 2)) }
	load := func(at time.Time) float64 {
		h := at.Sub(at.Truncate(24 * time.Hour)).Hours()
		return 50 + 310*bump(h, 10.5, 1.8) + 220*bump(h, 19.5, 1.5)
	}
	const limit = 60
	s := newHostSite(t, day.Add(-20*time.Minute), load, limit)
	s.settled(time.Minute, 1, hostRoom)
	s.until(day)
	short, minutes := 0, 0
	for hour := range 24 {
		few, most, hosts := 0, 0, 0
		for minute := range 60 {
			at := day.Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
			s.until(at)
			on, err := s.runs()
			if err != nil {
				continue // an engine that just ends or begins
			}
			minutes++
			well, need := healthy(on), forescale.DefaultBand().Required(load(at)/hostCapacity)
			most, hosts = max(most, need), max(hosts, len(on))
			if well < need {
				few++
			}
		}
		short += few
		s.bill(limit)
		t.Logf("%02d:00 %d instances needed at most, %d hosts, %d minutes with too few", hour, most, hosts, few)
	}
	for _, x := range s.lives() {
		t.Logf("%s ordered %s, ready %s, gone %s", x.Node, x.OrderedAt.Format(time.TimeOnly), x.ReadyAt.Format(time.TimeOnly), x.EndedAt.Format(time.TimeOnly))
	}
	s.once()
	t.Logf("%d of %d minutes had too few instances; the hosts cost %.2f of %d", short, minutes, s.invoice(), limit)
	if float64(short) > 0.05*float64(minutes) {
		t.Error("the objective of 95 % was missed")
	}
}
