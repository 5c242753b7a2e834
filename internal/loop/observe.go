package loop

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/forescale/forescale"
)

// observe asks every source at once and joins what they saw. Of a node that several
// tell of, what the first says holds.
func (l *Loop) observe(ctx context.Context) forescale.Observation {
	ctx, cancel := context.WithTimeout(ctx, l.opt.ObserveTimeout)
	defer cancel()
	seen := make([]forescale.Observation, len(l.sources))
	var wg sync.WaitGroup
	for i, s := range l.sources {
		wg.Go(func() { seen[i] = s.Observe(ctx) })
	}
	wg.Wait()
	all := forescale.Observation{Failed: map[string]string{}}
	for _, o := range seen {
		all.Services = append(all.Services, o.Services...)
		all.Instances = append(all.Instances, o.Instances...)
		all.Nodes = append(all.Nodes, slices.DeleteFunc(o.Nodes, func(n forescale.Node) bool {
			return slices.ContainsFunc(all.Nodes, func(m forescale.Node) bool { return m.Name == n.Name })
		})...)
		all.Samples = append(all.Samples, o.Samples...)
		all.Complete = all.Complete || o.Complete
		all.Partial = all.Partial || o.Partial
		maps.Copy(all.Failed, o.Failed)
		if all.Parts == nil {
			all.Parts = o.Parts
		} else {
			maps.Copy(all.Parts, o.Parts)
		}
	}
	all.Complete = all.Complete && !all.Partial
	return all
}

// register keeps the services and nodes that the world tells of. What a person
// configured, or changed by a request, is never changed by a label.
func (l *Loop) register(ctx context.Context, obs forescale.Observation) error {
	if len(obs.Services) > 0 {
		known, err := l.store.ListServices(ctx)
		if err != nil {
			return err
		}
		for _, s := range obs.Services {
			if err := l.registerService(ctx, known, s); err != nil {
				return err
			}
		}
	}
	if len(obs.Nodes) == 0 {
		return nil
	}
	known, err := l.store.Nodes(ctx)
	if err != nil {
		return err
	}
	for _, n := range obs.Nodes {
		i := slices.IndexFunc(known, func(k forescale.Node) bool { return k.Name == n.Name })
		if i >= 0 {
			if known[i].Origin == forescale.OriginConfig { // what a person says of it stays
				at := n.UpdatedAt
				n = known[i].Seen(n)
				n.UpdatedAt = at
			}
			if n.Same(known[i]) {
				continue
			}
		}
		if err := l.store.PutNode(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

func (l *Loop) registerService(ctx context.Context, known []forescale.Service, s forescale.Service) error {
	i := slices.IndexFunc(known, func(k forescale.Service) bool { return k.Name == s.Name })
	version := int64(0)
	if i >= 0 {
		if known[i].Origin != forescale.OriginLabel || sameService(known[i], s) {
			return nil
		}
		version = known[i].Version
	}
	if err := s.Validate(); err != nil {
		l.log.Warn("labels of a service are refused", "service", s.Name, "error", err)
		return nil
	}
	s.UpdatedAt = l.clock.Now()
	_, err := l.store.PutService(ctx, s, version)
	if errors.Is(err, forescale.ErrConflict) { // a request changed it in between: the next round looks again
		return nil
	}
	return err
}

// keepKnown drops samples of services that nobody registered, and those that
// are no numbers: a source may see more of the world than is ours.
func keepKnown(samples []forescale.Sample, w *world, now time.Time) []forescale.Sample {
	return slices.DeleteFunc(samples, func(s forescale.Sample) bool {
		if s.Subject.Kind != forescale.KindNode {
			if _, ok := w.services[s.Subject.Service]; !ok {
				return true
			}
		}
		return s.Validate(now) != nil
	})
}
