package loop

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/forescale/forescale"
)

// world is what one round knows: the observation merged with the memory.
type world struct {
	services  map[string]forescale.Service
	names     []string             // of services, sorted
	instances []forescale.Instance // live ones and those that ended within the hour
	index     map[string]int       // ID → position in instances
	fleet     map[string][]int     // service → positions of its instances
	stored    []forescale.Instance // what the store has, by position in instances; zero: it has none
	sighted   map[string]*forescale.Sighting
	complete  bool                      // sighted is the whole truth about all but parts
	own       bool                      // there is a list of instances besides parts
	parts     map[string]forescale.Part // nodes that are read apart
	gone      map[string]time.Duration  // those whose instances count as lost, for so long a silence
	failed    map[string]string         // part → why it could not be read
	paused    []forescale.Pause
	rung      []string // services that the alarm wants looked at
	machines  machines
	jump      time.Duration // of the wall clock; 0: none
	unsettled bool          // the wall clock jumped lately: no effects
}

func (w *world) add(i forescale.Instance) (position int) {
	position = len(w.instances)
	w.index[i.ID] = position
	w.fleet[i.Service] = append(w.fleet[i.Service], position)
	w.instances = append(w.instances, i)
	return position
}

// put replaces an instance, or adds it.
func (w *world) put(i forescale.Instance) (position int) {
	if k, ok := w.index[i.ID]; ok {
		w.instances[k] = i
		return k
	}
	return w.add(i)
}

// kept notes that the store has the instance at a position as it is here.
func (w *world) kept(position int) {
	for len(w.stored) <= position {
		w.stored = append(w.stored, forescale.Instance{})
	}
	w.stored[position] = w.instances[position]
}

// of are the instances of one service, for the caller to keep.
func (w *world) of(service string) []forescale.Instance {
	is := make([]forescale.Instance, len(w.fleet[service]))
	for n, k := range w.fleet[service] {
		is[n] = w.instances[k]
	}
	return is
}

// each goes through the instances of one service where they are.
func (w *world) each(service string) iter.Seq[*forescale.Instance] {
	return func(yield func(*forescale.Instance) bool) {
		for _, k := range w.fleet[service] {
			if !yield(&w.instances[k]) {
				return
			}
		}
	}
}

// believes reports whether a sighting may be what it says: an instance that lives on a
// node that is read apart is not on another one, whatever is told there.
func (w *world) believes(s forescale.Sighting) bool {
	k, known := w.index[s.ID]
	if !known || w.instances[k].Node == s.Node || !w.instances[k].State.Live() {
		return true
	}
	_, apart := w.parts[w.instances[k].Node]
	return !apart
}

// whole reports whether all was read of where the instance is: if it was not seen, it
// is not there.
func (w *world) whole(i forescale.Instance) bool {
	if p, apart := w.parts[i.Node]; apart {
		return p.Whole
	}
	return w.complete || i.Node == "" && !w.own && len(w.parts) > 0 // without a node and an engine it is nowhere
}

// engine is where effects on the instance are carried out: its node, if that has an
// agent; "": the server's own engine, or the swarm.
func (w *world) engine(i forescale.Instance) string {
	if _, apart := w.parts[i.Node]; apart {
		return i.Node
	}
	return ""
}

// lost tells why the instance counts as lost; "" if it does not.
func (w *world) lost(i forescale.Instance) string {
	_, apart := w.parts[i.Node]
	silence, gone := w.gone[i.Node]
	switch {
	case gone:
		return fmt.Sprintf("%s: nothing was heard of %s for %s", forescale.FailureLost, i.Node, spoken(silence))
	case !apart && i.Node != "" && !w.own && len(w.parts) > 0:
		return fmt.Sprintf("%s: nobody reads %s any more", forescale.FailureLost, i.Node)
	}
	return ""
}

// anyActs reports whether a node that is read apart can take instances now.
func (w *world) anyActs() bool {
	for _, p := range w.parts {
		if p.Whole && p.Acts {
			return true
		}
	}
	return false
}

// told reports whether it is known which instances there are, but for nodes that are
// silent.
func (w *world) told() bool { return w.complete || !w.own && w.parts != nil }

// homeless reports whether instances run on nodes with agents alone, and none of them
// can take any now.
func (w *world) homeless() bool { return !w.own && w.parts != nil && !w.anyActs() }

// takes reports whether somebody acts on a node, as far as is known: its agent, or the
// server itself on its own engine.
func (w *world) takes(node string) bool {
	if p, apart := w.parts[node]; apart {
		return p.Acts || !p.Whole
	}
	return w.own || w.parts == nil
}

// blindTo tells why it is not known how a service is; "" if it is.
func (w *world) blindTo(service string) string {
	if !w.complete && (w.own || w.parts == nil) {
		return w.whyBlind()
	}
	if w.services[service].Mode == forescale.ModeActive && w.homeless() {
		return "no node that may start anything answers"
	}
	for i := range w.each(service) {
		if p, apart := w.parts[i.Node]; apart && !p.Whole && i.State.Live() {
			part := "nodes/" + i.Node
			return part + ": " + cmp.Or(w.failed[part], "not all of it could be read")
		}
	}
	return ""
}

// underWay reports whether an instance starts or drains.
func (w *world) underWay() bool {
	return slices.ContainsFunc(w.instances, func(i forescale.Instance) bool {
		return i.State == forescale.InstanceStarting || i.State == forescale.InstanceDraining
	})
}

// mayAct reports whether effects on the service are wanted at all.
func (w *world) mayAct(service string, now time.Time) bool {
	if w.services[service].Mode != forescale.ModeActive || w.unsettled {
		return false
	}
	for _, p := range w.paused {
		if p.Covers(service, now) {
			return false
		}
	}
	return true
}

// recall reads what the round needs from the store.
func (l *Loop) recall(ctx context.Context, now time.Time, obs forescale.Observation) (*world, error) {
	services, err := l.store.ListServices(ctx)
	if err != nil {
		return nil, err
	}
	instances, err := l.store.Instances(ctx, recentInstances(now))
	if err != nil {
		return nil, err
	}
	w := &world{
		instances: make([]forescale.Instance, 0, len(instances)+len(instances)/4), // some join in most rounds that change anything
		services:  make(map[string]forescale.Service, len(services)),
		names:     make([]string, len(services)),
		index:     make(map[string]int, len(instances)),
		fleet:     make(map[string][]int, len(services)),
		stored:    instances,
		sighted:   make(map[string]*forescale.Sighting, len(obs.Instances)),
		complete:  obs.Complete,
		own:       obs.Complete || obs.Partial,
		parts:     obs.Parts,
		failed:    obs.Failed,
	}
	w.jump, w.unsettled = l.watch.take()
	for i, s := range services {
		w.services[s.Name], w.names[i] = s, s.Name
	}
	for _, i := range instances {
		w.add(i)
	}
	for k := range obs.Instances {
		if s := &obs.Instances[k]; w.believes(*s) {
			w.sighted[s.ID] = s
		}
	}
	if err := l.recallNodes(ctx, now, w); err != nil {
		return nil, err
	}
	w.paused, err = l.store.Pauses(ctx, now)
	return w, err
}
