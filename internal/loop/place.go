package loop

import (
	"cmp"
	"context"
	"slices"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/planner/nodes"
)

// place gives instances that are to be started their nodes, of those that are read apart
// and were read whole now: where the plan of nodes has them, else where there is room, even if
// that is more than the nodes have: the plan tells of it, and load does not wait for money
// or a node. What no node takes is left to the server's own engine, as is all without a
// wish for a node while there is no plan of nodes.
func (l *Loop) place(ctx context.Context, w *world, p *forescale.NodePlan, starts []forescale.Instance) error {
	if len(w.parts) == 0 || !slices.ContainsFunc(starts, toPlace) {
		return nil
	}
	at, err := l.placing(ctx, w, p)
	if err != nil {
		return err
	}
	for k := range starts {
		if i := &starts[k]; toPlace(*i) {
			i.Node = at.nodeFor(w.services[i.Service])
		}
	}
	return nil
}

func toPlace(i forescale.Instance) bool {
	return i.State == forescale.InstanceStarting && i.Origin == forescale.OriginStarted && i.Node == ""
}

// placing is what nodes are chosen by.
type placing struct {
	parts   map[string]forescale.Part
	own     bool                         // the server has an engine of its own
	nodes   []string                     // that may take instances, in their order
	labels  map[string]map[string]string // of each node and its type
	rooms   map[string]*nodes.Room       // of each node
	planned map[string]map[string]int    // service → node → how many more
	of      map[string]map[string]int    // service → node → live instances
	all     map[string]int               // node → live instances of any service
}

func (l *Loop) placing(ctx context.Context, w *world, p *forescale.NodePlan) (*placing, error) {
	m := &w.machines
	rows, err := m.rows.get(ctx, l.store.Nodes)
	if err != nil {
		return nil, err
	}
	types, err := m.kinds.get(ctx, l.store.NodeTypes)
	if err != nil {
		return nil, err
	}
	at := &placing{parts: w.parts, own: w.own, labels: map[string]map[string]string{}, rooms: map[string]*nodes.Room{}, planned: map[string]map[string]int{}, of: map[string]map[string]int{}, all: map[string]int{}}
	typeOf := make(map[string]forescale.NodeType, len(types))
	for _, t := range types {
		typeOf[t.Name] = t
	}
	emptied := m.emptied()
	for _, n := range rows {
		open := n.State == forescale.NodeReady && !emptied[n.Name] && !m.wishes[n.Name].Cordoned
		if part := w.parts[n.Name]; !open || !part.Whole || !part.Acts {
			continue
		}
		at.nodes, at.labels[n.Name] = append(at.nodes, n.Name), nodes.LabelsOf(n, typeOf[n.Type])
		at.rooms[n.Name] = nodes.RoomOf(n, typeOf[n.Type])
	}
	for _, i := range w.instances {
		if i.State == forescale.InstanceStarting || i.State == forescale.InstanceReady {
			at.count(w.services[i.Service], i.Node)
		}
	}
	if p != nil {
		for _, s := range p.Starts {
			if at.planned[s.Service] == nil {
				at.planned[s.Service] = map[string]int{}
			}
			at.planned[s.Service][s.Node] += s.Count
		}
	}
	return at, nil
}

func (at *placing) count(s forescale.Service, node string) {
	if at.of[s.Name] == nil {
		at.of[s.Name] = map[string]int{}
	}
	at.of[s.Name][node]++
	at.all[node]++
	if r := at.rooms[node]; r != nil {
		r.Fill(s)
	}
}

// nodeFor takes a place for one instance; "" is the server's own engine.
func (at *placing) nodeFor(s forescale.Service) string {
	if s.Template.Swarm != "" {
		return "" // the swarm chooses
	}
	if _, apart := at.parts[s.Resources.Node]; apart { // no other may have it: it waits if the node is silent
		at.count(s, s.Resources.Node)
		return s.Resources.Node
	}
	var may []string
	for _, n := range at.nodes {
		if s.Resources.Node == "" && nodes.Carries(at.labels[n], s.Resources.Labels) && at.rooms[n].Suits(s) {
			may = append(may, n)
		}
	}
	node := ""
	for _, n := range may {
		if at.planned[s.Name][n] > 0 {
			at.planned[s.Name][n]--
			node = n
			break
		}
	}
	if node == "" && len(may) > 0 && (!at.own || len(s.Resources.Labels) > 0) {
		node = at.roomiest(s, may)
	}
	at.count(s, node)
	return node
}

// roomiest is the node on which one more instance takes the least beyond what the node
// has; of those with room that with the fewest of the service, so that one that dies takes
// few of it along, then the one that is least full.
func (at *placing) roomiest(s forescale.Service, may []string) string {
	return slices.MinFunc(may, func(a, b string) int {
		x, y := at.rooms[a].Full(s), at.rooms[b].Full(s)
		return cmp.Or(cmp.Compare(max(1, x), max(1, y)), cmp.Compare(at.of[s.Name][a], at.of[s.Name][b]),
			cmp.Compare(x, y), cmp.Compare(at.all[a], at.all[b]))
	})
}
