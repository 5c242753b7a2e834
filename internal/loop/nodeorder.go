package loop

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/forecast/warmup"
	"github.com/forescale/forescale/internal/money"
	"github.com/forescale/forescale/planner/nodes"
)

const (
	// ordersAtOnce bounds the nodes that one round orders.
	ordersAtOnce = 20
	// bootShare is the share of boots that a node is ordered early enough for.
	bootShare = 0.9
	// leastJoinTime is how long a node is given to join where nothing is said.
	leastJoinTime = 10 * time.Minute
	// orderPause is how long orders of a type wait after one that was no use, orderPauseBeside
	// where another type can be ordered; it doubles with each in a row, up to orderPauseMost.
	orderPause, orderPauseBeside, orderPauseMost = time.Minute, 20 * time.Minute, time.Hour
)

// acting reports whether nodes of any type are ordered.
func (l *Loop) acting(types []forescale.NodeType) bool {
	return l.provider != nil && slices.ContainsFunc(types, func(t forescale.NodeType) bool {
		_, ok := l.provider.Offer(t.Name)
		return ok
	})
}

// orderable is a type as it can be ordered now, where nodes are: not at all without
// commands, and none more for a while after some that were no use.
func (st *nodeState) orderable(l *Loop, now time.Time, w *world, t forescale.NodeType, types []forescale.NodeType) forescale.NodeType {
	note := func(r forescale.Reason) {
		st.notes = append(st.notes, forescale.NodeNote{Subject: "node_types/" + t.Name, Reason: r})
	}
	if _, ok := l.provider.Offer(t.Name); !ok {
		if t.MaxCount > 0 {
			note(forescale.Reason{Code: codeNoCommands})
		}
		t.MaxCount = 0
		return t
	}
	failed, last, why := failing(w.machines.lives, t.Name)
	if failed == 0 {
		return t
	}
	pause := orderPause
	if slices.ContainsFunc(types, func(o forescale.NodeType) bool {
		_, ok := l.provider.Offer(o.Name)
		others, _, _ := failing(w.machines.lives, o.Name)
		return ok && o.Name != t.Name && o.MaxCount > 0 && others == 0
	}) {
		pause = orderPauseBeside
	}
	if until := last.Add(min(pause<<min(failed-1, 10), orderPauseMost)); now.Before(until) {
		note(forescale.Reason{Code: codeTypeFailing, Numbers: map[string]float64{"failed": float64(failed)}, Times: map[string]time.Time{"until": until},
			Words: map[string]string{"why": why}})
		t.MaxCount = 0
		for _, x := range w.machines.lives {
			if x.Type == t.Name && x.Live() {
				t.MaxCount++
			}
		}
	}
	return t
}

// failing counts the newest nodes of a type in a row that were no use, and tells when and
// why the last of them was given up.
func failing(lives []forescale.NodeLife, nodeType string) (n int, last time.Time, why string) {
	for _, x := range slices.Backward(lives) {
		switch {
		case x.Type != nodeType || x.Failure == "" && x.ReadyAt.IsZero():
			continue
		case !x.ReadyAt.IsZero():
			return n, last, why
		}
		if n == 0 {
			last, why = x.StoppingAt, x.Failure
		}
		n++
	}
	return n, last, why
}

// bootLead is how long before the need a node of a type is ordered: until it has booted and
// the images are there.
func (l *Loop) bootLead(now time.Time, w *world, t forescale.NodeType) time.Duration {
	c := forescale.LapseContext{AtOnce: 1, Hour: forescale.HourOfDay(now)}
	for _, x := range w.machines.lives {
		switch x.State {
		case forescale.NodeOrdered, forescale.NodeBooting:
			c.AtOnce++
		case forescale.NodeReady:
			if x.Type == t.Name {
				c.Running++
			}
		}
	}
	var learned forescale.LearnedTimes
	if b := l.learned.boots[t.Name]; b != nil {
		learned = *b
	}
	return warmup.BootTime(t, learned, c, bootShare) + l.pulls.longest()
}

// withLives are the nodes with what is known of those that were ordered, and with what
// people wish of them.
func (st *nodeState) withLives(ns []forescale.Node, now time.Time, w *world) []nodes.Node {
	out := make([]nodes.Node, 0, len(ns)+len(w.machines.lives))
	at := map[string]int{}
	for _, n := range ns {
		at[n.Name] = len(out)
		out = append(out, nodes.NodeOf(n))
	}
	gone := map[string]bool{}
	for _, x := range w.machines.lives {
		if !x.Live() {
			gone[x.Node] = true
			continue
		}
		k, there := at[x.Node]
		if !there {
			k = len(out)
			at[x.Node] = k
			out = append(out, nodes.Node{Node: forescale.Node{Name: x.Node}})
		}
		n := &out[k]
		n.Type, n.Managed, n.Static = x.Type, true, false
		n.OrderedAt, n.Deadline, n.State = x.OrderedAt, x.Deadline, forescale.NodeDraining
		switch x.State {
		case forescale.NodeOrdered, forescale.NodeBooting:
			n.State, n.ReadyBy = forescale.NodeBooting, x.OrderedAt.Add(st.leads[x.Type])
		case forescale.NodeReady:
			n.State = forescale.NodeReady
			st.noteNode(now, w, x)
			if w.machines.silent(x, now) > nodeSilent {
				n.State = "" // nothing is placed there, and what runs there counts elsewhere
			}
		}
	}
	for k := range out {
		n := &out[k]
		wish := w.machines.wishes[n.Name]
		n.Protected = n.Protected || wish.Protected
		n.Cordoned = wish.Cordoned
		switch {
		case n.State != forescale.NodeReady:
		case !w.takes(n.Name):
			n.State = "" // nothing is placed there
		case wish.Draining:
			n.State = forescale.NodeDraining
		}
	}
	return slices.DeleteFunc(out, func(n nodes.Node) bool { return gone[n.Name] })
}

// sizeOff is how far what a node says of its size may be from that of its type.
const sizeOff = 0.15

// noteNode tells what is odd about a node that is there.
func (st *nodeState) noteNode(now time.Time, w *world, x forescale.NodeLife) {
	note := func(r forescale.Reason) {
		st.notes = append(st.notes, forescale.NodeNote{Subject: "nodes/" + x.Node, Reason: r})
	}
	if d := w.machines.silent(x, now); d > nodeSilent {
		note(forescale.Reason{Code: codeSilent, Numbers: map[string]float64{"silent_s": d.Seconds()}})
	}
	a, t := w.machines.agents[x.Node], w.machines.typeOf(x)
	off := func(says, is float64) bool {
		return is > 0 && says > 0 && (says < (1-sizeOff)*is || says > (1+sizeOff)*is)
	}
	if off(a.Cores, t.Cores) || off(float64(a.Memory), float64(t.Memory)) {
		note(forescale.Reason{Code: codeSize, Numbers: map[string]float64{"cores": a.Cores, "memory": float64(a.Memory), "type_cores": t.Cores, "type_memory": float64(t.Memory)}})
	}
}

// noteOrphans tells of nodes that a list command names and nobody knows. They are never
// stopped: they may be somebody's.
func (l *Loop) noteOrphans(st *nodeState, w *world, ns []forescale.Node) {
	known := map[string]bool{}
	for _, n := range ns {
		known[n.Name] = n.Origin == forescale.OriginConfig
	}
	for _, x := range w.machines.lives {
		known[x.Node] = known[x.Node] || x.Live()
	}
	for _, t := range st.Types {
		for _, name := range l.nodeActs.listed[t.Name].names {
			if !known[name] {
				st.notes = append(st.notes, forescale.NodeNote{Subject: "nodes/" + name, Reason: forescale.Reason{Code: forescale.CodeNodeOrphan, Words: map[string]string{"type": t.Name}}})
			}
		}
	}
}

// carryOut makes of a plan what is to be done: lives to order, which are returned, and
// nodes to empty. Orders that go out carry their node's name in the plan from then on.
func (l *Loop) carryOut(now time.Time, w *world, p *forescale.NodePlan, r nodes.Result, book *money.Book) (orders []forescale.NodeLife) {
	m := &w.machines
	kept := l.keepForMin(w)
	names := map[string]string{}
	for k := range p.Orders {
		o := &p.Orders[k]
		t := m.types[o.Type]
		offer, ok := l.provider.Offer(o.Type)
		if !o.Due || !ok || len(orders) >= ordersAtOnce {
			continue
		}
		if refusal := book.NodeRefusal(o.Type, now, l.opt.Interval); refusal != nil {
			*p = *money.Unpaid(p, o.Type, *refusal)
			continue
		}
		x := forescale.NodeLife{Node: nodeName(o.Type, now, len(orders)), Type: o.Type, State: forescale.NodeOrdered, Reason: o.Reason,
			Price: forescale.Amount(t.PricePerHour), Step: t.BillingStep, OrderedAt: now,
			Deadline: now.Add(cmp.Or(offer.JoinWithin, max(leastJoinTime, 2*o.ReadyBy.Sub(o.OrderAt)))), Kept: kept.order(o.Holds)}
		if _, taken := m.stored[x.Node]; taken {
			continue // the clock was set back to the same moment
		}
		names[o.Name], o.Name = x.Node, x.Node
		orders = append(orders, x)
	}
	for k := range p.Starts {
		if name, ordered := names[p.Starts[k].Node]; ordered {
			p.Starts[k].Node = name
		}
	}
	for _, d := range r.Drains {
		for k := range m.lives {
			if x := &m.lives[k]; x.Node == d.Node && x.State == forescale.NodeReady && !m.wishes[x.Node].Protected {
				drainNode(x, now, forescale.DrainedByPlan, finite(d.Reason))
			}
		}
	}
	l.giveBack(now, w, book)
	return orders
}

// giveBack empties what money does not pay for any more. It is stopped after a while even
// if something runs there, but not below the min of a service.
func (l *Loop) giveBack(now time.Time, w *world, book *money.Book) {
	m := &w.machines
	for k := range m.lives {
		x := &m.lives[k]
		if !x.Live() || x.Kept || !x.StopBy.IsZero() || m.wishes[x.Node].Protected || x.State == forescale.NodeStopping {
			continue
		}
		refusal := book.NodesMustGo(x.Type, now, l.opt.Interval)
		if refusal == nil {
			continue
		}
		drainNode(x, now, forescale.DrainedByMoney, refusal.Reason(nil))
		x.StopBy = now.Add(forescale.NodeGiveBack)
	}
}

// forMin is how many instances of each service are missing to its min, leaving out those
// on nodes that money may take back.
type forMin map[string]int

// keepForMin marks the ordered nodes that min needs, oldest first, and tells what is
// missing beside them.
func (l *Loop) keepForMin(w *world) forMin {
	need, on := forMin{}, map[string]map[string]int{}
	m := &w.machines
	for _, x := range m.lives {
		if x.Live() {
			on[x.Node] = map[string]int{}
		}
	}
	for _, name := range w.names {
		if s := w.services[name]; s.Mode == forescale.ModeActive {
			need[name] = s.Min
		}
	}
	for _, i := range w.instances {
		switch {
		case !i.State.Live() || i.State == forescale.InstanceDraining:
		case on[i.Node] != nil:
			on[i.Node][i.Service]++
		case i.Node != "":
			need[i.Service]--
		}
	}
	for k := range m.lives {
		x := &m.lives[k]
		if !x.Live() {
			continue
		}
		kept := false
		for service, n := range on[x.Node] {
			kept = kept || n > 0 && need[service] > 0
			need[service] -= n
		}
		if x.State == forescale.NodeReady {
			x.Kept = kept
		}
	}
	return need
}

// order reports whether min needs what an order is to hold.
func (f forMin) order(holds []forescale.NodeShare) (needed bool) {
	for _, h := range holds {
		needed = needed || f[h.Service] > 0
		f[h.Service] -= h.Count
	}
	return needed
}

// nodeName is a name that no node had before: of its type and the moment.
func nodeName(nodeType string, now time.Time, k int) string {
	return fmt.Sprintf("%s-%s-%d", strings.TrimRight(nodeType[:min(len(nodeType), 28)], "-"), strconv.FormatInt(now.UnixMilli(), 36), k+1)
}

// ordered takes the lives in that were recorded.
func (l *Loop) ordered(ctx context.Context, now time.Time, w *world, orders []forescale.NodeLife, paid bool) error {
	if len(orders) == 0 {
		return nil
	}
	if paid { // the store may have refused some: whoever plans at the same time may have been faster
		kept, err := l.store.NodeLives(ctx, now)
		if err != nil {
			return err
		}
		orders = slices.DeleteFunc(orders, func(x forescale.NodeLife) bool {
			return !slices.ContainsFunc(kept, func(k forescale.NodeLife) bool { return k.Node == x.Node })
		})
	}
	for _, x := range orders {
		w.machines.lives = append(w.machines.lives, x)
		w.machines.stored[x.Node] = x
		l.log.Info("node ordered", "node", x.Node, "type", x.Type, "why", x.Reason.Code)
	}
	return nil
}

// The codes of notes about nodes that are ordered; docs/nodes.md tells of them.
const (
	codeAsked       forescale.Code = "node_asked"        // emptied: a person asked for it
	codeSilent      forescale.Code = "node_silent"       // nothing is heard of it: nothing is placed there
	codeSize        forescale.Code = "node_size"         // it is not of the size of its type
	codeNoCommands  forescale.Code = "node_no_commands"  // of a type: others are ordered, this one cannot be
	codeTypeFailing forescale.Code = "node_type_failing" // of a type: orders wait after some that were no use
)
