package actuator

import (
	"context"
	"errors"

	"github.com/forescale/forescale"
)

// Route carries out each effect where the service lives: in a swarm if its template
// names a service there, else in the engine.
type Route struct {
	docker *Docker
	swarm  *Swarm
}

// NewRoute joins both.
func NewRoute(d *Docker, s *Swarm) *Route { return &Route{docker: d, swarm: s} }

// Under is the same for the leader of this fence, in the store of this scope.
func (r *Route) Under(number int64, scope string) *Route {
	return &Route{docker: r.docker.Under(number, scope), swarm: r.swarm.Under(number, scope)}
}

// Start makes the instance exist and run; see [Docker.Start] and [Swarm.Start].
func (r *Route) Start(ctx context.Context, s forescale.Service, i forescale.Instance) error {
	if s.Template.Swarm != "" {
		return r.swarm.Start(ctx, s, i)
	}
	return r.docker.Start(ctx, s, i)
}

// Stop stops and removes the instance; see [Docker.Stop] and [Swarm.Stop].
func (r *Route) Stop(ctx context.Context, s forescale.Service, i forescale.Instance) error {
	if s.Template.Swarm != "" {
		return r.swarm.Stop(ctx, s, i)
	}
	return r.docker.Stop(ctx, s, i)
}

// Pull fetches the image of the service's template; see [Docker.Pull]. A swarm fetches its
// images itself.
func (r *Route) Pull(ctx context.Context, s forescale.Service) error {
	if s.Template.Swarm != "" {
		return nil
	}
	return r.docker.Pull(ctx, s)
}

// Fence makes both refuse what is asked under a lower fence.
func (r *Route) Fence(ctx context.Context) error {
	return errors.Join(r.docker.Fence(ctx), r.swarm.Fence(ctx))
}
