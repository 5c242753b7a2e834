package hub

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/client"
	"go.yaml.in/yaml/v3"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/actuator"
	"github.com/forescale/forescale/collector"
	"github.com/forescale/forescale/internal/agent"
	"github.com/forescale/forescale/internal/agent/authority"
	"github.com/forescale/forescale/internal/agent/policy"
	"github.com/forescale/forescale/internal/agent/wire"
	"github.com/forescale/forescale/internal/dockertest"
	"github.com/forescale/forescale/internal/store/memory"
)

// The agent of the tests is this test binary again, as a process that can be killed. Its
// environment tells it the server, a join token, its state, its policy and its engine.
const (
	childServer = "FORESCALE_TEST_SERVER"
	childToken  = "FORESCALE_TEST_TOKEN"
	childState  = "FORESCALE_TEST_STATE"
	childPolicy = "FORESCALE_TEST_POLICY"
	childEngine = "FORESCALE_TEST_ENGINE"
)

func TestMain(m *testing.M) {
	if os.Getenv(childServer) != "" {
		if err := child(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(dockertest.Main(m))
}

// child is an agent as `forescale agent` makes it.
func child() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	a, closeEngine, err := newAgent(ctx, agent.Config{Server: os.Getenv(childServer), Join: os.Getenv(childToken), Dir: os.Getenv(childState), Clock: forescale.NewSystemClock()},
		os.Getenv(childEngine), os.Getenv(childPolicy))
	if err != nil {
		return err
	}
	defer closeEngine()
	fmt.Println("runs")
	return a.Run(ctx)
}

// newAgent is an agent with the engine at host, "" being the environment's.
func newAgent(ctx context.Context, c agent.Config, host, file string) (*agent.Agent, func(), error) {
	may, err := policy.Load(file)
	if err != nil {
		return nil, nil, err
	}
	c.Source = collector.NewNode(collector.NodeOptions{Clock: c.Clock})
	a, err := agent.New(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	containers, err := collector.NewDocker(collector.DockerOptions{Host: host, Node: a.Node(), Clock: c.Clock, UsageEvery: 100 * time.Millisecond})
	if err != nil {
		return nil, nil, err
	}
	docker, err := actuator.NewDocker(actuator.DockerOptions{Host: host, Node: a.Node(), Admit: may.Check, Grace: time.Second,
		LookupEnv: func(string) (string, bool) { return "", false }})
	if err != nil {
		return nil, nil, err
	}
	a.Attach(agent.Engine{Containers: containers, Acting: func(enter func() (func(), error)) agent.Target { return docker.Entered(enter) }})
	return a, func() { _, _ = containers.Close(), docker.Close() }, nil
}

// bench is a server with its store, and an engine that nodes have.
type bench struct {
	*testing.T
	cli     *client.Client
	mark    map[string]string
	store   *memory.Store
	hub     *Hub
	url     string
	stop    func()
	service forescale.Service
	policy  string // file
}

func newBench(t *testing.T) *bench {
	b := &bench{T: t, cli: dockertest.Engine(t), store: memory.New()}
	b.mark = dockertest.Mark(t, b.cli)
	ca, err := authority.New(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.url = "https://" + ln.Addr().String()
	b.hub = New(Config{Authority: ca, Store: b.store, Clock: forescale.NewSystemClock()})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.hub.Serve(ctx, ln) }()
	b.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	t.Cleanup(b.stop)
	name := "web-" + b.mark[dockertest.CaseLabel]
	b.service = forescale.Service{Name: name, Mode: forescale.ModeActive, Min: 2, Max: 3, Warmup: 2 * time.Second, Cooldown: time.Second,
		Metrics: []forescale.Metric{forescale.MetricUtilization}, Resources: forescale.Resources{Cores: 0.5, Memory: 64 << 20},
		Template: forescale.Template{Image: dockertest.Image(t), Port: 8080, Labels: b.mark, Readiness: forescale.Probe{HTTP: "/ready"}}}.WithDefaults()
	b.policy = b.allow(policy.Policy{Images: []string{dockertest.Image(t)}, Memory: 128 << 20, CPUs: 1, Processes: 600})
	return b
}

// allow writes a policy.
func (b *bench) allow(p policy.Policy) string {
	b.Helper()
	data, err := yaml.Marshal(p)
	if err != nil {
		b.Fatal(err)
	}
	file := filepath.Join(b.TempDir(), "policy.yaml")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		b.Fatal(err)
	}
	return file
}

func (b *bench) token(node string) string {
	b.Helper()
	t := wire.NewToken(node, b.hub.cfg.Authority.Pin())
	now := time.Now()
	if err := b.store.CreateJoinToken(b.Context(), forescale.JoinToken{ID: "join-" + node, Node: node, Hash: t.Hash(), CreatedAt: now, ExpiresAt: now.Add(time.Hour)}); err != nil {
		b.Fatal(err)
	}
	return t.String()
}

// node runs an agent in a process of its own. It returns what kills it.
func (b *bench) node(token, state, engine string) (kill func()) {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childServer+"="+b.url, childToken+"="+token, childState+"="+state, childPolicy+"="+b.policy, childEngine+"="+engine)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	kill = sync.OnceFunc(func() {
		_ = cmd.Process.Signal(syscall.SIGKILL)
		_ = cmd.Wait()
	})
	b.Cleanup(kill)
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || strings.TrimSpace(line) != "runs" {
		b.Fatalf("the agent says %q, %v", line, err)
	}
	return kill
}

// near runs an agent in this process.
func (b *bench) near(node string, clock forescale.Clock) {
	b.Helper()
	a, closeEngine, err := newAgent(b.Context(), agent.Config{Server: b.url, Join: b.token(node), Dir: b.TempDir(), Clock: clock}, "", b.policy)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(closeEngine)
	b.run(a)
}

// run lets an agent work until the test ends, and returns when it has reported.
func (b *bench) run(a *agent.Agent) {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			b.Errorf("the agent of %s: %v", a.Node(), err)
		}
	})
	b.reported(a.Node())
}

// reported waits until the agents of nodes have reported.
func (b *bench) reported(nodes ...string) {
	b.Helper()
	for _, node := range nodes {
		dockertest.Until(b, 20*time.Second, "the agent of "+node+" has reported", func() bool { return b.hub.Live(node) })
	}
}

func code(err error) string {
	var f *forescale.Fault
	if errors.As(err, &f) {
		return f.Code
	}
	return fmt.Sprint(err)
}
