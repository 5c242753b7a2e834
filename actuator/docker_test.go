package actuator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
	"github.com/docker/go-connections/nat"
	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/dockertest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(crashAt) != "" {
		os.Exit(crashChild())
	}
	os.Exit(dockertest.Main(m))
}

// bench is an engine, an actuator on it, and a service with an instance to start.
type bench struct {
	*testing.T
	cli      *client.Client
	docker   *Docker
	mark     map[string]string // labels of all that the test makes
	service  forescale.Service
	instance forescale.Instance
	since    time.Time
}

var ordinal atomic.Int64

func setup(t *testing.T, o DockerOptions) *bench {
	t.Helper()
	cli := dockertest.Engine(t)
	d, err := NewDocker(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	name := fmt.Sprintf("act%d-%s", ordinal.Add(1), dockertest.Run())
	b := &bench{T: t, cli: cli, docker: d, mark: dockertest.Mark(t, cli), since: time.Now().Add(-time.Second)}
	b.service = forescale.Service{Name: name, Template: forescale.Template{
		Image: dockertest.Image(t), Labels: b.mark, Port: 8080,
	}}.WithDefaults()
	b.instance = forescale.Instance{ID: name + "-0123456789abcdef-1", Service: name, Decision: "dec_0123456789abcdef"}
	return b
}

func (b *bench) start() error { return b.docker.Start(b.Context(), b.service, b.instance) }
func (b *bench) stop() error  { return b.docker.Stop(b.Context(), b.service, b.instance) }

func (b *bench) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

func (b *bench) inspect(name string) container.InspectResponse {
	b.Helper()
	j, err := b.cli.ContainerInspect(b.Context(), name)
	b.must(err)
	return j
}

// gone reports whether the engine has no container of the instance's name.
func (b *bench) gone() bool {
	_, err := b.cli.ContainerInspect(b.Context(), b.instance.ID)
	return errdefs.IsNotFound(err)
}

// effects counts what the engine itself recorded for the instance's name.
func (b *bench) effects() map[string]int {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	msgs, errs := b.cli.Events(ctx, events.ListOptions{
		Since: fmt.Sprint(b.since.Unix()), Until: fmt.Sprintf("%.9f", float64(time.Now().UnixMilli())/1e3+0.001),
		Filters: filters.NewArgs(filters.Arg("type", "container"), filters.Arg("label", forescale.LabelService+"="+b.service.Name)),
	})
	n := map[string]int{}
	for {
		select {
		case m := <-msgs:
			if m.Actor.Attributes["name"] == b.instance.ID {
				n[string(m.Action)]++
			}
		case err := <-errs:
			if err != nil && !errors.Is(err, io.EOF) {
				b.Fatal(err)
			}
			return n
		}
	}
}

func code(err error) string {
	var f *forescale.Fault
	if errors.As(err, &f) {
		return f.Code
	}
	return fmt.Sprint(err)
}

func wantCode(t *testing.T, err error, want string) {
	t.Helper()
	if got := code(err); got != want {
		t.Fatalf("got %q, want code %s (%v)", got, want, err)
	}
	var f *forescale.Fault
	if errors.As(err, &f) && (f.What == "" || f.Where == "" || f.Help == "") {
		t.Errorf("the fault leaves out what, where or help: %+v", f)
	}
}

func TestStartCreatesFromTemplate(t *testing.T) {
	b := setup(t, DockerOptions{LookupEnv: func(k string) (string, bool) { return "from-" + k, k == "TOKEN" }})
	tpl := &b.service.Template
	tpl.Env, tpl.EnvFrom = map[string]string{"COLOR": "blue"}, []string{"TOKEN"}
	tpl.CPUs, tpl.Memory, tpl.Publish = 0.5, 64<<20, true
	b.must(b.start())
	j := b.inspect(b.instance.ID)
	for _, want := range []string{"COLOR=blue", "TOKEN=from-TOKEN", EnvService + "=" + b.service.Name, EnvInstance + "=" + b.instance.ID} {
		if !slices.Contains(j.Config.Env, want) {
			t.Errorf("environment lacks %s", want)
		}
	}
	for k, want := range map[string]string{forescale.LabelService: b.service.Name, forescale.LabelDecision: b.instance.Decision,
		forescale.LabelManagedBy: "forescale", dockertest.Label: dockertest.Run()} {
		if got := j.Config.Labels[k]; got != want {
			t.Errorf("label %s is %q, want %q", k, got, want)
		}
	}
	if _, ok := j.Config.Labels[forescale.LabelEnable]; ok {
		t.Error("a container made from a template registers a service by label")
	}
	if j.HostConfig.NanoCPUs != 5e8 || j.HostConfig.Memory != 64<<20 {
		t.Errorf("limits are %d ns and %d bytes", j.HostConfig.NanoCPUs, j.HostConfig.Memory)
	}
	if p := j.HostConfig.RestartPolicy.Name; p != "no" {
		t.Errorf("restart policy is %q", p)
	}
	ports := j.NetworkSettings.Ports["8080/tcp"]
	if len(ports) != 1 || ports[0].HostIP != "127.0.0.1" {
		t.Fatalf("published as %v, want once on loopback", ports)
	}
	dockertest.Until(t, 10*time.Second, "the published port answers", func() bool {
		r, err := http.Get("http://127.0.0.1:" + ports[0].HostPort + "/env?name=COLOR")
		if err != nil {
			return false
		}
		defer func() { _ = r.Body.Close() }()
		body, _ := io.ReadAll(r.Body)
		return string(body) == "blue"
	})
}

func TestStartAndStopAreIdempotent(t *testing.T) {
	b := setup(t, DockerOptions{})
	b.must(b.start())
	first := b.inspect(b.instance.ID)
	b.must(b.start())
	b.must(b.start())
	if again := b.inspect(b.instance.ID); again.ID != first.ID || again.State.StartedAt != first.State.StartedAt {
		t.Error("a repeated start made or started it anew")
	}
	b.must(b.stop())
	if !b.gone() {
		t.Error("it is there after the stop")
	}
	b.must(b.stop())
	got := b.effects()
	if got["create"] != 1 || got["start"] != 1 || got["destroy"] != 1 {
		t.Errorf("the engine recorded %v, want one create, one start, one destroy", got)
	}
}

func TestManyStartsAtOnceMakeOne(t *testing.T) {
	b := setup(t, DockerOptions{})
	errs := make(chan error)
	for range 8 {
		go func() { errs <- b.start() }()
	}
	for range 8 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if got := b.effects(); got["create"] != 1 || got["start"] != 1 {
		t.Errorf("the engine recorded %v, want one create and one start", got)
	}
}

func TestEndedInstanceIsNotStartedAgain(t *testing.T) {
	b := setup(t, DockerOptions{})
	b.service.Template.Env = map[string]string{"FAIL": "3"}
	b.must(b.start())
	dockertest.Until(t, 10*time.Second, "it has ended", func() bool { return b.inspect(b.instance.ID).State.Status == "exited" })
	err := b.start()
	wantCode(t, err, "instance_ended")
	if !strings.Contains(err.Error(), "exit code 3") {
		t.Errorf("%v does not tell the exit code", err)
	}
	b.must(b.stop())
	if !b.gone() {
		t.Error("what has ended is not removed")
	}
}

func TestForeignContainerIsLeftAlone(t *testing.T) {
	for name, labels := range map[string]map[string]string{
		"without labels":        {},
		"of another service":    {forescale.LabelService: "other"},
		"of another decision":   {forescale.LabelService: "?", forescale.LabelDecision: "dec_other", forescale.LabelManagedBy: "forescale"},
		"enabled by other name": {forescale.LabelEnable: "true"},
	} {
		t.Run(name, func(t *testing.T) {
			b := setup(t, DockerOptions{})
			if labels[forescale.LabelService] == "?" {
				labels[forescale.LabelService] = b.service.Name
			}
			foreign := b.example(b.instance.ID, labels, nil)
			wantCode(t, b.start(), "name_taken")
			wantCode(t, b.stop(), "not_ours")
			if j := b.inspect(foreign); !j.State.Running {
				t.Error("the foreign container was stopped")
			}
		})
	}
}

func TestAdoptedInstanceIsStopped(t *testing.T) {
	b := setup(t, DockerOptions{})
	b.instance.ID, b.instance.Decision = b.service.Name+"-web-1", ""
	b.example(b.instance.ID, map[string]string{forescale.LabelService: b.service.Name}, func(_ *container.Config, h *container.HostConfig) {
		h.RestartPolicy.Name = container.RestartPolicyAlways
	})
	b.must(b.stop())
	if !b.gone() {
		t.Error("the adopted container is still there")
	}
}

// example runs a container of the test image, as an operator would.
func (b *bench) example(name string, labels map[string]string, change func(*container.Config, *container.HostConfig)) string {
	b.Helper()
	c := &container.Config{Image: dockertest.Image(b.T), Labels: maps.Clone(b.mark)}
	for k, v := range labels {
		c.Labels[k] = v
	}
	h := &container.HostConfig{}
	if change != nil {
		change(c, h)
	}
	made, err := b.cli.ContainerCreate(b.Context(), c, h, nil, nil, name)
	b.must(err)
	b.must(b.cli.ContainerStart(b.Context(), made.ID, container.StartOptions{}))
	return made.ID
}

func TestStartByExampleCopiesTheNewestContainer(t *testing.T) {
	b := setup(t, DockerOptions{})
	b.service.Template = forescale.Template{}
	var nets [2]string
	for k := range nets {
		nets[k] = fmt.Sprintf("net%d-%s", k, b.service.Name)
		_, err := b.cli.NetworkCreate(t.Context(), nets[k], network.CreateOptions{Labels: b.mark})
		b.must(err)
	}
	dir := t.TempDir()
	example := b.example(b.service.Name+"-web-1", map[string]string{
		forescale.LabelEnable: "true", "forescale.max": "7", "com.docker.compose.service": b.service.Name, "com.docker.compose.project": "p", "team": "a",
	}, func(c *container.Config, h *container.HostConfig) {
		c.Env = []string{"SECRET=s3cr3t"}
		c.Healthcheck = &container.HealthConfig{Test: []string{"CMD", "/svc", "health"}, Interval: 2 * time.Second}
		h.NetworkMode = container.NetworkMode(nets[0])
		h.Mounts = []mount.Mount{{Type: mount.TypeBind, Source: dir, Target: "/data", ReadOnly: true}}
		h.PortBindings = nat.PortMap{"8080/tcp": {{HostIP: "127.0.0.1", HostPort: ""}}}
		h.Memory, h.NanoCPUs = 96<<20, 1e9
		h.RestartPolicy.Name = container.RestartPolicyAlways
	})
	b.must(b.cli.NetworkConnect(t.Context(), nets[1], example, &network.EndpointSettings{Aliases: []string{"backend"}}))
	b.must(b.start())
	j := b.inspect(b.instance.ID)
	checks := map[string]bool{
		"runs":                  j.State.Running,
		"same image":            j.Image == b.inspect(example).Image,
		"same environment":      slices.Contains(j.Config.Env, "SECRET=s3cr3t"),
		"own name told":         slices.Contains(j.Config.Env, EnvInstance+"="+b.instance.ID),
		"own host name":         strings.HasPrefix(j.ID, j.Config.Hostname),
		"same health check":     j.Config.Healthcheck.Interval == 2*time.Second,
		"same mount":            len(j.Mounts) == 1 && j.Mounts[0].Destination == "/data" && !j.Mounts[0].RW,
		"same limits":           j.HostConfig.Memory == 96<<20 && j.HostConfig.NanoCPUs == 1e9,
		"first network":         j.NetworkSettings.Networks[nets[0]] != nil,
		"second network, alias": j.NetworkSettings.Networks[nets[1]] != nil && slices.Contains(j.NetworkSettings.Networks[nets[1]].Aliases, "backend"),
		"port on loopback":      len(j.NetworkSettings.Ports["8080/tcp"]) == 1 && j.NetworkSettings.Ports["8080/tcp"][0].HostIP == "127.0.0.1",
		"label kept":            j.Config.Labels["team"] == "a" && j.Config.Labels["forescale.max"] == "7" && j.Config.Labels[forescale.LabelEnable] == "true",
		"compose label dropped": j.Config.Labels["com.docker.compose.project"] == "",
		"service named":         j.Config.Labels[forescale.LabelService] == b.service.Name,
		"decision named":        j.Config.Labels[forescale.LabelDecision] == b.instance.Decision,
		"engine restarts none":  j.HostConfig.RestartPolicy.Name == "no",
	}
	for what, ok := range checks {
		if !ok {
			t.Errorf("not so: %s", what)
		}
	}
	// A copy of the copy is the same again.
	b.instance.ID += "0"
	b.must(b.start())
	if j := b.inspect(b.instance.ID); j.NetworkSettings.Networks[nets[1]] == nil || j.HostConfig.Memory != 96<<20 {
		t.Error("a copy of the copy differs")
	}
}

func TestExampleKeepsItsImageWhenTheTagMovesOn(t *testing.T) {
	b := setup(t, DockerOptions{})
	b.service.Template = forescale.Template{}
	tag := "forescale-test:moving-" + b.service.Name
	b.must(b.cli.ImageTag(t.Context(), dockertest.Image(t), tag))
	example := b.example(b.service.Name+"-web-1", map[string]string{forescale.LabelService: b.service.Name},
		func(c *container.Config, _ *container.HostConfig) { c.Image = tag })
	b.must(dockertest.BuildImage(t.Context(), b.cli, tag, t.TempDir(), "FROM scratch\nCOPY svc /other\nENTRYPOINT [\"/other\"]\n"))
	b.must(b.start())
	if got, want := b.inspect(b.instance.ID).Image, b.inspect(example).Image; got != want {
		t.Errorf("started from %s, the example runs %s", got, want)
	}
}

func TestStartFaults(t *testing.T) {
	none := func(string) (string, bool) { return "", false }
	for _, c := range []struct {
		name   string
		change func(*forescale.Template)
		want   string
	}{
		{"an image id that is not here cannot be pulled", func(t *forescale.Template) { t.Image = "sha256:" + strings.Repeat("ab", 32) }, "image_missing"},
		{"an image of no registry that answers is missing", func(t *forescale.Template) { t.Image = "127.0.0.1:1/nothing:1" }, "image_missing"},
		{"a variable that the server does not have", func(t *forescale.Template) { t.EnvFrom = []string{"NOT_THERE"} }, "start_invalid"},
		{"a network that is not there", func(t *forescale.Template) { t.Network = "no-such-network" }, "network_missing"},
		{"a memory limit that no container fits in", func(t *forescale.Template) { t.Memory = 1024 }, "start_invalid"},
		{"no image and nothing to copy", func(t *forescale.Template) { t.Image = "" }, "template_missing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := setup(t, DockerOptions{LookupEnv: none, PullTimeout: 10 * time.Second})
			c.change(&b.service.Template)
			err := b.start()
			wantCode(t, err, c.want)
			t.Log(err)
			b.must(b.stop()) // whatever is left goes
			if !b.gone() {
				t.Error("the failed start left a container that a stop does not remove")
			}
		})
	}
}

func TestStopWaitsForTheGraceAndThenKills(t *testing.T) {
	b := setup(t, DockerOptions{Grace: time.Second})
	b.service.Template.Env = map[string]string{"IGNORE_TERM": "1"}
	b.must(b.start())
	dockertest.Until(t, 10*time.Second, "it is healthy", func() bool {
		h := b.inspect(b.instance.ID).State.Health
		return h != nil && h.Status == container.Healthy
	})
	began := time.Now()
	b.must(b.stop())
	if took := time.Since(began); took < time.Second || !b.gone() {
		t.Errorf("stopped after %v, want not before the grace of 1s", took)
	}
}

func TestEngineAway(t *testing.T) {
	leaks := goleak.IgnoreCurrent()
	d, err := NewDocker(DockerOptions{Host: "unix:///nonexistent/engine.sock"})
	if err != nil {
		t.Fatal(err)
	}
	i := forescale.Instance{ID: "a-1", Decision: "dec_1"}
	wantCode(t, d.Start(t.Context(), forescale.Service{Name: "a"}, i), "engine_unreachable")
	wantCode(t, d.Stop(t.Context(), forescale.Service{Name: "a"}, i), "engine_unreachable")
	_ = d.Close()
	goleak.VerifyNone(t, leaks)
}

func TestHangingEngineEndsAtTheDeadline(t *testing.T) {
	dockertest.Engine(t)
	proxy := dockertest.NewProxy(t)
	proxy.Trouble(func(*http.Request) dockertest.Trouble { return dockertest.Hang })
	leaks := goleak.IgnoreCurrent()
	d, err := NewDocker(DockerOptions{Host: proxy.Host, Timeout: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	i := forescale.Instance{ID: "a-1", Decision: "dec_1"}
	began := time.Now()
	errs := make(chan error)
	for range 4 {
		go func() { errs <- d.Start(t.Context(), forescale.Service{Name: "a"}, i) }()
		go func() { errs <- d.Stop(t.Context(), forescale.Service{Name: "a"}, i) }()
	}
	for range 8 {
		wantCode(t, <-errs, "engine_timeout")
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("eight calls at once took %v, want each to end at its own deadline of 200ms", took)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Start(ctx, forescale.Service{Name: "a"}, i); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller that gave up gets %v, want its own error", err)
	}
	_ = d.Close()
	// The proxy's own side of the connections ends with it.
	goleak.VerifyNone(t, leaks, goleak.IgnoreAnyFunction("net/http.(*conn).serve"),
		goleak.IgnoreAnyFunction("net/http.(*connReader).backgroundRead"))
}

// count is how many containers of the service the engine has.
func (b *bench) count() int {
	b.Helper()
	list, err := b.cli.ContainerList(b.Context(), container.ListOptions{All: true,
		Filters: filters.NewArgs(filters.Arg("label", forescale.LabelService+"="+b.service.Name))})
	b.must(err)
	return len(list)
}

// The client's own way to find the version holds a lock that no deadline ends.
func TestOneWhoIsInAHurryDoesNotWaitForAnother(t *testing.T) {
	dockertest.Engine(t)
	proxy := dockertest.NewProxy(t)
	proxy.Trouble(func(*http.Request) dockertest.Trouble { return dockertest.Hang })
	d, err := NewDocker(DockerOptions{Host: proxy.Host, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	slow, giveUp := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- d.Stop(slow, forescale.Service{}, forescale.Instance{ID: "a-1"}) }()
	dockertest.Until(t, 10*time.Second, "the slow one is under way", func() bool { return len(proxy.Asked()) > 0 })
	hurry, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	wantCode(t, d.Stop(hurry, forescale.Service{}, forescale.Instance{ID: "a-2"}), "engine_timeout")
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v, long after its deadline of 100ms", took)
	}
	giveUp()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// An engine that could not be asked for its version is away; it is not told
// off in a newer version than it knows.
func TestVersionIsAskedForUntilItIsKnown(t *testing.T) {
	proxy := dockertest.NewProxy(t)
	b := setup(t, DockerOptions{Host: proxy.Host})
	var refused atomic.Bool
	proxy.Trouble(func(r *http.Request) dockertest.Trouble {
		if strings.HasSuffix(r.URL.Path, "/_ping") && refused.CompareAndSwap(false, true) {
			return dockertest.Refuse
		}
		return dockertest.None
	})
	wantCode(t, b.start(), "engine_unreachable")
	b.must(b.start())
}
