package forecast

import (
	"math"
	"time"

	"github.com/forescale/forescale"
)

// Grid lays the points of one service and metric onto an even grid over
// [from, to): each value is the mean of the points in its step, and NaN where
// there is none. The grid begins at the multiple of step at or before from.
// censored tells for each value whether one of its points was, so that the truth
// is at least the value. Points outside are left out; their order does not matter
// beyond the last bit of the mean. It panics if step is not positive.
func Grid(points []forescale.DemandPoint, from, to time.Time, step time.Duration) (s forescale.Series, censored []bool) {
	g := NewGridder(from, to, step)
	for _, p := range points {
		g.Add(p)
	}
	return g.Series()
}

// Gridder is [Grid] for points that come one by one: weeks of many services take
// the room of their grids only.
type Gridder struct {
	gridder
	censored []bool
}

// NewGridder is an empty grid over [from, to). It panics if step is not positive.
func NewGridder(from, to time.Time, step time.Duration) *Gridder {
	g := newGridder(from, to, step)
	return &Gridder{*g, make([]bool, len(g.cells))}
}

// Add puts a point into its step.
func (g *Gridder) Add(p forescale.DemandPoint) { g.AddValue(p.Time, p.Value, p.Censored) }

// AddValue is Add of a point of which nothing else is at hand.
func (g *Gridder) AddValue(t time.Time, v float64, censored bool) {
	if i, ok := g.add(t, v); ok && censored {
		g.censored[i] = true
	}
}

// Series is what [Grid] returns of the points so far.
func (g *Gridder) Series() (s forescale.Series, censored []bool) { return g.series(), g.censored }

// Spread lays hours out as points, one at the begin of each step: all that is known
// is that demand was around the mean. An hour counts as censored when most of it
// was. Steps wider than an hour get one point for each hour.
func Spread(hours []forescale.DemandHour, step time.Duration) []forescale.DemandPoint {
	if step <= 0 {
		panic("forecast: step of a grid must be positive")
	}
	var points []forescale.DemandPoint
	for _, h := range hours {
		for t := h.Time; t.Before(h.Time.Add(forescale.HourStep)); t = t.Add(step) {
			points = append(points, forescale.DemandPoint{Service: h.Service, Metric: h.Metric, Time: t, Value: h.Mean, Censored: h.Saturated > 0.5})
		}
	}
	return points
}

// gridder averages values into even cells.
type gridder struct {
	start time.Time
	step  time.Duration
	cells []running
}

func newGridder(from, to time.Time, step time.Duration) *gridder {
	if step <= 0 {
		panic("forecast: step of a grid must be positive")
	}
	start := from.UTC().Truncate(step)
	n := 0
	if d := to.Sub(start); d > 0 {
		n = int((d + step - 1) / step)
	}
	return &gridder{start: start, step: step, cells: make([]running, n)}
}

// mostSeconds is what a Duration holds, and a little less.
const mostSeconds = int64(math.MaxInt64/time.Second) - 1

// add puts a value into its cell. Values that are no usable number are left out.
func (g *gridder) add(t time.Time, v float64) (cell int, ok bool) {
	s := t.Unix() - g.start.Unix() // Sub checks for what cannot be here, and there are many points
	if s < -1 || s > mostSeconds || !usable(v) {
		return 0, false
	}
	d := time.Duration(s)*time.Second + time.Duration(t.Nanosecond()-g.start.Nanosecond())
	if d < 0 {
		return 0, false
	}
	i := int(d / g.step)
	if i >= len(g.cells) {
		return 0, false
	}
	g.cells[i].add(v)
	return i, true
}

func (g *gridder) series() forescale.Series {
	s := forescale.Series{Start: g.start, Step: g.step, Values: make([]float64, len(g.cells))}
	for i, c := range g.cells {
		s.Values[i] = c.mean
		if c.n == 0 {
			s.Values[i] = math.NaN()
		}
	}
	return s
}

// usable reports whether v can be a demand: a finite number, not below zero.
func usable(v float64) bool { return v >= 0 && !math.IsInf(v, 1) }
