package capacity

import (
	"math"
	"slices"
	"time"

	"github.com/forescale/forescale"
)

// Window is how far back minutes are of use: load has been through its week.
const Window = 7 * 24 * time.Hour

const (
	// quarter is what minutes are joined to: instances that come and go within it,
	// and utilization that follows load by a minute, are evened out.
	quarter = 15 * time.Minute
	// leastMinutes of a quarter have to be known.
	leastMinutes = 5
	// leastQuarters is how many are worth a line.
	leastQuarters = 8
	// saturated is the utilization in % from which on an instance may be asked for
	// more than it can show.
	saturated = 95
	// leastLoads is how much larger the 90th percentile of load has to be than the
	// 10th, for idling to be told from serving.
	leastLoads = 1.3
	// leastRise is by how many % utilization has to rise between them.
	leastRise = 2
	// bend is the standard deviation of the logarithm that a line has at 100 %, when
	// it was seen near 0 % only: what is straight there need not stay so.
	bend = 0.15
)

// Minute is how busy the ready instances of a service were, in the mean of them.
type Minute struct {
	Time        time.Time
	Load        float64 // of one instance, in the load's own unit
	Utilization float64 // of one instance, in %
}

// Learn gives the capacity of one instance. Minutes are by time; those that are no
// numbers, and those at 95 % or more, which hide what is asked for, are left out. Of
// a history whose cost per load has changed, only what came after counts.
// Same input, same output.
func Learn(minutes []Minute) forescale.CapacityEstimate {
	ps, hidden := quarters(minutes)
	if len(ps) < leastQuarters {
		e := forescale.CapacityEstimate{Minutes: count(ps), Doubt: forescale.CapacityTooLittle}
		if hidden > e.Minutes {
			e.Doubt = forescale.CapacitySaturated
		}
		return e
	}
	older, newer := newest(ps)
	e := forescale.CapacityEstimate{Minutes: count(newer), Since: newer[0].time, Reach: percentile(newer, 0.95, utilization)}
	low, high := percentile(newer, 0.1, load), percentile(newer, 0.9, load)
	var l line
	switch {
	case high < leastLoads*low || high <= 0:
		was := fit(older)
		if len(older) < leastQuarters || !was.tells(older) || high <= 0 {
			e.Doubt = forescale.CapacityLoadFlat
			return e
		}
		// Since the cost changed, load has not varied yet. Idling costs what it did.
		l = through(newer, min(was.idle, percentile(newer, 0.1, utilization)*0.9))
	default:
		l = fit(newer)
		if !l.tells(newer) {
			e.Doubt = forescale.CapacityUtilizationFlat
			return e
		}
	}
	stray, degrees := l.stray(newer)
	e.Value, e.Idle = (100-l.idle)/l.cost, max(0, l.idle)
	e.Spread = math.Hypot(stray, bend*(1-min(e.Reach, 100)/100))
	if t := math.Exp(student95(degrees) * e.Spread); !math.IsInf(t, 0) {
		e.Low, e.High = e.Value/t, e.Value*t
	}
	if !sane(e) {
		return forescale.CapacityEstimate{Minutes: e.Minutes, Since: e.Since, Reach: e.Reach, Doubt: forescale.CapacityUtilizationFlat}
	}
	return e
}

func sane(e forescale.CapacityEstimate) bool {
	for _, v := range []float64{e.Value, e.Low, e.High} {
		if !(v > 0) || math.IsInf(v, 0) {
			return false
		}
	}
	return !math.IsNaN(e.Spread) && !math.IsInf(e.Spread, 0)
}

const (
	// trust is the standard deviation of the logarithm of what is declared: of three
	// declared capacities one is off by more than a third.
	trust = 0.3
	// farthest is how many times a capacity may be off what is declared. Further off,
	// somebody has mistaken a unit: more would be done by hand.
	farthest = 4
)

// Lean gives the capacity to count with: what was learned and what is declared, each
// by how certain it is. Little data lean on what is declared. Where nothing could be
// learned it is last, what was counted with before; 0: what is declared.
func Lean(e *forescale.CapacityEstimate, declared, last float64) float64 {
	if !(e.Value > 0) {
		if last > 0 {
			return min(max(last, declared/farthest), declared*farthest)
		}
		return declared
	}
	w := trust * trust / (trust*trust + e.Spread*e.Spread)
	v := math.Exp(w*math.Log(e.Value) + (1-w)*math.Log(declared))
	if v < declared/farthest || v > declared*farthest {
		e.Doubt = forescale.CapacityFarOff
		return min(max(v, declared/farthest), declared*farthest)
	}
	return v
}

// point is a quarter of an hour.
type point struct {
	time        time.Time
	load        float64
	utilization float64
	minutes     int
}

func load(p point) float64        { return p.load }
func utilization(p point) float64 { return p.utilization }

// quarters are the medians of each quarter of an hour, and how many minutes are
// hidden by saturation.
func quarters(minutes []Minute) (ps []point, hidden int) {
	var loads, used []float64
	var at time.Time
	flush := func() {
		if len(loads) >= leastMinutes {
			ps = append(ps, point{at, median(loads), median(used), len(loads)})
		}
		loads, used = loads[:0], used[:0]
	}
	for _, m := range minutes {
		switch {
		case !(m.Load >= 0 && m.Load <= 1e15) || !(m.Utilization >= 0 && m.Utilization <= 100):
			continue
		case m.Utilization >= saturated:
			hidden++
			continue
		}
		if q := m.Time.Truncate(quarter); !q.Equal(at) {
			flush()
			at = q
		}
		loads, used = append(loads, m.Load), append(used, m.Utilization)
	}
	flush()
	return ps, hidden
}

func count(ps []point) (n int) {
	for _, p := range ps {
		n += p.minutes
	}
	return n
}

// percentile is the value of the point that a share q of them does not exceed.
func percentile(ps []point, q float64, of func(point) float64) float64 {
	if len(ps) == 0 {
		return 0
	}
	vs := make([]float64, len(ps))
	for i, p := range ps {
		vs[i] = of(p)
	}
	slices.Sort(vs)
	return vs[int(q*float64(len(vs)-1))]
}

// median sorts the values.
func median(vs []float64) float64 {
	slices.Sort(vs)
	n := len(vs)
	if n%2 == 1 {
		return vs[n/2]
	}
	return vs[n/2-1] + (vs[n/2]-vs[n/2-1])/2
}
