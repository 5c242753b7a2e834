package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/actuator"
	"github.com/forescale/forescale/collector"
	"github.com/forescale/forescale/internal/agent"
	"github.com/forescale/forescale/internal/agent/authority"
	"github.com/forescale/forescale/internal/agent/hub"
	"github.com/forescale/forescale/internal/agent/policy"
	"github.com/forescale/forescale/internal/loop"
	"github.com/forescale/forescale/internal/store"
)

// agentFlags are the flags of agent.
type agentFlags struct {
	servers                     []string
	join, state, policy, docker string
	kind, address, disk         string
	labels                      map[string]string
	bandwidth                   float64
	verbose                     bool
}

func newAgent(a *app) *cobra.Command {
	f := &agentFlags{}
	cmd := &cobra.Command{
		Use:   "agent --server URL [--join TOKEN]",
		Short: "Run on a node: report what it uses, and start and stop instances there for a server",
		Long: `Run on a node. The first start needs a token, which ` + "`forescale join-token create`" + `
prints at the server; later ones find who they are in the state directory. The
agent calls the server and needs no open port. It sends CPU, memory, disk and
bandwidth every 10 s, and keeps an hour of that while the server is away. Where a
Docker Engine runs it also tells what instances there use, and with a policy it starts
and stops them for that server; without one nothing is started or stopped.

A token on the command line can be seen by others on the node while the agent runs; it is worth
nothing once it was used. FORESCALE_JOIN_TOKEN hides it.`,
		Example: "  FORESCALE_JOIN_TOKEN=fsj_… forescale agent --server https://forescale.example:8481 --policy /etc/forescale/policy.yaml",
		Args:    wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := a.onDemoClock()
			if err != nil {
				return err
			}
			return a.runAgent(cmd.Context(), *f)
		},
	}
	fs := cmd.Flags()
	fs.StringSliceVar(&f.servers, "server", nil, "where the server takes agents: https://HOST:PORT; all of them, with commas, where several share a database")
	fs.StringVar(&f.join, "join", "", "join token, for the first start (FORESCALE_JOIN_TOKEN)")
	fs.StringVar(&f.state, "state", "", "directory of the agent's state (default in the state directory)")
	fs.StringVar(&f.policy, "policy", "", "file that says what may run on this node (FORESCALE_POLICY); without one nothing is started or stopped")
	fs.StringVar(&f.docker, "docker", "auto", "Docker Engine of the node: auto, off or required")
	fs.StringVar(&f.kind, "type", "", "node type")
	fs.StringVar(&f.address, "address", "", "where instances on this node are reached")
	fs.StringVar(&f.disk, "disk", "", "kind of disk: ssd or hdd")
	fs.StringToStringVar(&f.labels, "label", nil, "labels of the node: zone=a,rack=7")
	fs.Float64Var(&f.bandwidth, "bandwidth", 0, "speed of the node's link in Mbit/s, where it does not tell")
	fs.BoolVarP(&f.verbose, "verbose", "v", false, "log more")
	return cmd
}

// runAgent runs until ctx ends.
func (a *app) runAgent(ctx context.Context, f agentFlags) error {
	if len(f.servers) == 0 {
		return usage("the agent has no server", "say where it takes agents: --server https://HOST:PORT")
	}
	dir := f.state
	if dir == "" {
		path, err := a.defaultStore()
		if err != nil {
			return err
		}
		dir = filepath.Join(filepath.Dir(path), "agent")
	}
	// An agent does little: it rather collects its garbage often than keep twice of it.
	defer debug.SetGCPercent(debug.SetGCPercent(25))
	log := a.logger(f.verbose)
	n, err := agent.New(ctx, agent.Config{Server: f.servers[0], Others: f.servers[1:], Join: firstOf(f.join, a.getenv("FORESCALE_JOIN_TOKEN")), Dir: dir, Clock: a.clock, Log: log,
		Facts:  forescale.Agent{Type: f.kind, Address: f.address, DiskKind: f.disk, Labels: f.labels},
		Source: collector.NewNode(collector.NodeOptions{Type: f.kind, Bandwidth: f.bandwidth, Clock: a.clock, Log: log})})
	if err != nil {
		return err
	}
	closeEngine, err := a.attachEngine(ctx, n, f, log)
	if err != nil {
		return err
	}
	defer closeEngine()
	if _, err := fmt.Fprintf(a.stdout, "forescale %s reports for node %s to %s\n", version, n.Node(), strings.Join(f.servers, ", ")); err != nil {
		return err
	}
	return n.Run(ctx)
}

// attachEngine gives an agent the engine of its node, if there is one: to read, and with a
// policy also to act on.
func (a *app) attachEngine(ctx context.Context, n *agent.Agent, f agentFlags, log *slog.Logger) (closeAll func(), err error) {
	if f.docker != "auto" && f.docker != "off" && f.docker != "required" {
		return nil, usage(fmt.Sprintf("%q is not a use of the Docker Engine", f.docker), "use --docker auto, off or required")
	}
	var may policy.Policy
	file := firstOf(f.policy, a.getenv("FORESCALE_POLICY"))
	if file != "" {
		if may, err = policy.Load(file); err != nil {
			return nil, err
		}
	}
	if engine, err := a.engineWanted(ctx, f.docker, log); err != nil || !engine {
		return func() {}, err
	}
	containers, err := collector.NewDocker(collector.DockerOptions{Node: n.Node(), Clock: a.clock, Log: log})
	if err != nil {
		return nil, err
	}
	e := agent.Engine{Containers: containers}
	closeAll = func() { _ = containers.Close() }
	if file != "" {
		docker, err := actuator.NewDocker(actuator.DockerOptions{Node: n.Node(), Publish: publishOn(f.address), Admit: may.Check, Log: log,
			LookupEnv: func(string) (string, bool) { return "", false }}) // the agent's own environment is nobody's to hand out
		if err != nil {
			closeAll()
			return nil, err
		}
		e.Acting = func(enter func() (func(), error)) agent.Target { return docker.Entered(enter) }
		closeAll = func() { _, _ = containers.Close(), docker.Close() }
	}
	n.Attach(e)
	return closeAll, nil
}

// publishOn is where ports of instances are published: at the node's address if that
// is one of IP, else on loopback.
func publishOn(address string) string {
	if ip := net.ParseIP(address); ip != nil {
		return ip.String()
	}
	return ""
}

// agentsFile is where the authority of agents lies: beside the store.
func agentsFile(beside string) string { return beside + ".agents.pem" }

// withAgents opens a store and the authority of its agents.
func (a *app) withAgents(ctx context.Context, f *storeFlags, do func(context.Context, store.Store, *authority.Authority) error) error {
	c, err := a.loadConfig(f.config)
	if err != nil {
		return err
	}
	path, err := a.storePath(f.store, c)
	if err != nil {
		return err
	}
	if path, err = a.besideStore(path); err != nil {
		return err
	}
	ca, err := authority.Open(agentsFile(path))
	if err != nil {
		return err
	}
	return a.withStore(ctx, f, func(ctx context.Context, s store.Store) error { return do(ctx, s, ca) })
}

func newAgents(a *app) *cobra.Command {
	return group("agents", "List and remove the agents of nodes",
		"List and remove the agents of nodes. The commands work on the store itself, also while\n`forescale serve` runs on it.", newAgentsList(a), newAgentsRemove(a))
}

func newAgentsList(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the agents that have joined", Args: wants()}
	at, o := addStoreFlags(cmd), formatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return a.withStore(cmd.Context(), at, func(ctx context.Context, s store.Store) error {
			agents, err := s.Agents(ctx)
			if err != nil {
				return fmt.Errorf("read the agents: %w", err)
			}
			last, err := s.LastSamples(ctx)
			if err != nil {
				return fmt.Errorf("read when they reported: %w", err)
			}
			return a.listAgents(agents, func(node string) string {
				t := last["node/"+node]
				if a.terminal && !t.IsZero() {
					return moment{now: a.clock.Now(), loc: time.UTC}.ago(t)
				}
				return stamp(t)
			}, *o)
		})
	}
	return cmd
}

func (a *app) listAgents(agents []forescale.Agent, reported func(node string) string, o format) error {
	rows := make([][]string, len(agents))
	for i, g := range agents {
		rows[i] = []string{g.Node, g.Type, g.Address, fmt.Sprintf("%g", g.Cores), fmt.Sprintf("%d", g.Memory), stamp(g.JoinedAt), stamp(g.ExpiresAt), reported(g.Node)}
	}
	return a.writeList(o, agents, []string{"node", "type", "address", "cores", "memory_bytes", "joined_at", "expires_at", "last_sample"},
		[]string{"NODE", "TYPE", "ADDRESS", "CORES", "MEMORY", "JOINED", "EXPIRES", "REPORTED"}, rows,
		"There is no agent yet. Let a node join: forescale join-token create --node NAME")
}

func newAgentsRemove(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "remove NODE", Short: "Remove the agent of a node; it is refused from then on", Args: wants("NODE")}
	at := addStoreFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		return a.withStore(cmd.Context(), at, func(ctx context.Context, s store.Store) error {
			if err := s.RemoveAgent(ctx, args[0]); err != nil {
				return fmt.Errorf("remove the agent: %w", err)
			}
			_, err := fmt.Fprintf(a.stdout, "Removed the agent of %s.\n", args[0])
			return err
		})
	}
	return cmd
}

// takeAgents listens for agents, and makes their nodes a part of the world. It returns
// what serves them, nil where none are taken. Their authority is made if there is none.
func (s *server) takeAgents(ctx context.Context) (serve func(context.Context) error, err error) {
	c := &s.cfg
	if c.Agents == "" {
		return nil, nil
	}
	ca, err := authority.OpenOrCreate(c.AgentsFile, c.Clock.Now())
	if err != nil {
		return nil, err
	}
	ln, err := listen(ctx, c.Agents, "--agents")
	if err != nil {
		return nil, err
	}
	s.agents = ln.Addr()
	h := hub.New(hub.Config{Authority: ca, Store: c.Store, Clock: c.Clock, Log: c.Log.With("part", "agents")})
	c.Sources = append(slices.Clone(c.Sources), h)
	own, under := c.Target, c.TargetUnder
	c.Target = actuator.NewByNode(h.Under(0), own)
	c.TargetUnder = func(t forescale.Term) loop.Target {
		return actuator.NewByNode(h.Under(t.Fence), under(t))
	}
	return func(ctx context.Context) error { return h.Serve(ctx, ln) }, nil
}
