package forecast

import "math"

// direct is the profile beside the experts: it learns each band of lead times
// directly. What it would have said at an origin comes from the corrections that
// the days around it did not teach.
type direct struct {
	forecaster
	of []int // band of a lead
}

// newDirect is nil when there are no bands: the history did not carry them.
func newDirect(f forecaster) *direct {
	if len(f.bands) == 0 {
		return nil
	}
	d := &direct{forecaster: f, of: make([]int, f.p.ahead)}
	for h := range d.of {
		if h > 0 {
			d.of[h] = d.of[h-1]
		}
		for d.of[h]+1 < len(d.bands) && h+1 > d.bands[d.of[h]].to {
			d.of[h]++
		}
	}
	return d
}

// told is the centre at lead h, counted from 0, after an origin, and its spread,
// both on the root scale.
func (d *direct) told(p *past, origin, h int) (centre, spread float64) {
	i := origin + h
	pr, ok := p.pairAt(i, h+1)
	if !ok {
		pr = pair{origin: origin - 1, target: i, day: i, week: i}
	}
	var x [terms]float64
	var s [spreads]float64
	f := &d.bands[d.of[h]].fit
	base := d.t.explain(p, pr, &x)
	f.withinSeen(&x, float64(h+1)/p.cal.day)
	d.t.widen(pr, base, &s)
	coef := &f.coef
	if i < len(p.y) {
		coef = f.without(i)
	}
	centre = base + dot(coef[:], x[:])
	if math.IsNaN(centre) {
		centre = base
	}
	return centre, f.spreadOf(s[:])
}
