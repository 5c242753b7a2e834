package hub

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/mount"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/actuator"
	"github.com/forescale/forescale/collector"
	"github.com/forescale/forescale/internal/agent"
	"github.com/forescale/forescale/internal/agent/policy"
	"github.com/forescale/forescale/internal/agent/signature"
	"github.com/forescale/forescale/internal/agent/wire"
	"github.com/forescale/forescale/internal/dockertest"
	"github.com/forescale/forescale/internal/loop"
	"github.com/forescale/forescale/planner"
)

// steps runs a loop over the nodes of the hub, by a clock that runs fast, until ok.
func (b *bench) steps(what string, within time.Duration, clock forescale.Clock, l *loop.Loop, ok func(is []forescale.Instance) bool) []forescale.Instance {
	b.Helper()
	var is []forescale.Instance
	dockertest.Until(b, within, what, func() bool {
		if _, err := l.Step(b.Context(), clock.Now()); err != nil {
			b.Fatal(err)
		}
		var err error
		if is, err = b.store.Instances(b.Context(), forescale.InstanceQuery{Service: b.service.Name}); err != nil {
			b.Fatal(err)
		}
		return ok(is)
	})
	return is
}

func (b *bench) loop() (*loop.Loop, forescale.Clock) {
	clock := forescale.NewSystemClock()
	l := loop.New(loop.Config{Store: b.store, Sources: []loop.Source{b.hub}, Target: actuator.NewByNode(b.hub.Under(0), nil), Clock: clock,
		Options: loop.Options{Planner: planner.Options{Window: time.Minute, ReactiveWindow: time.Minute}}})
	b.Cleanup(l.Wait)
	return l, clock
}

func in(s forescale.InstanceState, is []forescale.Instance) (n int) {
	for _, i := range is {
		if i.State == s {
			n++
		}
	}
	return n
}

// The whole way: the loop decides, the server asks, agents in processes of their own
// create, start, probe, stop and remove, and tell what was used.
func TestInstancesLiveAndEndOnTheNodesOfAgents(t *testing.T) {
	b := newBench(t)
	t.Parallel()
	seen := dockertest.Watch(t, b.cli, b.service.Name)
	var err error
	if b.service, err = b.store.PutService(t.Context(), b.service, 0); err != nil {
		t.Fatal(err)
	}
	for _, node := range []string{"node-1", "node-2"} {
		b.node(b.token(node), t.TempDir(), "")
		b.reported(node)
	}
	l, clock := b.loop()
	is := b.steps("two are ready", time.Minute, clock, l, func(is []forescale.Instance) bool { return in(forescale.InstanceReady, is) == 2 })
	at := map[string]bool{}
	for _, i := range is {
		j, err := b.cli.ContainerInspect(t.Context(), i.ID)
		if err != nil {
			t.Fatal(err)
		}
		at[i.Node] = true
		if h := j.HostConfig; j.Config.Labels[forescale.LabelNode] != i.Node || h.PidsLimit == nil || *h.PidsLimit != forescale.DefaultProcesses || h.Memory != 64<<20 || h.NanoCPUs != 5e8 {
			t.Errorf("%s on %s: labels %v, memory %d, cpus %d, processes %v", i.ID, i.Node, j.Config.Labels, h.Memory, h.NanoCPUs, h.PidsLimit)
		}
		if !strings.HasSuffix(i.Address, ":8080") || i.ReadyAt.Before(i.StartedAt) {
			t.Errorf("%+v", i)
		}
	}
	if !at["node-1"] || !at["node-2"] {
		t.Errorf("where they run: %v", at)
	}
	b.steps("both nodes tell what the instances use", time.Minute, clock, l, func(is []forescale.Instance) bool {
		used := map[string]bool{}
		for _, i := range is {
			samples, err := b.store.Samples(t.Context(), forescale.SampleQuery{Kind: forescale.KindInstance, Name: i.ID})
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range samples {
				used[i.Node+" "+string(s.Metric)] = true
			}
		}
		return len(used) == 4 // cpu and memory of each
	})
	rows, err := b.store.Nodes(t.Context())
	if err != nil || len(rows) != 2 || rows[0].State != forescale.NodeReady || rows[0].Cores <= 0 || rows[0].Memory <= 0 {
		t.Errorf("rows of nodes: %+v, %v", rows, err)
	}
	less := b.service
	less.Min, less.Max = 1, 1
	if _, err := b.store.PutService(t.Context(), less, less.Version); err != nil {
		t.Fatal(err)
	}
	left := b.steps("one is stopped and removed", time.Minute, clock, l, func(is []forescale.Instance) bool {
		return in(forescale.InstanceStopped, is) == 1 && in(forescale.InstanceReady, is) == 1
	})
	for _, i := range left {
		ended := map[bool]int{true: 1}[i.State == forescale.InstanceStopped]
		dockertest.Until(t, 10*time.Second, "the engine told what became of "+i.ID, func() bool { return seen.Of(i.ID, events.ActionDestroy) >= ended })
		if seen.Of(i.ID, events.ActionCreate) != 1 || seen.Of(i.ID, events.ActionStart) != 1 || seen.Of(i.ID, events.ActionDestroy) != ended {
			t.Errorf("effects on %s, which is %s: %v", i.ID, i.State, seen)
		}
	}
}

// What ran on a node that is not heard of for half a minute is started elsewhere. When the
// node is back, what still runs there is taken back, and one too many is stopped.
func TestADeadNodeIsReplacedAndTakenBack(t *testing.T) {
	b := newBench(t)
	t.Parallel()
	b.service.Max = b.service.Min
	var err error
	if b.service, err = b.store.PutService(t.Context(), b.service, 0); err != nil {
		t.Fatal(err)
	}
	state := t.TempDir()
	kill := b.node(b.token("node-1"), state, "")
	b.node(b.token("node-2"), t.TempDir(), "")
	b.reported("node-1", "node-2")
	l, clock := b.loop()
	ready := func(is []forescale.Instance) (at map[string]int) {
		at = map[string]int{}
		for _, i := range is {
			if i.State == forescale.InstanceReady {
				at[i.Node]++
			}
		}
		return at
	}
	b.steps("each node has one", time.Minute, clock, l, func(is []forescale.Instance) bool {
		return ready(is)["node-1"] == 1 && ready(is)["node-2"] == 1
	})
	kill()
	is := b.steps("both run on the other node", 2*time.Minute, clock, l, func(is []forescale.Instance) bool { return ready(is)["node-2"] == 2 })
	k := slices.IndexFunc(is, func(i forescale.Instance) bool { return i.Node == "node-1" })
	if is[k].State != forescale.InstanceFailed || is[k].Failure != forescale.FailureLost+": nothing was heard of node-1 for 30s" {
		t.Errorf("the one on the dead node: %+v", is[k])
	}
	b.node("", state, "")
	b.steps("two containers are left", time.Minute, clock, l, func(is []forescale.Instance) bool {
		list, err := b.cli.ContainerList(t.Context(), container.ListOptions{Filters: filters.NewArgs(filters.Arg("label", forescale.LabelService+"="+b.service.Name))})
		if err != nil {
			t.Fatal(err)
		}
		return len(list) == 2 && in(forescale.InstanceReady, is) == 2 && in(forescale.InstanceDraining, is) == 0
	})
}

// An agent that is killed after the engine created a container, before it knew: the next
// one finishes the work, and nothing is there twice.
func TestAnAgentThatDiesInACreateLeavesNoDouble(t *testing.T) {
	b := newBench(t)
	t.Parallel()
	seen := dockertest.Watch(t, b.cli, b.service.Name)
	b.service.Min, b.service.Max = 1, 1
	if _, err := b.store.PutService(t.Context(), b.service, 0); err != nil {
		t.Fatal(err)
	}
	proxy := dockertest.NewProxy(t)
	var created atomic.Bool
	proxy.Trouble(func(r *http.Request) dockertest.Trouble {
		if strings.HasSuffix(r.URL.Path, "/containers/create") {
			created.Store(true)
			return dockertest.Swallow
		}
		return dockertest.None
	})
	state := t.TempDir()
	kill := b.node(b.token("node-1"), state, proxy.Host)
	l, clock := b.loop()
	b.steps("a create is under way", time.Minute, clock, l, func(is []forescale.Instance) bool {
		return created.Load() && len(is) == 1 && seen.Of(is[0].ID, events.ActionCreate) == 1
	})
	kill()
	b.node("", state, "")
	is := b.steps("it is ready", 2*time.Minute, clock, l, func(is []forescale.Instance) bool { return in(forescale.InstanceReady, is) == 1 })
	running, err := b.cli.ContainerList(t.Context(), container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", forescale.LabelService+"="+b.service.Name))})
	if err != nil || len(running) != 1 || len(is) != 1 || seen.Of(is[0].ID, events.ActionStart) != 1 {
		t.Errorf("containers %+v, instances %+v, effects %v, %v", running, is, seen, err)
	}
}

// A leader of before is refused by the node itself, also after the agent was started anew.
func TestANodeRefusesALowerFenceAfterARestartOfItsAgent(t *testing.T) {
	b := newBench(t)
	t.Parallel()
	state := t.TempDir()
	kill := b.node(b.token("node-1"), state, "")
	look := func() (o forescale.Observation) {
		dockertest.Until(t, 2*forescale.AgentAway, "the agent answers", func() bool {
			o = b.hub.Observe(t.Context())
			return o.Parts["node-1"].Whole || strings.Contains(o.Failed["nodes/node-1"], "fence")
		})
		return o
	}
	newer := b.hub.Under(7)
	if o := look(); !o.Parts["node-1"].Whole || !o.Parts["node-1"].Acts {
		t.Fatalf("%+v", o)
	}
	kill()
	b.node("", state, "")
	older := b.hub.Under(6)
	if o := look(); o.Parts["node-1"].Whole {
		t.Errorf("a look under a lower fence: %+v", o)
	}
	i := forescale.Instance{ID: b.service.Name + "-1", Service: b.service.Name, Decision: "dec_1", Node: "node-1"}
	if err := older.Start(t.Context(), b.service, i); code(err) != "fence_missing" {
		t.Errorf("a start under a lower fence: %v", err)
	}
	if err := older.Fence(t.Context()); code(err) != "fence_lower" {
		t.Errorf("the lower leader is told: %v", err)
	}
	if _, err := b.cli.ContainerInspect(t.Context(), i.ID); !errdefs.IsNotFound(err) {
		t.Errorf("it was made: %v", err)
	}
	b.hub.Under(7)
	look()
	if err := newer.Start(t.Context(), b.service, i); err != nil {
		t.Error(err)
	}
	if err := newer.Stop(t.Context(), b.service, i); err != nil {
		t.Error(err)
	}
	if _, err := b.cli.ContainerInspect(t.Context(), i.ID); !errdefs.IsNotFound(err) {
		t.Errorf("it was not removed: %v", err)
	}
}

// A clock that is wrong delays nothing here: requests are signed by the node's own.
func TestANodeWhoseClockIsWrongActs(t *testing.T) {
	b := newBench(t)
	t.Parallel()
	b.near("node-1", wrongClock{forescale.NewSystemClock(), -400 * 24 * time.Hour})
	target := b.hub.Under(0)
	i := forescale.Instance{ID: b.service.Name + "-1", Service: b.service.Name, Decision: "dec_1", Node: "node-1"}
	if err := target.Start(t.Context(), b.service, i); err != nil {
		t.Fatal(err)
	}
	var s forescale.Sighting
	dockertest.Until(t, 20*time.Second, "it is ready", func() bool {
		for _, s = range b.hub.Observe(t.Context()).Instances {
			if s.ID == i.ID && s.Ready {
				return true
			}
		}
		return false
	})
	if off := time.Since(s.StartedAt); off < 0 || off > time.Minute {
		t.Errorf("started %v ago by the server's clock", off)
	}
	if err := target.Stop(t.Context(), b.service, i); err != nil {
		t.Error(err)
	}
}

// wrongClock is off by a while.
type wrongClock struct {
	forescale.SystemClock
	off time.Duration
}

func (c wrongClock) Now() time.Time { return c.SystemClock.Now().Add(c.off) }

// One test for each refusal, over the whole way and with a real engine: a server that was
// taken over signs what it likes. What its requests have no words for it can only ask to
// have copied from a container that somebody made on the node.
func TestAStolenServerGetsNothingThatThePolicyForbids(t *testing.T) {
	b := newBench(t)
	t.Parallel()
	b.near("node-1", forescale.NewSystemClock())
	refused := func(what, where string, i forescale.Instance, template forescale.Template) {
		t.Helper()
		_, err := b.hub.ask(t.Context(), "node-1", wire.PathStart, signature.About{Decision: i.Decision},
			wire.Start{Service: i.Service, Instance: i.ID, Decision: i.Decision, Template: template, Within: 20 * time.Second})
		f, ok := err.(*forescale.Fault)
		if !ok || f.Code != "policy_refused" || !strings.Contains(", "+f.Where+",", ", "+where+",") {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := b.cli.ContainerInspect(t.Context(), i.ID); !errdefs.IsNotFound(err) {
			t.Errorf("%s: it was made: %v", what, err)
		}
	}
	good, err := made(b.service, b.hub.cfg.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	asked := func(n int) forescale.Instance {
		return forescale.Instance{ID: fmt.Sprintf("%s-%d", b.service.Name, n), Service: b.service.Name, Decision: "dec_1", Node: "node-1"}
	}
	for n, c := range []struct {
		what, where string
		evil        func(t *forescale.Template)
	}{
		{"an image that is not listed", "image", func(t *forescale.Template) { t.Image += "-other" }},
		{"an image by the beginning of its id", "image", func(t *forescale.Template) { t.Image = "cafe" }},
		{"the host's network", "network", func(t *forescale.Template) { t.Network = "host" }},
		{"the network of another container", "network", func(t *forescale.Template) { t.Network = "container:x" }},
		{"a further network", "network", func(t *forescale.Template) { t.Labels[forescale.LabelNetworks] = "other" }},
		{"a port of the node", "ports", func(t *forescale.Template) { t.Publish = true }},
		{"no memory limit", "memory", func(t *forescale.Template) { t.Memory = 0 }},
		{"more memory than allowed", "memory", func(t *forescale.Template) { t.Memory = 1 << 30 }},
		{"no CPU limit", "cpus", func(t *forescale.Template) { t.CPUs = 0 }},
		{"more CPU than allowed", "cpus", func(t *forescale.Template) { t.CPUs = 1.5 }},
		{"no limit of processes", "processes", func(t *forescale.Template) { t.Processes = 0 }},
		{"more processes than allowed", "processes", func(t *forescale.Template) { t.Processes = 601 }},
	} {
		bad := forescale.Service{Template: good}.Clone().Template
		c.evil(&bad)
		refused(c.what, c.where, asked(n), bad)
	}
	for n, c := range []struct {
		what, where string
		evil        container.HostConfig
	}{
		{"privileged", "privileged", container.HostConfig{Privileged: true}},
		{"the host's processes", "pid", container.HostConfig{PidMode: "host"}},
		{"the host's memory segments", "ipc", container.HostConfig{IpcMode: "host"}},
		{"the host's name", "uts", container.HostConfig{UTSMode: "host"}},
		{"a mount of the root", "mounts", container.HostConfig{Binds: []string{"/:/host"}}},
		{"the engine's socket", "mounts", container.HostConfig{Mounts: []mount.Mount{{Type: mount.TypeBind, Source: "/var/run/docker.sock", Target: "/s"}}}},
		{"a device", "devices", container.HostConfig{Resources: container.Resources{Devices: []container.DeviceMapping{{PathOnHost: "/dev/null", PathInContainer: "/dev/x", CgroupPermissions: "r"}}}}},
		{"a capability", "cap_add", container.HostConfig{CapAdd: []string{"SYS_ADMIN"}}},
		{"a security option", "security_opt", container.HostConfig{SecurityOpt: []string{"seccomp=unconfined"}}},
	} {
		service := fmt.Sprintf("copy%d-%s", n, b.mark[dockertest.CaseLabel])
		labels := map[string]string{forescale.LabelService: service}
		for k, v := range b.mark {
			labels[k] = v
		}
		host := c.evil
		host.Memory, host.NanoCPUs = 64<<20, 5e8
		if _, err := b.cli.ContainerCreate(t.Context(), &container.Config{Image: b.service.Template.Image, Labels: labels}, &host, nil, nil, service+"-example"); err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		refused(c.what, c.where, forescale.Instance{ID: service + "-1", Service: service, Decision: "dec_1"}, forescale.Template{})
	}
	// Nor does it have images fetched that nothing may be made from.
	r := dockertest.NewRegistry(t)
	elsewhere := b.service.Clone()
	elsewhere.Template.Image = r.Ref
	if err := b.hub.Under(0).Pull(t.Context(), elsewhere, "node-1"); code(err) != "policy_refused" || r.Asked() != 0 {
		t.Errorf("an image that is not listed: %v, asked for %d times", err, r.Asked())
	}
	// Nor does it stop what is of no service, or of another.
	other := "other-" + b.mark[dockertest.CaseLabel]
	if _, err := b.cli.ContainerCreate(t.Context(), &container.Config{Image: b.service.Template.Image, Labels: b.mark}, nil, nil, nil, other); err != nil {
		t.Fatal(err)
	}
	for service, want := range map[string]string{"": "request_malformed", b.service.Name: "not_ours", other: "not_ours"} {
		if _, err := b.hub.ask(t.Context(), "node-1", wire.PathStop, signature.About{}, wire.Stop{Service: service, Instance: other, Within: 20 * time.Second}); code(err) != want {
			t.Errorf("stop as %q: %v", service, err)
		}
	}
	if _, err := b.cli.ContainerInspect(t.Context(), other); err != nil {
		t.Error(err)
	}
}

func TestImagesAreFetchedToTheNodeThatIsNamed(t *testing.T) {
	b := newBench(t)
	t.Parallel()
	r := dockertest.NewRegistry(t)
	b.service.Template.Image = r.Ref
	b.policy = b.allow(policy.Policy{Images: []string{r.Ref}, Memory: 128 << 20, CPUs: 1, Processes: 600})
	b.near("node-1", forescale.NewSystemClock())
	target := actuator.NewByNode(b.hub.Under(0), nil)
	if err := target.Pull(t.Context(), b.service, "node-1"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.cli.ImageInspect(t.Context(), r.Ref); err != nil {
		t.Error(err)
	}
	if err := target.Pull(t.Context(), b.service, "node-2"); code(err) != "node_missing" {
		t.Errorf("to a node without an agent: %v", err)
	}
}

// stuck is an engine that hangs until it is let go.
type stuck struct {
	free   atomic.Bool
	within atomic.Int64 // how long the last look might have taken, in ns
}

func (s *stuck) Observe(ctx context.Context) forescale.Observation {
	if end, ok := ctx.Deadline(); ok {
		s.within.Store(int64(time.Until(end)))
	}
	if !s.free.Load() {
		<-ctx.Done()
	}
	return forescale.Observation{Complete: s.free.Load()}
}

// An engine that hangs holds up the look at all nodes once, and then for less.
func TestANodeThatHangsIsWaitedForLess(t *testing.T) {
	b := newBench(t)
	t.Parallel()
	a, err := agent.New(t.Context(), agent.Config{Server: b.url, Join: b.token("node-1"), Dir: t.TempDir(), Clock: forescale.NewSystemClock(),
		Source: collector.NewNode(collector.NodeOptions{Clock: forescale.NewSystemClock()})})
	if err != nil {
		t.Fatal(err)
	}
	engine := &stuck{}
	a.Attach(agent.Engine{Containers: engine})
	b.run(a)
	look := func(whole bool, least, most time.Duration) {
		t.Helper()
		o := b.hub.Observe(t.Context())
		if p := o.Parts["node-1"]; p.Whole != whole {
			t.Errorf("the node is seen whole: %t, want %t: %v", p.Whole, whole, o.Failed)
		}
		if got := time.Duration(engine.within.Load()); got <= least || got > most {
			t.Errorf("the engine had %v, want more than %v and at most %v", got, least, most)
		}
	}
	look(false, lookAgain, lookTime)
	look(false, 0, lookAgain)
	engine.free.Store(true)
	look(true, 0, lookAgain)
	look(true, lookAgain, lookTime)
}

// A process that waits for the place of one that was killed shows that its node is there.
func TestWhoIsRefusedIsHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := New(Config{Clock: forescale.NewSystemClock()})
		if err := h.sits("node-1", "killed"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(forescale.AgentAway - time.Second)
		if err := h.sits("node-1", "new"); code(err) != "agent_twice" {
			t.Errorf("the new process: %v", err)
		}
		if got := h.silent("node-1"); got != 0 {
			t.Errorf("nothing was heard for %v", got)
		}
		time.Sleep(time.Second)
		if h.Live("node-1") {
			t.Error("the killed process counts as alive")
		}
		if err := h.sits("node-1", "new"); err != nil {
			t.Errorf("the new process: %v", err)
		}
	})
}

// A node that shows nothing has the whole time again and again, as it may be slow.
func TestANodeThatIsSlowIsSeenAgain(t *testing.T) {
	h := New(Config{Clock: forescale.NewSystemClock()})
	for n := range 3 * lookTurns {
		want := lookAgain
		if n%lookTurns == 0 {
			want = lookTime
		}
		if got := h.patience("node-1"); got != want {
			t.Errorf("look %d may take %v, want %v", n, got, want)
		}
		h.looked("node-1", false)
	}
}

func TestASilentNodeIsNotAbsent(t *testing.T) {
	b := newBench(t)
	t.Parallel()
	kill := b.node(b.token("node-1"), filepath.Join(t.TempDir(), "s"), "")
	dockertest.Until(t, 20*time.Second, "the agent answers", func() bool { return b.hub.Observe(t.Context()).Parts["node-1"].Whole })
	kill()
	o := b.hub.Observe(t.Context())
	if p, there := o.Parts["node-1"]; !there || p.Whole || o.Failed["nodes/node-1"] == "" || o.Complete {
		t.Errorf("%+v", o)
	}
	if err := b.hub.Under(0).Start(t.Context(), forescale.Service{Name: "web"}, forescale.Instance{ID: "web-1", Node: "node-1"}); code(err) != "template_missing" {
		t.Errorf("a start without an image: %v", err)
	}
}
