package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/deploy/providers"
	"github.com/forescale/forescale/internal/store"
)

const (
	hostType   = "host"
	hostRack   = "rack" // the host that is its owner's: protected, and there from the beginning
	hostRoom   = 2      // instances that one holds
	hostMost   = 3      // that are ordered at most
	hostDisk   = 40 << 30
	hostPrice  = 0.10 // an hour
	hostBudget = "hosts"
	hostLimit  = 100 // a month

	hostWarmup = 4 * time.Second // of an instance there, real time: engines are young, and agents ask for their work
)

// hostsAt and hostsPrefix begin the folder of the hosts of one run, by its owner and network.
// Only root can write there, so what lies there was made by a demonstration.
const (
	hostsAt     = "/run"
	hostsPrefix = "forescale-hosts-"
)

// hosts is the stage on which hosts come and go: the load and the containers are those of the
// stage with one Docker Engine, and each host has an engine of its own.
type hosts struct {
	*containers
	made  providers.Hosts
	dir   string // of this run
	store store.Store
	say   *story
	begin time.Time
	told  map[string]bool // of what happened to hosts
	wired *Hosts
}

// newHosts removes the hosts that killed demonstrations left, and makes the network.
func newHosts(ctx context.Context, d *demo, dir string) (_ *hosts, err error) {
	d.begin = rise(d.zone).Add(-15 * time.Minute) // enough for the first host, and nobody waits for long
	h := &hosts{dir: dir, say: d.say, begin: d.begin, told: map[string]bool{}}
	if h.containers, err = newContainers(ctx, d, filepath.Base(dir)); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
			defer cancel()
			_ = h.close(ctx)
		}
	}()
	if err := h.write(); err != nil {
		return nil, err
	}
	whole := context.WithoutCancel(ctx) // Ctrl-C leaves no half of it
	h.sweep(whole)
	if err := h.made.Run(whole, nil, "network"); err != nil {
		return nil, &forescale.Fault{Code: "hosts_impossible", Where: "this machine", What: "the network of the hosts cannot be made: " + err.Error(),
			Help: "run it as root of the machine: inside a container it takes --privileged; nothing is left", Err: err}
	}
	d.say.line("  world     hosts on this machine, each with a network, a Docker Engine and an agent; the load is real HTTP")
	d.say.line("  hosts     %s is protected, up to %d more are ordered; %d instances each", hostRack, hostMost, hostRoom)
	return h, nil
}

// write writes the provider and what may run on hosts.
func (h *hosts) write() error {
	network, err := providers.FreeNetwork()
	if err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program's own file: %w", err)
	}
	h.made = providers.Hosts{Script: filepath.Join(h.dir, "local-host"), Dir: filepath.Join(hostsAt, fmt.Sprintf("%s%s-%d", hostsPrefix, h.owner, network)),
		Network: network, Program: program, Policy: filepath.Join(h.dir, "policy.yaml"), Images: []string{h.image}}
	if err := os.WriteFile(h.made.Script, providers.LocalHost, 0o700); err != nil {
		return fmt.Errorf("write the provider of hosts: %w", err)
	}
	// Some more addresses than hosts: one that is going still has its own.
	may := fmt.Sprintf("images: [%q]\npublish: [%s]\n", h.image, strings.Join(h.made.Addresses(4*hostMost), ", "))
	if err := os.WriteFile(h.made.Policy, []byte(may), 0o600); err != nil {
		return fmt.Errorf("write what may run on hosts: %w", err)
	}
	return nil
}

// sweep ends the hosts of owners that were killed.
func (h *hosts) sweep(ctx context.Context) {
	left, _ := filepath.Glob(filepath.Join(hostsAt, hostsPrefix+"*-*-*"))
	for _, dir := range left {
		parts := strings.Split(strings.TrimPrefix(filepath.Base(dir), hostsPrefix), "-")
		network, err := strconv.Atoi(parts[len(parts)-1])
		if err != nil || len(parts) != 3 || alive(parts[0]+"-"+parts[1]) {
			continue
		}
		old := providers.Hosts{Script: h.made.Script, Dir: dir, Network: network}
		n := len(old.Made())
		if err := old.End(ctx); err != nil {
			h.say.line("  left      %s, of a killed demonstration: %v", dir, err)
			continue
		}
		h.say.line("  cleaned   %d hosts that a killed demonstration had left", n)
	}
}

func (h *hosts) service() forescale.Service {
	s := h.containers.service()
	s.Max = hostRoom * (1 + hostMost)
	s.Warmup = h.pace.simulated(hostWarmup)
	// A host has room for so many by its disk, which is declared: what an instance takes of
	// processor and memory is learned, and that is little.
	s.Resources = forescale.Resources{Cores: 0.1, Memory: 64 << 20, Disk: hostDisk / hostRoom}
	s.Template.CPUs, s.Template.Processes = 1, 64 // without limits the agent refuses it
	return s
}

// register makes the hosts, and the money for them, known to the server.
func (h *hosts) register(ctx context.Context, st store.Store) error {
	h.store = st
	t := forescale.NodeType{Name: hostType, Cores: 2, Speed: 1, Memory: 16 << 30, Disk: hostDisk, PricePerHour: hostPrice, BillingStep: time.Minute,
		BootTime: 10 * time.Minute, MaxCount: 1 + hostMost} // with the protected one
	if err := st.PutNodeType(ctx, t); err != nil {
		return fmt.Errorf("register the type of hosts: %w", err)
	}
	rack := forescale.Node{Name: hostRack, Type: hostType, Protected: true, State: forescale.NodeReady, Origin: forescale.OriginConfig}
	if err := st.PutNode(ctx, rack); err != nil {
		return fmt.Errorf("register %s: %w", hostRack, err)
	}
	// Nothing has a place before the first host is there, and none is to be ordered for that.
	pause := forescale.Pause{By: "demo", Note: "until " + hostRack + " is there", Since: h.begin, Until: h.begin.AddDate(0, 0, 1)}
	if err := st.PutPause(ctx, pause); err != nil {
		return fmt.Errorf("pause until %s is there: %w", hostRack, err)
	}
	b := forescale.Budget{Name: hostBudget, Scope: forescale.BudgetNodeType, Of: hostType, Limit: forescale.Amount(hostLimit), Origin: forescale.OriginConfig}
	if _, err := st.PutBudget(ctx, b.WithDefaults(), 0); err != nil {
		return fmt.Errorf("set the budget: %w", err)
	}
	return nil
}

func (h *hosts) wire(w *Wiring) {
	h.containers.wire(w)
	w.World, w.Times.Refresh = "hosts on this machine", 5*time.Minute // a host takes minutes: what is ordered ahead hangs on what is newest
	h.made.More = []string{ClockEnv + "=" + clockText(w.Clock, w.Speed)}
	h.wired = &Hosts{Type: hostType, Script: slices.Concat([]string{"env"}, h.made.Env(), []string{h.made.Script}), Agents: h.agents(),
		Beside: filepath.Join(h.dir, "demo.db")}
	w.Hosts = h.wired
}

// agents is where the server takes them.
func (h *hosts) agents() string { return net.JoinHostPort(h.made.Address(), "8481") }

// play lets the protected host join, puts the load on, and tells of hosts.
func (h *hosts) play(ctx context.Context, s Server) error {
	if err := h.startRack(ctx); err != nil {
		return err
	}
	if err := h.awaitRack(ctx); err != nil {
		return err
	}
	var beside sync.WaitGroup
	beside.Go(func() { h.watch(ctx) })
	defer beside.Wait()
	return h.containers.play(ctx, s)
}

// rackTime is how long the protected host may take until it reports, in real time.
const rackTime = 2 * time.Minute

// awaitRack waits until the protected host reports, and ends the pause.
func (h *hosts) awaitRack(ctx context.Context) error {
	late := time.After(rackTime)
	for {
		last, err := h.store.LastSamples(ctx)
		if err != nil {
			return fmt.Errorf("look for %s: %w", hostRack, err)
		}
		if _, there := last["node/"+hostRack]; there {
			return h.store.EndPause(ctx, "")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-late:
			said, _ := os.ReadFile(filepath.Join(h.made.Dir, hostRack, "engine.log"))
			return &forescale.Fault{Code: "hosts_impossible", Where: hostRack, What: fmt.Sprintf("the first host did not come up within %s: %s", spoken(rackTime), said[max(0, len(said)-1000):]),
				Help: "see that `dockerd` runs on this machine beside the engine that is there; nothing is left"}
		case <-time.After(lookEvery):
		}
	}
}

// startRack is not broken off by Ctrl-C once it makes something, or nobody knew what.
func (h *hosts) startRack(ctx context.Context) error {
	token, err := h.wired.Token(ctx, hostRack)
	if err != nil {
		return fmt.Errorf("make a join token: %w", err)
	}
	return h.made.Run(context.WithoutCancel(ctx), []string{"FORESCALE_JOIN_TOKEN=" + token}, "start", hostRack, hostType, "https://"+h.agents())
}

// close ends all hosts, and then removes what the engine of the machine has.
func (h *hosts) close(ctx context.Context) error {
	return errors.Join(h.made.End(ctx), h.containers.close(ctx))
}
