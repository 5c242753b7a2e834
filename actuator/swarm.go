package actuator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/swarm"
	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/engine"
)

// Swarm starts and stops instances of services whose template names a service of
// a Docker Swarm: by its number of replicas. The swarm chooses where a task runs and
// which one goes.
//
// It has no memory either. Which instances there are stands in a label of the
// service, an engine.Roster, and changes in the same update as the replicas; a
// swarm takes an update only if nobody else changed the service since it was read.
// So an effect that is repeated finds that it was carried out. Fences work the same way.
//
// It is safe for concurrent use.
type Swarm struct {
	*Docker
	turns *turns
}

// turns lets effects on one service come one after the other, so that they do not
// refuse each other's updates.
type turns struct {
	sync.Mutex
	of map[string]chan struct{}
}

func (t *turns) take(ctx context.Context, service string) (give func(), err error) {
	t.Lock()
	turn, ok := t.of[service]
	if !ok {
		turn = make(chan struct{}, 1)
		t.of[service] = turn
	}
	t.Unlock()
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// NewSwarm makes an actuator through one of the swarm's managers. It does not
// connect yet.
func NewSwarm(o DockerOptions) (*Swarm, error) {
	d, err := NewDocker(o)
	if err != nil {
		return nil, err
	}
	return &Swarm{Docker: d, turns: &turns{of: map[string]chan struct{}{}}}, nil
}

// Under is the same actuator for the leader of this fence, in the store of this
// scope. Call Fence before it is used.
func (d *Swarm) Under(number int64, scope string) *Swarm {
	return &Swarm{Docker: d.Docker.Under(number, scope), turns: d.turns}
}

// Start makes the swarm run one replica more, the instance, and comes back without
// waiting for its task. While a rolling update is under way it does so, too: the
// load does not wait. It does not while the update is paused, since that would
// resume it.
//
// Errors are *forescale.Fault with codes engine_unreachable and engine_timeout
// (repeat it), swarm_missing, service_missing, service_global, update_paused,
// not_ours, fence_missing and engine_refused; or the context's own error.
func (d *Swarm) Start(ctx context.Context, s forescale.Service, i forescale.Instance) error {
	return d.change(ctx, s, i, "start", func(r engine.Roster, replicas uint64) (engine.Roster, uint64) {
		if r.Index(i.ID) >= 0 {
			return r, replicas
		}
		return append(r, engine.Member{ID: i.ID}), replicas + 1
	})
}

// Stop makes the swarm run one replica less. One that is gone is no error. It does
// not wait until the task has ended. While an update is under way nothing is
// stopped, as the swarm forgets then what it could go back to.
//
// Errors are those of Start, and the Fault update_running.
func (d *Swarm) Stop(ctx context.Context, s forescale.Service, i forescale.Instance) error {
	return d.change(ctx, s, i, "stop", func(r engine.Roster, replicas uint64) (engine.Roster, uint64) {
		k := r.Index(i.ID)
		if k < 0 {
			return r, replicas
		}
		// Where somebody else asked for fewer already, one that goes anyway is stopped.
		if r[k].There() && uint64(r.There()) <= replicas {
			replicas--
		}
		return slices.Delete(r, k, k+1), replicas
	})
}

// Fence makes the swarm refuse, for each service that forescale has changed, all that
// is asked under a lower fence. Services under an update are left out: they learn
// of it with the first effect.
func (d *Swarm) Fence(ctx context.Context) error {
	if d.fence.number == 0 {
		return nil
	}
	var list []swarm.Service
	err := d.call(ctx, d.o.Timeout, "services", func(ctx context.Context) (err error) {
		list, err = d.cli.ServiceList(ctx, swarm.ServiceListOptions{Filters: filters.NewArgs(filters.Arg("label", engine.LabelRoster))})
		return err
	})
	if engine.IsNoManager(err) {
		return nil // nothing to keep anybody out of
	}
	if err != nil {
		return d.fault("list", "services", err)
	}
	for _, s := range list {
		scope, _, _ := cutFence(s.Spec.Labels[engine.LabelFence])
		if scope != d.fence.scope || updating(s) {
			continue
		}
		err := d.update(ctx, s.Spec.Name, func(now swarm.Service) (*swarm.ServiceSpec, error) {
			return d.fenced(now)
		})
		if err != nil && !errdefs.IsNotFound(err) {
			return d.fault("fence", s.Spec.Name, err)
		}
	}
	return nil
}

// change reads a service, changes its roster and replicas, and tries again if
// somebody else was faster.
func (d *Swarm) change(ctx context.Context, s forescale.Service, i forescale.Instance, what string, to func(engine.Roster, uint64) (engine.Roster, uint64)) error {
	name := s.Template.Swarm
	give, err := d.turns.take(ctx, name)
	if err != nil {
		return err
	}
	defer give()
	err = d.update(ctx, name, func(now swarm.Service) (*swarm.ServiceSpec, error) {
		if engine.Wanted(now) < 0 {
			return nil, &forescale.Fault{Code: "service_global", Where: name, What: "the service is not a replicated one, so there is no number of it to change",
				Help: "create it with --mode replicated, or take its labels of forescale away"}
		}
		spec, err := d.fenced(now)
		if err != nil {
			return nil, err
		}
		if spec == nil {
			spec = &now.Spec
		}
		roster, err := d.roster(ctx, now)
		if err != nil {
			return nil, err
		}
		before := *spec.Mode.Replicated.Replicas
		next, replicas := to(slices.Clone(roster), before)
		if len(next) == len(roster) {
			return nil, nil // it was carried out
		}
		if err := mayChange(now, replicas < before); err != nil {
			return nil, err
		}
		next = slices.DeleteFunc(next, func(m engine.Member) bool {
			return !m.There() && m.ID != i.ID
		})
		spec.Labels = withLabel(spec.Labels, engine.LabelRoster, next.String())
		spec.Mode.Replicated = &swarm.ReplicatedService{Replicas: &replicas}
		return spec, nil
	})
	if errors.Is(err, forescale.ErrFenced) {
		return &forescale.Fault{Code: "fence_missing", Where: i.ID, Err: err, What: "the swarm does not know this server as the leader any more",
			Help: "another server may lead; the store is asked. Nothing was done"}
	}
	if errdefs.IsNotFound(err) {
		return &forescale.Fault{Code: "service_missing", Where: name, Err: err, What: "the swarm has no such service",
			Help: "create it, or correct template.swarm of the service " + s.Name}
	}
	return d.fault(what, i.ID, err)
}

// roster is the one of the service as it is now.
func (d *Swarm) roster(ctx context.Context, s swarm.Service) (engine.Roster, error) {
	r, err := engine.ParseRoster(s.Spec.Labels[engine.LabelRoster])
	if err != nil {
		return nil, &forescale.Fault{Code: "not_ours", Where: s.Spec.Name, Err: err, What: "somebody else wrote its label " + engine.LabelRoster + ": " + err.Error(),
			Help: "remove the label: docker service update --label-rm " + engine.LabelRoster + " " + s.Spec.Name + "; its tasks are taken in anew then"}
	}
	var tasks []swarm.Task
	err = d.call(ctx, d.o.Timeout, "tasks", func(ctx context.Context) (err error) {
		tasks, err = d.cli.TaskList(ctx, swarm.TaskListOptions{Filters: filters.NewArgs(filters.Arg("service", s.ID))})
		return err
	})
	if err != nil {
		return nil, err
	}
	return r.Meet(s.Spec.Name, engine.Numbers(engine.Replicas(s, tasks)), engine.Wanted(s)), nil
}

// update brings a service to the spec that to makes of it; nil leaves it as it is.
func (d *Swarm) update(ctx context.Context, name string, to func(swarm.Service) (*swarm.ServiceSpec, error)) error {
	for {
		var now swarm.Service
		err := d.call(ctx, d.o.Timeout, "service", func(ctx context.Context) (err error) {
			now, _, err = d.cli.ServiceInspectWithRaw(ctx, name, swarm.ServiceInspectOptions{})
			return err
		})
		if err != nil {
			return err
		}
		spec, err := to(now)
		if err != nil || spec == nil {
			return err
		}
		err = d.call(ctx, d.o.Timeout, "update", func(ctx context.Context) error {
			_, err := d.cli.ServiceUpdate(ctx, now.ID, now.Version, *spec, swarm.ServiceUpdateOptions{})
			return err
		})
		if !isOutOfSequence(err) {
			return err
		}
	}
}

// fenced is the service's spec with our fence, nil if it has it already. A higher
// one, and that of another store, is an error.
func (d *Swarm) fenced(s swarm.Service) (*swarm.ServiceSpec, error) {
	scope, number, known := cutFence(s.Spec.Labels[engine.LabelFence])
	switch {
	case d.fence.number == 0, known && scope == d.fence.scope && number == d.fence.number:
		return nil, nil
	case known && scope != d.fence.scope:
		return nil, &forescale.Fault{Code: "not_ours", Where: s.Spec.Name, What: "the service is scaled by a forescale of another store",
			Help: "if that one is gone: docker service update --label-rm " + engine.LabelFence + " " + s.Spec.Name}
	case known && number > d.fence.number:
		return nil, d.lower(number)
	}
	spec := s.Spec
	spec.Labels = withLabel(spec.Labels, engine.LabelFence, d.fence.scope+"-"+strconv.FormatInt(d.fence.number, 10))
	return &spec, nil
}

func cutFence(label string) (scope string, number int64, ok bool) {
	k := strings.LastIndex(label, "-")
	if k < 0 {
		return "", 0, false
	}
	number, err := strconv.ParseInt(label[k+1:], 10, 64)
	return label[:k], number, err == nil
}

func withLabel(labels map[string]string, key, value string) map[string]string {
	labels = maps.Clone(labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[key] = value
	return labels
}

// updating reports whether a rolling update or a roll-back is under way or paused.
func updating(s swarm.Service) bool {
	return mayChange(s, true) != nil
}

// mayChange tells why the number of replicas must stay while an update is under way.
// A swarm takes each change for a new update: it forgets the spec to go back to, and
// goes on with an update that was paused.
func mayChange(s swarm.Service, fewer bool) error {
	if s.UpdateStatus == nil {
		return nil
	}
	name := s.Spec.Name
	switch s.UpdateStatus.State {
	case swarm.UpdateStatePaused, swarm.UpdateStateRollbackPaused:
		return &forescale.Fault{Code: "update_paused", Where: name, What: "its update is paused: " + s.UpdateStatus.Message,
			Help: "a change of the replicas would resume it; go on with docker service update " + name + ", or back with docker service rollback " + name}
	case swarm.UpdateStateUpdating, swarm.UpdateStateRollbackStarted:
		if fewer {
			return &forescale.Fault{Code: "update_running", Where: name, What: "an update is under way", Help: "nothing is stopped meanwhile; it is tried again"}
		}
	}
	return nil
}

// fault tells an error of the swarm in words.
func (d *Swarm) fault(what, name string, err error) error {
	if engine.IsNoManager(err) {
		return &forescale.Fault{Code: "swarm_missing", Where: name, Err: err, What: fmt.Sprintf("the Docker Engine at %s is no manager of a swarm", d.cli.DaemonHost()),
			Help: "set DOCKER_HOST to a manager, or make it one: docker swarm init"}
	}
	return d.Docker.fault(what, name, err)
}

// isOutOfSequence reports whether somebody else changed the service since it was read.
func isOutOfSequence(err error) bool {
	return err != nil && strings.Contains(err.Error(), "update out of sequence")
}
