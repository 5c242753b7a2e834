package capacity

import (
	"math"
	"slices"
	"time"
)

// line is utilization over load.
type line struct {
	idle   float64 // utilization without load, in %
	cost   float64 // % per unit of load
	weight []float64
	bound  float64 // residuals beyond it have no weight
	fixed  bool    // idle was not fitted
}

func (l line) at(load float64) float64 { return l.idle + l.cost*load }

// tells reports whether utilization follows load.
func (l line) tells(ps []point) bool {
	rise := l.cost * (percentile(ps, 0.9, load) - percentile(ps, 0.1, load))
	return rise >= leastRise && l.idle < saturated
}

const (
	// biweight is Tukey's constant at which 95 % of the efficiency of least squares
	// is kept where errors are normal.
	biweight = 4.685
	// madToSD makes a median absolute deviation a standard deviation.
	madToSD = 1.4826
	// leastScale is how exact a utilization is at best, in %.
	leastScale = 0.2
	// rounds of weights; each moves the line less than the one before.
	rounds = 30
)

// fit gives the robust line through ps.
func fit(ps []point) line {
	l := theil(ps)
	if len(ps) < 3 {
		return l
	}
	rs := make([]float64, len(ps))
	for i, p := range ps {
		rs[i] = math.Abs(p.utilization - l.at(p.load))
	}
	l.bound = biweight * max(leastScale, madToSD*median(rs))
	l.weight = make([]float64, len(ps))
	for range rounds {
		for i, p := range ps {
			u := (p.utilization - l.at(p.load)) / l.bound
			l.weight[i] = max(0, 1-u*u) * max(0, 1-u*u)
		}
		was := l
		if !l.squares(ps) {
			return was
		}
		if math.Abs(l.cost-was.cost) <= 1e-9*math.Abs(was.cost) && math.Abs(l.idle-was.idle) <= 1e-9 {
			break
		}
	}
	return l
}

// theil pairs each point of the lower half of loads with one of the upper half.
func theil(ps []point) (l line) {
	by := slices.Clone(ps)
	slices.SortStableFunc(by, func(a, b point) int {
		switch {
		case a.load < b.load:
			return -1
		case a.load > b.load:
			return 1
		}
		return 0
	})
	half := len(by) / 2
	var slopes []float64
	for i := range half {
		a, b := by[i], by[len(by)-half+i]
		if dx := b.load - a.load; dx > 0 {
			slopes = append(slopes, (b.utilization-a.utilization)/dx)
		}
	}
	if len(slopes) > 0 {
		l.cost = median(slopes)
	}
	if len(by) > 0 {
		rest := make([]float64, len(by))
		for i, p := range by {
			rest[i] = p.utilization - l.cost*p.load
		}
		l.idle = median(rest)
	}
	return l
}

// squares moves the line to the weighted least squares.
func (l *line) squares(ps []point) bool {
	var w, x, y float64
	for i, p := range ps {
		w, x, y = w+l.weight[i], x+l.weight[i]*p.load, y+l.weight[i]*p.utilization
	}
	if w <= 0 {
		return false
	}
	x, y = x/w, y/w
	var xx, xy float64
	for i, p := range ps {
		xx += l.weight[i] * (p.load - x) * (p.load - x)
		xy += l.weight[i] * (p.load - x) * (p.utilization - y)
	}
	if !(xx > 0) {
		return false
	}
	l.cost = xy / xx
	l.idle = y - l.cost*x
	return true
}

// through is the line with a known idle utilization.
func through(ps []point, idle float64) line {
	var costs []float64
	for _, p := range ps {
		if p.load > 0 {
			costs = append(costs, (p.utilization-idle)/p.load)
		}
	}
	l := line{idle: idle, fixed: true}
	if len(costs) > 0 {
		l.cost = median(costs)
	}
	rs := make([]float64, len(ps))
	for i, p := range ps {
		rs[i] = math.Abs(p.utilization - l.at(p.load))
	}
	l.bound = biweight * max(leastScale, madToSD*median(rs))
	l.weight = make([]float64, len(ps))
	for i, p := range ps {
		u := (p.utilization - l.at(p.load)) / l.bound
		l.weight[i] = max(0, 1-u*u) * max(0, 1-u*u)
	}
	return l
}

// Errors of one time of the day are alike: what is uncertain is reckoned from
// spells, not from points, as if all of a spell were one.
const (
	spells       = 8
	longestSpell = 6 * time.Hour
)

// stray is the standard deviation of the logarithm of the capacity, and the degrees
// of freedom that it rests on: the sandwich estimate of an M-estimate, by spells.
func (l line) stray(ps []point) (sd float64, degrees int) {
	long := min(longestSpell, max(quarter, ps[len(ps)-1].time.Add(quarter).Sub(ps[0].time)/spells))
	unit := percentile(ps, 0.5, load) // so that the numbers are of one size
	if unit <= 0 {
		unit = 1
	}
	var a [2][2]float64 // the curvature
	var b [2][2]float64 // of the spells' pulls
	var pull [2]float64
	flush := func() {
		for i := range 2 {
			for j := range 2 {
				b[i][j] += pull[i] * pull[j]
			}
		}
		pull = [2]float64{}
	}
	n, spell := 0, int64(-1)
	for i, p := range ps {
		if s := int64(p.time.Sub(ps[0].time) / long); s != spell {
			flush()
			spell = s
			n++
		}
		r := p.utilization - l.at(p.load)
		x := [2]float64{1, p.load / unit}
		if l.fixed {
			x[0] = 0
		}
		u := r / l.bound
		curve := 0.0
		if math.Abs(u) < 1 {
			curve = (1 - u*u) * (1 - 5*u*u)
		}
		for j := range 2 {
			pull[j] += l.weight[i] * r * x[j]
			for k := range 2 {
				a[j][k] += curve * x[j] * x[k]
			}
		}
	}
	flush()
	free := 2
	if l.fixed {
		a[0][0], free = 1, 1
	}
	degrees = max(1, n-free)
	det := a[0][0]*a[1][1] - a[0][1]*a[1][0]
	if !(det > 0) {
		return math.Inf(1), degrees
	}
	inverse := [2][2]float64{{a[1][1] / det, -a[0][1] / det}, {-a[1][0] / det, a[0][0] / det}}
	// By how much the logarithm of (100 − idle) / cost moves with each.
	g := [2]float64{-1 / (100 - l.idle), -1 / (l.cost * unit)}
	var h [2]float64
	for j := range 2 {
		h[j] = g[0]*inverse[0][j] + g[1]*inverse[1][j]
	}
	v := h[0]*(b[0][0]*h[0]+b[0][1]*h[1]) + h[1]*(b[1][0]*h[0]+b[1][1]*h[1])
	return math.Sqrt(max(0, v) * float64(n) / float64(degrees)), degrees
}

// student95 is the 95 % quantile of Student's t distribution, as in any table.
func student95(degrees int) float64 {
	table := [...]float64{6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812, 1.796, 1.782, 1.771, 1.761, 1.753, 1.746, 1.740, 1.734, 1.729, 1.725}
	if degrees <= len(table) {
		return table[max(1, degrees)-1]
	}
	return 1.645 + 1.6/float64(degrees)
}
