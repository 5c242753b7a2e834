package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/forescale/forescale"
)

// World is the fake world: an engine on one node and the services on it. It is
// a Source and a Target of internal/loop. Time enters by its clock alone, and
// the world catches up with it at every call, tick by tick. All methods are
// safe for concurrent use.
type World struct {
	Config
	mu       sync.Mutex
	start    time.Time     // true time at the beginning
	began    time.Duration // the clock's steady reading then
	now      time.Time     // how far the world has come, true time
	units    map[string]*unit
	used     map[string]bool // every name that was ever created
	services map[string]*workload
	order    []string // names of the services
	troubles []Trouble
	broken   []string
	fence    int64 // of the newest leader
	refused  int   // effects that were asked for under a lower one
	machines []*machine
	measured []forescale.Sample // since the last Observe, if Sample is set; true times
}

// Config is what a world is made of. Zero fields take the defaults.
type Config struct {
	Clock forescale.Clock // required
	Seed  uint64
	Tick  time.Duration // how finely the world is worked out; default 10 s
	Step  time.Duration // of the timeline, a multiple of Tick; default 1 min
	Node  string        // name of the node, or how the names of several begin; default "sim"
	// Sample is how often instances measure themselves, a multiple of Tick;
	// Observe gives what was measured since the last time, a quarter of an hour
	// at most. Zero: they are measured by Observe, at that moment.
	Sample time.Duration
	// Conditions are how far the world is from one that obeys.
	Conditions Conditions
}

// ErrNameTaken is returned by a start whose name another container has.
var ErrNameTaken = errors.New("name is taken by another container")

// ErrNotOurs is returned by a stop of a container that forescale has no right to.
var ErrNotOurs = errors.New("container is not ours")

// NewWorld begins a world at the clock's now. It panics if a workload has no
// trace or no capacity, or if the clock is missing.
func NewWorld(c Config, loads ...Workload) *World {
	if c.Clock == nil {
		panic("sim: a world needs a clock")
	}
	if c.Tick <= 0 {
		c.Tick = 10 * time.Second
	}
	if c.Step < c.Tick {
		c.Step = max(time.Minute, c.Tick)
	}
	if c.Node == "" {
		c.Node = "sim"
	}
	now := c.Clock.Now()
	w := &World{Config: c, start: now, now: now, began: c.Clock.Elapsed(),
		units: map[string]*unit{}, used: map[string]bool{}, services: map[string]*workload{}, machines: newMachines(c, now)}
	for _, l := range loads {
		if l.Load == nil || l.Capacity <= 0 {
			panic("sim: a workload needs a trace and a capacity")
		}
		l.Service = l.Service.WithDefaults()
		s := &workload{Workload: l, wanted: l.Initial}
		w.services[l.Service.Name] = s
		w.order = append(w.order, l.Service.Name)
		for i := range l.Initial {
			u := &unit{id: fmt.Sprintf("%s-first-%d", l.Service.Name, i+1), workload: s, created: now, ready: now}
			u.on = w.place(u.id)
			if lives := lifetime(c.Seed, "instance", u.id, c.Conditions.Deaths); lives < never {
				u.dies, u.exit = now.Add(lives), "exit code 137"
			}
			u.on.pulls[s] = now
			w.put(u)
		}
	}
	return w
}

// put adds a unit to the world.
func (w *World) put(u *unit) {
	w.units[u.id] = u
	w.used[u.id] = true
	u.workload.names = append(u.workload.names, u.id)
}

// Foreign adds a running container that is none of forescale's business: it is
// never seen, has the name, and must never be stopped.
func (w *World) Foreign(service, name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := w.services[service]
	u := &unit{id: name, workload: &workload{Workload: s.Workload}, on: w.place(name), foreign: true, created: w.now, ready: w.now}
	w.units[name] = u
}

// Observe reads the world, as internal/loop's Source.
func (w *World) Observe(ctx context.Context) forescale.Observation {
	err := w.reach(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	o := forescale.Observation{Time: w.Clock.Now(), Complete: true, Failed: map[string]string{}}
	measured := w.measured
	w.measured = nil
	if err != nil {
		o.Complete, o.Failed["simulated engine"] = false, err.Error()
		return o
	}
	for _, m := range measured {
		m.Time = w.wall(m.Time)
		o.Samples = append(o.Samples, m)
	}
	for _, m := range w.machines {
		n := forescale.Node{Name: m.name, State: forescale.NodeReady, Cores: 64, Memory: 256 << 30, UpdatedAt: o.Time}
		if !m.up(w.now) {
			n.State = forescale.NodeStopped
		}
		o.Nodes = append(o.Nodes, n)
	}
	for _, name := range w.order {
		w.observe(w.services[name], &o)
	}
	return o
}

func (w *World) observe(s *workload, o *forescale.Observation) {
	if s.Labelled {
		svc := s.Service.Clone()
		svc.Origin = forescale.OriginLabel
		o.Services = append(o.Services, svc)
	}
	o.Instances, o.Samples = slices.Grow(o.Instances, len(s.names)), slices.Grow(o.Samples, metricsEach*len(s.names))
	for _, id := range s.names {
		u := w.units[id]
		if w.troubled(PartialRead, s.Service.Name, id) {
			o.Complete, o.Failed["simulated engine"] = false, "not every container could be inspected"
			continue
		}
		o.Instances = append(o.Instances, w.sighting(u))
	}
	if w.Sample == 0 {
		o.Samples = append(o.Samples, w.measure(s, o.Time)...)
	}
}

// measure is what the instances of a service report now, told as of at.
func (w *World) measure(s *workload, at time.Time) []forescale.Sample {
	if s.Silent {
		return nil
	}
	out := make([]forescale.Sample, 0, metricsEach*len(s.names))
	serving, load := w.serving(s), s.Load.At(w.now)
	for _, id := range s.names {
		if !w.silent(id) && !w.troubled(Silence, s.Service.Name, id) && !w.troubled(PartialRead, s.Service.Name, id) {
			out = w.samples(out, w.units[id], load, serving, at)
		}
	}
	return out
}

// wall is a true time as the wall clock shows it now.
func (w *World) wall(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(w.Clock.Now().Sub(w.trueNow()))
}

func (w *World) sighting(u *unit) forescale.Sighting {
	s := forescale.Sighting{ID: u.id, Service: u.workload.Service.Name, Node: u.on.name, Image: "simulated",
		Decision: u.decision, Running: u.running(w.now), Ready: u.isReady(w.now), StartedAt: w.wall(u.created)}
	if s.Running {
		s.Address = u.address()
	} else {
		s.Exit = u.exit
	}
	if s.Ready {
		s.ReadyAt = w.wall(u.ready)
	}
	return s
}

// metricsEach is how many samples an instance gives at a time, at most.
const metricsEach = 3

// samples adds what a running instance measures: a busy processor while it
// starts, then its share of the load.
func (w *World) samples(out []forescale.Sample, u *unit, load float64, serving int, at time.Time) []forescale.Sample {
	if !u.running(w.now) {
		return out
	}
	subject := forescale.Subject{Kind: forescale.KindInstance, Name: u.id, Service: u.workload.Service.Name}
	sample := func(m forescale.Metric, v float64) forescale.Sample {
		return forescale.Sample{Subject: subject, Metric: m, Time: at, Value: v}
	}
	if !u.isReady(w.now) {
		return append(out, sample(forescale.MetricCPU, 100))
	}
	share := 0.0
	if u.serves(w.now) {
		share = load / float64(max(serving, 1))
	}
	used := w.noisy(min(100, 100*share/u.workload.Capacity), u.id)
	return append(out, sample(forescale.MetricUtilization, used), sample(forescale.MetricCPU, used), sample(forescale.MetricLoad, share))
}

func (w *World) serving(s *workload) int {
	n := 0
	for _, id := range s.names {
		if w.units[id].serves(w.now) {
			n++
		}
	}
	return n
}

// Start creates and starts an instance, as internal/loop's Target: one that is
// there already is left as it is, and a name that somebody else has is refused.
func (w *World) Start(ctx context.Context, s forescale.Service, i forescale.Instance) error {
	return w.startBy(ctx, s, i, unfenced)
}

func (w *World) startBy(ctx context.Context, s forescale.Service, i forescale.Instance, fence func() error) error {
	if err := w.reach(ctx); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := fence(); err != nil {
		return err
	}
	if u, there := w.units[i.ID]; there {
		if u.foreign || u.workload.Service.Name != s.Name {
			return fmt.Errorf("create %s: %w", i.ID, ErrNameTaken)
		}
		return w.answer(s.Name, i.ID)
	}
	load, known := w.services[s.Name]
	if !known {
		return fmt.Errorf("create %s: no such image for service %s: %w", i.ID, s.Name, ErrEngine)
	}
	if w.troubled(StartFails, s.Name, i.ID) || w.nodesUp(w.now) == 0 {
		return fmt.Errorf("create %s: %w", i.ID, ErrEngine)
	}
	w.create(load, i)
	return w.answer(s.Name, i.ID)
}

// never is how long an instance warms up that will never be ready.
const never = 100 * 365 * 24 * time.Hour

func (w *World) create(s *workload, i forescale.Instance) {
	name := s.Service.Name
	if w.used[i.ID] {
		w.breaks("%s was created a second time", i.ID)
	}
	on := w.place(i.ID)
	warmup := s.Warmup.Draw(w.Seed, i.ID) + w.pulled(on, s)
	u := &unit{id: i.ID, workload: s, on: on, decision: i.Decision, created: w.now, ready: w.now.Add(warmup)}
	w.hardships(u, warmup)
	if w.troubled(DiesEarly, name, i.ID) {
		u.dies, u.exit = w.now.Add(warmup/2), "exit code 1"
	}
	if w.troubled(NeverReady, name, i.ID) {
		u.ready = w.now.Add(never)
	}
	w.put(u)
	s.starts++
	s.open.starts++
	if n := w.alive(s); n > s.Service.Max {
		w.breaks("%s has %d instances, max is %d", name, n, s.Service.Max)
	}
}

// alive counts the running instances that are not being drained. One that will
// never be ready is left out: from its deadline on it is no supply, and the
// world does not know the deadline.
func (w *World) alive(s *workload) int {
	n := 0
	for _, id := range s.names {
		if u := w.units[id]; u.running(w.now) && !u.draining && u.ready.Before(w.now.Add(never/2)) {
			n++
		}
	}
	return n
}

// Stop ends and removes an instance, as internal/loop's Target. One that is not
// there is fine; one that is not forescale's is refused.
func (w *World) Stop(ctx context.Context, s forescale.Service, i forescale.Instance) error {
	return w.stopBy(ctx, s, i, unfenced)
}

func (w *World) stopBy(ctx context.Context, s forescale.Service, i forescale.Instance, fence func() error) error {
	if err := w.reach(ctx); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := fence(); err != nil {
		return err
	}
	u, there := w.units[i.ID]
	switch {
	case !there:
		return w.answer(s.Name, i.ID)
	case u.foreign || u.workload.Service.Name != s.Name:
		w.breaks("stop of %s, which is not an instance of %s", i.ID, s.Name)
		return fmt.Errorf("stop %s: %w", i.ID, ErrNotOurs)
	case w.troubled(StopFails, s.Name, i.ID):
		return fmt.Errorf("stop %s: %w", i.ID, ErrEngine)
	}
	was := w.alive(u.workload)
	w.remove(u)
	w.checkMin(u.workload, was)
	return w.answer(s.Name, i.ID)
}

// remove takes a unit out of the world.
func (w *World) remove(u *unit) {
	delete(w.units, u.id)
	u.workload.names = slices.DeleteFunc(slices.Clone(u.workload.names), func(id string) bool { return id == u.id })
	u.workload.stops++
}

// checkMin records it when the instances that were alive became too few by a
// stop or a drain.
func (w *World) checkMin(s *workload, was int) {
	if n := w.alive(s); n < was && n < s.Service.Min {
		w.breaks("%s has %d instances after a stop, min is %d", s.Service.Name, n, s.Service.Min)
	}
}

// answer is the engine's answer to a call that took effect.
func (w *World) answer(service, id string) error {
	if w.troubled(LostAnswer, service, id) {
		return fmt.Errorf("read the answer for %s: %w", id, ErrEngine)
	}
	return nil
}

// Tell lets the world know of a decision when it is recorded: instances that it
// stops leave the registry then, so they take no load while they cool down.
// Without it they serve until they are stopped. A world that is told nothing
// has no wanted counts in its timeline.
func (w *World) Tell(ds ...forescale.Decision) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.advance()
	for _, d := range ds {
		s := w.services[d.Service]
		if s == nil {
			continue
		}
		s.wanted, s.reason = d.To, d.Code()
		was := w.alive(s)
		for _, a := range d.Actions {
			if u := w.units[a.Instance]; u != nil && a.Kind == forescale.ActionStop {
				u.draining = true
			}
		}
		w.checkMin(s, was)
	}
}

// breaks records a broken promise.
func (w *World) breaks(format string, args ...any) {
	w.broken = append(w.broken, w.now.Format(time.RFC3339)+" "+fmt.Sprintf(format, args...))
}

// Broken are the promises that were broken so far, in words. A sound product
// leaves it empty.
func (w *World) Broken() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.broken)
}

// Timeline is the truth about a service, whole steps only, up to now.
func (w *World) Timeline(service string) []Row {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.advance()
	if s := w.services[service]; s != nil {
		return slices.Clone(s.timeline)
	}
	return nil
}

// Names are the containers of a service in the world now, running or not,
// oldest first.
func (w *World) Names(service string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.advance()
	if s := w.services[service]; s != nil {
		return slices.Clone(s.names)
	}
	return nil
}

// Ready is how many instances of a service take load now.
func (w *World) Ready(service string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.advance()
	if s := w.services[service]; s != nil {
		return w.serving(s)
	}
	return 0
}

// Effects is how many containers were created and removed since the beginning.
func (w *World) Effects(service string) (starts, stops int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s := w.services[service]; s != nil {
		return s.starts, s.stops
	}
	return 0, 0
}
