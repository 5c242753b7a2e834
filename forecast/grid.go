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
	g := newGridder(from, to, step)
	censored = make([]bool, len(g.cells))
	for _, p := range points {
		if i, ok := g.add(p.Time, p.Value); ok && p.Censored {
			censored[i] = true
		}
	}
	return g.series(), censored
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

// add puts a value into its cell. Values that are no usable number are left out.
func (g *gridder) add(t time.Time, v float64) (cell int, ok bool) {
	d := t.Sub(g.start)
	if d < 0 || !usable(v) {
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
