package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/client"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/dockertest"
	"github.com/forescale/forescale/internal/postgrestest"
	"github.com/forescale/forescale/internal/store"
)

// childServer makes this test binary a server: "forescale" runs the command line
// that it was given, "fast" the same on the clock of a test, "faults" a server of the fault run.
const childServer = "FORESCALE_TEST_SERVER"

func serverChild(kind string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch kind {
	case "faults":
		return faultServer(ctx)
	case "fast":
		return fastProgram(ctx)
	}
	return run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.LookupEnv)
}

// process is a server in a process of its own.
type process struct {
	t       *testing.T
	url     string
	net     *postgrestest.Network                          // its own; nil: none
	command func(program string, args ...string) *exec.Cmd // of the process
	program string
	args    []string
	env     []string
	http    http.Client

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{}
	log  *lines
}

// newProcess is one in a network of its own.
func newProcess(t *testing.T, nth int, kind string, env []string, args ...string) *process {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, url: "http://" + childPort, net: postgrestest.NewNetwork(t, nth), program: self, args: args, log: &lines{}}
	p.command = p.net.Command
	p.env = append(append(os.Environ(), childServer+"="+kind, "HOME="+t.TempDir()), env...)
	transport := &http.Transport{DialContext: p.net.DialContext, DisableKeepAlives: true}
	p.http = http.Client{Transport: transport, Timeout: 20 * time.Second}
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("server %d:\n%s", nth, p.log)
		}
	})
	return p
}

// childPort is where each server listens, on the loopback of its own network.
const childPort = "127.0.0.1:7117"

func (p *process) start() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd, p.done = p.command(p.program, p.args...), make(chan struct{})
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = p.env, p.log, p.log
	if err := p.cmd.Start(); err != nil {
		p.t.Error(err)
	}
	go func(cmd *exec.Cmd, done chan struct{}) { _ = cmd.Wait(); close(done) }(p.cmd, p.done)
}

// ready waits until the server answers that it is ready.
func (p *process) ready() {
	p.t.Helper()
	eventually(p.t, time.Minute, func() error {
		resp, err := p.http.Get(p.url + "/readyz")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return errors.New(resp.Status)
		}
		return nil
	})
}

func (p *process) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		_ = p.cmd.Process.Signal(s)
	}
}

// kill ends the process with kill -9 and waits for it.
func (p *process) kill() { p.end(syscall.SIGKILL) }

func (p *process) end(s syscall.Signal) {
	p.signal(s)
	p.mu.Lock()
	done := p.done
	p.mu.Unlock()
	if done != nil {
		<-done
	}
}

func (p *process) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd.Process.Pid
}

// ask sends a request and reads the answer.
func (p *process) ask(method, path, body string, to any) error {
	r, err := http.NewRequest(method, p.url+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	if method == http.MethodPatch {
		r.Header.Set("Content-Type", "application/merge-patch+json")
	} else if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := p.http.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, answer)
	}
	if to != nil {
		return json.NewDecoder(bytes.NewReader(answer)).Decode(to)
	}
	return nil
}

// aboutServer is what a server says of who leads.
type aboutServer struct {
	Server string
	Leader bool
	Leads  struct {
		Server string
		Fence  int64
	}
}

// trio are three servers on one database and one engine.
type trio struct {
	*testing.T
	cli     *client.Client
	cluster postgrestest.Cluster
	store   store.Store
	servers []*process
	service string
	events  *dockertest.Record
}

// newTrio starts three servers and waits until one leads and has reached min.
func newTrio(t *testing.T, dockerHost func(nth int) string) *trio {
	t.Helper()
	f := &trio{T: t, cli: dockertest.Engine(t), cluster: postgrestest.Start(t), service: "trio-" + dockertest.Run() + "-" + strconv.FormatInt(trios.Add(1), 10)}
	labels, _ := json.Marshal(dockertest.Mark(t, f.cli))
	config := filepath.Join(t.TempDir(), "forescale.yaml")
	content := fmt.Sprintf(`planning: {collect: 1s, interval: 1s}
services:
  %s:
    mode: active
    min_instances: 1
    max_instances: 4
    warmup: 5s
    cooldown: 1s
    template: {image: %q, port: 8080, labels: %s}
`, f.service, dockertest.Image(t), labels)
	if err := os.WriteFile(config, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	f.events = dockertest.Watch(t, f.cli, f.service)
	var err error
	if f.store, err = openStore(t.Context(), f.cluster.DSN("")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.store.Close() })
	term, err := f.store.Lead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeFences(t, f.cli, term.Scope) })
	for nth := range 3 {
		env := []string{}
		if host := dockerHost(nth); host != "" {
			env = append(env, "DOCKER_HOST="+host)
		}
		p := newProcess(t, nth, "forescale", env)
		p.args = []string{"serve", "--config", config, "--listen", childPort, "--docker", "required", "--store", f.cluster.DSN(p.net.Host)}
		f.servers = append(f.servers, p)
		p.start()
		p.ready()
		if nth == 0 {
			f.leader() // so that a test knows which one it is
		}
	}
	return f
}

var trios atomic.Int64

func onOwnSocket(int) string { return "" }

// removeFences removes what the leaders of a store left in the engine.
func removeFences(t *testing.T, cli *client.Client, scope string) {
	list, err := cli.ContainerList(context.Background(), container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", "forescale.fence="+scope))})
	for _, c := range list {
		err = errors.Join(err, cli.ContainerRemove(context.Background(), c.ID, container.RemoveOptions{Force: true}))
	}
	if err != nil {
		t.Errorf("remove fences: %v", err)
	}
}

// leader waits until somebody leads, and gives the term and the server.
func (f *trio) leader() (term forescale.Term, p *process) {
	f.Helper()
	return f.leaderAfter(0)
}

// leaderAfter waits for a leader with a higher fence.
func (f *trio) leaderAfter(fence int64) (term forescale.Term, p *process) {
	f.Helper()
	eventually(f.T, time.Minute, func() (err error) {
		if term, err = f.store.Lead(f.Context()); err != nil || !term.Held() || term.Fence <= fence {
			return fmt.Errorf("the term is %+v, %w", term, errors.Join(err, errors.New("nobody leads")))
		}
		for _, p = range f.servers {
			if p.cmd != nil && strings.Contains(term.Holder, fmt.Sprintf("-%d-", p.pid())) {
				return nil
			}
		}
		return fmt.Errorf("no server of %+v", term)
	})
	return term, p
}

// ready waits until the engine runs as many instances, none of them but one of a
// decision of the store, and all that is under way is done.
func (f *trio) ready(n int) {
	f.Helper()
	eventually(f.T, 2*time.Minute, func() error {
		running := f.running()
		is, err := f.store.Instances(f.Context(), forescale.InstanceQuery{Service: f.service, Live: true})
		if err != nil {
			return err
		}
		for _, i := range is {
			if i.State != forescale.InstanceReady || !running[i.ID] {
				return fmt.Errorf("%s is %s, running %v", i.ID, i.State, running)
			}
		}
		if len(is) != n || len(running) != n {
			return fmt.Errorf("%d instances in the store, the engine runs %v; want %d", len(is), running, n)
		}
		return nil
	})
}

// running are the names of all containers of the service; true: it runs.
func (f *trio) running() map[string]bool {
	f.Helper()
	list, err := f.cli.ContainerList(f.Context(), container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", forescale.LabelService+"="+f.service))})
	if err != nil {
		f.Fatal(err)
	}
	names := map[string]bool{}
	for _, c := range list {
		names[strings.TrimPrefix(c.Names[0], "/")] = c.State == "running"
	}
	return names
}

// setMin asks a server for another minimum.
func (f *trio) setMin(p *process, n int) {
	f.Helper()
	eventually(f.T, time.Minute, func() error {
		return p.ask(http.MethodPatch, "/v1/services/"+f.service, fmt.Sprintf(`{"min_instances": %d}`, n), nil)
	})
}

// once checks that no name was ever created twice, by the engine's own record,
// and that each belongs to one decision.
func (f *trio) once() {
	f.Helper()
	ordered := map[string]int{}
	ds, err := f.store.Decisions(f.Context(), forescale.DecisionQuery{Service: f.service, Acted: true, Limit: 1000})
	if err != nil {
		f.Fatal(err)
	}
	for _, d := range ds {
		if d.Fence == 0 {
			f.Errorf("decision %s tells of no fence", d.ID)
		}
		for _, a := range d.Actions {
			if a.Kind == forescale.ActionStart {
				ordered[a.Instance]++
			}
		}
	}
	for name, n := range f.events.All(events.ActionCreate) {
		if n != 1 || ordered[name] != 1 {
			f.Errorf("%s was created %d times, and ordered %d times", name, n, ordered[name])
		}
	}
}

// A leader ends by kill -9: another one takes over and goes on; nothing is done
// twice. One that is told to stop hands over at once. Any server takes requests.
func TestAnotherServerTakesOverWhenTheLeaderIsKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("starts three servers")
	}
	f := newTrio(t, onOwnSocket)
	term, leader := f.leader()
	f.ready(1)
	var about aboutServer
	eventually(t, time.Minute, func() error { // a follower says who leads
		if err := f.servers[2].ask(http.MethodGet, "/v1/about", "", &about); err != nil || about.Leads.Server != term.Holder {
			return fmt.Errorf("%+v, %v", about, err)
		}
		return nil
	})
	if about.Leader || about.Leads.Fence != term.Fence || about.Server == about.Leads.Server {
		t.Errorf("a follower says %+v of the term %+v", about, term)
	}
	f.setMin(f.servers[2], 2) // a follower takes the request, the leader acts
	f.ready(2)

	leader.kill()
	killed := time.Now()
	next, second := f.leaderAfter(term.Fence)
	t.Logf("after kill -9 another server led within %v", time.Since(killed).Round(time.Millisecond))
	if next.Fence != term.Fence+1 {
		t.Errorf("fence %d after %d", next.Fence, term.Fence)
	}
	f.setMin(second, 3)
	f.ready(3)

	second.end(syscall.SIGTERM)
	stopped := time.Now()
	last, third := f.leaderAfter(next.Fence)
	t.Logf("after SIGTERM another server led within %v", time.Since(stopped).Round(time.Millisecond))
	if last.Fence != next.Fence+1 || third == second {
		t.Errorf("fence %d after %d", last.Fence, next.Fence)
	}
	leader.start()
	leader.ready()
	f.setMin(leader, 4)
	f.ready(4)
	f.once()
}

// The leader is stopped between recording a decision and creating its instance.
// The next one starts that very instance, which ends and is removed, so that its
// name is free again. Then the old one goes on: its create must come to nothing.
func TestALeaderThatWakesUpDoesNothingTwice(t *testing.T) {
	if testing.Short() {
		t.Skip("starts three servers")
	}
	proxy := dockertest.NewProxy(t)
	f := newTrio(t, func(nth int) string {
		if nth == 0 {
			return proxy.Host
		}
		return ""
	})
	term, leader := f.leader()
	f.ready(1)
	asked, release := make(chan string, 1), make(chan struct{})
	var free sync.Once
	t.Cleanup(func() { free.Do(func() { close(release) }) })
	proxy.Trouble(func(r *http.Request) dockertest.Trouble {
		name := r.URL.Query().Get("name")
		if strings.HasSuffix(r.URL.Path, "/containers/create") && strings.HasPrefix(name, f.service) {
			select {
			case asked <- name:
				leader.signal(syscall.SIGSTOP)
				<-release // the create is on its way for as long
			default:
			}
		}
		return dockertest.None
	})
	f.setMin(leader, 2)
	var name string
	select {
	case name = <-asked:
	case <-time.After(time.Minute):
		t.Fatal("nothing was created")
	}
	next, second := f.leaderAfter(term.Fence)
	f.ready(2)
	if !f.running()[name] {
		t.Fatalf("the new leader did not start %s", name)
	}
	if err := f.cli.ContainerKill(t.Context(), name, "KILL"); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, func() error {
		if _, there := f.running()[name]; there {
			return fmt.Errorf("%s is still there", name)
		}
		return nil
	})
	f.ready(2)

	free.Do(func() { close(release) })
	leader.signal(syscall.SIGCONT)
	eventually(t, time.Minute, func() error {
		if !strings.Contains(leader.log.String(), "this server does not lead any more") {
			return errors.New("the old leader did not notice yet")
		}
		return nil
	})
	f.setMin(second, 3)
	f.ready(3)
	if _, there := f.running()[name]; there {
		t.Errorf("%s is back", name)
	}
	if now, err := f.store.Lead(t.Context()); err != nil || now.Fence != next.Fence {
		t.Errorf("the term is %+v, %v", now, err)
	}
	f.once()
}

// A leader that loses the database, but not the engine, stops by itself.
func TestALeaderThatLosesTheDatabaseStops(t *testing.T) {
	if testing.Short() {
		t.Skip("starts three servers")
	}
	f := newTrio(t, onOwnSocket)
	term, leader := f.leader()
	f.ready(1)
	f.setMin(leader, 2)
	leader.net.Cut()
	cut := time.Now()
	_, second := f.leaderAfter(term.Fence)
	t.Logf("after the cut another server led within %v", time.Since(cut).Round(time.Millisecond))
	f.ready(2)
	f.setMin(second, 3)
	f.ready(3)
	eventually(t, 2*time.Minute, func() error {
		if !strings.Contains(leader.log.String(), "this server does not lead any more") {
			return errors.New("the leader did not stop yet")
		}
		return nil
	})
	leader.net.Heal()
	eventually(t, 3*time.Minute, func() error {
		var about aboutServer
		if err := leader.ask(http.MethodGet, "/v1/about", "", &about); err != nil || about.Leader || about.Leads.Fence <= term.Fence {
			return fmt.Errorf("it says %+v, %v", about, err)
		}
		return nil
	})
	f.setMin(second, 4)
	f.ready(4)
	f.once()
}
