package loop

import (
	"context"
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
	stored    map[string]forescale.Instance
	sighted   map[string]forescale.Sighting
	complete  bool              // sighted is the whole truth about the engine
	failed    map[string]string // part → why it could not be read
	paused    []forescale.Pause
	machines  machines
	jump      time.Duration // of the wall clock; 0: none
	unsettled bool          // the wall clock jumped lately: no effects
}

func (w *world) add(i forescale.Instance) {
	w.index[i.ID] = len(w.instances)
	w.instances = append(w.instances, i)
}

// put replaces an instance, or adds it.
func (w *world) put(i forescale.Instance) {
	if k, ok := w.index[i.ID]; ok {
		w.instances[k] = i
		return
	}
	w.add(i)
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
		stored:    make(map[string]forescale.Instance, len(instances)),
		sighted:   make(map[string]forescale.Sighting, len(obs.Instances)),
		complete:  obs.Complete,
		failed:    obs.Failed,
	}
	w.jump, w.unsettled = l.watch.take()
	for i, s := range services {
		w.services[s.Name], w.names[i] = s, s.Name
	}
	for _, s := range obs.Instances {
		w.sighted[s.ID] = s
	}
	for _, i := range instances {
		w.add(i)
		w.stored[i.ID] = i
	}
	if err := l.recallNodes(ctx, now, w); err != nil {
		return nil, err
	}
	w.paused, err = l.store.Pauses(ctx, now)
	return w, err
}
