package loop

import (
	"context"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/planner"
)

const (
	// heatWindow is over which minutes old and new instances are compared.
	heatWindow = 5 * time.Minute
	// heatLeast is how much of it both must have been ready for.
	heatLeast = time.Minute
	// heatAfter is left out after an instance was ready: caches fill then.
	heatAfter = 30 * time.Second
)

// rollouts are how far the services' instances follow their templates. Only who leads
// changes that, so it is read once.
type rollouts struct {
	by map[string]*forescale.Rollout
}

func (r *rollouts) read(ctx context.Context, s store.Plans) error {
	if r.by != nil {
		return nil
	}
	plans, err := s.LatestPlans(ctx)
	if err != nil {
		return err
	}
	r.by = make(map[string]*forescale.Rollout, len(plans))
	r.keep(plans)
	return nil
}

// keep takes in what was recorded.
func (r *rollouts) keep(plans []forescale.ServicePlan) {
	for _, p := range plans {
		if p.Rollout != nil {
			r.by[p.Service] = p.Rollout
		}
	}
}

// name gives instances that are not of a known revision that which theirs is by all
// that is known: they ran before there were roll-outs, or somebody else started them.
func (r *rollouts) name(w *world) {
	for k := range w.instances {
		i := &w.instances[k]
		if i.Revision != "" || !i.State.Live() || i.Origin == forescale.OriginPushed {
			continue
		}
		if is := r.by[i.Service]; is != nil {
			i.Revision = is.Wanted()
		} else {
			i.Revision = w.services[i.Service].Template.Revision()
		}
	}
}

// service is the service with the template that the instance was ordered from. Of one
// that is neither the newest nor the last good one, nothing is known any more: it is made
// from the newest, and its label says so.
func (r *rollouts) service(s forescale.Service, i forescale.Instance) forescale.Service {
	is := r.by[s.Name]
	if is != nil && is.Good != nil && i.Revision == is.GoodRevision && i.Revision != s.Template.Revision() {
		s.Template = *is.Good
	}
	return s
}

// next is the service with the template that the next instances are made from.
func (r *rollouts) next(s forescale.Service) forescale.Service {
	if is := r.by[s.Name]; is != nil {
		return r.service(s, forescale.Instance{Revision: is.Wanted()})
	}
	return s
}

// heat compares the utilization of instances of the newest template with that of the
// others, while it is rolled out; nil where it cannot be told.
func (l *Loop) heat(ctx context.Context, now time.Time, s forescale.Service, is []forescale.Instance) (*planner.Heat, error) {
	r, rev := l.rollouts.by[s.Name], s.Template.Revision()
	if r == nil || r.Good == nil || r.Revision != rev || r.State != forescale.RolloutRolling || rev == r.GoodRevision {
		return nil, nil
	}
	from := now.Add(-heatWindow)
	isNew := map[string]bool{}
	for _, i := range is {
		if i.State != forescale.InstanceReady || !i.UnreadySince.IsZero() {
			continue
		}
		isNew[i.ID] = i.Revision == rev
		if begins := i.ReadyAt.Add(heatAfter); i.Revision == rev && begins.After(from) {
			from = begins
		}
	}
	if now.Sub(from) < heatLeast {
		return nil, nil
	}
	samples, err := l.store.Samples(ctx, forescale.SampleQuery{Kind: forescale.KindInstance, Service: s.Name, From: from})
	if err != nil {
		return nil, err
	}
	for _, m := range []forescale.Metric{forescale.MetricUtilization, forescale.MetricCPU} {
		var sum, n [2]float64
		for _, x := range samples {
			fresh, ready := isNew[x.Subject.Name]
			if x.Metric != m || !ready {
				continue
			}
			k := 0 // old
			if fresh {
				k = 1
			}
			sum[k] += x.Value
			n[k]++
		}
		if n[0] > 0 && n[1] > 0 {
			return &planner.Heat{Old: sum[0] / n[0], New: sum[1] / n[1]}, nil
		}
	}
	return nil, nil
}
