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
	// keptShare is what is kept of the need in an hour that is given up. Less would
	// save more time in band, and leave more demand without an instance.
	keptShare = 0.4
	// scatter is by how much the order of hours that cost about the same is
	// shuffled: else all that is given up would lie on one side of the month.
	scatter = 0.1
)

// Degree is one way to meet an objective: how all hours are planned, and how many are
// given up.
type Degree struct {
	Objective float64 // share of time in band that it is to bring
	Quantile  float64 // of demand, that is planned for
	GivenUp   float64 // share of the time that is given up, the dearest first
	Cost      float64 // from now until the end, in the currency
	Most      int     // instances that are kept now, 0: now is not given up
}

// Curve is what each objective of a service costs until the end, by how far it is
// lowered: the first of the degrees is as it is, at the last all time is given up.
type Curve struct {
	Service   forescale.Service
	Degrees   []Degree
	Low, High float64   // what the first degree costs when demand is low or high
	daily     []float64 // what it costs in each 24 hours
}

// curveOf finds the cheapest way to each objective. What runs beyond need, as after a
// rise, and started billing steps are not counted. lead is how long a start takes: an
// hour that is not given up any more is ordered for while the one before still is.
func curveOf(now time.Time, s forescale.Service, c Course, lead time.Duration) Curve {
	x := Curve{Service: s, Degrees: make([]Degree, degrees+1)}
	order := dearestFirst(c)
	price := s.PricePerHour.Float()
	for k, h := range c.Hours {
		if k%24 == 0 {
			x.daily = append(x.daily, 0)
		}
		x.daily[k/24] += price * h.needs[0] * h.share
		x.Low += price * h.low * h.share
		x.High += price * h.high * h.share
	}
	for j := range x.Degrees {
		x.Degrees[j].Cost = math.Inf(1)
	}
	for level, q := range c.Quantiles {
		ladderOf(x.Degrees, s, c, order, level, q, price)
	}
	x.mark(now, c, order, lead)
	return x
}

// ladderOf keeps for each degree what planning for the quantile and giving up the rest
// costs, where that is less.
func ladderOf(degrees []Degree, s forescale.Service, c Course, order []int, level int, q, price float64) {
	total, time := 0.0, 0.0
	for _, h := range c.Hours {
		total += price * h.needs[level] * h.share
		time += h.share
	}
	next, saved, gone := 0, 0.0, 0.0 // the next hour to give up, and what those before it bring
	for j := range degrees {
		objective := s.Objective * (1 - float64(j)/float64(len(degrees)-1))
		if objective > q {
			continue
		}
		give := (1 - objective/q) * time
		for next < len(order) && gone+c.Hours[order[next]].share <= give+1e-9 {
			h := c.Hours[order[next]]
			saved += price * h.share * max(0, h.needs[level]-kept(s, h))
			gone += h.share
			next++
		}
		part := 0.0
		if next < len(order) && give > gone {
			part = price * (give - gone) * max(0, c.Hours[order[next]].needs[level]-kept(s, c.Hours[order[next]]))
		}
		if cost := total - saved - part; cost < degrees[j].Cost-1e-9 {
			degrees[j] = Degree{Objective: objective, Quantile: q, Cost: cost}
			if time > 0 {
				degrees[j].GivenUp = give / time
			}
		}
	}
}

// kept is what is left of the need of an hour that is given up.
func kept(s forescale.Service, h hour) float64 {
	return max(float64(s.Min), math.Ceil(keptShare*h.needs[0]-1e-9))
}

// dearestFirst are the hours by what they need, those first that need most. Hours
// that need about the same come in an order that is spread over the month and does
// not change with time.
func dearestFirst(c Course) []int {
	order := make([]int, len(c.Hours))
	keys := make([]float64, len(c.Hours))
	for k, h := range c.Hours {
		order[k] = k
		_, spread := math.Modf(float64(c.Start.Unix()/3600+int64(k)) * math.Phi)
		keys[k] = h.needs[0] * (1 + scatter*(spread-0.5))
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(keys[b], keys[a]) })
	return order
}

// mark tells for each degree whether now is given up, and what is kept then.
func (x Curve) mark(now time.Time, c Course, order []int, lead time.Duration) {
	if len(order) == 0 {
		return
	}
	last := min(int(now.Add(lead).Sub(c.Start)/time.Hour), len(c.Hours)-1) // the hours that a start now is for
	before := make([]float64, last+1)                                      // what is given up until an hour is, it included
	sum := 0.0
	for _, k := range order {
		if sum += c.Hours[k].share; k <= last {
			before[k] = sum
		}
	}
	for j := range x.Degrees {
		d := &x.Degrees[j]
		for k, b := range before {
			if b > d.GivenUp*sum+1e-9 {
				d.Most = 0
				break
			}
			d.Most = max(d.Most, int(kept(x.Service, c.Hours[k])))
		}
	}
}
