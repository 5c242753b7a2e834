package forecast

import "math"

// Settings of following. The weights that the whole history gives to the profile's own
// words and to the naive forecasts change within hours where a level jumps that never
// did (fixed share, Herbster and Warmuth 1998): each truth of late makes those who lost
// count less, and a share of what all the history tells comes back with each. Losses of
// minutes, as around a jump that comes each Monday, count for nothing.
const (
	followSteps = 96   // truths of late that are looked at
	followReach = 3    // leads that they reach back over, at least
	followPace  = 1    // e-folds by which a loss as large as the usual one counts less
	followFar   = 6    // how much slower that is a day ahead, where truths of late hang together
	followMost  = 8    // usual losses that one truth counts at most
	followBack  = 0.03 // share that comes back with each truth
	followFloor = 0.01 // weight, beside one, of a naive forecast that had none
	followLasts = 40   // parts of a day, in truths looked at: a loss counts when it was as large so long before
)

// follow moves the weights of the bands by what each speaker would have said of the
// truths of late.
func (f *forecaster) follow() {
	row, before := make([]float64, len(f.levels)), table(1+f.p.cal.perDay/followLasts, speakers)
	for b := range f.bands {
		f.followBand(&f.bands[b], row, before)
	}
}

// followBand moves the weights of one band; row and before are work space.
func (f *forecaster) followBand(b *band, row []float64, before [][]float64) {
	fit := &b.fit
	if fit.loss.n == 0 {
		return
	}
	for _, lost := range before {
		clear(lost)
	}
	back := fit.weight
	for j, offsets := range fit.naive {
		if offsets != nil {
			back[j] += followFloor
		}
	}
	addToOne(&back)
	w := back
	pace := followPace / (1 + followFar*0.5*float64(b.from+b.to)/f.p.cal.day)
	n := len(f.p.y)
	apart := max(1, followReach*(b.from+b.to)/(2*followSteps))
	for k := followSteps - 1; k >= 0; k-- {
		i := n - 1 - k*apart
		if i < 0 {
			continue
		}
		// All leads of the band have their turn.
		pr, ok := f.p.pairAt(i, b.from+k*7%(b.to-b.from+1))
		if !ok || math.IsNaN(f.p.y[i]) || f.p.censored(i) || math.IsNaN(f.t.z[pr.origin]) {
			continue
		}
		lost, earlier := f.lostOn(fit, pr, row), before[k%len(before)]
		for j := range w {
			w[j] *= math.Exp(-pace * min(lost[j], earlier[j]))
			earlier[j] = lost[j]
		}
		addToOne(&w)
		for j := range w {
			w[j] += followBack * (back[j] - w[j])
		}
	}
	fit.weight = w
}

// lostOn is what each speaker would have lost on a pair, in losses as usual, more than
// the best of them. Who says nothing loses as the profile's own words do.
func (f *forecaster) lostOn(fit *fit, pr pair, row []float64) (lost [speakers]float64) {
	y, usual := f.p.y[pr.target], fit.loss.own+smallestMiss
	loss := func() float64 { return min(meanPinball(f.levels, row, y)/usual, followMost) }
	centre, spread := f.own(fit, pr)
	for k, q := range fit.quantiles {
		row[k] = fromRoot(centre + spread*q)
	}
	lost[ownWords] = loss()
	least := lost[ownWords]
	for j := lastValue; j < speakers; j++ {
		lost[j] = lost[ownWords]
		if fit.naive[j] == nil {
			continue
		}
		z := f.believed(j, pr, centre, spread)
		if math.IsNaN(z) {
			continue
		}
		said := fromRoot(z)
		for k, o := range fit.naive[j] {
			row[k] = max(0, said+o)
		}
		lost[j] = loss()
		least = min(least, lost[j])
	}
	for j := range lost {
		lost[j] -= least
	}
	return lost
}

// own are the profile's own words on a pair, on the root scale.
func (f *forecaster) own(fit *fit, pr pair) (centre, spread float64) {
	var x [terms]float64
	var s [spreads]float64
	base := f.t.explain(f.p, pr, &x)
	fit.withinSeen(&x, float64(pr.target-pr.origin)/f.p.cal.day)
	f.t.widen(pr, base, &s)
	return base + dot(fit.coef[:], x[:]), fit.spreadOf(s[:])
}

// believed is what a naive forecast says of a pair, on the root scale: one odd or
// saturated day is not repeated as it was. NaN where there is nothing to repeat.
func (f *forecaster) believed(speaker int, pr pair, centre, spread float64) float64 {
	z, within := f.t.z[pr.origin], credible*spread
	if speaker == lastValue {
		within *= max(1, burstLasts*f.p.cal.day/float64(pr.target-pr.origin))
	} else {
		z = f.p.repeat(f.t.calm, pr.target, pr.origin, naiveDays[speaker])
	}
	return min(max(z, centre-within), centre+within)
}

func addToOne(w *[speakers]float64) {
	total := 0.0
	for _, v := range w {
		total += v
	}
	for j := range w {
		w[j] /= total
	}
}
