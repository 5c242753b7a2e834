package loop

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/forecast/warmup"
)

// LearnJob is the kind of the runs that learn how long starts and cool-downs take, and
// what an instance serves and takes.
const LearnJob = "learn"

// Learn is LearnTimes, LearnBoots, LearnCapacities and LearnUses.
func (l *Loop) Learn(ctx context.Context, now time.Time) (r Worked, err error) {
	for _, learn := range []func(context.Context, time.Time) (Worked, error){l.LearnTimes, l.LearnBoots, l.LearnCapacities, l.LearnUses} {
		one, err := learn(ctx, now)
		r = Worked{Done: r.Done + one.Done, Failed: r.Failed + one.Failed, Fault: errors.Join(r.Fault, one.Fault)}
		if err != nil {
			return r, err
		}
	}
	return r, nil
}

// LearnTimes learns anew of every service that started or stopped something since
// it was learned last. One that fails keeps what it had and stops nobody else; an
// error means that the store failed. It works from the store alone.
func (l *Loop) LearnTimes(ctx context.Context, now time.Time) (r Worked, err error) {
	services, err := l.store.ListServices(ctx)
	if err != nil {
		return r, fmt.Errorf("read services: %w", err)
	}
	known, err := l.store.Learned(ctx, "", time.Time{})
	if err != nil && !errors.Is(err, forescale.ErrDamaged) { // what is damaged is learned anew
		return r, fmt.Errorf("read what was learned: %w", err)
	}
	by := make(map[string]forescale.Service, len(services))
	for _, s := range services {
		by[s.Name] = s
	}
	type of struct {
		service string
		kind    forescale.LapseKind
	}
	last := make(map[of]time.Time, len(known))
	for _, k := range known {
		last[of{k.Service, k.Kind}] = k.At
	}
	for _, kind := range []struct {
		kind forescale.LapseKind
		read func(context.Context, string, int) ([]forescale.Warmup, error)
	}{{forescale.LapseWarmup, l.store.Warmups}, {forescale.LapseCooldown, l.store.Cooldowns}} {
		newest, err := kind.read(ctx, "", 1)
		if err != nil {
			return r, fmt.Errorf("read the newest %s of each service: %w", kind.kind, err)
		}
		for _, w := range newest {
			s, there := by[w.Service]
			if !there || w.At.Add(w.Duration).Before(last[of{w.Service, kind.kind}]) {
				continue
			}
			if ctx.Err() != nil {
				return r, context.Cause(ctx)
			}
			all, err := kind.read(ctx, w.Service, warmup.MostTimes)
			if err != nil {
				return r, fmt.Errorf("read every %s of %s: %w", kind.kind, w.Service, err)
			}
			r.Done++
			learned, err := warmup.OfService(s, kind.kind, now, all)
			if err != nil {
				r.Failed++
				r.Fault = errors.Join(r.Fault, fmt.Errorf("%s: %w", w.Service, err))
				continue
			}
			if learned.Measured == 0 {
				continue
			}
			if err := l.store.SaveLearned(ctx, []forescale.LearnedTimes{learned}); err != nil {
				return r, fmt.Errorf("keep what was learned: %w", err)
			}
		}
	}
	return r, nil
}

// learnedCache holds what was learned of each service's starts, so that a round
// reads only what is new.
type learnedCache struct {
	upTo  time.Time
	by    map[string]*forescale.LearnedTimes
	boots map[string]*forescale.LearnedTimes // by node type
}

func (c *learnedCache) update(ctx context.Context, s Store) error {
	fresh, err := s.Learned(ctx, "", c.upTo)
	if err != nil {
		return err
	}
	if c.by == nil {
		c.by, c.boots = map[string]*forescale.LearnedTimes{}, map[string]*forescale.LearnedTimes{}
	}
	for _, l := range fresh {
		switch l.Kind {
		case forescale.LapseWarmup:
			c.by[l.Service] = &l
		case forescale.LapseBoot:
			c.boots[l.Service] = &l
		}
		if l.At.After(c.upTo) {
			c.upTo = l.At
		}
	}
	return nil
}

// nodeLoad is how busy a node was in the two minutes before, in %; 0: not known.
func (l *Loop) nodeLoad(ctx context.Context, node string, at time.Time) (float64, error) {
	samples, err := l.store.Samples(ctx, forescale.SampleQuery{Kind: forescale.KindNode, Name: node, Metric: forescale.MetricCPU,
		From: at.Add(-2 * time.Minute), To: at.Add(time.Millisecond), Limit: 100})
	if err != nil || len(samples) == 0 {
		return 0, err
	}
	sum := 0.0
	for _, s := range samples {
		sum += s.Value
	}
	return sum / float64(len(samples)), nil
}

// cooldownOf is the measured cool-down of an instance that was stopped as it
// should, between two of its rows.
func cooldownOf(w *world, was, is forescale.Instance) (m forescale.Warmup, measured bool) {
	if was.State != forescale.InstanceDraining || is.State != forescale.InstanceStopped || is.Failure != "" ||
		is.Origin != forescale.OriginStarted || is.DrainingAt.IsZero() || !is.StoppedAt.After(is.DrainingAt) {
		return m, false
	}
	n := 1
	for i := range w.each(is.Service) {
		if i.ID != is.ID && !i.DrainingAt.IsZero() && i.DrainingAt.Before(is.StoppedAt) &&
			(i.State == forescale.InstanceDraining || i.StoppedAt.After(is.DrainingAt)) {
			n++
		}
	}
	return forescale.Warmup{Service: is.Service, Instance: is.ID, Node: is.Node, At: is.DrainingAt, Duration: is.StoppedAt.Sub(is.DrainingAt), AtOnce: n}, true
}
