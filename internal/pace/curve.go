package pace

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/forescale/forescale"
)

const (
	// degrees is in how many steps an objective can be lowered to nothing.
	degrees = 200
	// keptShare is what is kept in an hour that is given up. Less would save more time in
	// band, and leave more demand without an instance.
	keptShare = 0.4
	// scatter is by how much the order of hours that cost about the same is
	// shuffled: else all that is given up would lie on one side of the month.
	scatter = 0.1
	// together is how many hours in a row are shuffled alike: each change from much to
	// little and back costs a ramp.
	together = 6
)

// Degree is one way to meet an objective: how low plans are, and how many hours are
// given up.
type Degree struct {
	Objective float64 // share of time in band that it is to bring
	Quantile  float64 // of demand, that hours which are not given up have room for, in their mean
	GivenUp   float64 // share of the time that is given up, the dearest first
	Cost      float64 // from now until the end, in the currency
	Lower     float64 // by what share of the way to the median plans are lower now
	Most      int     // instances that are kept now at most, 0: as many as are needed
	Gone      bool    // now is given up
}

// Curve is what each objective of a service costs until the end, by how far it is
// lowered: the first of the degrees is as it is, at the last all time is given up.
type Curve struct {
	Service   forescale.Service
	Degrees   []Degree
	Low, High float64   // what the first degree costs when demand is low or high
	daily     []float64 // what it costs in each 24 hours
	at, until time.Time // from when to when it is reckoned
}

// ahead is the share of what a curve costs that is still to come.
func (c *Curve) ahead(now time.Time) float64 {
	if all := c.until.Sub(c.at); all > 0 {
		return min(1, max(0, float64(c.until.Sub(now))/float64(all)))
	}
	return 1
}

// curveOf finds the cheapest way to each objective. What runs beyond need, as after a
// rise, and started billing steps are not counted. lead is how long a start takes: an
// hour that is not given up any more is ordered for while the one before still is.
func curveOf(now, until time.Time, s forescale.Service, c Course, lead time.Duration) *Curve {
	x := &Curve{Service: s, Degrees: make([]Degree, degrees+1), at: now, until: until}
	price := s.PricePerHour.Float()
	for k, h := range c.Hours {
		if k%24 == 0 {
			x.daily = append(x.daily, 0)
		}
		x.daily[k/24] += price * h.kept[0] * h.share
		x.Low += price * h.low * h.share
		x.High += price * h.high * h.share
	}
	next := 0 // the hours that a start now is for
	if len(c.Hours) > 0 {
		next = min(int(now.Add(lead).Sub(c.Start)/time.Hour), len(c.Hours)-1)
	}
	m := mixOf(s, c)
	for j := range x.Degrees {
		objective := s.Objective * (1 - float64(j)/degrees)
		x.Degrees[j] = m.degree(objective, m.giveUp((s.Objective-objective)*m.time), price)
		if j == 0 {
			continue
		}
		d := &x.Degrees[j]
		d.Lower, d.Most, d.Gone = m.until(next)
	}
	return x
}

// way is one way to go through an hour.
type way struct {
	count float64 // mean of instances
	share float64 // of the hour in band
	plan  int     // by how low it is
	bound float64 // on instances, 0: none
	gone  bool    // it is given up
}

// waysOf are the ways through an hour that bring the most for what they cost, by what
// they cost: the upper hull of the share in band over the instances. Each is a plan, by
// itself or under a bound, which has room for a part of the time.
func waysOf(s forescale.Service, h *hour, c *Course, ways []way) []way {
	low, mean := keptOf(s, h), h.needs.mean()
	bounds, shares := h.bounds(low)
	var room [len(forescale.LowerBy) * (len(parts) + 2)]way
	all := room[:0]
	for plan, kept := range h.kept {
		all = append(all, way{count: kept, share: c.Shares[plan], plan: plan})
		for k, bound := range bounds {
			if bound == 0 {
				continue
			}
			if n := h.under(kept-mean, bound); n < kept {
				all = append(all, way{count: n, share: shares[k] * c.Shares[plan], plan: plan, bound: bound, gone: bound == low})
			}
		}
	}
	slices.SortFunc(all, func(a, b way) int { return cmp.Or(cmp.Compare(a.count, b.count), cmp.Compare(a.share, b.share)) })
	first := len(ways)
	for _, w := range all {
		for len(ways) > first && w.count <= ways[len(ways)-1].count+1e-9 && w.share >= ways[len(ways)-1].share {
			ways = ways[:len(ways)-1]
		}
		if len(ways) > first && w.share <= ways[len(ways)-1].share {
			continue
		}
		for len(ways) > first+1 && slope(ways[len(ways)-1], w) >= slope(ways[len(ways)-2], ways[len(ways)-1]) {
			ways = ways[:len(ways)-1]
		}
		ways = append(ways, w)
	}
	return ways
}

// bounds are those that make a difference, of room for one part after the other, then that
// of an hour that is given up, with the share of the hour that each has room for. Unused
// places are 0.
func (h *hour) bounds(low float64) (bounds, shares [len(parts) + 1]float64) {
	last := low
	for k, top := range h.tops {
		if bound := math.Ceil(top - 1e-9); bound > last {
			bounds[k], shares[k], last = bound, h.fits(bound), bound
		}
	}
	bounds[len(parts)], shares[len(parts)] = low, h.fits(low)
	return bounds, shares
}

// fits is the share of the hour that so many instances have room for.
func (h *hour) fits(instances float64) (share float64) {
	for k, top := range h.tops {
		if top <= instances+1e-9 {
			share = parts[k].below
		}
	}
	return share
}

// under is what is kept under a bound by a plan that has so much to spare on top of each need.
func (h *hour) under(spare, bound float64) (count float64) {
	for k, n := range h.needs {
		count += parts[k].width * min(n+spare, bound)
	}
	return count
}

// slope is the share of an hour in band for an instance more.
func slope(a, b way) float64 { return (b.share - a.share) / (b.count - a.count) }

// keptOf is what is left of an hour that is given up.
func keptOf(s forescale.Service, h *hour) float64 {
	return max(float64(s.Min), math.Ceil(keptShare*h.kept[0]-1e-9))
}

// mix is how each hour of a course is gone through. It begins with all hours as the
// objective asks for, and gives up what brings the least time in band for its cost.
type mix struct {
	c       Course
	ways    [][]way
	at      []int  // way of each hour
	order   []step // by what they bring for their cost
	next    int    // of the order
	time    float64
	cost    float64 // instance hours
	lost    float64 // time in band that was given up
	gone    float64 // time that is given up
	planned float64 // time that is not, and is in band
}

// step is from one way through an hour down to the next.
type step struct {
	hour  int
	worth float64
}

func mixOf(s forescale.Service, c Course) *mix {
	m := &mix{c: c, ways: make([][]way, len(c.Hours)), at: make([]int, len(c.Hours))}
	all := make([]way, 0, 3*len(c.Hours))
	for k := range c.Hours {
		h := &c.Hours[k]
		if h.like == k {
			from := len(all)
			all = waysOf(s, h, &c, all)
			m.ways[k] = all[from:len(all):len(all)]
		}
		w := m.ways[h.like]
		m.ways[k], m.at[k] = w, len(w)-1
		m.time += h.share
		m.cost += h.share * w[len(w)-1].count
		m.add(k, h.share)
		_, spread := math.Modf(float64((c.Start.Unix()/3600+int64(k))/together) * math.Phi)
		for i := 1; i < len(w); i++ {
			m.order = append(m.order, step{k, slope(w[i-1], w[i]) * (1 + scatter*(spread-0.5))})
		}
	}
	slices.SortStableFunc(m.order, func(a, b step) int { return cmp.Compare(a.worth, b.worth) })
	return m
}

// giveUp gives up whole steps until as much time in band is lost as it may be, and gives
// the instance hours that the part of the next one saves for which there is room.
func (m *mix) giveUp(lost float64) float64 {
	for m.next < len(m.order) {
		k := m.order[m.next].hour
		h, from, to := m.c.Hours[k], m.ways[k][m.at[k]], m.ways[k][m.at[k]-1]
		loss, saved := h.share*(from.share-to.share), h.share*(from.count-to.count)
		if m.lost+loss > lost+1e-9 {
			if loss <= 0 {
				return 0
			}
			return saved * max(0, lost-m.lost) / loss
		}
		m.lost += loss
		m.cost -= saved
		m.add(k, -h.share)
		m.at[k]--
		m.add(k, h.share)
		m.next++
	}
	return 0
}

// add counts time of an hour as it is gone through.
func (m *mix) add(hour int, time float64) {
	if w := m.ways[hour][m.at[hour]]; w.gone {
		m.gone += time
	} else {
		m.planned += time * w.share
	}
}

// until is how much lower plans are up to an hour, as the highest of its hours asks, the
// most that is kept, 0 if nothing bounds it, and whether all are given up.
func (m *mix) until(hour int) (lower float64, most int, gone bool) {
	plan, bounded, gone := len(forescale.LowerBy)-1, true, true
	for k := 0; k <= hour && k < len(m.at); k++ {
		w := m.ways[k][m.at[k]]
		plan, most = min(plan, w.plan), max(most, int(w.bound))
		bounded, gone = bounded && w.bound > 0, gone && w.gone
	}
	if !bounded {
		most = 0
	}
	return forescale.LowerBy[plan], most, gone
}

// degree is the mix as it is, of which one step less saves so many instance hours.
func (m *mix) degree(objective, saved, price float64) Degree {
	d := Degree{Objective: objective, Cost: price * (m.cost - saved)}
	if m.time > 0 {
		d.GivenUp = m.gone / m.time
	}
	if rest := m.time - m.gone; rest > 1e-9 {
		d.Quantile = m.planned / rest
	}
	return d
}
