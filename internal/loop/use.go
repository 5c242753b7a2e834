package loop

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/forescale/forescale"
)

const (
	// usePace is how often the use of a service's instances is learned anew.
	usePace = 6 * time.Hour
	// useWindow is how far back it looks, and usePeriod how often in that: the readings
	// of a day of many instances are more than a quantile needs.
	useWindow, usePeriod, useSlice = 24 * time.Hour, 30 * time.Minute, 5 * time.Minute
	// useShare is the share of the readings that lie below what counts as usual: the
	// bursts of an instance are among them.
	useShare = 0.95
	// useLeast is how many readings of the processor there have to be.
	useLeast = 100
)

// LearnUses learns what an instance of each service usually takes of a node of each
// type: the 95th percentile of its readings. A reading is in % of the limit of the
// template, or of the node where there is none. Where nodes are not planned, nothing
// is read.
func (l *Loop) LearnUses(ctx context.Context, now time.Time) (r Worked, err error) {
	types, err := l.store.NodeTypes(ctx)
	if err != nil || len(types) == 0 {
		return r, err
	}
	services, err := l.store.ListServices(ctx)
	if err != nil {
		return r, fmt.Errorf("read services: %w", err)
	}
	ns, err := l.store.Nodes(ctx)
	if err != nil {
		return r, fmt.Errorf("read nodes: %w", err)
	}
	known, err := l.store.Uses(ctx)
	if err != nil {
		return r, fmt.Errorf("read what instances use: %w", err)
	}
	last := map[string]time.Time{}
	for _, u := range known {
		if u.At.After(last[u.Service]) {
			last[u.Service] = u.At
		}
	}
	of := newNodeSizes(ns, types)
	for _, s := range services {
		if s.Mode == forescale.ModeOff || now.Sub(last[s.Name]).Abs() < usePace {
			continue
		}
		if ctx.Err() != nil {
			return r, context.Cause(ctx)
		}
		us, err := l.usesOf(ctx, now, s, of)
		if err != nil {
			return r, fmt.Errorf("learn what %s uses: %w", s.Name, err)
		}
		if len(us) == 0 {
			continue
		}
		r.Done++
		if err := l.store.SaveUses(ctx, us); err != nil {
			return r, fmt.Errorf("keep what instances use: %w", err)
		}
	}
	return r, nil
}

// nodeSizes is what nodes that have a type are of, by name.
type nodeSizes map[string]forescale.NodeType

func newNodeSizes(ns []forescale.Node, types []forescale.NodeType) nodeSizes {
	of := nodeSizes{}
	for _, n := range ns {
		k := slices.IndexFunc(types, func(t forescale.NodeType) bool { return t.Name == n.Type })
		if k < 0 {
			continue
		}
		t := types[k]
		if n.Cores > 0 { // what is seen of it is what its readings are of
			t.Cores = n.Cores
		}
		if n.Memory > 0 {
			t.Memory = n.Memory
		}
		of[n.Name] = t
	}
	return of
}

// readings are those of one service on nodes of one type, in cores and bytes.
type readings struct{ cores, memory []float64 }

// usesOf learns of one service, by node type.
func (l *Loop) usesOf(ctx context.Context, now time.Time, s forescale.Service, of nodeSizes) ([]forescale.InstanceUse, error) {
	instances, err := l.store.Instances(ctx, forescale.InstanceQuery{Service: s.Name, Since: now.Add(-useWindow)})
	if err != nil {
		return nil, err
	}
	on := map[string]forescale.NodeType{}
	for _, i := range instances {
		if t, there := of[i.Node]; there {
			on[i.ID] = t
		}
	}
	if len(on) == 0 {
		return nil, nil
	}
	by := map[string]*readings{}
	for at := now.Add(-useWindow); at.Before(now); at = at.Add(usePeriod) {
		samples, err := l.store.Samples(ctx, forescale.SampleQuery{Kind: forescale.KindInstance, Service: s.Name, From: at, To: at.Add(useSlice)})
		if err != nil {
			return nil, err
		}
		for _, x := range samples {
			t, there := on[x.Subject.Name]
			if !there {
				continue
			}
			if by[t.Name] == nil {
				by[t.Name] = &readings{}
			}
			by[t.Name].add(x, s.Template, t)
		}
	}
	var us []forescale.InstanceUse
	for name, r := range by {
		if len(r.cores) >= useLeast {
			us = append(us, forescale.InstanceUse{Service: s.Name, Type: name, At: now, Samples: len(r.cores),
				Cores: usual(r.cores), Memory: int64(usual(r.memory))})
		}
	}
	return us, nil
}

func (r *readings) add(x forescale.Sample, limits forescale.Template, t forescale.NodeType) {
	switch x.Metric {
	case forescale.MetricCPU:
		limit := t.Cores
		if limits.CPUs > 0 {
			limit = min(limit, limits.CPUs)
		}
		r.cores = append(r.cores, x.Value/100*limit)
	case forescale.MetricMemory:
		limit := t.Memory
		if limits.Memory > 0 {
			limit = min(limit, limits.Memory)
		}
		r.memory = append(r.memory, x.Value/100*float64(limit))
	}
}

// usual is what a share useShare of the values lies at or below; 0 of none.
func usual(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[int(math.Ceil(useShare*float64(len(values))))-1]
}
