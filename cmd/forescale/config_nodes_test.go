package main

import (
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store/memory"
)

const someNodes = `
services:
  shop:
    min_instances: 2
    resources: {cores: 0.5, memory: 1GiB, disk: 10GB, bandwidth: 20, disk_kind: ssd, labels: {zone: a}, node: rack-1, spread: 1}
  mail:
    resources: {cores: 1}
node_types:
  large: {cores: 8, speed: 1.25, memory: 32GiB, disk: 200GB, disk_kind: ssd, bandwidth: 1000, price_per_hour: 0.4, billing_step: 1h, boot_time: 90s, max_count: 3, labels: {zone: a}}
nodes:
  rack-1: {type: large, address: 10.0.0.1, labels: {rack: "7"}, protected: true}
  rack-2: {cores: 4, memory: 16GiB, managed: true}
`

func TestNodesOfTheConfigAreRead(t *testing.T) {
	c, err := parseConfig("f.yaml", []byte(someNodes))
	if err != nil {
		t.Fatal(err)
	}
	r := c.Services[0].Service.Resources
	if r.Cores != 0.5 || r.Memory != 1<<30 || r.Disk != 10_000_000_000 || r.Bandwidth != 20 || r.DiskKind != "ssd" || r.Labels["zone"] != "a" || r.Node != "rack-1" || r.Spread != 1 {
		t.Errorf("resources were read as %+v", r)
	}
	if k := c.NodeTypes[0]; k.Labels["zone"] != "a" || k.MaxCount != 3 || k.BootTime != 90*time.Second {
		t.Errorf("the node type was read as %+v", k)
	}
	if n := c.Nodes[0]; n.Name != "rack-1" || n.Type != "large" || n.Address != "10.0.0.1" || !n.Protected || n.Managed || n.Labels["rack"] != "7" {
		t.Errorf("rack-1 was read as %+v", n)
	}
	if n := c.Nodes[1]; n.Cores != 4 || n.Memory != 16<<30 || !n.Managed {
		t.Errorf("rack-2 was read as %+v", n)
	}
}

func TestImpossibleWishesForNodesAreRefused(t *testing.T) {
	for _, c := range []struct{ why, yaml, where, what, help string }{
		{"node_types without one", "node_types:\n", "f.yaml:1:1", "names no node type", "leave the key out"},
		{"a negative price", "node_types:\n  t: {cores: 1, memory: 1GiB, price_per_hour: -1}\n", "f.yaml:2:47", `"-1" is not a number from 0`, "plain number"},
		{"a type without cores", "node_types:\n  t: {memory: 1GiB}\n", "f.yaml:2:", "cores is 0, for node type \"t\"", "more than 0"},
		{"a type without memory", "node_types:\n  t: {cores: 1}\n", "f.yaml:2:", "memory is 0", "more than 0 bytes"},
		{"a node of a type that there is not", "nodes:\n  n: {type: x}\n", "f.yaml:2:13", `there is no node type "x", for node "n"`, "node types"},
		{"a node without sizes", "nodes:\n  n: {cores: 1, memory: -1}\n", "f.yaml:2:", "is not a size", "512MiB"},
		{"a named node that there is not", "nodes:\n  rack: {cores: 1, memory: 1GiB}\nservices:\n  a:\n    resources: {node: rak}\n", "f.yaml:5:23", `there is no node "rak", for service "a"`, `did you mean "rack"?`},
		{"an instance that no node can hold", "node_types:\n  t: {cores: 2, memory: 4GiB, max_count: 9}\nservices:\n  a:\n    resources: {cores: 3}\n", "f.yaml:5:16", "one instance needs 3 of cores", "larger node type"},
		{"min above what all nodes hold", "node_types:\n  t: {cores: 2, memory: 4GiB, max_count: 2}\nservices:\n  a:\n    min_instances: 5\n    resources: {cores: 1}\n", "f.yaml:5:20", "min_instances is 5, all nodes that it may run on hold 4", "max_count"},
		{"labels that nothing has", "node_types:\n  t: {cores: 2, memory: 4GiB, max_count: 2}\nservices:\n  a:\n    resources: {labels: {zone: b}}\n", "f.yaml:5:", "no node and no node type has the labels", "ask for less"},
		{"nothing to order and nothing there", "node_types:\n  t: {cores: 2, memory: 4GiB}\nservices:\n  a:\n", "f.yaml:", "there is no node, and no node type of which one could be ordered", "max_count"},
	} {
		t.Run(c.why, func(t *testing.T) {
			_, err := parseConfig("f.yaml", []byte(c.yaml))
			fs := faultsIn(err)
			if len(fs) != 1 {
				t.Fatalf("%d faults, want 1: %v", len(fs), err)
			}
			if f := fs[0]; !strings.HasPrefix(f.Where, c.where) || !strings.Contains(f.What, c.what) || !strings.Contains(f.Help, c.help) {
				t.Errorf("at %s: %s (%s)", f.Where, f.What, f.Help)
			}
		})
	}
}

func TestNodesThatLeaveTheConfigAreForgottenAndWhatWasSeenStays(t *testing.T) {
	s := memory.New()
	t.Cleanup(func() { _ = s.Close() })
	sync := func(yaml string) {
		t.Helper()
		c, err := parseConfig("f.yaml", []byte(yaml))
		if err != nil {
			t.Fatal(err)
		}
		if err := syncNodes(t.Context(), s, c, time.Unix(9, 0)); err != nil {
			t.Fatal(err)
		}
		for _, k := range c.NodeTypes {
			if err := s.PutNodeType(t.Context(), k); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, n := range []forescale.Node{{Name: "seen", State: forescale.NodeReady, Cores: 2}, {Name: "rack-2", State: forescale.NodeReady, Cores: 3, Memory: 1 << 30}} {
		if err := s.PutNode(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	sync(someNodes)
	names := func() (out []string) {
		ns, err := s.Nodes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range ns {
			out = append(out, n.Name)
		}
		return out
	}
	if got := strings.Join(names(), " "); got != "rack-1 rack-2 seen" {
		t.Errorf("nodes are %s", got)
	}
	ns, _ := s.Nodes(t.Context())
	if n := ns[1]; n.Cores != 4 || !n.Managed || n.Origin != forescale.OriginConfig {
		t.Errorf("rack-2 is %+v", n)
	}
	sync("listen: 127.0.0.1:1\n")
	types, err := s.NodeTypes(t.Context())
	if got := strings.Join(names(), " "); got != "seen" || len(types) != 0 || err != nil {
		t.Errorf("nodes are %s, types %v", got, types)
	}
}
