package actuator

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/forescale/forescale"
)

// NodeCommands are how nodes of one type are ordered and given back. Each is a program
// and its arguments; no shell is between.
type NodeCommands struct {
	Start, Stop, List []string
	Time              time.Duration // limit of one run; 0: 5 min
	JoinTime          time.Duration // from the order until the agent has joined; 0: the loop chooses
	Env               []string      // names of variables handed on from the server's own environment
	Server            string        // where agents reach the server: https://HOST:PORT; {server}
}

// nodeCommandTime is the default limit of one command.
const nodeCommandTime = 5 * time.Minute

// Ordered reports whether nodes of the type are ordered at all.
func (c NodeCommands) Ordered() bool { return len(c.Start) > 0 }

// Nodes orders nodes and gives them back by the commands of their types. It remembers
// nothing: every command names its node, and is safe to repeat. Safe for concurrent use.
type Nodes struct {
	// Token makes a token by which the agent of one node may join. It reaches the start
	// command as FORESCALE_JOIN_TOKEN and as {token_file}, never as an argument.
	Token func(ctx context.Context, node string) (string, error)

	mu sync.RWMutex
	by map[string]NodeCommands
}

// Set makes these the commands, by node type.
func (n *Nodes) Set(by map[string]NodeCommands) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.by = maps.Clone(by)
}

// Offer tells how nodes of a type are ordered; ok is false where they are not.
func (n *Nodes) Offer(nodeType string) (o forescale.NodeOffer, ok bool) {
	c, ok := n.commands(nodeType)
	return forescale.NodeOffer{JoinWithin: c.JoinTime, Lists: len(c.List) > 0}, ok
}

func (n *Nodes) commands(nodeType string) (NodeCommands, bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	c := n.by[nodeType]
	if c.Time <= 0 {
		c.Time = nodeCommandTime
	}
	return c, c.Ordered()
}

// Start runs the start command of a node.
func (n *Nodes) Start(ctx context.Context, t forescale.NodeType, node string) (forescale.CommandRun, error) {
	c, ok := n.commands(t.Name)
	if !ok {
		return noRun("start"), noCommands(t.Name)
	}
	token, err := n.Token(ctx, node)
	if err != nil {
		return noRun("start"), fmt.Errorf("make a join token: %w", err)
	}
	file, err := tokenFile(token)
	if err != nil {
		return noRun("start"), fmt.Errorf("write the join token: %w", err)
	}
	defer os.Remove(file)
	values := c.values(t, node)
	values["token_file"] = file
	env := append(c.environment(node), "FORESCALE_JOIN_TOKEN="+token)
	return runNode(ctx, "start", c.Start, values, env, c.Time, nil, token)
}

// Stop runs the stop command of a node. One that is gone has to be no error.
func (n *Nodes) Stop(ctx context.Context, t forescale.NodeType, node string) (forescale.CommandRun, error) {
	c, ok := n.commands(t.Name)
	if !ok {
		return noRun("stop"), noCommands(t.Name)
	}
	return runNode(ctx, "stop", c.Stop, c.values(t, node), c.environment(node), c.Time, nil, "")
}

// List is the nodes of a type that are there, by the list command: the first word of
// each line.
func (n *Nodes) List(ctx context.Context, t forescale.NodeType) ([]string, error) {
	c, ok := n.commands(t.Name)
	if !ok || len(c.List) == 0 {
		return nil, noCommands(t.Name)
	}
	out := &head{most: mostListed}
	run, err := runNode(ctx, "list", c.List, c.values(t, ""), c.environment(""), c.Time, out, "")
	switch {
	case err != nil:
		return nil, err
	case out.over:
		return nil, &forescale.Fault{Code: "node_command_failed", Where: "node_types/" + t.Name + ".list",
			What: fmt.Sprintf("the list command printed more than %d bytes", mostListed), Help: "let it print the names of its nodes alone, one a line"}
	}
	var names []string
	for line := range strings.Lines(string(out.text)) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if !forescale.ValidName(words[0]) {
			return nil, &forescale.Fault{Code: "node_command_failed", Where: "node_types/" + t.Name + ".list",
				What: fmt.Sprintf("the list command printed %.60q, which is not the name of a node", words[0]),
				Help: "let it print the names of its nodes alone, one a line; exit code " + strconv.Itoa(run.Exit)}
		}
		names = append(names, words[0])
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

func noRun(kind string) forescale.CommandRun { return forescale.CommandRun{Kind: kind, Exit: -1} }

func noCommands(nodeType string) error {
	return &forescale.Fault{Code: "node_commands_missing", Where: "node_types/" + nodeType, What: "the node type has no commands on this server",
		Help: "give it start and stop in the config of every server that may lead; its nodes cannot be stopped without"}
}

// values are what placeholders stand for.
func (c NodeCommands) values(t forescale.NodeType, node string) map[string]string {
	return map[string]string{"node": node, "key": node, "type": t.Name, "server": c.Server,
		"cores": strconv.FormatFloat(t.Cores, 'f', -1, 64), "memory": strconv.FormatInt(t.Memory, 10)}
}

// environment is all that a command sees of the server's.
func (c NodeCommands) environment(node string) []string {
	env := []string{"FORESCALE_NODE=" + node}
	for _, name := range append([]string{"PATH", "HOME", "LANG", "TZ", "TMPDIR"}, c.Env...) {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// tokenFile writes a token where only this user can read it.
func tokenFile(token string) (string, error) {
	f, err := os.CreateTemp("", "forescale-token-*") // mode 0600
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(token + "\n")
	if after := f.Close(); err == nil {
		err = after
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return "", err
	}
	return f.Name(), nil
}

// runNode runs one command for a node, for as long as it may take; see runCommand.
func runNode(ctx context.Context, kind string, argv []string, values map[string]string, env []string, limit time.Duration, stdout io.Writer, secret string) (forescale.CommandRun, error) {
	argv, err := fill(argv, values)
	if err != nil {
		return noRun(kind), err
	}
	ctx, cancel := context.WithTimeout(ctx, min(limit, forescale.NodeCommandTime))
	defer cancel()
	return runCommand(ctx, kind, argv, env, stdout, secret)
}
