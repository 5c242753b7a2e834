package dockertest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
)

// Hosts are hosts of their own on this machine, as the provider local-host makes them:
// each with a network, processes, a Docker Engine and an agent. They go after the test.
type Hosts struct {
	testing.TB
	script, dir, bridge string
	env                 []string
}

// NewHosts makes the network of hosts, with none in it yet. Script is the provider, program
// what it runs as agents, policy the file that says what may run on a host, and images are those
// of the shared engine that each host gets. Where hosts cannot be had the test is skipped, or
// fails if FORESCALE_NEED_ENGINE is 1.
func NewHosts(t testing.TB, script, program, policy string, images ...string) *Hosts {
	t.Helper()
	Engine(t) // dockerd is installed, then
	for _, tool := range []string{"dockerd", "docker", "ip", "nsenter", "unshare", "flock"} {
		if _, err := exec.LookPath(tool); err != nil || os.Getuid() != 0 {
			msg := fmt.Sprintf("hosts of their own need root, dockerd, the docker client, iproute2 and util-linux: %v", err)
			if os.Getenv(NeedEngine) == "1" {
				t.Fatal(msg)
			}
			t.Skip(msg)
		}
	}
	dir, err := os.MkdirTemp("", "fh") // short: sockets lie there
	if err != nil {
		t.Fatal(err)
	}
	h := &Hosts{TB: t, script: script, dir: dir}
	for n := os.Getpid() % 200; h.bridge == ""; n = (n + 1) % 200 { // another run may have some, too
		if exec.Command("ip", "link", "show", fmt.Sprintf("fshost%d", n+50)).Run() != nil {
			h.bridge = fmt.Sprintf("fshost%d", n+50)
		}
	}
	h.env = []string{"FORESCALE_HOSTS=" + dir, "FORESCALE_NETWORK=" + h.network(), "FORESCALE_PROGRAM=" + program, "FORESCALE_POLICY=" + policy,
		"FORESCALE_IMAGES=" + strings.Join(images, " ")}
	t.Cleanup(h.end)
	h.Run(nil, "network")
	return h
}

func (h *Hosts) network() string { return strings.TrimPrefix(h.bridge, "fshost") }

// Address is this machine's, as the hosts reach it.
func (h *Hosts) Address() string { return "10.199." + h.network() + ".1" }

// Env is what the provider needs of the environment.
func (h *Hosts) Env() []string { return slices.Clone(h.env) }

// Run runs the provider with more variables, and fails the test if that fails.
func (h *Hosts) Run(env []string, args ...string) {
	h.Helper()
	cmd := exec.Command(h.script, args...)
	cmd.Env = append(append(os.Environ(), h.env...), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		h.Errorf("%s %v: %v: %s", filepath.Base(h.script), args, err, out)
	}
}

// end ends all hosts, and tells what they said in a test that failed.
func (h *Hosts) end() {
	for _, name := range h.made() {
		if h.Failed() {
			for _, part := range []string{"log", "agent.log", "engine.log"} {
				said, _ := os.ReadFile(filepath.Join(h.dir, name, part))
				h.Logf("%s %s: …%s", name, part, said[max(0, len(said)-3000):])
			}
		}
		h.Run(nil, "stop", name)
	}
	h.Run(nil, "stop", "none") // the network goes, also if there never was a host
	if err := os.RemoveAll(h.dir); err != nil {
		h.Errorf("remove what the hosts left: %v", err)
	}
}

// All are the names of the hosts that run.
func (h *Hosts) All() (names []string) {
	for _, name := range h.made() {
		if pid, ok := h.first(name); ok {
			if line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil && len(line) > 0 {
				names = append(names, name)
			}
		}
	}
	return names
}

// made are all of which something is left.
func (h *Hosts) made() (names []string) {
	found, _ := filepath.Glob(filepath.Join(h.dir, "*", "type"))
	for _, f := range found {
		names = append(names, filepath.Base(filepath.Dir(f)))
	}
	return names
}

// Containers are the names of the containers with a label that the engine of a host has,
// running or not; true: it is healthy, as the engine says.
func (h *Hosts) Containers(ctx context.Context, name, label string) (map[string]bool, error) {
	cli, err := client.NewClientWithOpts(client.WithHost("unix://"+filepath.Join(h.dir, name, "engine.sock")), client.WithAPIVersionNegotiation())
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
	link, err := os.ReadFile(filepath.Join(h.dir, name, "link"))
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
	said, _ := os.ReadFile(filepath.Join(h.dir, name, "pid"))
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
	flag := "--state\x00" + filepath.Join(h.dir, name, "agent") + "\x00"
	if part == HostEngine {
		flag = "--data-root\x00" + filepath.Join(h.dir, name, "engine") + "\x00"
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
