package loop

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/money"
	"github.com/forescale/forescale/planner/nodes"
)

// planNodes plans the machines for what this round wants of the services, and gives the
// nodes to order now. Nothing is ordered where no type has commands: then the plan is
// shown alone. Without node types there is none, and nothing is worked out. A store that
// cannot tell of nodes keeps nobody from scaling.
func (l *Loop) planNodes(ctx context.Context, now time.Time, w *world, plans []forescale.ServicePlan, book *money.Book) (*forescale.NodePlan, []forescale.NodeLife) {
	st, err := l.nodeState(ctx, now, w, plans)
	if err != nil {
		l.log.Warn("nodes are not planned in this round", "error", err)
		return nil, nil
	}
	if st == nil {
		return nil, nil
	}
	o := nodes.Options{Interval: l.opt.Interval}
	r := nodes.Decide(now, o, st.State)
	p := nodePlanOf(r, o)
	p.Cost.Least = nodes.Bound(now, st.State)
	p.Acting = st.acting && l.mayOrder(now, w)
	p.Notes = append(p.Notes, st.notes...)
	var orders []forescale.NodeLife
	if p.Acting && w.told() {
		orders = l.carryOut(now, w, p, r, book)
	}
	slices.SortStableFunc(p.Notes, func(a, b forescale.NodeNote) int { return cmp.Compare(a.Subject, b.Subject) })
	return p, orders
}

// nodeState is a [nodes.State] with what is odd in it.
type nodeState struct {
	nodes.State
	acting bool // nodes are ordered: what is not acted on asks for none
	leads  map[string]time.Duration
	notes  []forescale.NodeNote
}

// nodeState gathers what nodes are planned from; nil where there are no node types.
func (l *Loop) nodeState(ctx context.Context, now time.Time, w *world, plans []forescale.ServicePlan) (*nodeState, error) {
	types, err := w.machines.kinds.get(ctx, l.store.NodeTypes)
	if err != nil || len(types) == 0 {
		return nil, err
	}
	ns, err := w.machines.rows.get(ctx, l.store.Nodes)
	if err != nil {
		return nil, err
	}
	uses, err := l.store.Uses(ctx)
	if err != nil {
		return nil, err
	}
	st := &nodeState{acting: l.acting(types), leads: map[string]time.Duration{}}
	for _, t := range types {
		x := nodes.Type{NodeType: t, Lead: l.bootLead(now, w, t)}
		if st.acting {
			x.NodeType = st.orderable(l, now, w, t, types)
		}
		st.leads[t.Name] = x.Lead
		st.Types = append(st.Types, x)
	}
	l.noteOrphans(st, w, ns)
	placed, elsewhere := st.addNodes(st.withLives(ns, now, w), w)
	learned := learnedNeeds(uses, now)
	for _, p := range plans {
		stays := placed[p.Service] + elsewhere[p.Service]
		switch {
		case st.acting && w.homeless() && w.mayAct(p.Service, now): // nothing is decided before there is a node, and min has to have one
			p.Changes = []forescale.PlanChange{{At: now, Wanted: max(stays, w.services[p.Service].Min)}}
		case len(p.Changes) == 0 || st.acting && !p.Acting: // it is off, or not acted on: what runs stays
			p.Changes = []forescale.PlanChange{{At: now, Wanted: stays}}
		}
		st.addService(w.services[p.Service], p.Changes, learned[p.Service], elsewhere[p.Service])
	}
	return st, nil
}

// addNodes adds the nodes with what runs on them. It returns how many instances of
// each service are supply on them, and on nodes that nobody knows.
func (st *nodeState) addNodes(ns []nodes.Node, w *world) (placed, elsewhere map[string]int) {
	at := make(map[string]int, len(ns))
	for i, n := range ns {
		at[n.Name] = i
		st.Nodes = append(st.Nodes, n)
	}
	placed, elsewhere = map[string]int{}, map[string]int{}
	for _, i := range w.instances {
		if !i.State.Live() || i.Node == "" && i.State == forescale.InstanceStarting { // it has no place yet
			continue
		}
		on := elsewhere
		if k, there := at[i.Node]; there {
			st.Nodes[k].Runs = append(st.Nodes[k].Runs, nodes.Running{ID: i.ID, Service: i.Service, State: i.State})
			on = placed
		}
		if i.State != forescale.InstanceDraining {
			on[i.Service]++
		}
	}
	return placed, elsewhere
}

// addService adds what a service wants: its plan, less what runs where nobody knows.
// A change is when a start command goes out, so its node has to be there then.
func (st *nodeState) addService(s forescale.Service, changes []forescale.PlanChange, learned map[string]nodes.Need, elsewhere int) {
	v, known := nodes.ServiceOf(s)
	v.Learned = withDeclared(learned, v.Need)
	note := func(code forescale.Code, n map[string]float64) {
		st.notes = append(st.notes, forescale.NodeNote{Subject: "services/" + s.Name, Reason: forescale.Reason{Code: code, Numbers: n}})
	}
	if !known && len(v.Learned) == 0 {
		note(codeUseUnknown, nil)
	}
	if elsewhere > 0 {
		note(codeElsewhere, map[string]float64{"instances": float64(elsewhere)})
	}
	v.Wanted = make([]nodes.Want, len(changes))
	for k, c := range changes {
		v.Wanted[k] = nodes.Want{At: c.At, Count: max(0, c.Wanted-elsewhere)}
	}
	st.Services = append(st.Services, v)
}

// The codes of notes about what nodes are planned from; docs/nodes.md tells of them.
const (
	codeUseUnknown forescale.Code = "use_unknown"    // nothing tells what an instance takes: it is placed as if it took nothing
	codeElsewhere  forescale.Code = "node_not_known" // instances run on no node that is known, and are not placed
)

// withDeclared fills in what was not measured: disk and bandwidth never are.
func withDeclared(learned map[string]nodes.Need, declared nodes.Need) map[string]nodes.Need {
	for t, n := range learned {
		n.Memory = cmp.Or(n.Memory, declared.Memory)
		n.Disk, n.Bandwidth = declared.Disk, declared.Bandwidth
		learned[t] = n
	}
	return learned
}

// useHolds is how long what was learned of an instance's use stands in for what is declared.
const useHolds = 14 * 24 * time.Hour

// learnedNeeds is what instances use, by service, then node type.
func learnedNeeds(uses []forescale.InstanceUse, now time.Time) map[string]map[string]nodes.Need {
	by := map[string]map[string]nodes.Need{}
	for _, u := range uses {
		if u.Type == "" || now.Sub(u.At) > useHolds {
			continue
		}
		if by[u.Service] == nil {
			by[u.Service] = map[string]nodes.Need{}
		}
		by[u.Service][u.Type] = nodes.Need{Cores: u.Cores, Memory: u.Memory}
	}
	return by
}

// nodePlanOf is a result as it is kept and shown.
func nodePlanOf(r nodes.Result, o nodes.Options) *forescale.NodePlan {
	p := &forescale.NodePlan{MadeAt: r.At, Horizon: r.At.Add(nodes.DefaultOptions().Horizon),
		Cost: forescale.NodeCost{Now: r.Cost.Now, Planned: r.Cost.Planned, Peak: r.Cost.Peak}}
	for _, x := range r.Orders {
		y := forescale.NodeOrder{Name: x.Name, Type: x.Type, OrderAt: x.OrderAt, NeedAt: x.NeedAt, ReadyBy: x.ReadyBy, Due: x.Due(r.At, o),
			PricePerHour: x.PricePerHour, Replaces: x.Replaces, Reason: finite(x.Reason)}
		for _, h := range x.Holds {
			y.Holds = append(y.Holds, forescale.NodeShare(h))
		}
		if x.Beside != nil {
			b := finite(*x.Beside)
			y.Beside = &b
		}
		p.Orders = append(p.Orders, y)
	}
	for _, x := range r.Starts {
		p.Starts = append(p.Starts, forescale.NodeStart{Service: x.Service, Node: x.Node, Count: x.Count, ReadyBy: x.ReadyBy})
	}
	for _, x := range r.Drains {
		y := forescale.NodeDrain{Node: x.Node, Saves: x.Saves, Reason: finite(x.Reason)}
		for _, m := range x.Moves {
			y.Moves = append(y.Moves, forescale.NodeMove(m))
		}
		p.Drains = append(p.Drains, y)
	}
	for _, x := range r.Stops {
		p.Stops = append(p.Stops, forescale.NodeReason{Node: x.Node, Reason: finite(x.Reason)})
	}
	for _, x := range r.Kept {
		p.Kept = append(p.Kept, forescale.NodeReason{Node: x.Node, Reason: finite(x.Reason)})
	}
	for _, x := range r.Unmet {
		p.Unmet = append(p.Unmet, forescale.NodeUnmet{Service: x.Service, Count: x.Count, At: x.At, Reason: finite(x.Reason)})
	}
	for _, x := range r.Notes {
		p.Notes = append(p.Notes, forescale.NodeNote{Subject: x.Subject, Reason: finite(x.Reason)})
	}
	for _, x := range r.Steps {
		y := forescale.NodeStep{At: x.At, PerHour: x.PerHour}
		for _, c := range x.Nodes {
			y.Nodes = append(y.Nodes, forescale.NodeCount(c))
		}
		p.Steps = append(p.Steps, y)
	}
	return p
}

// finite leaves out numbers that JSON cannot write.
func finite(r forescale.Reason) forescale.Reason {
	for k, v := range r.Numbers {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			delete(r.Numbers, k)
		}
	}
	return r
}
