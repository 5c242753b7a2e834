package loop

import (
	"context"
	"iter"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/forecast"
)

// cellsAtOnce bounds the cells worked out in one commit, roundCells those in one round: a
// large import is worked off over several rounds rather than holding one up.
const (
	cellsAtOnce = 5_000
	roundCells  = 50_000
)

// demand works out the demand of every minute that samples came in for, late
// ones too, and takes in instances that are known by their samples only.
func (l *Loop) demand(ctx context.Context, now time.Time, w *world) error {
	if err := l.capacities.update(ctx, l.store); err != nil {
		return err
	}
	for done := 0; done < roundCells; {
		cells, err := l.store.DirtyCells(ctx, cellsAtOnce)
		if err != nil {
			return err
		}
		if err := l.demandOf(ctx, now, w, cells); err != nil {
			return err
		}
		if done += len(cells); len(cells) < cellsAtOnce {
			return nil
		}
	}
	return nil
}

// WorkOutDemand works off all that samples came in for, as after an import.
// done is called with the number of minutes so far.
func (l *Loop) WorkOutDemand(ctx context.Context, now time.Time, done func(cells int)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	w, err := l.recall(ctx, now, forescale.Observation{})
	if err != nil {
		return err
	}
	if err := l.capacities.update(ctx, l.store); err != nil {
		return err
	}
	for total := 0; ; {
		cells, err := l.store.DirtyCells(ctx, cellsAtOnce)
		if err != nil || len(cells) == 0 {
			return err
		}
		if err := l.demandOf(ctx, now, w, cells); err != nil {
			return err
		}
		total += len(cells)
		done(total)
	}
}

// demandOf works out the given cells, which come oldest first.
func (l *Loop) demandOf(ctx context.Context, now time.Time, w *world, cells []forescale.Cell) error {
	if len(cells) == 0 {
		return nil
	}
	from, to := cells[0].Time, cells[len(cells)-1].Time.Add(forescale.DemandStep)
	byCell, err := l.samplesOf(ctx, cells, from, to)
	if err != nil {
		return err
	}
	fleet, err := l.fleetDuring(ctx, now, w, from)
	if err != nil {
		return err
	}
	var points []forescale.DemandPoint
	for _, c := range cells {
		svc, ok := w.services[c.Service]
		if !ok {
			continue
		}
		byCell[c] = l.aliases.named(svc, byCell[c])
		svc.Capacity = l.capacities.of(c.Service).At(c.Time, svc.Capacity)
		points = append(points, forecast.Demand(svc, c.Time, byCell[c], fleet(c.Service))...)
	}
	for _, c := range cells { // after all: they are no part of the fleet of these minutes
		if _, ok := w.services[c.Service]; ok {
			meetPushed(now, w, byCell[c])
		}
	}
	if err := l.store.SaveDemand(ctx, cells, points); err != nil {
		l.window.forget() // it may have been kept even so
		return err
	}
	l.window.replace(cells, points)
	return nil
}

// samplesOf reads the samples of the cells, grouped: all services in one query
// where the cells lie close together, as they do live, and one query a service
// where they span long, as they do after an import.
func (l *Loop) samplesOf(ctx context.Context, cells []forescale.Cell, from, to time.Time) (map[forescale.Cell][]forescale.Sample, error) {
	spans := map[string][2]time.Time{"": {from, to}}
	if to.Sub(from) > time.Hour {
		clear(spans)
		for _, c := range cells {
			span, ok := spans[c.Service]
			if !ok {
				span[0] = c.Time
			}
			span[1] = c.Time.Add(forescale.DemandStep)
			spans[c.Service] = span
		}
	}
	wanted := make(map[forescale.Cell][]forescale.Sample, len(cells))
	for _, c := range cells {
		wanted[c] = nil
	}
	for service, span := range spans {
		samples, err := l.store.Samples(ctx, forescale.SampleQuery{Service: service, From: span[0], To: span[1]})
		if err != nil {
			return nil, err
		}
		for c, list := range grouped(samples, func(s forescale.Sample) forescale.Cell {
			return forescale.Cell{Service: s.Subject.Service, Time: s.Time.Truncate(forescale.DemandStep)}
		}) {
			if _, ok := wanted[c]; ok {
				wanted[c] = list
			}
		}
	}
	return wanted, nil
}

// grouped are items by a key, in their order. Each group takes the room it needs.
func grouped[K comparable, T any](items []T, key func(T) K) map[K][]T {
	size := map[K]int{}
	for k, some := range stretches(items, key) { // mostly long ones
		size[k] += len(some)
	}
	by := make(map[K][]T, len(size))
	for k, some := range stretches(items, key) {
		list := by[k]
		if list == nil {
			list = make([]T, 0, size[k])
		}
		by[k] = append(list, some...)
	}
	return by
}

// stretches are the longest parts of items in a row that have one key.
func stretches[K comparable, T any](items []T, key func(T) K) iter.Seq2[K, []T] {
	return func(yield func(K, []T) bool) {
		for len(items) > 0 {
			k, n := key(items[0]), 1
			for n < len(items) && key(items[n]) == k {
				n++
			}
			if !yield(k, items[:n:n]) {
				return
			}
			items = items[n:]
		}
	}
}

// fleetDuring gives a service's instances since from; for late samples those
// that ended long ago are read back.
func (l *Loop) fleetDuring(ctx context.Context, now time.Time, w *world, from time.Time) (of func(service string) []forescale.Instance, err error) {
	if !from.Before(now.Add(-time.Hour)) {
		return w.of, nil
	}
	instances, err := l.store.Instances(ctx, forescale.InstanceQuery{Since: from})
	if err != nil {
		return nil, err
	}
	by := grouped(instances, func(i forescale.Instance) string { return i.Service })
	return func(service string) []forescale.Instance { return by[service] }, nil
}

// meetPushed takes in instances that no engine shows and that push samples of
// themselves, and notes that they are alive.
func meetPushed(now time.Time, w *world, samples []forescale.Sample) {
	for _, s := range samples {
		if s.Subject.Kind != forescale.KindInstance || now.Sub(s.Time) > silentAfter {
			continue
		}
		if k, ok := w.index[s.Subject.Name]; ok {
			i := &w.instances[k]
			if i.Origin != forescale.OriginPushed || !s.Time.After(i.LastSeen.Add(unwellAfter/2)) {
				continue
			}
			if i.State != forescale.InstanceReady {
				i.State, i.ReadyAt, i.StoppedAt = forescale.InstanceReady, s.Time, time.Time{}
			}
			i.LastSeen = s.Time
			continue
		}
		w.add(forescale.Instance{
			ID: s.Subject.Name, Service: s.Subject.Service, Origin: forescale.OriginPushed,
			State: forescale.InstanceReady, OrderedAt: s.Time, ReadyAt: s.Time, LastSeen: s.Time,
		})
	}
}
