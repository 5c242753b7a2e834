package forecast

import (
	"math"
	"time"

	"github.com/forescale/forescale"
)

// past is the history as models use it: brought to a scale of about one and cut
// after the newest value, so that "ahead" is counted from what is known.
type past struct {
	y       []float64 // values / scale, NaN gaps; the last one is a value
	atLeast []bool    // nil, or per value: the truth is at least it
	scale   float64   // median of the values, their mean when that is zero, 1 when all are zero
	top     float64   // highest value / scale
	filled  int       // values that are not gaps
	gap     int       // steps between the newest value and the first step asked for
	ahead   int       // gap + horizon
	step    time.Duration
	cal     *calendar // of len(y) + ahead steps
}

// giant bounds values, in medians, so that sums of fourth powers stay finite.
const giant = 1e60

// nothing is the error for a history without a value.
func nothing() error {
	return &forescale.Fault{Code: "nothing_to_forecast", What: "there is no value to forecast from",
		Help: "wait for the first samples, or import history with `forescale import`"}
}

// newPast is the history of an input, in units of scale; 0: of its median.
func newPast(in Input, scale float64) (*past, error) {
	v := in.Series.Values
	first, last := 0, len(v)
	for last > 0 && math.IsNaN(v[last-1]) {
		last--
	}
	for first < last && math.IsNaN(v[first]) {
		first++
	}
	if first == last {
		return nil, nothing()
	}
	p := &past{y: make([]float64, last-first), gap: len(v) - last, scale: 1, step: in.Series.Step}
	p.ahead = p.gap + in.Horizon
	var mean running
	for _, x := range v[first:last] {
		if !math.IsNaN(x) {
			mean.add(x)
			p.top = max(p.top, x)
		}
	}
	p.filled = mean.n
	// Below this the division would overflow; such a series is zero for all
	// that it can be used for.
	const tiny = 1e-280
	if scale > 0 {
		p.scale = scale
	} else if m := middle(v[first:last]); m > tiny {
		p.scale = m
	} else if mean.mean > tiny {
		p.scale = mean.mean
	}
	for i, x := range v[first:last] {
		p.y[i] = x / p.scale
		if p.y[i] > giant {
			p.y[i] = giant
		}
	}
	p.top = min(p.top/p.scale, giant)
	if len(in.Censored) >= last {
		p.atLeast = in.Censored[first:last]
	}
	loc := in.Location
	if loc == nil {
		loc = time.UTC
	}
	p.cal = newCalendar(in.Series.At(first), in.Series.Step, len(p.y)+p.ahead, loc)
	return p, nil
}

// middle is the median of the values that are there: a few giant values do not
// move it.
func middle(v []float64) float64 {
	known := make([]float64, 0, len(v))
	for _, x := range v {
		if !math.IsNaN(x) {
			known = append(known, x)
		}
	}
	arrange(known, 0, []int{len(known) / 2})
	return known[len(known)/2]
}

// unscaled brings a value back to the unit of the history.
func (p *past) unscaled(y float64) float64 { return min(y*p.scale, math.MaxFloat64) }

// censored reports whether value i is a lower bound only.
func (p *past) censored(i int) bool { return p.atLeast != nil && p.atLeast[i] }

// days is the length of the history in days.
func (p *past) days() float64 { return float64(len(p.y)) / p.cal.day }

// filledDays is how many days the values would fill without gaps.
func (p *past) filledDays() float64 { return float64(p.filled) / p.cal.day }
