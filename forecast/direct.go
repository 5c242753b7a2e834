package forecast

import "math"

// direct is the profile beside the experts: it learns each band of lead times
// directly. What it would have said at an origin comes from the corrections that
// the days around it did not teach.
type direct struct {
	forecaster
	of []int // band of a lead
}

// newDirect learns the bands up to the farthest lead; nil when the history does
// not carry it.
func newDirect(p *past, t *track, levels []float64) *direct {
	d := &direct{forecaster: learnBands(p, t, levels)}
	if len(d.bands) == 0 {
		return nil
	}
	d.of = make([]int, p.ahead)
	for h := range d.of {
		for d.of[h]+1 < len(d.bands) && h+1 > d.bands[d.of[h]].to {
			d.of[h]++
		}
	}
	return d
}

func (d *direct) paths(c *course, origins []int, out [][]float64) bool {
	for o, origin := range origins {
		for h := range out[o] {
			z, _ := d.told(c.p, origin, h)
			out[o][h] = fromRoot(z)
		}
	}
	return true
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
