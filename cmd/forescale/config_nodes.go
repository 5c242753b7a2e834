package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/actuator"
	"github.com/forescale/forescale/planner/nodes"
)

// resourceFields is what an instance takes of its node.
func resourceFields(r *forescale.Resources) []field {
	return []field{
		number("cores", "Cores of the reference type (cores × speed). Left out: `template.cpus`, or what is measured.", &r.Cores, 0, forescale.MaxCores),
		bytesField("memory", "Memory, such as `512MiB`. Left out: `template.memory`, or what is measured.", &r.Memory),
		bytesField("disk", "Disk, such as `20GB`.", &r.Disk),
		number("bandwidth", "Of the node's link, in Mbit/s.", &r.Bandwidth, 0, forescale.MaxBandwidth),
		text("disk_kind", "Kind of the node's disk, such as ssd.", &r.DiskKind).or("any"),
		textMap("labels", "Labels that its nodes must carry.", &r.Labels),
		text("node", "The one node that it may run on.", &r.Node).or("any"),
		whole("spread", "Nodes that it is spread over at least; more are ordered for it.", &r.Spread, 0, forescale.MaxInstances).or("2, where that costs nothing"),
	}
}

// nodeFields is one node of the file.
func nodeFields(n *forescale.Node) []field {
	return []field{
		text("type", "Its node type, which tells its sizes.", &n.Type).or("none: cores and memory tell its sizes"),
		text("address", "Its address.", &n.Address),
		number("cores", "Cores, where no type tells them. What is seen of this machine goes before.", &n.Cores, 0, forescale.MaxCores),
		bytesField("memory", "Memory, where no type tells it.", &n.Memory),
		textMap("labels", "Labels beside those of its type.", &n.Labels),
		yesNo("protected", "It must not be shut down.", &n.Protected).or("false"),
		yesNo("managed", "It may be emptied and stopped when it is not needed. Without it, it is its owner's.", &n.Managed).or("false"),
	}
}

// checkNodes finds wishes of the file that no nodes can fulfil: see [nodes.Check].
// Where the file has no node types, no nodes are planned.
func (r *configReader) checkNodes(c *Config) {
	if at, there := r.places["node_types"]; there && len(c.NodeTypes) == 0 && !r.hasFaultAt(at) {
		r.fault(at.Line, at.Column, "config_wrong_value", "node_types names no node type", "name one, or leave the key out; then no nodes are planned")
	}
	r.checkNamedNodes(c)
	for _, f := range faultsIn(nodes.Check(nodeState(c))) {
		where, of := nodePath(f.Where)
		n := r.places.near(where)
		if r.hasFaultAt(n) {
			continue
		}
		r.fault(n.Line, n.Column, "config_wrong_value", f.What+of, f.Help)
	}
}

// placeholders are those of one command, as the documentation names them.
func placeholders(kind string) string {
	return "`" + strings.Join(actuator.NodePlaceholders[kind], "`, `") + "`"
}

// checkCommands keeps the commands of a node type, if it has any, and finds what is
// wrong with them.
func (r *configReader) checkCommands(c *Config, nodeType string, k actuator.NodeCommands) {
	for _, f := range faultsIn(k.Validate()) {
		key := f.Where
		if key == "env" {
			key = "command_env"
		}
		n := r.places.near("node_types." + nodeType + "." + key)
		if !r.hasFaultAt(n) {
			r.fault(n.Line, n.Column, "config_wrong_value", fmt.Sprintf("%s, for node type %q", f.What, nodeType), f.Help)
		}
	}
	if k.Ordered() {
		if c.NodeCommands == nil {
			c.NodeCommands = map[string]actuator.NodeCommands{}
		}
		c.NodeCommands[nodeType] = k
	}
}

// nodeState is what the file tells of nodes. Services are held against them only
// where there are node types: else nodes may be there that the file does not name.
func nodeState(c *Config) nodes.State {
	var st nodes.State
	for _, t := range c.NodeTypes {
		st.Types = append(st.Types, nodes.Type{NodeType: t})
	}
	for _, n := range c.Nodes {
		st.Nodes = append(st.Nodes, nodes.NodeOf(n))
	}
	if len(st.Types) == 0 {
		return st
	}
	for _, e := range c.Services {
		if e.Service.Mode != forescale.ModeOff {
			s, _ := nodes.ServiceOf(e.Service.WithDefaults())
			st.Services = append(st.Services, s)
		}
	}
	return st
}

// checkNamedNodes finds services that name a node that the file does not have.
func (r *configReader) checkNamedNodes(c *Config) {
	var known []string
	for _, n := range c.Nodes {
		known = append(known, n.Name)
	}
	for _, e := range c.Services {
		node := e.Service.Resources.Node
		if node == "" || slices.Contains(known, node) {
			continue
		}
		help := "add it to nodes, or ask for a label instead"
		if s := nearest(node, known); s != "" {
			help = fmt.Sprintf("did you mean %q?", s)
		}
		n := r.places.near("services." + e.Service.Name + ".resources.node")
		r.fault(n.Line, n.Column, "config_wrong_value", fmt.Sprintf("there is no node %q, for service %q", node, e.Service.Name), help)
	}
}

// nodePath is where in the file a fault of [nodes.Check] is about, and about what.
func nodePath(where string) (path, of string) {
	kind, rest, named := strings.Cut(where, "/")
	if !named {
		return kind, ""
	}
	name, inside, _ := strings.Cut(rest, ".")
	switch {
	case kind != "services" || inside == "" || inside == "min_instances":
	case inside == "need":
		inside = "resources"
	default:
		inside = "resources." + strings.TrimPrefix(inside, "need.")
	}
	noun := strings.ReplaceAll(strings.TrimSuffix(kind, "s"), "_", " ")
	return strings.TrimSuffix(kind+"."+name+"."+inside, "."), fmt.Sprintf(", for %s %q", noun, name)
}

// syncNodes makes the file's node types those that there are, and the file's nodes
// those that the store has of it. What was seen of a node stays.
func syncNodes(ctx context.Context, r registry, c *Config, now time.Time) error {
	types, err := r.NodeTypes(ctx)
	if err != nil {
		return fmt.Errorf("read node types: %w", err)
	}
	for _, t := range types {
		if !slices.ContainsFunc(c.NodeTypes, func(w forescale.NodeType) bool { return w.Name == t.Name }) {
			if err := r.DeleteNodeType(ctx, t.Name); err != nil && !errors.Is(err, forescale.ErrNotFound) {
				return fmt.Errorf("forget node type %s: %w", t.Name, err)
			}
		}
	}
	seen, err := r.Nodes(ctx)
	if err != nil {
		return fmt.Errorf("read nodes: %w", err)
	}
	for _, n := range c.Nodes {
		k := slices.IndexFunc(seen, func(s forescale.Node) bool { return s.Name == n.Name })
		n.State, n.Origin, n.UpdatedAt = forescale.NodeReady, forescale.OriginConfig, now
		if k >= 0 {
			if s := seen[k]; n.Cores == 0 && n.Memory == 0 {
				n = n.Seen(s)
			} else if s.State != "" {
				n.State = s.State
			}
			if n.Same(seen[k]) {
				continue
			}
		}
		if err := r.PutNode(ctx, n); err != nil {
			return fmt.Errorf("take over node %s: %w", n.Name, err)
		}
	}
	for _, s := range seen {
		if s.Origin == forescale.OriginConfig && !slices.ContainsFunc(c.Nodes, func(n forescale.Node) bool { return n.Name == s.Name }) {
			if err := r.DeleteNode(ctx, s.Name); err != nil && !errors.Is(err, forescale.ErrNotFound) {
				return fmt.Errorf("forget node %s: %w", s.Name, err)
			}
		}
	}
	return nil
}
