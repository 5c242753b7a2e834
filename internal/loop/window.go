package loop

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/planner"
)

const (
	// aheadMinutes are to come: a sample may be a little ahead.
	aheadMinutes = int64(forescale.MaxAhead / forescale.DemandStep)
	// windowMinutes are as many as the planner looks back, the one that runs, and those
	// to come.
	windowMinutes = int64(planner.History/forescale.DemandStep) + 1 + aheadMinutes
	// windowAnew is how often the window is read whole, whatever is at hand: nobody
	// but the leader writes demand, and should somebody have done so past it, it is
	// seen then.
	windowAnew = 5 * time.Minute
)

// demandWindow is the demand that the planner looks back on, of all services. A loop
// leads for as long as it lives, and only who leads writes demand, so what it worked
// out itself is all that is new: it is read from the store once, and now and then.
type demandWindow struct {
	read time.Time // when it was last read whole; zero: it has to be
	now  time.Time // of the newest round
	by   map[string][]*window
}

// window is one demand of the last minutes, each at its place modulo the length. It
// holds none of the words of a point, which would weigh more than its numbers.
type window struct {
	metric    forescale.Metric
	newest    int64  // minute since 1970
	known     uint32 // a bit for each place
	censored  uint32
	values    [windowMinutes]float64
	reporting [windowMinutes]uint32
	ready     [windowMinutes]uint32
	moments   [windowMinutes]uint8
}

func minuteOf(t time.Time) int64 { return t.Unix() / 60 }

func (w *window) put(p forescale.DemandPoint) {
	m := minuteOf(p.Time)
	if m <= w.newest-windowMinutes {
		return
	}
	for ; w.newest < m; w.newest++ { // what was at the places of minutes to come is old
		if w.newest < m-windowMinutes {
			w.newest = m - windowMinutes
		}
		w.known &^= 1 << ((w.newest + 1) % windowMinutes)
	}
	k := m % windowMinutes
	w.known |= 1 << k
	w.censored &^= 1 << k
	if p.Censored {
		w.censored |= 1 << k
	}
	w.values[k], w.reporting[k], w.ready[k], w.moments[k] = p.Value, uint32(p.Reporting), uint32(p.Ready), uint8(p.Moments)
}

// has reports whether the minute is known.
func (w *window) has(m int64) bool {
	return m > w.newest-windowMinutes && m <= w.newest && w.known>>(m%windowMinutes)&1 == 1
}

// forget makes the next round read the window whole.
func (d *demandWindow) forget() { d.read = time.Time{} }

// update reads the window if it has to be.
func (d *demandWindow) update(ctx context.Context, s store.Samples, now time.Time) error {
	if now.Before(d.now) { // what was of the time since then took the place of what was before
		d.forget()
	}
	d.now = now
	if !d.read.IsZero() && now.Sub(d.read) < windowAnew {
		return nil
	}
	d.forget()
	points, err := s.RecentDemand(ctx, now.Add(-planner.History))
	if err != nil {
		return err
	}
	before := d.by
	d.by = make(map[string][]*window, len(before))
	whole := true
	for _, p := range points {
		p.Moments = momentsOf(before[p.Service], p)
		whole = d.put(p) && whole
	}
	if whole {
		d.read = now
	}
	return nil
}

// momentsOf is what was known of how much of a point's minute was heard: the store does
// not keep it.
func momentsOf(list []*window, p forescale.DemandPoint) int {
	for _, w := range list {
		if m := minuteOf(p.Time); w.metric == p.Metric && w.has(m) {
			return int(w.moments[m%windowMinutes])
		}
	}
	return 0
}

// put takes in a point; ok is false if it is too far ahead: its time will come.
func (d *demandWindow) put(p forescale.DemandPoint) (ok bool) {
	if minuteOf(p.Time) > minuteOf(d.now)+aheadMinutes {
		return false
	}
	list := d.by[p.Service]
	k, there := slices.BinarySearchFunc(list, p.Metric, func(w *window, m forescale.Metric) int { return cmp.Compare(w.metric, m) })
	if !there {
		list = slices.Insert(list, k, &window{metric: p.Metric})
		d.by[p.Service] = list
	}
	list[k].put(p)
	return true
}

// replace takes in what was worked out of cells: each has the points that are given,
// and no others.
func (d *demandWindow) replace(cells []forescale.Cell, points []forescale.DemandPoint) {
	if d.read.IsZero() {
		return
	}
	for _, c := range cells {
		m := minuteOf(c.Time)
		for _, w := range d.by[c.Service] {
			if w.has(m) {
				w.known &^= 1 << (m % windowMinutes)
			}
		}
	}
	for _, p := range points {
		if !d.put(p) {
			d.forget()
		}
	}
}

// keepTo forgets services that are gone.
func (d *demandWindow) keepTo(known map[string]forescale.Service) {
	if len(d.by) <= len(known) {
		return
	}
	maps.DeleteFunc(d.by, func(name string, _ []*window) bool { _, there := known[name]; return !there })
}

// of appends the demand of a service that the planner looks back on at now, by metric
// and time, as it is with the capacities of now.
func (d *demandWindow) of(to []forescale.DemandPoint, service string, now time.Time, c *capacityCache) []forescale.DemandPoint {
	first := now.Add(-planner.History + forescale.DemandStep - 1).Truncate(forescale.DemandStep)
	for _, w := range d.by[service] {
		counts := c.ofMetric(service, w.metric)
		for at := first; !at.After(now); at = at.Add(forescale.DemandStep) {
			m := minuteOf(at)
			if !w.has(m) {
				continue
			}
			k := m % windowMinutes
			to = append(to, forescale.DemandPoint{Service: service, Metric: w.metric, Time: at, Value: w.values[k] * counts.Factor(at, now),
				Censored: w.censored>>k&1 == 1, Reporting: int(w.reporting[k]), Ready: int(w.ready[k]), Moments: int(w.moments[k])})
		}
	}
	return to
}
