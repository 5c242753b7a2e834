package datasets

import (
	"iter"
	"math"
	"time"

	"github.com/forescale/forescale"
)

// Point is one step of a trace: what was measured, and the truth about it.
type Point struct {
	Time     time.Time // start of the step, UTC
	Value    float64   // measured load per second, mean of the step; NaN where nobody measured any of it
	Expected float64   // the load without noise
	Usual    float64   // and without what is special: holidays, bursts, outages
	Cost     float64   // of a request, in the middle of the step: Value over Cost is how many there were
	Holiday  bool      // these hold when they hold at any time of the step
	Burst    bool
	Outage   bool // also while those who waited come back
	Gap      bool // not all of the step was measured
}

// Trace is the load from from to to in steps of any width, one second at least. A step
// of whole minutes is the mean of its minutes.
func (p Pattern) Trace(from, to time.Time, step time.Duration) iter.Seq[Point] {
	begin, width := begin(from, step)
	return func(yield func(Point) bool) {
		for at := begin; at.Before(to); at = at.Add(step) {
			if !yield(p.point(at, step, width)) {
				return
			}
		}
	}
}

// Series is what was measured, as [Pattern.Trace] has it.
func (p Pattern) Series(from, to time.Time, step time.Duration) forescale.Series {
	begin, _ := begin(from, step)
	s := forescale.Series{Start: begin, Step: step}
	for x := range p.Trace(from, to, step) {
		s.Values = append(s.Values, x.Value)
	}
	return s
}

// begin is where the first step of a trace begins, on a whole minute or second, and how
// wide the pieces are that steps are made of.
func begin(from time.Time, step time.Duration) (time.Time, time.Duration) {
	switch {
	case step < time.Second:
		panic("datasets: a step is one second at least")
	case step%atom == 0:
		return from.UTC().Truncate(atom), atom
	}
	return from.UTC().Truncate(time.Second), step
}

// point is the mean of the still pieces of a step.
func (p Pattern) point(at time.Time, step, width time.Duration) Point {
	out := Point{Time: at}
	pieces := int(step / width)
	sum, measured := 0.0, 0
	for i := range pieces {
		s := p.still(at.Add(time.Duration(i)*width), width)
		out.Expected += s.expected
		out.Usual += s.usual
		if s.gapped {
			out.Gap = true
		} else {
			sum += s.load
			measured++
		}
		if i == pieces/2 {
			out.Cost = s.cost
		}
		out.Holiday, out.Burst, out.Outage = out.Holiday || s.holiday, out.Burst || s.burst, out.Outage || s.outage
	}
	out.Expected, out.Usual = single(out.Expected/float64(pieces)), single(out.Usual/float64(pieces))
	if measured == 0 {
		out.Value = math.NaN()
	} else {
		out.Value = single(sum / float64(measured))
	}
	return out
}
