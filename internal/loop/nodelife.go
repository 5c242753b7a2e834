package loop

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/forescale/forescale"
)

const (
	// nodeSilent is how long nothing may be heard of a node until nothing new is planned for
	// it, and the instances there count as lost, if they do not before: see [silences]. They
	// may run on: when the node is heard of again they are taken back.
	nodeSilent = 3 * time.Minute
	// nodeGivenUp is how long an ordered node may be silent beyond that, while most others
	// are heard of, until it is stopped: it is paid for and no use.
	nodeGivenUp = 12 * time.Minute
	// endedNodes is how long a node that is gone is looked back to: failures in a row
	// make orders wait.
	endedNodes = 2 * time.Hour
)

// Provider orders nodes and gives them back. Commands name the node, and are safe to
// repeat under that name.
type Provider interface {
	// Offer tells how nodes of a type are ordered; ok is false where they are not.
	Offer(nodeType string) (o forescale.NodeOffer, ok bool)
	// Start has a node made, whose agent joins some time after.
	Start(ctx context.Context, t forescale.NodeType, node string) (forescale.CommandRun, error)
	// Stop has it taken away; one that is gone is no error.
	Stop(ctx context.Context, t forescale.NodeType, node string) (forescale.CommandRun, error)
	// List is the names of all nodes of a type that are there.
	List(ctx context.Context, t forescale.NodeType) ([]string, error)
}

// machines is what a round knows of nodes that were ordered.
type machines struct {
	rows   once[[]forescale.Node]     // as the store has them
	kinds  once[[]forescale.NodeType] // the same
	types  map[string]forescale.NodeType
	lives  []forescale.NodeLife // live ones and those that ended lately, by order
	stored map[string]forescale.NodeLife
	wishes map[string]forescale.NodeWish
	agents map[string]forescale.Agent
	heard  map[string]time.Time // node → its newest sample
}

// once is what a round reads when it is first asked for.
type once[T any] struct {
	v    T
	read bool
}

func (o *once[T]) get(ctx context.Context, read func(context.Context) (T, error)) (T, error) {
	if o.read {
		return o.v, nil
	}
	v, err := read(ctx)
	o.v, o.read = v, err == nil
	return v, err
}

// recallNodes reads what the round needs of nodes; nothing where none are ordered.
func (l *Loop) recallNodes(ctx context.Context, now time.Time, w *world) error {
	wishes, err := l.store.NodeWishes(ctx)
	if err != nil {
		return err
	}
	m := &w.machines
	m.wishes = make(map[string]forescale.NodeWish, len(wishes))
	for _, x := range wishes {
		m.wishes[x.Node] = x
	}
	if l.provider == nil {
		return nil
	}
	if m.lives, err = l.store.NodeLives(ctx, now.Add(-endedNodes)); err != nil {
		return err
	}
	types, err := m.kinds.get(ctx, l.store.NodeTypes)
	if err != nil {
		return err
	}
	m.types, m.stored, m.agents = map[string]forescale.NodeType{}, map[string]forescale.NodeLife{}, map[string]forescale.Agent{}
	for _, t := range types {
		m.types[t.Name] = t
	}
	for _, x := range m.lives {
		m.stored[x.Node] = x
	}
	if len(m.lives) == 0 {
		return nil
	}
	agents, err := l.store.Agents(ctx)
	if err != nil {
		return err
	}
	last, err := l.store.LastSamples(ctx)
	if err != nil {
		return err
	}
	m.heard = map[string]time.Time{}
	for _, x := range m.lives {
		m.heard[x.Node] = last["node/"+x.Node]
	}
	for _, a := range agents {
		m.agents[a.Node], m.heard[a.Node] = a, last["node/"+a.Node]
	}
	return nil
}

// mostHeard reports whether more nodes with agents are heard of than are not: what is
// silent then is not cut off by the server's own network.
func (m *machines) mostHeard(now time.Time) bool {
	heard := 0
	for node := range m.agents {
		if now.Sub(m.heard[node]) <= nodeSilent {
			heard++
		}
	}
	return 2*heard > len(m.agents)
}

// typeOf is the type of a node, also where it left the config.
func (m *machines) typeOf(l forescale.NodeLife) forescale.NodeType {
	if t, ok := m.types[l.Type]; ok {
		return t
	}
	return forescale.NodeType{Name: l.Type}
}

// silent is for how long nothing was heard of a node that has joined.
func (m *machines) silent(l forescale.NodeLife, now time.Time) time.Duration {
	last := m.heard[l.Node]
	if last.Before(l.ReadyAt) {
		last = l.ReadyAt
	}
	return now.Sub(last)
}

// emptied are the nodes that are to be emptied, whoever owns them.
func (m *machines) emptied() map[string]bool {
	nodes := map[string]bool{}
	for _, w := range m.wishes {
		if w.Draining {
			nodes[w.Node] = true
		}
	}
	for k := range m.lives {
		if x := &m.lives[k]; x.Live() && !x.DrainingAt.IsZero() {
			nodes[x.Node] = true
		}
	}
	return nodes
}

// leaving are the IDs of the live instances whose node is to be emptied.
func (w *world) leaving() map[string]bool {
	ids, emptied := map[string]bool{}, w.machines.emptied()
	if len(emptied) == 0 {
		return ids
	}
	for _, i := range w.instances {
		if i.State.Live() && emptied[i.Node] {
			ids[i.ID] = true
		}
	}
	return ids
}

// liveNodes brings the lives of nodes up to date with what came of commands and with
// what was seen, and tidies up after those that are gone.
func (l *Loop) liveNodes(ctx context.Context, now time.Time, w *world) error {
	if l.provider == nil {
		return nil
	}
	m := &w.machines
	for k := range m.lives {
		shiftLife(&m.lives[k], w.jump)
	}
	for _, r := range l.nodeActs.takeCame() {
		l.meetNodeResult(now, w, r)
	}
	var on census
	if len(m.lives) > 0 {
		on = w.census()
	}
	l.nodeActs.watch(now, m, w.unsettled)
	for k := range m.lives {
		x := &m.lives[k]
		was := x.State
		advanceNode(now, x, l.sightNode(now, w, *x, on))
		if x.State != was {
			l.log.Info("node", "node", x.Node, "type", x.Type, "was", was, "is", x.State, "failure", x.Failure)
		}
	}
	if err := l.saveNodes(ctx, w); err != nil {
		return err
	}
	return l.tidyNodes(ctx, m)
}

// saveNodes keeps the lives that this round changed.
func (l *Loop) saveNodes(ctx context.Context, w *world) error {
	m := &w.machines
	var changed []forescale.NodeLife
	for _, x := range m.lives {
		if old, ok := m.stored[x.Node]; !ok || !reflect.DeepEqual(old, x) {
			changed = append(changed, x)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	if err := l.store.SaveNodeLives(ctx, changed); err != nil {
		return err
	}
	for _, x := range changed {
		m.stored[x.Node] = x
	}
	return nil
}

// tidyNodes forgets agent and row of nodes that are gone: the agent is refused from then
// on, and nothing is placed there. It is done once for each, and again should an agent of it
// be there all the same.
func (l *Loop) tidyNodes(ctx context.Context, m *machines) error {
	gone, tidied := map[string]bool{}, map[string]bool{}
	for _, x := range m.lives {
		if _, joined := m.agents[x.Node]; x.Live() {
			continue
		} else if joined || !l.nodeActs.tidied[x.Node] {
			gone[x.Node] = true
		}
		tidied[x.Node] = true
	}
	if len(gone) > 0 {
		if err := l.forgetNodes(ctx, m, gone); err != nil {
			return err
		}
	}
	l.nodeActs.tidied = tidied
	return nil
}

func (l *Loop) forgetNodes(ctx context.Context, m *machines, gone map[string]bool) error {
	rows, err := m.rows.get(ctx, l.store.Nodes)
	if err != nil {
		return err
	}
	m.rows = once[[]forescale.Node]{} // some are not there any more
	for _, n := range rows {
		if gone[n.Name] && n.Origin != forescale.OriginConfig {
			if err := l.store.DeleteNode(ctx, n.Name); err != nil && !errors.Is(err, forescale.ErrNotFound) {
				return err
			}
		}
	}
	for name := range gone {
		if _, joined := m.agents[name]; !joined {
			continue
		}
		if err := l.store.RemoveAgent(ctx, name); err != nil && !errors.Is(err, forescale.ErrNotFound) {
			return err
		}
	}
	return nil
}

// shiftLife moves the times of what is under way along with a jump of the wall clock.
func shiftLife(x *forescale.NodeLife, jump time.Duration) {
	if jump == 0 || !x.Live() {
		return
	}
	for _, t := range []*time.Time{&x.OrderedAt, &x.Deadline, &x.BootingAt, &x.ReadyAt, &x.DrainingAt, &x.StopBy, &x.StoppingAt, &x.StoppedAt} {
		if !t.IsZero() {
			*t = t.Add(jump)
		}
	}
}

// nodeSight is what a round sees of one node.
type nodeSight struct {
	joined   time.Time // its agent; zero: not
	wish     forescale.NodeWish
	runs     int           // live instances on it
	whole    bool          // runs is the whole truth
	needed   bool          // without it some service would be below its min
	vanished bool          // neither the list command nor its agent tells of it any more
	silent   time.Duration // for how long
	lost     bool          // it is silent for so long that nobody waits for it
}

// census counts the live instances by node and service, and the ready ones among them.
type census struct {
	live, ready map[string]map[string]int // node → service → instances
	all         map[string]int            // service → ready instances anywhere
}

func (w *world) census() census {
	c := census{live: map[string]map[string]int{}, ready: map[string]map[string]int{}, all: map[string]int{}}
	add := func(to map[string]map[string]int, i *forescale.Instance) {
		if to[i.Node] == nil {
			to[i.Node] = map[string]int{}
		}
		to[i.Node][i.Service]++
	}
	for k := range w.instances {
		i := &w.instances[k]
		if !i.State.Live() {
			continue
		}
		add(c.live, i)
		if i.State == forescale.InstanceReady {
			add(c.ready, i)
			c.all[i.Service]++
		}
	}
	return c
}

// sightNode gathers it.
func (l *Loop) sightNode(now time.Time, w *world, x forescale.NodeLife, on census) nodeSight {
	m := &w.machines
	s := nodeSight{joined: m.agents[x.Node].JoinedAt, wish: m.wishes[x.Node], whole: w.whole(forescale.Instance{Node: x.Node}) && !w.unsettled}
	for service, n := range on.live[x.Node] {
		s.runs += n
		s.needed = s.needed || on.all[service]-on.ready[x.Node][service] < w.services[service].Min
	}
	if !x.ReadyAt.IsZero() {
		s.silent = m.silent(x, now)
		s.vanished = s.silent > nodeSilent && l.nodeActs.unlisted(x, x.ReadyAt)
		since, silent := l.nodeActs.quiet[x.Node]
		s.lost = silent && now.Sub(since) >= nodeGivenUp && !s.wish.Protected
	}
	return s
}

// advanceNode brings one node up to date. This is all there is of a node's life, but for
// what commands and plans do:
//
//	(nothing) → ordered     by a plan, before anything is done
//	ordered   → booting     the start command succeeded
//	booting   → ready       its agent joined
//	booting   → stopping    it did not within the limit: Failure says so
//	ready     → draining    by a plan, a person, or for want of money
//	draining  → ready       a person took the wish back, or protects it
//	draining  → stopping    nothing runs on it any more, or money does not wait
//	stopping  → stopped, failed   the stop command succeeded and the node is gone
//	ready, draining → stopping  nothing was heard of it for long, but of most others
//	ready, draining → failed    gone although nobody stopped it
func advanceNode(now time.Time, x *forescale.NodeLife, s nodeSight) {
	switch x.State {
	case forescale.NodeOrdered, forescale.NodeBooting:
		switch {
		case !s.joined.IsZero():
			x.State, x.ReadyAt = forescale.NodeReady, s.joined
			if x.ReadyAt.Before(x.OrderedAt) || x.ReadyAt.After(now) {
				x.ReadyAt = now
			}
		case s.wish.Protected:
		case s.wish.Draining:
			drainNode(x, now, forescale.DrainedByPerson, forescale.Reason{Code: codeAsked})
			x.State, x.StoppingAt = forescale.NodeStopping, now
		case !now.Before(x.Deadline):
			giveUp(x, now, fmt.Sprintf("no agent joined within %s of the order", spoken(x.Deadline.Sub(x.OrderedAt))))
		}
	case forescale.NodeReady:
		switch {
		case s.vanished:
			x.State, x.EndedAt, x.Failure = forescale.NodeFailed, now, forescale.FailureVanished
		case s.lost:
			giveUp(x, now, unheard)
		case s.wish.Draining && !s.wish.Protected:
			drainNode(x, now, forescale.DrainedByPerson, forescale.Reason{Code: codeAsked})
		}
	case forescale.NodeDraining:
		switch {
		case s.wish.Protected, x.DrainedBy == forescale.DrainedByPerson && !s.wish.Draining:
			x.State, x.DrainingAt, x.StopBy, x.DrainedBy = forescale.NodeReady, time.Time{}, time.Time{}, ""
		case s.vanished:
			x.State, x.EndedAt, x.Failure = forescale.NodeFailed, now, forescale.FailureVanished
		case s.lost:
			giveUp(x, now, unheard)
		case s.whole && s.runs == 0,
			s.whole && !x.StopBy.IsZero() && !now.Before(x.StopBy) && !s.needed:
			x.State, x.StoppingAt = forescale.NodeStopping, now
		}
	}
}

// unheard is why a silent node is given up.
var unheard = fmt.Sprintf("%s: nothing was heard of it for %s, but of most other nodes", forescale.FailureLost, spoken(nodeSilent+nodeGivenUp))

// drainNode begins to empty a node.
func drainNode(x *forescale.NodeLife, now time.Time, by forescale.DrainedBy, why forescale.Reason) {
	x.State, x.DrainingAt, x.DrainedBy, x.Reason = forescale.NodeDraining, now, by, why
}

// giveUp has a node stopped that is no use.
func giveUp(x *forescale.NodeLife, now time.Time, why string) {
	x.State, x.DrainingAt, x.StoppingAt, x.Failure = forescale.NodeStopping, now, now, why
}
