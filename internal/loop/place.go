package loop

import (
	"cmp"
	"context"
	"slices"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/planner/nodes"
)

// place gives instances that are to be started their nodes, of those that are read apart
// and were read whole now: where the plan of nodes has them, else where the fewest are.
// What no node takes is left to the server's own engine, as is all without a wish for a
// node while there is no plan of nodes.
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
	at := &placing{parts: w.parts, own: w.own, labels: map[string]map[string]string{}, planned: map[string]map[string]int{}, of: map[string]map[string]int{}, all: map[string]int{}}
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
	}
	for _, i := range w.instances {
		if i.State == forescale.InstanceStarting || i.State == forescale.InstanceReady {
			at.count(i.Service, i.Node)
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

func (at *placing) count(service, node string) {
	if at.of[service] == nil {
		at.of[service] = map[string]int{}
	}
	at.of[service][node]++
	at.all[node]++
}

// nodeFor takes a place for one instance; "" is the server's own engine.
func (at *placing) nodeFor(s forescale.Service) string {
	if s.Template.Swarm != "" {
		return "" // the swarm chooses
	}
	if _, apart := at.parts[s.Resources.Node]; apart { // no other may have it: it waits if the node is silent
		at.count(s.Name, s.Resources.Node)
		return s.Resources.Node
	}
	var may []string
	for _, n := range at.nodes {
		if s.Resources.Node == "" && nodes.Carries(at.labels[n], s.Resources.Labels) {
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
		node = slices.MinFunc(may, func(a, b string) int {
			return cmp.Or(cmp.Compare(at.of[s.Name][a], at.of[s.Name][b]), cmp.Compare(at.all[a], at.all[b]))
		})
	}
	at.count(s.Name, node)
	return node
}
