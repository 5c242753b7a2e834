package forecast

import (
	"fmt"
	"math"
)

// Theta takes the seasons of a day and of a week out of the history, smooths what is
// left, lets it go on with half of its slope, and puts the seasons back (Assimakopoulos
// and Nikolopoulos 2000). [Combination] asks several of its kind.
type Theta struct{}

var _ Model = Theta{}

// Name implements [Model].
func (Theta) Name() string { return "theta without seasons" }

// Forecast implements [Model]. It fails with less than about eleven days.
func (m Theta) Forecast(in Input) (Prediction, error) { return predict(m, in) }

func (m Theta) learn(v *view, levels []float64) (lesson, error) {
	return consulted(v, levels, m.Name(), func(bool) []expert { return []expert{thetas[0]} })
}

// theta is the expert behind [Theta].
type theta struct {
	scale transform
	level float64 // share of an error that the level takes
}

func (m theta) name() string { return fmt.Sprintf("theta %g, %s", m.level, m.scale) }

// thetas are the settings that are asked: a calm level and a nervous one.
var thetas = []theta{{onRoot, 0.05}, {onRoot, 0.3}, {onLog, 0.05}, {onLog, 0.3}}

// halfSlope is the share of the slope that the level goes on with.
const halfSlope = 0.5

func (m theta) paths(c *course, origins []int, out [][]float64) voice {
	for o := range out {
		m.path(c, origins[o], out[o])
	}
	return m
}

func (m theta) tell(c *course, out []float64) { m.path(c, c.n, out) }

func (m theta) path(c *course, origin int, out []float64) {
	s := c.seasonsAt(m.scale, origin)
	level := s.begin
	for _, z := range s.rest {
		level += m.level * (z - level)
	}
	for h := range out {
		i := origin + h
		z := level + halfSlope*s.slope*float64(h+1) + s.day[c.p.cal.slot[i]] + s.week[c.p.cal.week[i]]
		out[h] = max(0, m.scale.from(min(z, s.most)))
	}
}

// parted is a history up to an origin, parted into seasons and the rest.
type parted struct {
	scale     transform
	origin    int
	day, week []float64 // by slot
	rest      []float64
	begin     float64 // level that the rest begins with
	slope     float64 // of the rest, a step
	most      float64 // that is forecast
}

// Settings of the parting.
const (
	partedDays = 35  // that are looked at
	partedHalf = 14  // days after which a step counts half
	partedPull = 0.3 // steps without a deviation that each slot of the week is pulled by
)

// seasonsAt parts the history before an origin: from the mean of a week around each
// step, each slot of the day has a deviation, and each slot of the week one from that.
func (c *course) seasonsAt(scale transform, origin int) *parted {
	for i := range c.parted {
		if p := &c.parted[i]; p.scale == scale && p.origin == origin {
			return p
		}
	}
	cal, on := c.p.cal, c.on(scale)
	d := cal.perDay
	from := max(0, origin-partedDays*d)
	z := on.y[from:origin]
	n := len(z)
	p := parted{scale: scale, origin: origin, day: make([]float64, d), week: make([]float64, 7*d), rest: make([]float64, n), most: on.hi + wildness*(on.hi-on.lo)}
	sums := make([]float64, n+1)
	for i, v := range z {
		sums[i+1] = sums[i] + v
	}
	half := 7 * d / 2
	for i, v := range z {
		lo := max(0, min(i-half, n-2*half)) // at the ends the first week and the last
		hi := min(n, lo+2*half)
		trend := (sums[hi] - sums[lo]) / float64(hi-lo)
		if i == 0 {
			p.begin = trend
		}
		p.rest[i] = v - trend
	}
	grow := math.Exp2(1 / float64(partedHalf*d))
	season := func(slots []int32, value []float64, pull float64) {
		seen := make([]float64, len(value))
		w := 1.0
		for i := n - 1; i >= 0; i-- {
			value[slots[i]] += w * p.rest[i]
			seen[slots[i]] += w
			w /= grow
		}
		for s := range value {
			if seen[s] > 0 {
				value[s] /= seen[s] + pull
			}
		}
		for i := range p.rest {
			p.rest[i] -= value[slots[i]]
		}
	}
	season(cal.slot[from:origin], p.day, 0)
	season(cal.week[from:origin], p.week, partedPull)
	var products float64
	middle := float64(n-1) / 2
	for i, v := range z {
		p.rest[i] = v - p.day[cal.slot[from+i]] - p.week[cal.week[from+i]]
		products += (float64(i) - middle) * p.rest[i]
	}
	if n > 1 {
		p.slope = products / (float64(n) * (float64(n)*float64(n) - 1) / 12)
	}
	c.parted = append(c.parted, p)
	return &c.parted[len(c.parted)-1]
}
