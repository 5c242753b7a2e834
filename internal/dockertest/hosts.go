package dockertest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"

	"github.com/forescale/forescale/deploy/providers"
)

// Hosts are hosts of their own on this machine, as the provider local-host makes them:
// each with a network, processes, a Docker Engine and an agent. They go after the test.
type Hosts struct {
	testing.TB
	providers.Hosts
}

// NeedHosts skips the test where hosts cannot be had, or fails it if FORESCALE_NEED_ENGINE is 1.
func NeedHosts(t testing.TB) {
	t.Helper()
	Engine(t) // dockerd is installed, then
	if err := providers.Possible(); err != nil {
		if os.Getenv(NeedEngine) == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

// NewHosts makes the network of hosts, with none in it yet. Script is the provider, program
// what it runs as agents, policy the file that says what may run on a host, and images are those
// of the shared engine that each host gets. See [NeedHosts].
func NewHosts(t testing.TB, script, program, policy string, images ...string) *Hosts {
	t.Helper()
	NeedHosts(t)
	network, err := providers.FreeNetwork() // another run may have some, too
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "fh") // short: sockets lie there
	if err != nil {
		t.Fatal(err)
	}
	h := &Hosts{t, providers.Hosts{Script: script, Dir: dir, Network: network, Program: program, Policy: policy, Images: images}}
	t.Cleanup(h.end)
	h.Make(nil, "network")
	return h
}

// Make runs the provider with more variables, and fails the test if that fails.
func (h *Hosts) Make(env []string, args ...string) {
	h.Helper()
	if err := h.Run(context.Background(), env, args...); err != nil {
		h.Error(err)
	}
}

// end ends all hosts, and tells what they said in a test that failed.
func (h *Hosts) end() {
	for _, name := range h.Made() {
		for _, part := range []string{"log", "agent.log", "engine.log"} {
			if h.Failed() {
				said, _ := os.ReadFile(filepath.Join(h.Dir, name, part))
				h.Logf("%s %s: …%s", name, part, said[max(0, len(said)-3000):])
			}
		}
	}
	if err := h.End(context.Background()); err != nil {
		h.Errorf("end the hosts: %v", err)
	}
}

// All are the names of the hosts that run.
func (h *Hosts) All() (names []string) {
	for _, name := range h.Made() {
		if pid, ok := h.first(name); ok {
			if line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil && len(line) > 0 {
				names = append(names, name)
			}
		}
	}
	return names
}

// Containers are the names of the containers with a label that the engine of a host has,
// running or not; true: it is healthy, as the engine says.
func (h *Hosts) Containers(ctx context.Context, name, label string) (map[string]bool, error) {
	cli, err := client.NewClientWithOpts(client.WithHost("unix://"+filepath.Join(h.Dir, name, "engine.sock")), client.WithAPIVersionNegotiation())
	if err != nil {
		return nil, err
	}
	defer cli.Close()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	list, err := cli.ContainerList(ctx, container.ListOptions{All: true, Filters: labelled(label)})
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for _, c := range list {
		names[strings.TrimPrefix(c.Names[0], "/")] = c.State == "running" && strings.Contains(c.Status, "(healthy)")
	}
	return names, nil
}

// Cut takes the cable of a host out: packets are lost, and nobody is told.
func (h *Hosts) Cut(name string) { h.link(name, "down") }

// Heal puts it back. A host that is gone has none.
func (h *Hosts) Heal(name string) { h.link(name, "up") }

func (h *Hosts) link(name, state string) {
	link, err := os.ReadFile(filepath.Join(h.Dir, name, "link"))
	if err != nil {
		return
	}
	_ = exec.Command("ip", "link", "set", strings.TrimSpace(string(link)), state).Run()
}

// Die ends a host at once, as one that loses its power.
func (h *Hosts) Die(name string) {
	if pid, ok := h.first(name); ok {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// first is the number of a host's first process, which may have ended.
func (h *Hosts) first(name string) (pid int, ok bool) {
	said, _ := os.ReadFile(filepath.Join(h.Dir, name, "pid"))
	pid, err := strconv.Atoi(strings.TrimSpace(string(said)))
	return pid, err == nil
}

// Parts of a host that can be hurt.
const (
	HostAgent  = "agent"
	HostEngine = "engine"
)

// Signal sends a signal to a part of a host, and reports whether it was there. What ends is
// started again after a second.
func (h *Hosts) Signal(name, part string, s syscall.Signal) bool {
	flag := "--state\x00" + filepath.Join(h.Dir, name, "agent") + "\x00"
	if part == HostEngine {
		flag = "--data-root\x00" + filepath.Join(h.Dir, name, "engine") + "\x00"
	}
	found, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	hit := false
	for _, f := range found {
		line, err := os.ReadFile(f)
		if err != nil || !strings.Contains(string(line)+"\x00", flag) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(f))); err == nil {
			hit = syscall.Kill(pid, s) == nil || hit
		}
	}
	return hit
}
