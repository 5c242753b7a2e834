package loop

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/forescale/forescale"
)

const (
	// nodesAtOnce bounds the commands under way.
	nodesAtOnce = 8
	// listEvery is how often it is asked what nodes there are; listSoon while a node that
	// was stopped is to be gone.
	listEvery, listSoon = 5 * time.Minute, 10 * time.Second
	// goneWithin is how long a node that was stopped may still be listed until it is
	// stopped again.
	goneWithin = 5 * time.Minute
)

// nodeActs are the commands under way and what came of them. Only the goroutine that
// holds the loop's mutex touches the maps; commands report through the channel.
type nodeActs struct {
	under   map[string]bool
	retries map[string]retry
	results chan nodeResult
	listed  map[string]listing   // by type
	quiet   map[string]time.Time // node → since when this loop sees it silent while most others are heard of
	tidied  map[string]bool      // nodes that are gone, of which nothing is left
}

// listing is what the newest list command of a type told.
type listing struct {
	begun time.Time
	names []string
	known bool // it succeeded
}

// nodeResult is what came of one command.
type nodeResult struct {
	key, node, nodeType, kind string
	begun                     time.Time // on the loop's clock
	run                       forescale.CommandRun
	names                     []string
	err                       error
}

func newNodeActs() nodeActs {
	return nodeActs{under: map[string]bool{}, retries: map[string]retry{}, results: make(chan nodeResult, nodesAtOnce), listed: map[string]listing{}, quiet: map[string]time.Time{}}
}

// takeCame takes what came of commands since it was asked last.
func (a *nodeActs) takeCame() (came []nodeResult) {
	for {
		select {
		case r := <-a.results:
			came = append(came, r)
		default:
			return came
		}
	}
}

// watch notes which nodes are silent though most others are heard of. It begins anew
// with the loop, when most are silent, and after a jump of the clock: then it is not the node
// that is to blame.
func (a *nodeActs) watch(now time.Time, m *machines, unsettled bool) {
	if unsettled || !m.mostHeard(now) {
		clear(a.quiet)
		return
	}
	quiet := map[string]time.Time{}
	for _, x := range m.lives {
		if !x.Live() || x.ReadyAt.IsZero() || m.silent(x, now) <= nodeSilent {
			continue
		}
		quiet[x.Node] = now
		if since, known := a.quiet[x.Node]; known {
			quiet[x.Node] = since
		}
	}
	a.quiet = quiet
}

// unlisted reports whether a list that began after some time lacks a node.
func (a *nodeActs) unlisted(x forescale.NodeLife, since time.Time) bool {
	l := a.listed[x.Type]
	return l.known && l.begun.After(since) && !slices.Contains(l.names, x.Node)
}

// actNodes starts the commands that are due. Lives are kept before, so that a crash
// finds what may have been begun; what came is met by a later round.
func (l *Loop) actNodes(ctx context.Context, now time.Time, w *world) error {
	if l.provider == nil {
		return nil
	}
	if err := l.saveNodes(ctx, w); err != nil {
		return err
	}
	if !l.mayOrder(now, w) {
		return nil
	}
	m := &w.machines
	for _, x := range m.lives {
		switch {
		case x.State == forescale.NodeOrdered:
			l.runNode(ctx, now, "start", m.typeOf(x), x.Node)
		case x.State == forescale.NodeStopping && x.StoppedAt.IsZero():
			l.runNode(ctx, now, "stop", m.typeOf(x), x.Node)
		}
		l.busy = l.busy || x.State == forescale.NodeOrdered || x.State == forescale.NodeStopping
	}
	for _, name := range slices.Sorted(maps.Keys(m.types)) {
		every := listEvery
		if slices.ContainsFunc(m.lives, func(x forescale.NodeLife) bool {
			return x.Type == name && x.State == forescale.NodeStopping && !x.StoppedAt.IsZero()
		}) {
			every = listSoon
		}
		if o, ok := l.provider.Offer(name); ok && o.Lists && now.Sub(l.nodeActs.listed[name].begun) >= every {
			l.runNode(ctx, now, "list", m.types[name], "")
		}
	}
	return nil
}

// mayOrder reports whether commands for nodes are wanted at all.
func (l *Loop) mayOrder(now time.Time, w *world) bool {
	return l.provider != nil && l.target != nil && !w.unsettled && !slices.ContainsFunc(w.paused, func(p forescale.Pause) bool {
		return p.Service == "" && p.Covers("", now)
	})
}

// runNode runs one command in a goroutine of its own, unless it runs, or was tried
// lately.
func (l *Loop) runNode(ctx context.Context, now time.Time, kind string, t forescale.NodeType, node string) {
	a := &l.nodeActs
	key := kind + " " + t.Name + " " + node
	if len(a.under) >= nodesAtOnce || a.under[key] || now.Before(a.retries[key].next) {
		return
	}
	a.under[key] = true
	r := nodeResult{key: key, node: node, nodeType: t.Name, kind: kind, begun: now}
	l.acts.wait.Go(func() {
		if l.leads != nil { // another server may lead by now
			r.err = l.leads(ctx)
		}
		if r.err == nil {
			switch kind {
			case "start":
				r.run, r.err = l.provider.Start(ctx, t, node)
			case "stop":
				r.run, r.err = l.provider.Stop(ctx, t, node)
			case "list":
				r.names, r.err = l.provider.List(ctx, t)
			}
		}
		a.results <- r
	})
}

// meetNodeResult takes in what came of one command.
func (l *Loop) meetNodeResult(now time.Time, w *world, r nodeResult) {
	a := &l.nodeActs
	delete(a.under, r.key)
	if errors.Is(r.err, forescale.ErrFenced) {
		return // it was not run
	}
	if r.err != nil {
		again := l.again(a.retries[r.key], r.key, now)
		a.retries[r.key] = again
		l.log.Warn("command of a node failed", "command", r.kind, "type", r.nodeType, "node", r.node, "attempt", again.failed, "error", r.err)
	} else {
		delete(a.retries, r.key)
	}
	if r.kind == "list" {
		l.meetList(now, w, r)
		return
	}
	k := slices.IndexFunc(w.machines.lives, func(x forescale.NodeLife) bool { return x.Node == r.node })
	if k < 0 {
		return
	}
	x := &w.machines.lives[k]
	x.Last = r.run
	x.Last.At = r.begun
	switch {
	case r.kind == "start" && x.State == forescale.NodeOrdered && r.err == nil:
		x.State, x.BootingAt = forescale.NodeBooting, r.begun
	case r.kind == "start" && x.State == forescale.NodeOrdered && a.retries[r.key].failed >= l.opt.Attempts:
		giveUp(x, now, r.err.Error()) // what a half-done start left behind is stopped by name
	case r.kind == "stop" && x.State == forescale.NodeStopping && r.err == nil:
		if o, _ := l.provider.Offer(x.Type); o.Lists {
			x.StoppedAt = now
			return
		}
		endNode(x, now)
	}
}

// meetList takes in which nodes of a type there are: those that were stopped and are not
// among them are gone, those that are among them are stopped again.
func (l *Loop) meetList(now time.Time, w *world, r nodeResult) {
	a := &l.nodeActs
	a.listed[r.nodeType] = listing{begun: r.begun, names: r.names, known: r.err == nil}
	if r.err != nil {
		return
	}
	for k := range w.machines.lives {
		x := &w.machines.lives[k]
		if x.Type != r.nodeType || x.State != forescale.NodeStopping || x.StoppedAt.IsZero() || r.begun.Before(x.StoppedAt) {
			continue
		}
		if !slices.Contains(r.names, x.Node) {
			endNode(x, now)
		} else if now.Sub(x.StoppedAt) > goneWithin { // it should be: once more
			x.StoppedAt = time.Time{}
		}
	}
}

func endNode(x *forescale.NodeLife, now time.Time) {
	x.State, x.EndedAt = forescale.NodeStopped, now
	if x.Failure != "" {
		x.State = forescale.NodeFailed
	}
}
