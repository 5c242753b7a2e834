package collector

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/dockertest"
	"go.uber.org/goleak"
)

// engineBench is an engine, a reader of it, and a service to run there.
type engineBench struct {
	*testing.T
	cli     *client.Client
	docker  *Docker
	mark    map[string]string // labels of all that the test makes
	service string
}

var benches atomic.Int64

func onEngine(t *testing.T, o DockerOptions) *engineBench {
	t.Helper()
	cli := dockertest.Engine(t)
	if o.UsageEvery == 0 {
		o.UsageEvery = time.Nanosecond // each time
	}
	d, err := NewDocker(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return &engineBench{T: t, cli: cli, docker: d, mark: dockertest.Mark(t, cli),
		service: fmt.Sprintf("col%d-%s", benches.Add(1), dockertest.Run())}
}

func (b *engineBench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// create makes a container of the service and gives its name.
func (b *engineBench) create(suffix string, labels map[string]string, change func(*container.Config, *container.HostConfig)) string {
	b.Helper()
	name := b.service + "-" + suffix
	c := &container.Config{Image: dockertest.Image(b.T), Labels: maps.Clone(b.mark)}
	c.Labels[forescale.LabelService] = b.service
	maps.Copy(c.Labels, labels)
	h := &container.HostConfig{}
	if change != nil {
		change(c, h)
	}
	_, err := b.cli.ContainerCreate(b.Context(), c, h, nil, nil, name)
	b.must(err)
	return name
}

func (b *engineBench) run(suffix string, labels map[string]string, change func(*container.Config, *container.HostConfig)) string {
	b.Helper()
	name := b.create(suffix, labels, change)
	b.must(b.cli.ContainerStart(b.Context(), name, container.StartOptions{}))
	return name
}

// ours is what an observation tells of the test's own service: other tests use
// the engine at the same time.
func (b *engineBench) ours(o forescale.Observation) (map[string]forescale.Sighting, map[forescale.Metric][]forescale.Sample) {
	seen := map[string]forescale.Sighting{}
	for _, s := range o.Instances {
		if s.Service == b.service {
			seen[s.ID] = s
		}
	}
	samples := map[forescale.Metric][]forescale.Sample{}
	for _, s := range o.Samples {
		if s.Subject.Service == b.service {
			samples[s.Metric] = append(samples[s.Metric], s)
		}
	}
	return seen, samples
}

// look observes and wants a whole answer.
func (b *engineBench) look() (map[string]forescale.Sighting, map[forescale.Metric][]forescale.Sample, forescale.Observation) {
	b.Helper()
	o := b.docker.Observe(b.Context())
	if !o.Complete || o.Failed[sourceDocker] != "" {
		b.Fatalf("the observation is not complete: %v", o.Failed)
	}
	seen, samples := b.ours(o)
	return seen, samples, o
}

// awaitReady observes until the instance is ready.
func (b *engineBench) awaitReady(name string) (s forescale.Sighting, samples map[forescale.Metric][]forescale.Sample) {
	b.Helper()
	dockertest.Until(b, 20*time.Second, name+" is ready", func() bool {
		var seen map[string]forescale.Sighting
		seen, samples, _ = b.look()
		s = seen[name]
		return s.Ready
	})
	return s, samples
}

// use has a reading of what instances use done, for the next look to tell.
func (b *engineBench) use() {
	b.docker.mu.Lock()
	defer b.docker.mu.Unlock()
	if b.docker.batch == nil {
		b.docker.begin()
	}
	<-b.docker.batch.done
}

func TestObserveAHealthyInstance(t *testing.T) {
	b := onEngine(t, DockerOptions{Node: "engine-1"})
	b.look()
	began := time.Now().UTC()
	name := b.run("1", map[string]string{forescale.LabelDecision: "dec_1"}, func(c *container.Config, h *container.HostConfig) {
		c.Env = []string{"START_DELAY=700ms"}
		h.Memory, h.NanoCPUs = 128<<20, 5e8
	})
	s, samples := b.awaitReady(name)
	if len(samples) != 0 {
		t.Errorf("the first look at a ready instance gives samples: %v", samples)
	}
	if !s.Running || s.Exit != "" || s.Decision != "dec_1" || s.Node != "engine-1" || s.Image != dockertest.Image(t) {
		t.Errorf("got %+v", s)
	}
	if s.StartedAt.Before(began) || s.StartedAt.After(s.ReadyAt) {
		t.Errorf("started at %v and ready at %v, after %v", s.StartedAt, s.ReadyAt, began)
	}
	if took := s.ReadyAt.Sub(s.StartedAt); took < 700*time.Millisecond {
		t.Errorf("ready after %v, want at least its start-up delay", took)
	}
	// Half a core is its limit: keeping a whole one busy is 100 %.
	get(t, "http://"+s.Address+"/hold?mb=48")
	get(t, "http://"+s.Address+"/burn?ms=1500")
	again, samples, o := b.look()
	dockertest.Until(t, 10*time.Second, "what it used is told", func() bool {
		if len(samples) == 0 {
			again, samples, o = b.look()
		}
		return len(samples) > 0
	})
	if len(samples[forescale.MetricCPU]) != 1 || len(samples[forescale.MetricMemory]) != 1 {
		t.Fatalf("got samples %v, want one of cpu and one of memory", samples)
	}
	cpu, memory := samples[forescale.MetricCPU][0], samples[forescale.MetricMemory][0]
	// On a busy machine it may not get all that it is allowed.
	if cpu.Value < 8 || cpu.Value > 100 {
		t.Errorf("cpu is %.1f %% of a limit that is used up", cpu.Value)
	}
	if memory.Value < 100*48/128 || memory.Value > 90 { // its health checks run in the same limit
		t.Errorf("memory is %.1f %% with 48 of 128 MiB held", memory.Value)
	}
	if cpu.Subject != (forescale.Subject{Kind: forescale.KindInstance, Name: name, Service: b.service}) || cpu.Time.After(time.Now()) || cpu.Time.Before(o.Time.Add(-10*time.Second)) {
		t.Errorf("the sample is of %+v at %v", cpu.Subject, cpu.Time)
	}
	if !again[name].ReadyAt.Equal(s.ReadyAt) {
		t.Errorf("ready at %v, earlier it was %v", again[name].ReadyAt, s.ReadyAt)
	}
	if len(o.Nodes) != 1 || o.Nodes[0].Name != "engine-1" || o.Nodes[0].Cores < 1 || o.Nodes[0].Memory < 1<<28 {
		t.Errorf("nodes are %+v", o.Nodes)
	}
}

func get(t *testing.T, url string) {
	r, err := http.Get(url)
	if err != nil {
		t.Error(err)
		return
	}
	_ = r.Body.Close()
}

func TestStartingAndEndedInstancesGiveNoSamples(t *testing.T) {
	b := onEngine(t, DockerOptions{})
	starting := b.run("starting", nil, func(c *container.Config, _ *container.HostConfig) { c.Env = []string{"START_DELAY=1h"} })
	failed := b.run("failed", nil, func(c *container.Config, _ *container.HostConfig) { c.Env = []string{"FAIL=3"} })
	created := b.create("created", nil, nil)
	hungry := b.run("hungry", nil, func(c *container.Config, h *container.HostConfig) { h.Memory, h.MemorySwap = 24<<20, 24<<20 })
	s, _ := b.awaitReady(hungry)
	r, err := http.Get("http://" + s.Address + "/hold?mb=64")
	if err == nil {
		_ = r.Body.Close()
	}
	dockertest.Until(t, 10*time.Second, "the hungry one was killed", func() bool {
		seen, _, _ := b.look()
		return !seen[hungry].Running && !seen[failed].Running
	})
	b.look()
	seen, samples, _ := b.look()
	if len(samples) != 0 {
		t.Errorf("got samples %v of instances that are not ready", samples)
	}
	if s := seen[starting]; !s.Running || s.Ready || s.Exit != "" || !s.ReadyAt.IsZero() {
		t.Errorf("the starting one is %+v", s)
	}
	if s := seen[created]; s.Running || s.Ready || s.Exit != "" || !s.StartedAt.IsZero() {
		t.Errorf("the created one is %+v", s)
	}
	if s := seen[failed]; s.Running || s.Exit != "exit code 3" {
		t.Errorf("the failed one is %+v", s)
	}
	if s := seen[hungry]; s.Running || s.Ready || !strings.Contains(s.Exit, "out of memory") {
		t.Errorf("the hungry one is %+v", s)
	}
}

func TestProbesTellReadiness(t *testing.T) {
	noCheck := func(delay string) func(*container.Config, *container.HostConfig) {
		return func(c *container.Config, _ *container.HostConfig) {
			c.Healthcheck = &container.HealthConfig{Test: []string{"NONE"}}
			c.Env = []string{"START_DELAY=" + delay}
		}
	}
	var b *engineBench
	registered := func(context.Context) ([]forescale.Service, error) {
		return []forescale.Service{{Name: b.service + "-reg", Template: forescale.Template{Port: 8080, Readiness: forescale.Probe{HTTP: "/status?code=302"}}}}, nil
	}
	b = onEngine(t, DockerOptions{Services: registered})
	b.look()
	with := func(kv ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(kv); i += 2 {
			m[kv[i]] = kv[i+1]
		}
		return m
	}
	none := b.run("none", nil, noCheck("1h"))
	httpLater := b.run("http", with(forescale.LabelProbeHTTP, "/ready"), noCheck("500ms"))
	tcpLater := b.run("tcp", with(forescale.LabelProbeTCP, "true", forescale.LabelPort, "8080"), noCheck("500ms"))
	httpNever := b.run("never", with(forescale.LabelProbeHTTP, "/status?code=503"), noCheck("0s"))
	wrongPort := b.run("port", with(forescale.LabelProbeTCP, "true", forescale.LabelPort, "9999"), noCheck("0s"))
	template := b.run("template", with(forescale.LabelService, b.service+"-reg"), noCheck("0s"))

	seen, _, _ := b.look()
	if s := seen[none]; !s.Ready || !s.ReadyAt.Equal(s.StartedAt) {
		t.Errorf("with nothing to ask, running is ready: %+v", s)
	}
	for _, name := range []string{httpLater, tcpLater} {
		s, _ := b.awaitReady(name)
		if took := s.ReadyAt.Sub(s.StartedAt); took < 500*time.Millisecond || took > 10*time.Second {
			t.Errorf("%s was ready after %v, want a little more than its delay of 500ms", name, took)
		}
	}
	dockertest.Until(t, 10*time.Second, "the registered service's probe takes a redirect for an answer", func() bool {
		return slices.ContainsFunc(b.docker.Observe(t.Context()).Instances, func(s forescale.Sighting) bool { return s.ID == template && s.Ready })
	})
	seen, _, _ = b.look()
	for _, name := range []string{httpNever, wrongPort} {
		if s := seen[name]; !s.Running || s.Ready {
			t.Errorf("%s is %+v, want running and not ready", name, s)
		}
	}
}

func TestReadyAtIsUnknownForOneThatWasReadyBefore(t *testing.T) {
	b := onEngine(t, DockerOptions{})
	name := b.run("1", map[string]string{forescale.LabelProbeHTTP: "/ready"}, nil)
	s, _ := b.awaitReady(name)
	late, err := NewDocker(DockerOptions{})
	b.must(err)
	defer func() { _ = late.Close() }()
	seen, _ := b.ours(late.Observe(t.Context()))
	if l := seen[name]; !l.Ready || !l.ReadyAt.IsZero() {
		t.Errorf("one who comes later says ready at %v (it was %v), but it cannot know", l.ReadyAt, s.ReadyAt)
	}
}

func TestRestartBeginsAnew(t *testing.T) {
	b := onEngine(t, DockerOptions{})
	name := b.run("1", nil, nil)
	first, _ := b.awaitReady(name)
	b.look()
	zero := 0
	b.must(b.cli.ContainerRestart(t.Context(), name, container.StopOptions{Timeout: &zero}))
	s, samples := b.awaitReady(name)
	if !s.StartedAt.After(first.StartedAt) || !s.ReadyAt.After(s.StartedAt) {
		t.Errorf("after a restart it started at %v and was ready at %v", s.StartedAt, s.ReadyAt)
	}
	if len(samples) != 0 {
		t.Errorf("the first look after a restart gives samples: %v", samples)
	}
}

func TestServicesOfLabels(t *testing.T) {
	var b *engineBench
	b = onEngine(t, DockerOptions{Services: func(context.Context) ([]forescale.Service, error) {
		return []forescale.Service{{Name: b.service + "-config", Max: 3, Origin: forescale.OriginConfig}}, nil
	}})
	on := func(service, max string) map[string]string {
		return map[string]string{forescale.LabelEnable: "true", forescale.LabelService: service, "forescale.max": max}
	}
	b.create("good", on(b.service, "4"), nil)
	bad := b.create("bad", on(b.service+"-bad", "many"), nil)
	b.create("config", on(b.service+"-config", "9"), nil)
	o := b.docker.Observe(t.Context())
	var names []string
	for _, s := range o.Services {
		if strings.HasPrefix(s.Name, b.service) {
			names = append(names, fmt.Sprintf("%s max %d", strings.TrimPrefix(s.Name, b.service), s.Max))
		}
	}
	if !slices.Equal(names, []string{" max 4"}) {
		t.Errorf("labels register %q, want the good one alone", names)
	}
	if f := o.Failed["docker/"+bad]; !strings.Contains(f, `forescale.max="many"`) || !o.Complete {
		t.Errorf("complete %v, the bad label is told as %q", o.Complete, f)
	}
}

func TestServicesThatCannotBeReadAreToldAndTheRestGoesOn(t *testing.T) {
	b := onEngine(t, DockerOptions{Services: func(context.Context) ([]forescale.Service, error) { return nil, errors.New("disk full") }})
	name := b.run("1", nil, nil)
	seen, _, o := b.look()
	if _, ok := seen[name]; !ok || !strings.Contains(o.Failed["services"], "disk full") {
		t.Errorf("seen %v, failed %v", seen, o.Failed)
	}
}

func TestSlowReadingsOfUseDoNotHoldUpTheLook(t *testing.T) {
	proxy := dockertest.NewProxy(t)
	b := onEngine(t, DockerOptions{Host: proxy.Host, UsageWait: -1})
	name := b.run("1", nil, nil)
	b.awaitReady(name)
	proxy.Trouble(func(r *http.Request) dockertest.Trouble {
		if strings.HasSuffix(r.URL.Path, "/stats") {
			return dockertest.Delay
		}
		return dockertest.None
	})
	looks := 0
	dockertest.Until(t, 20*time.Second, "a late reading is told by a later look", func() bool {
		looks++
		_, samples, _ := b.look()
		return len(samples[forescale.MetricCPU]) > 0
	})
	if looks < 3 {
		t.Errorf("told after %d looks, so one of them waited", looks)
	}
}

func TestCloseEndsAReadingUnderWay(t *testing.T) {
	proxy := dockertest.NewProxy(t)
	b := onEngine(t, DockerOptions{Host: proxy.Host, UsageWait: -1, CallTimeout: time.Minute, Timeout: time.Minute})
	b.awaitReady(b.run("1", nil, nil))
	dockertest.Until(t, 10*time.Second, "no reading is under way", func() bool { b.look(); return b.docker.batch == nil })
	var asked atomic.Bool
	proxy.Trouble(func(r *http.Request) dockertest.Trouble {
		if strings.HasSuffix(r.URL.Path, "/stats") {
			asked.Store(true)
			return dockertest.Hang
		}
		return dockertest.None
	})
	dockertest.Until(t, 10*time.Second, "a reading hangs", func() bool { b.look(); return asked.Load() })
	under := b.docker.batch
	began := time.Now()
	b.must(b.docker.Close())
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("Close took %v", took)
	}
	select {
	case <-under.done:
	default:
		t.Error("Close came back while a reading was under way")
	}
}

func TestUseIsReadNoMoreOftenThanAsked(t *testing.T) {
	proxy := dockertest.NewProxy(t)
	b := onEngine(t, DockerOptions{Host: proxy.Host, UsageEvery: time.Hour})
	name := b.run("1", nil, nil)
	b.awaitReady(name)
	for range 3 {
		b.look()
	}
	j, err := b.cli.ContainerInspect(t.Context(), name)
	b.must(err)
	n := 0
	for _, asked := range proxy.Asked() {
		if strings.HasSuffix(asked, j.ID+"/stats") {
			n++
		}
	}
	if n > 1 {
		t.Errorf("asked %d times within an hour", n)
	}
}

func TestEngineAwayIsToldAtOnceAndAskedLessOften(t *testing.T) {
	leaks := goleak.IgnoreCurrent()
	d, err := NewDocker(DockerOptions{Host: "unix:///nonexistent/engine.sock"})
	if err != nil {
		t.Fatal(err)
	}
	first := d.Observe(t.Context())
	second := d.Observe(t.Context())
	_ = d.Close()
	if first.Complete || !strings.Contains(first.Failed[sourceDocker], "no Docker Engine answers at unix:///nonexistent/engine.sock") {
		t.Errorf("got complete %v, failed %v", first.Complete, first.Failed)
	}
	if second.Complete || !strings.Contains(second.Failed[sourceDocker], "next try in") {
		t.Errorf("the second look asks again at once: %v", second.Failed)
	}
	goleak.VerifyNone(t, leaks)
}

func TestHangingEngineEndsAtTheDeadline(t *testing.T) {
	dockertest.Engine(t)
	proxy := dockertest.NewProxy(t)
	proxy.Trouble(func(*http.Request) dockertest.Trouble { return dockertest.Hang })
	d, err := NewDocker(DockerOptions{Host: proxy.Host, CallTimeout: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	began := time.Now()
	o := d.Observe(t.Context())
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
	if o.Complete || !strings.Contains(o.Failed[sourceDocker], "gave no answer within 200ms") {
		t.Errorf("complete %v, failed %v", o.Complete, o.Failed)
	}
}

func TestPartialAnswers(t *testing.T) {
	proxy := dockertest.NewProxy(t)
	b := onEngine(t, DockerOptions{Host: proxy.Host, CallTimeout: 3 * time.Second, Timeout: 8 * time.Second}) // an engine of 20.10 takes a second to tell what one uses
	name := b.run("1", nil, nil)
	other := b.run("2", nil, nil)
	b.awaitReady(name)
	b.awaitReady(other)
	b.look()
	inspect := func(part string) func(*http.Request) bool {
		id := ""
		if part != "" {
			j, err := b.cli.ContainerInspect(t.Context(), part)
			b.must(err)
			id = j.ID
		}
		return func(r *http.Request) bool {
			return strings.HasSuffix(r.URL.Path, id+"/json") && !strings.HasSuffix(r.URL.Path, "containers/json")
		}
	}
	one, all := inspect(name), inspect("")
	for range 2 { // one may be under way from before both were ready; the next is what later ones are held against
		b.use()
		b.look()
	}
	b.use() // so a reading of both is done when the trouble begins
	proxy.Trouble(func(r *http.Request) dockertest.Trouble {
		if one(r) {
			return dockertest.Hang
		}
		return dockertest.None
	})
	seen, samples, o := b.look()
	if !seen[name].Ready || !seen[other].Ready || o.Failed["docker/"+name] == "" {
		t.Errorf("one that does not answer counts as last seen: %+v, failed %v", seen, o.Failed)
	}
	told := map[string]bool{}
	for _, s := range samples[forescale.MetricMemory] {
		told[s.Subject.Name] = true
	}
	if told[name] || !told[other] {
		t.Errorf("want samples of the one that answers alone, got %v", told)
	}
	proxy.Trouble(func(r *http.Request) dockertest.Trouble {
		if all(r) {
			return dockertest.Cut
		}
		return dockertest.None
	})
	o = b.docker.Observe(t.Context())
	seen, _ = b.ours(o)
	if o.Complete || o.Failed[sourceDocker] == "" || !seen[name].Ready {
		t.Errorf("an engine that goes away half-way: complete %v, failed %v, seen %v", o.Complete, o.Failed, seen)
	}
	proxy.Trouble(func(*http.Request) dockertest.Trouble { return dockertest.None })
	b.must(b.cli.ContainerRemove(t.Context(), name, container.RemoveOptions{Force: true}))
	seen, _, _ = b.look()
	if _, ok := seen[name]; ok || len(seen) != 1 {
		t.Errorf("one that is gone is seen: %v", seen)
	}
	if len(b.docker.seen) > 50 {
		t.Errorf("%d readings are kept", len(b.docker.seen))
	}
}
