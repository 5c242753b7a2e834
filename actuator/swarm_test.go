package actuator

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/swarm"
	"github.com/forescale/forescale"
	"github.com/forescale/forescale/collector"
	"github.com/forescale/forescale/internal/dockertest"
	"github.com/forescale/forescale/internal/engine"
)

// patience is for a swarm on a busy machine.
const patience = 3 * time.Minute

// swarmBench is a swarm of three engines, what reads it and what acts on it.
type swarmBench struct {
	*testing.T
	nodes  []dockertest.Node
	image  string
	source *collector.Swarm
	target *Swarm
}

// TestSwarm needs a minute to make the swarm, so its cases share one; each has
// services of its own.
func TestSwarm(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute")
	}
	nodes, image := dockertest.Swarm(t, 3)
	source, err := collector.NewSwarm(collector.DockerOptions{Host: nodes[0].Host, CallTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = source.Close() })
	target, err := NewSwarm(DockerOptions{Host: nodes[0].Host, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = target.Close() })
	run := func(t *testing.T, what string, do func(*swarmBench), beside bool) {
		t.Run(what, func(t *testing.T) {
			if beside {
				t.Parallel()
			}
			do(&swarmBench{T: t, nodes: nodes, image: image, source: source, target: target})
		})
	}
	run(t, "an older leader changes nothing", (*swarmBench).fences, false)
	run(t, "global services are left alone", (*swarmBench).global, false)
	run(t, "a service that is not there", (*swarmBench).missing, false)
	run(t, "a node is drained", (*swarmBench).drained, false)
	t.Run("each with a service of its own", func(t *testing.T) {
		run(t, "nothing is stopped during an update, and nothing changed while it is paused", (*swarmBench).updates, true)
		run(t, "somebody else scales", (*swarmBench).byHand, true)
		run(t, "many effects at once all count", (*swarmBench).manyAtOnce, true)
		run(t, "an order is a replica, and a stop one less", (*swarmBench).startsAndStops, true)
		run(t, "what ran before is taken in and may be stopped", (*swarmBench).adopts, true)
		run(t, "constraints hold", (*swarmBench).constrained, true)
		run(t, "a task that ends for good says why", (*swarmBench).ended, true)
	})
}

// until asks again and again until ok, at a pace that leaves the engines time to work.
func (b *swarmBench) until(what string, ok func() bool) {
	b.Helper()
	next := time.Now()
	dockertest.Until(b, patience, what, func() bool {
		if time.Now().Before(next) {
			return false
		}
		next = time.Now().Add(500 * time.Millisecond)
		return ok()
	})
}

func (b *swarmBench) ok(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// service creates a service of the swarm; it goes after the test.
func (b *swarmBench) service(name string, replicas uint64, change func(*swarm.ServiceSpec)) forescale.Service {
	b.Helper()
	delay := 200 * time.Millisecond
	spec := swarm.ServiceSpec{
		Annotations: swarm.Annotations{Name: name, Labels: map[string]string{forescale.LabelEnable: "true", "forescale.max": "20"}},
		Mode:        swarm.ServiceMode{Replicated: &swarm.ReplicatedService{Replicas: &replicas}},
		TaskTemplate: swarm.TaskSpec{ContainerSpec: &swarm.ContainerSpec{Image: b.image, Env: []string{"START_DELAY=200ms"},
			Healthcheck: &container.HealthConfig{Test: []string{"CMD", "/svc", "health"}, Interval: 2 * time.Second, Retries: 100}},
			RestartPolicy: &swarm.RestartPolicy{Condition: swarm.RestartPolicyConditionAny, Delay: &delay}},
	}
	if change != nil {
		change(&spec)
	}
	made, err := b.nodes[0].ServiceCreate(b.Context(), spec, swarm.ServiceCreateOptions{})
	b.ok(err)
	b.Cleanup(func() {
		if err := b.nodes[0].ServiceRemove(context.Background(), made.ID); err != nil {
			b.Error(err)
		}
	})
	return forescale.Service{Name: strings.ReplaceAll(name, "_", "-"), Template: forescale.Template{Swarm: name}}.WithDefaults()
}

func (b *swarmBench) inspect(s forescale.Service) swarm.Service {
	b.Helper()
	v, _, err := b.nodes[0].ServiceInspectWithRaw(b.Context(), s.Template.Swarm, swarm.ServiceInspectOptions{})
	b.ok(err)
	return v
}

func (b *swarmBench) replicas(s forescale.Service, want int) {
	b.Helper()
	if got := engine.Wanted(b.inspect(s)); got != want {
		b.Fatalf("the swarm is asked for %d replicas, want %d", got, want)
	}
}

func (b *swarmBench) change(s forescale.Service, to func(*swarm.ServiceSpec)) {
	b.Helper()
	for {
		now := b.inspect(s)
		to(&now.Spec)
		_, err := b.nodes[0].ServiceUpdate(b.Context(), now.ID, now.Version, now.Spec, swarm.ServiceUpdateOptions{})
		if !isOutOfSequence(err) { // the swarm itself writes how an update goes
			b.ok(err)
			return
		}
	}
}

func (b *swarmBench) sightings(s forescale.Service) []forescale.Sighting {
	b.Helper()
	o := b.source.Observe(b.Context())
	if !o.Complete {
		b.Fatalf("the read is not whole: %v", o.Failed)
	}
	var of []forescale.Sighting
	for _, x := range o.Instances {
		if x.Service == s.Name {
			of = append(of, x)
		}
	}
	return of
}

// settled waits until all instances of the service are ready and gives their IDs.
func (b *swarmBench) settled(s forescale.Service, want int) []string {
	b.Helper()
	var ids []string
	b.until(fmt.Sprintf("%s has %d ready instances", s.Name, want), func() bool {
		seen := b.sightings(s)
		ids = nil
		for _, x := range seen {
			if x.Ready {
				ids = append(ids, x.ID)
			}
		}
		return len(ids) == want && len(seen) == want && b.tasks(s) == want
	})
	slices.Sort(ids)
	return ids
}

// tasks is how many the swarm itself runs.
func (b *swarmBench) tasks(s forescale.Service) int {
	b.Helper()
	list, err := b.nodes[0].TaskList(b.Context(), swarm.TaskListOptions{Filters: filters.NewArgs(filters.Arg("service", s.Template.Swarm))})
	b.ok(err)
	n := 0
	for _, t := range list {
		if t.Status.State == swarm.TaskStateRunning {
			n++
		}
	}
	return n
}

func (b *swarmBench) want(got []string, want ...string) {
	b.Helper()
	if !slices.Equal(got, want) {
		b.Fatalf("instances %v, want %v", got, want)
	}
}

func instance(s forescale.Service, id string) forescale.Instance {
	return forescale.Instance{ID: id, Service: s.Name, Decision: "dec_0123456789abcdef"}
}

func (b *swarmBench) startsAndStops() {
	s := b.service("shop_web", 1, nil)
	b.settled(s, 1)
	i := instance(s, "shop-web-0123456789abcdef-1")
	began := time.Now()
	for range 3 {
		b.ok(b.target.Start(b.Context(), s, i))
	}
	b.replicas(s, 2)
	if len(b.sightings(s)) != 2 {
		b.Errorf("right after the order %d are seen", len(b.sightings(s)))
	}
	b.want(b.settled(s, 2), i.ID, "shop_web.1")
	for _, x := range b.sightings(s) {
		if x.ID == i.ID && (x.Alias != "shop_web.2" || x.ReadyAt.Before(began.Add(200*time.Millisecond)) || !strings.HasPrefix(x.Node, "node") || x.Image == "") {
			b.Errorf("seen as %+v", x)
		}
	}
	for range 3 {
		b.ok(b.target.Stop(b.Context(), s, i))
	}
	b.replicas(s, 1)
	b.want(b.settled(s, 1), "shop_web.1")
}

func (b *swarmBench) adopts() {
	s := b.service("adopted", 3, nil)
	b.want(b.settled(s, 3), "adopted.1", "adopted.2", "adopted.3")
	o := b.source.Observe(b.Context())
	k := slices.IndexFunc(o.Services, func(x forescale.Service) bool { return x.Name == s.Name })
	if k < 0 || o.Services[k].Template.Swarm != s.Name || o.Services[k].Max != 20 {
		b.Fatalf("registered are %+v", o.Services)
	}
	for range 2 {
		b.ok(b.target.Stop(b.Context(), s, instance(s, "adopted.2")))
	}
	b.want(b.settled(s, 2), "adopted.1", "adopted.3")
}

func (b *swarmBench) manyAtOnce() {
	s := b.service("many", 1, nil)
	b.settled(s, 1)
	var wait sync.WaitGroup
	for n := range 6 {
		wait.Go(func() {
			if err := b.target.Start(b.Context(), s, instance(s, fmt.Sprint("many-", n))); err != nil {
				b.Error(err)
			}
			if n < 2 {
				if err := b.target.Stop(b.Context(), s, instance(s, fmt.Sprint("many-", n))); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wait.Wait()
	b.replicas(s, 5)
	b.want(b.settled(s, 5), "many-2", "many-3", "many-4", "many-5", "many.1")
}

func (b *swarmBench) fences() {
	s := b.service("fenced", 1, nil)
	old, young := b.target.Under(3, "aa"), b.target.Under(4, "aa")
	b.ok(old.Start(b.Context(), s, instance(s, "fenced-a")))
	b.ok(young.Fence(b.Context()))
	wantCode(b.T, old.Start(b.Context(), s, instance(s, "fenced-b")), "fence_missing")
	wantCode(b.T, old.Stop(b.Context(), s, instance(s, "fenced-a")), "fence_missing")
	wantCode(b.T, old.Fence(b.Context()), "fence_lower")
	wantCode(b.T, b.target.Under(9, "bb").Start(b.Context(), s, instance(s, "fenced-c")), "not_ours")
	b.replicas(s, 2)
	b.ok(young.Stop(b.Context(), s, instance(s, "fenced-a")))
	b.replicas(s, 1)
}

func (b *swarmBench) global() {
	s := b.service("everywhere", 1, func(spec *swarm.ServiceSpec) {
		spec.Mode = swarm.ServiceMode{Global: &swarm.GlobalService{}}
	})
	o := b.source.Observe(b.Context())
	if len(b.sightings(s)) > 0 || !strings.Contains(o.Failed["swarm/everywhere"], "not a replicated service") ||
		slices.ContainsFunc(o.Services, func(x forescale.Service) bool { return x.Name == s.Name }) {
		b.Errorf("told: %v; services %v", o.Failed, o.Services)
	}
	wantCode(b.T, b.target.Start(b.Context(), s, instance(s, "everywhere-a")), "service_global")
}

func (b *swarmBench) updates() {
	s := b.service("updated", 2, func(spec *swarm.ServiceSpec) {
		spec.UpdateConfig = &swarm.UpdateConfig{Parallelism: 1, Delay: time.Hour, FailureAction: swarm.UpdateFailureActionPause, Monitor: 10 * time.Second}
	})
	b.settled(s, 2)
	b.ok(b.target.Start(b.Context(), s, instance(s, "updated-a")))
	b.settled(s, 3)
	state := func(want swarm.UpdateState) {
		b.Helper()
		b.until("the update is "+string(want), func() bool {
			u := b.inspect(s).UpdateStatus
			return u != nil && u.State == want
		})
	}
	b.change(s, func(spec *swarm.ServiceSpec) { spec.TaskTemplate.ContainerSpec.Env = []string{"VERSION=2"} })
	state(swarm.UpdateStateUpdating)
	wantCode(b.T, b.target.Stop(b.Context(), s, instance(s, "updated-a")), "update_running")
	b.replicas(s, 3)
	b.ok(b.target.Start(b.Context(), s, instance(s, "updated-b")))
	b.replicas(s, 4)

	b.change(s, func(spec *swarm.ServiceSpec) { spec.TaskTemplate.ContainerSpec.Env = []string{"FAIL=3"} })
	state(swarm.UpdateStatePaused)
	wantCode(b.T, b.target.Start(b.Context(), s, instance(s, "updated-c")), "update_paused")
	if o := b.source.Observe(b.Context()); !strings.Contains(o.Failed["swarm/updated"], "is paused, so it is not scaled") {
		b.Errorf("told: %v", o.Failed)
	}
	state(swarm.UpdateStatePaused)
}

func (b *swarmBench) byHand() {
	s := b.service("handy", 1, nil)
	b.settled(s, 1) // a task that is not there yet is not known to have been before the order
	b.ok(b.target.Start(b.Context(), s, instance(s, "handy-a")))
	b.want(b.settled(s, 2), "handy-a", "handy.1")
	to := func(n uint64) func(*swarm.ServiceSpec) {
		return func(spec *swarm.ServiceSpec) { spec.Mode.Replicated.Replicas = &n }
	}
	b.change(s, to(4))
	b.want(b.settled(s, 4), "handy-a", "handy.1", "handy.3", "handy.4")
	b.change(s, to(1))
	b.settled(s, 1)
	b.ok(b.target.Start(b.Context(), s, instance(s, "handy-b")))
	if ids := b.settled(s, 2); !slices.Contains(ids, "handy-b") {
		b.Errorf("instances %v", ids)
	}
}

func (b *swarmBench) drained() {
	s := b.service("drained", 3, nil)
	b.ok(b.target.Start(b.Context(), s, instance(s, "drained-a")))
	before := b.settled(s, 4)
	set := func(to swarm.NodeAvailability) {
		b.Helper()
		list, err := b.nodes[0].NodeList(b.Context(), swarm.NodeListOptions{})
		b.ok(err)
		for _, n := range list {
			if n.Description.Hostname == "node3" {
				n.Spec.Availability = to
				b.ok(b.nodes[0].NodeUpdate(b.Context(), n.ID, n.Version, n.Spec))
			}
		}
	}
	set(swarm.NodeAvailabilityDrain)
	defer set(swarm.NodeAvailabilityActive)
	b.until("nothing is on node3", func() bool {
		return !slices.ContainsFunc(b.sightings(s), func(x forescale.Sighting) bool { return x.Node == "node3" || !x.Ready })
	})
	b.want(b.settled(s, 4), before...)
	o := b.source.Observe(b.Context())
	var states []string
	for _, n := range o.Nodes {
		states = append(states, n.Name+" "+string(n.State))
	}
	slices.Sort(states)
	b.want(states, "node1 ready", "node2 ready", "node3 draining")
}

func (b *swarmBench) constrained() {
	s := b.service("bound", 1, func(spec *swarm.ServiceSpec) {
		spec.TaskTemplate.Placement = &swarm.Placement{Constraints: []string{"node.hostname==node2"}}
	})
	b.ok(b.target.Start(b.Context(), s, instance(s, "bound-a")))
	b.settled(s, 2)
	for _, x := range b.sightings(s) {
		if x.Node != "node2" {
			b.Errorf("%s is on %s", x.ID, x.Node)
		}
	}
}

func (b *swarmBench) ended() {
	s := b.service("ends", 1, func(spec *swarm.ServiceSpec) {
		spec.TaskTemplate.RestartPolicy = &swarm.RestartPolicy{Condition: swarm.RestartPolicyConditionNone}
		spec.TaskTemplate.ContainerSpec.Env = []string{"FAIL=7"}
	})
	b.until("the end is told", func() bool {
		l := b.sightings(s)
		return len(l) == 1 && !l[0].Running && strings.Contains(l[0].Exit, "failed")
	})
	b.ok(b.target.Stop(b.Context(), s, instance(s, "ends.1")))
	b.replicas(s, 0)
}

func (b *swarmBench) missing() {
	s := forescale.Service{Name: "nowhere", Template: forescale.Template{Swarm: "nowhere"}}.WithDefaults()
	wantCode(b.T, b.target.Start(b.Context(), s, instance(s, "nowhere-a")), "service_missing")
	alone, err := NewSwarm(DockerOptions{}) // the engine of all tests is in no swarm
	b.ok(err)
	defer alone.Close()
	wantCode(b.T, alone.Start(b.Context(), s, instance(s, "nowhere-a")), "swarm_missing")
	b.ok(alone.Under(1, "aa").Fence(b.Context()))
	source, err := collector.NewSwarm(collector.DockerOptions{})
	b.ok(err)
	defer source.Close()
	if o := source.Observe(b.Context()); o.Complete || o.Partial || len(o.Failed) > 0 {
		b.Errorf("an engine in no swarm shows %+v", o)
	}
}
