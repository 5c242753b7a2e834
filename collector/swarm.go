package collector

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/swarm"
	"github.com/docker/docker/client"
	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/engine"
)

// sourceSwarm is the swarm's key in Observation.Failed. What is wrong with one of its
// services stands under "swarm/NAME".
const sourceSwarm = "swarm"

// Swarm reads a Docker Swarm through one of its managers: services that labels
// register or that a service's template names, their tasks as instances, and the
// nodes. An engine that is no manager shows an empty world. Utilization comes from
// elsewhere: an engine tells what the containers of its own node use only.
// Methods are safe for concurrent use.
type Swarm struct {
	o      DockerOptions
	cli    *client.Client
	answer *engine.Gate

	mu       sync.Mutex // one Observe at a time
	retry    backoff
	services []forescale.Service // the registered ones as last read
}

// NewSwarm makes a reader; of the options, those about usage and probes are not used.
// It does not connect yet.
func NewSwarm(o DockerOptions) (*Swarm, error) {
	o = o.withDefaults()
	cli, err := engine.Connect(o.Host)
	if err != nil {
		return nil, err
	}
	return &Swarm{o: o, cli: cli, answer: engine.NewGate()}, nil
}

// Close gives up the connections to the engine.
func (d *Swarm) Close() error { return d.cli.Close() }

// Observe reads the swarm once, in three questions however much there is. It comes
// back within the timeout; while the engine is away it asks again after a growing pause.
func (d *Swarm) Observe(ctx context.Context) forescale.Observation {
	d.mu.Lock()
	defer d.mu.Unlock()
	o, away := d.retry.begin(d.o.Clock, sourceSwarm)
	if away {
		return o
	}
	ctx, cancel := context.WithTimeout(ctx, d.o.CallTimeout)
	defer cancel()
	seen, err := d.read(ctx)
	if err != nil {
		d.retry.failed(time.Now(), engineSentence(err, d.cli.DaemonHost(), d.o.CallTimeout))
		o.Failed[sourceSwarm] = d.retry.why
		d.o.Log.Warn("the Docker Swarm could not be read", "error", err)
		return o
	}
	d.retry.worked()
	o.Partial = false
	if seen == nil {
		return o
	}
	if d.o.Services != nil {
		if known, err := d.o.Services(ctx); err == nil {
			d.services = known
		}
	}
	o.Complete = true
	for _, s := range seen.services {
		d.service(s, seen, &o)
	}
	for _, n := range seen.nodes {
		o.Nodes = append(o.Nodes, swarmNode(n, o.Time))
	}
	return o
}

// swarmWorld is what one read of the swarm gave.
type swarmWorld struct {
	services []swarm.Service
	tasks    map[string][]swarm.Task // by service ID
	nodes    []swarm.Node
	names    map[string]string // node ID → name
}

// read asks the swarm for all that it has; nil if the engine is no manager of one.
func (d *Swarm) read(ctx context.Context) (*swarmWorld, error) {
	if err := d.answer.Pass(ctx, d.cli); err != nil {
		return nil, err
	}
	w := &swarmWorld{tasks: map[string][]swarm.Task{}, names: map[string]string{}}
	var err error
	if w.services, err = d.cli.ServiceList(ctx, swarm.ServiceListOptions{}); engine.IsNoManager(err) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("list the services: %w", err)
	}
	slices.SortFunc(w.services, func(a, b swarm.Service) int { return cmp.Compare(a.Spec.Name, b.Spec.Name) })
	tasks, err := d.cli.TaskList(ctx, swarm.TaskListOptions{Filters: filters.NewArgs()})
	if err != nil {
		return nil, fmt.Errorf("list the tasks: %w", err)
	}
	for _, t := range tasks {
		w.tasks[t.ServiceID] = append(w.tasks[t.ServiceID], t)
	}
	if w.nodes, err = d.cli.NodeList(ctx, swarm.NodeListOptions{}); err != nil {
		return nil, fmt.Errorf("list the nodes: %w", err)
	}
	for _, n := range w.nodes {
		w.names[n.ID] = nodeName(n.Description.Hostname)
	}
	return w, nil
}

// service tells of one service of the swarm, if it is ours to look at.
func (d *Swarm) service(s swarm.Service, w *swarmWorld, o *forescale.Observation) {
	name := s.Spec.Name
	svc, ours := d.registered(s, o)
	if !ours {
		return
	}
	if engine.Wanted(s) < 0 {
		o.Failed[sourceSwarm+"/"+name] = "it is not a replicated service, so there is no number of it to scale; it is left alone"
		return
	}
	if u := s.UpdateStatus; u != nil && (u.State == swarm.UpdateStatePaused || u.State == swarm.UpdateStateRollbackPaused) {
		o.Failed[sourceSwarm+"/"+name] = fmt.Sprintf("its update is %s, so it is not scaled: %s", strings.ReplaceAll(string(u.State), "_", " "), u.Message)
	}
	roster, err := engine.ParseRoster(s.Spec.Labels[engine.LabelRoster])
	if err != nil {
		o.Failed[sourceSwarm+"/"+name] = fmt.Sprintf("its label %s was changed by somebody else: %v; its tasks are named anew", engine.LabelRoster, err)
	}
	slots := engine.Replicas(s, w.tasks[s.ID])
	at := make(map[int]engine.Slot, len(slots))
	for _, slot := range slots {
		at[slot.Number] = slot
	}
	for _, m := range roster.Meet(name, engine.Numbers(slots), engine.Wanted(s)) {
		switch {
		case m.Slot != 0:
			o.Instances = append(o.Instances, sightingOf(m, at[m.Slot], svc, w))
		case m.Waits:
			o.Instances = append(o.Instances, forescale.Sighting{ID: m.ID, Service: svc.Name, Running: true, Kept: true})
		}
	}
}

// registered is the service of ours that one of the swarm belongs to: the one whose
// template names it, or the one that its labels register.
func (d *Swarm) registered(s swarm.Service, o *forescale.Observation) (forescale.Service, bool) {
	name := s.Spec.Name
	for _, known := range d.services {
		if known.Template.Swarm == name && known.Origin != forescale.OriginLabel {
			return known, true
		}
	}
	ours := cmp.Or(s.Spec.Labels[forescale.LabelService], strings.ReplaceAll(name, "_", "-"))
	if v, ok := s.Spec.Labels[forescale.LabelEnable]; !ok || v == "false" {
		return forescale.Service{}, false
	}
	k := slices.IndexFunc(d.services, func(known forescale.Service) bool { return known.Name == ours })
	if k >= 0 && d.services[k].Origin != forescale.OriginLabel {
		o.Failed[sourceSwarm+"/"+name] = fmt.Sprintf("the service %q is registered otherwise, and not for the swarm; set its template.swarm to %q", ours, name)
		return forescale.Service{}, false
	}
	svc, faults := serviceFromLabels(ours, s.Spec.Labels)
	svc.Template.Swarm = name
	if err := svc.Validate(); err != nil && len(faults) == 0 {
		faults = append(faults, err.Error())
	}
	if len(faults) > 0 {
		o.Failed[sourceSwarm+"/"+name] = fmt.Sprintf("%s (the service %q was not registered or changed by it)", strings.Join(faults, "; "), ours)
		if k < 0 {
			return svc, false
		}
		return d.services[k], true
	}
	if engine.Wanted(s) >= 0 {
		o.Services = append(o.Services, svc)
	}
	return svc, true
}

// sightingOf is a replica as an instance. A swarm calls a task running when its
// health check has passed, and replaces what fails.
func sightingOf(m engine.Member, slot engine.Slot, svc forescale.Service, w *swarmWorld) forescale.Sighting {
	t := slot.Task
	x := forescale.Sighting{
		ID: m.ID, Alias: engine.SlotName(svc.Template.Swarm, m.Slot), Service: svc.Name, Node: w.names[t.NodeID],
		Running: !slot.Ended, Kept: true, StartedAt: t.CreatedAt,
	}
	if c := t.Spec.ContainerSpec; c != nil {
		x.Image = c.Image
	}
	switch {
	case slot.Ended:
		x.Exit = strings.TrimSpace(fmt.Sprintf("%s %s", t.Status.State, t.Status.Err))
	case t.Status.State == swarm.TaskStateRunning:
		x.Ready, x.ReadyAt = true, t.Status.Timestamp
		x.Address = taskAddress(t, svc.Template.Port)
	}
	return x
}

// taskAddress is where the task is reached within its own network, "" when the port
// is not known or it has no network.
func taskAddress(t swarm.Task, port int) string {
	if port == 0 {
		return ""
	}
	for _, n := range t.NetworksAttachments {
		if n.Network.Spec.Ingress {
			continue
		}
		for _, a := range n.Addresses {
			if ip, _, err := net.ParseCIDR(a); err == nil {
				return net.JoinHostPort(ip.String(), strconv.Itoa(port))
			}
		}
	}
	return ""
}

func swarmNode(n swarm.Node, now time.Time) forescale.Node {
	x := forescale.Node{Name: nodeName(n.Description.Hostname), Address: n.Status.Addr, State: forescale.NodeReady, UpdatedAt: now,
		Cores: float64(n.Description.Resources.NanoCPUs) / 1e9, Memory: n.Description.Resources.MemoryBytes}
	switch {
	case n.Status.State != swarm.NodeStateReady:
		x.State = forescale.NodeStopped
	case n.Spec.Availability == swarm.NodeAvailabilityDrain:
		x.State = forescale.NodeDraining
	}
	return x
}
