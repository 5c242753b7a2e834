package forecast

import (
	"math"

	"github.com/forescale/forescale"
)

// profileModel is the weekday × time-of-day profile, run on several transforms
// at once. For each band of lead times a ridge regression learns how much of the
// newest residuals, of yesterday and of last week to add to the profile: what
// fades fast and what stays. Quantiles come from the residuals of stretches of
// time that the regression did not see. The transforms, additive to
// multiplicative, are combined by how well each did there.
type profileModel struct{ weekly bool }

func (m profileModel) name() string {
	if m.weekly {
		return "weekly profile"
	}
	return "daily profile"
}

// transforms that are combined.
var transforms = []transform{root}

// sharpness is the power of the back-test loss in the weights of a combination.
const sharpness = 4

func (m profileModel) predict(p *past, levels []float64) (Prediction, error) {
	bands := bandsFor(p.gap+1, p.ahead)
	tracks := make([]*track, len(transforms))
	for k, tf := range transforms {
		tracks[k] = newTrack(p, tf, m.weekly)
		l := newLearner(p, tracks[k])
		for b := range bands {
			f, ok := l.learn(bands[b], levels)
			if !ok {
				if b == 0 {
					return Prediction{}, errThin
				}
				f = bands[b-1].fits[k] // too far ahead to have been seen
			} else {
				l.judge(&f, levels)
			}
			bands[b].fits = append(bands[b].fits, f)
		}
	}
	c := combiner{p: p, levels: levels, bands: bands, tracks: tracks}
	return Prediction{Model: m.name(), Values: c.values(), Score: forescale.Score{}}, nil
}

// judge sets the fit's weight from its pinball loss out of fold.
func (l *learner) judge(f *fit, levels []float64) {
	var loss running
	for k := 0; k < len(l.target); k += 3 {
		s := f.spreadOf(l.s[k*spreads : (k+1)*spreads])
		centre := l.base[k] + l.target[k] - l.resid[k]
		sum := 0.0
		for q, level := range levels {
			sum += Pinball(level, l.truth[k], l.t.tf.back(centre+s*f.quantiles[q]))
		}
		loss.add(math.Sqrt(sum))
	}
	f.weight = math.Pow(loss.mean+1e-9, -2*sharpness)
}

// combiner turns what was learned into quantiles.
type combiner struct {
	p      *past
	levels []float64
	bands  []band
	tracks []*track
}

func (c *combiner) values() [][]float64 {
	values := table(c.p.ahead-c.p.gap, len(c.levels))
	b := 0
	bound := 1.5 * c.p.top
	for h := range values {
		lead := c.p.gap + h + 1
		at := math.Log2(float64(lead))
		for b+1 < len(c.bands) && c.bands[b+1].middle <= at {
			b++
		}
		share := 0.0
		if b+1 < len(c.bands) && at > c.bands[b].middle {
			share = (at - c.bands[b].middle) / (c.bands[b+1].middle - c.bands[b].middle)
		}
		var total float64
		for k, t := range c.tracks {
			total += c.add(values[h], t, k, lead, b, 1-share)
			if share > 0 {
				total += c.add(values[h], t, k, lead, b+1, share)
			}
		}
		for i, v := range values[h] {
			values[h][i] = min(max(v/total, 0), bound) * c.p.scale
		}
		rising(values[h])
	}
	return values
}

// add adds the quantiles of one track and band, weighted, and returns the weight.
func (c *combiner) add(row []float64, t *track, k, lead, b int, share float64) float64 {
	f := &c.bands[b].fits[k]
	var sum float64
	for j := range c.tracks {
		sum += c.bands[b].fits[j].weight
	}
	w := share * f.weight / sum
	n := len(c.p.y)
	pr, ok := c.p.pairAt(n-1+lead, lead)
	if !ok {
		pr.day, pr.week = n-1+lead, n-1+lead
	}
	var x [terms]float64
	var s [spreads]float64
	base := t.explain(c.p, pr, &x)
	t.widen(pr, base, &s)
	centre := base + dot(f.coef[:], x[:])
	spread := f.spreadOf(s[:])
	for i, q := range f.quantiles {
		row[i] += w * t.tf.back(centre+spread*q)
	}
	return w
}
