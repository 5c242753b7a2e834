package pace

import (
	"math"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/money"
	"github.com/forescale/forescale/planner"
)

// seenToBelieve is how many minutes lower plans were tried on before what they keep is
// believed.
const seenToBelieve = 30

// parts are the parts of the time by rising demand, finer where it is high. Each needs as
// much as its middle.
var parts = [...]struct {
	middle float64 // quantile of demand
	width  float64
	below  float64 // share of the time for which what it needs is enough
}{
	{0.1, 0.2, 0.2}, {0.3, 0.2, 0.4}, {0.5, 0.2, 0.6}, {0.65, 0.1, 0.7}, {0.75, 0.1, 0.8},
	{0.825, 0.05, 0.85}, {0.875, 0.05, 0.9}, {0.925, 0.05, 0.95}, {0.965, 0.03, 0.98}, {0.99, 0.02, 0.99},
}

// The parts that low, middling and high demand is of.
const lowPart, middlePart, highPart = 0, 2, 7

// byPart is what the parts of a time need.
type byPart [len(parts)]float64

func (n *byPart) mean() (mean float64) {
	for k, v := range n {
		mean += v * parts[k].width
	}
	return mean
}

// byPlan is something of each plan, by how low they are.
type byPlan [len(forescale.LowerBy)]float64

// Course is what a service will need, by the hour, and what plans keep for that: as its
// objective asks, and lower ones.
type Course struct {
	Start  time.Time // of the first hour, which may have begun before now
	Shares byPlan    // of the time in band under each plan
	Hours  []hour
}

// hour is one hour of a course: instances, within min and max.
type hour struct {
	share     float64 // of the hour that lies ahead, 0 to 1
	kept      byPlan  // means
	needs     byPart  // means, rising
	tops      byPart  // the highest of the hour
	low, high float64 // means as the objective asks, when demand is low or high
	like      int     // the first hour that is like it but for its share
}

// Week is the demand of the newest week that is known, by the hour of the week in UTC:
// busy instances; NaN where nothing is known.
type Week struct {
	Mean, Most [hoursOfWeek]float32
}

const hoursOfWeek = 7 * 24

// noWeek knows nothing.
func noWeek() *Week {
	w := &Week{}
	for k := range w.Mean {
		w.Mean[k], w.Most[k] = float32(math.NaN()), float32(math.NaN())
	}
	return w
}

// hourOfWeek counts hours since the Thursday on which Unix time began.
func hourOfWeek(t time.Time) int {
	return int((t.Unix()/3600%hoursOfWeek + hoursOfWeek) % hoursOfWeek)
}

// at is the demand of the hour: that of the same hour a week before, else that of
// the newest day before it that is known.
func (w *Week) at(t time.Time) (mean, most float64, ok bool) {
	k := hourOfWeek(t)
	for day := range 7 {
		i := (k - 24*day + hoursOfWeek) % hoursOfWeek
		if m := float64(w.Mean[i]); !math.IsNaN(m) {
			return m, float64(w.Most[i]), true
		}
	}
	return 0, 0, false
}

// courseOf lays out what s will need during [now, until). Hours of which nothing at
// all is known need min.
func courseOf(now, until time.Time, s forescale.Service, forecasts []forescale.Forecast, w *Week, o planner.Options) Course {
	c := Course{Start: now.Truncate(time.Hour)}
	n := int((until.Sub(c.Start) + time.Hour - 1) / time.Hour)
	if n <= 0 {
		return c
	}
	c.Hours = make([]hour, n)
	f := foreseenOf(now, s, forecasts, c, o)
	c.Shares = f.shares()
	f.setLevel(s, w, c.Start)
	usual := map[int]int{} // the first of those that no forecast reaches, by the hour of the week
	for k := range c.Hours {
		h, at := &c.Hours[k], c.Start.Add(time.Duration(k)*time.Hour)
		first, known := usual[hourOfWeek(at)]
		switch {
		case f.counts[k] > 0:
			f.set(h, s, f.of(k), f.tops[k])
			h.like = k
		case known:
			*h = c.Hours[first]
		default:
			n := f.like(s, w, at)
			f.set(h, s, n, n.parts)
			h.like, usual[hourOfWeek(at)] = k, k
		}
		h.share = money.Overlap(at, at.Add(time.Hour), now, until).Hours()
	}
	return c
}

func within(n, least, most float64) float64 { return min(max(n, least), most) }

// told is what an hour needs: in each part of the time, and at the quantiles that plans
// are made for where it is not known how such plans do.
type told struct {
	parts byPart
	plans byPlan
}

func (n *told) add(needs []float64) {
	for k := range n.parts {
		n.parts[k] += needs[k]
	}
	for k, v := range needs[len(n.parts):] {
		n.plans[k] += v
	}
}

func (n told) times(by float64) told {
	for k := range n.plans {
		n.plans[k] *= by
	}
	for k := range n.parts {
		n.parts[k] *= by
	}
	return n
}

// foreseen is what the forecasts say, by the hour, and in what relation the quantiles
// of demand stand to its mean.
type foreseen struct {
	quantiles byPlan                // of demand, that plans are made for
	sums      []told                // by the hour
	tops      []byPart              // the highest in place of the sum
	counts    []int                 // of each sum, 0: no forecast covers it
	ratios    *told                 // of needs to the mean need; nil: no forecast
	level     float64               // of what is needed after the forecasts to that of a week before
	low, high float64               // of the need for low and high demand to that for the middle
	lower     *forescale.LowerPlans // nil: not known
}

func foreseenOf(now time.Time, s forescale.Service, forecasts []forescale.Forecast, c Course, o planner.Options) foreseen {
	f := foreseen{sums: make([]told, len(c.Hours)), tops: make([]byPart, len(c.Hours)), counts: make([]int, len(c.Hours)), low: 1, high: 1, lower: lowerOf(forecasts)}
	for k, by := range forescale.LowerBy {
		f.quantiles[k] = planner.LowerQuantile(s.Objective, by)
	}
	quantiles := make([]float64, len(parts), len(parts)+len(f.quantiles))
	for k, p := range parts {
		quantiles[k] = p.middle
	}
	if f.lower == nil {
		quantiles = append(quantiles, f.quantiles[:]...)
	}
	var totals told
	for _, x := range planner.Foresee(now, o, s, forecasts, quantiles) {
		totals.add(x.Needs)
		from := x.At.Sub(c.Start)
		for at := from; at < from+x.Width; at += min(x.Width, time.Hour) {
			if k := int(at / time.Hour); at >= 0 && k < len(f.sums) {
				f.sums[k].add(x.Needs)
				for i := range parts {
					f.tops[k][i] = max(f.tops[k][i], x.Needs[i])
				}
				f.counts[k]++
			}
		}
	}
	if mean := totals.parts.mean(); mean > 0 {
		ratios := totals.times(1 / mean)
		f.ratios = &ratios
		if middle := totals.parts[middlePart]; middle > 0 {
			f.low, f.high = totals.parts[lowPart]/middle, totals.parts[highPart]/middle
		}
	}
	return f
}

// setLevel holds what the forecasts say against the same hours of the week before. Half of
// what they say more, as factors, is taken to last after them; less may be one quiet day.
func (f *foreseen) setLevel(s forescale.Service, w *Week, start time.Time) {
	f.level = 1
	now, before := 0.0, 0.0
	for k, n := range f.counts {
		if mean, _, ok := w.at(start.Add(time.Duration(k) * time.Hour)); ok && n > 0 {
			sum := f.of(k)
			now, before = now+sum.parts.mean(), before+float64(s.Band.Required(mean))
		}
	}
	if now > 0 && before > 0 {
		f.level = math.Sqrt(max(1, now/before))
	}
}

// lowerOf is how lower plans of the metric did that needs most.
func lowerOf(forecasts []forescale.Forecast) (p *forescale.LowerPlans) {
	for k := range forecasts {
		m := &forecasts[k].Minutes
		if m.Known() && m.Lower.Seen >= seenToBelieve && m.Lower.Needed > 0 && (p == nil || m.Lower.Needed > p.Needed) {
			p = &m.Lower
		}
	}
	return p
}

// shares are those of the time in band under each plan, that as the objective asks taken
// to meet it; where it is not known, the quantiles that they are made for. A lower plan
// never brings as much, else one as asked would not be what an objective costs.
func (f *foreseen) shares() byPlan {
	shares := f.quantiles
	if p := f.lower; p != nil && p.Above[0] < 1 {
		for k, above := range p.Above {
			shares[k] = shares[0] * min(1-1e-6*float64(k), (1-above)/(1-p.Above[0]))
		}
	}
	return shares
}

// set keeps what is needed in an hour, and what plans keep, within min and max. Where it
// is known what they had to spare it goes with the root of the need, as chance does;
// else they keep what their quantile needs.
func (f *foreseen) set(h *hour, s forescale.Service, n told, tops byPart) {
	least, most := float64(s.Min), float64(max(s.Max, s.Min))
	mean := n.parts.mean()
	for k := range h.kept {
		kept := n.plans[k]
		if p := f.lower; p != nil {
			kept = mean + p.Spare[k]*math.Sqrt(mean/p.Needed)
		}
		h.kept[k] = within(kept, least, most)
	}
	for k := range h.needs {
		h.needs[k], h.tops[k] = within(n.parts[k], least, most), within(tops[k], least, most)
	}
	h.low, h.high = within(h.kept[0]*f.low, least, most), within(h.kept[0]*f.high, least, most)
}

// of is the mean need of an hour that forecasts cover.
func (f *foreseen) of(hour int) told { return f.sums[hour].times(1 / float64(f.counts[hour])) }

// like is the need of an hour that no forecast reaches. Where there is no forecast at
// all, the highest minute of the hour stands for the objective.
func (f *foreseen) like(s forescale.Service, w *Week, at time.Time) (n told) {
	mean, most, ok := w.at(at)
	if !ok {
		return n
	}
	if f.ratios != nil {
		return f.ratios.times(f.level * float64(s.Band.Required(mean)))
	}
	need := func(q float64) float64 {
		up := (q - 0.5) / (s.Objective - 0.5 + 1e-9)
		return float64(s.Band.Required(mean + (most-mean)*min(1, max(0, up))))
	}
	for k, q := range f.quantiles {
		n.plans[k] = need(q)
	}
	for k, p := range parts {
		n.parts[k] = need(p.middle)
	}
	return n
}
