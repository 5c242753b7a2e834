package forecast

import "math"

// Who speaks in a band of the profile: its own words, and the naive forecasts, each
// with the quantiles of its own errors. They are mixed level by level, with the
// weights that lose least on pairs of origin and target.
const (
	ownWords = iota
	lastValue
	lastDay
	lastWeek
	speakers
)

// naiveDays are the days that the naive ones look back.
var naiveDays = [speakers]int{lastDay: 1, lastWeek: 7}

// Settings of the mixing.
const (
	testEvery  = 3    // thins the pairs that are tested: the loss needs fewer than the fit
	fewNaive   = 30   // errors that a naive one must have
	ownTrust   = 3.0  // how much more its own words count to begin with, next to now
	ownFar     = 0.8  // and far ahead
	mixPower   = 8    // of a loss, in the weight to begin with, next to now
	mixFar     = 6    // and far ahead, where few of the losses are independent
	mixBetween = 0.25 // days ahead, half-way between the two
	mixRounds  = 12   // of descent from there; few, which keeps near where it began
	mixPace    = 0.5
	mixPairs   = 150  // pairs that a round looks at, up to twice as many
	mixNothing = 0.01 // weights below it are nothing
	credible   = 3    // spreads from its own words beyond which a naive one is not believed
)

// test measures the speakers on the pairs, the own words out of their fold, and
// mixes them.
func (l *learner) test(f *fit, levels []float64) {
	l.naiveErrors(f, levels)
	k := len(levels)
	l.told, l.came = l.told[:0], l.came[:0]
	var miss [speakers]running
	var seasonal running
	season := lastWeek
	if l.p.season() == 1 {
		season = lastDay
	}
	for i := 0; i < len(l.target); i += testEvery {
		said := l.said[i*speakers : (i+1)*speakers]
		if l.atLeast[i] || !f.all(said) {
			continue
		}
		y := l.truth[i]
		l.came = append(l.came, y)
		spread := f.spreadOf(l.s[i*spreads : (i+1)*spreads])
		centre := l.base[i] + l.target[i] - l.resid[i]
		for _, q := range f.quantiles {
			l.told = append(l.told, fromRoot(centre+spread*q))
		}
		miss[ownWords].add(math.Abs(y - fromRoot(centre)))
		for j := lastValue; j < speakers; j++ {
			miss[j].add(math.Abs(y - said[j]))
			for q := range levels {
				if f.naive[j] == nil {
					l.told = append(l.told, 0)
					continue
				}
				l.told = append(l.told, max(0, said[j]+f.naive[j][q]))
			}
		}
		if f.naive[season] != nil {
			at := len(l.told) - (speakers-season)*k
			seasonal.add(meanPinball(levels, l.told[at:at+k], y))
		}
	}
	l.mix(f, levels)
	f.loss.naive = seasonal.mean
	for j, m := range miss {
		f.loss.miss[j] = m.mean
	}
}

// all reports whether every naive one that counts said something.
func (f *fit) all(said []float64) bool {
	for j := lastValue; j < speakers; j++ {
		if f.naive[j] != nil && math.IsNaN(said[j]) {
			return false
		}
	}
	return true
}

// naiveErrors takes the quantiles of the naive ones' errors at the pairs. Last week
// counts where the history has room for it.
func (l *learner) naiveErrors(f *fit, levels []float64) {
	pairs := (len(l.target) + testEvery - 1) / testEvery
	for j := lastValue; j < speakers; j++ {
		f.naive[j] = nil
		l.sorted = l.sorted[:0]
		for i := 0; i < len(l.target); i += testEvery {
			if base := l.said[i*speakers+j]; !math.IsNaN(base) && !l.atLeast[i] {
				l.sorted = append(l.sorted, l.truth[i]-base)
			}
		}
		if len(l.sorted) < fewNaive || 2*len(l.sorted) < pairs {
			continue
		}
		f.naive[j] = make([]float64, len(levels))
		quantilesOf(l.sorted, float64(len(l.sorted)), levels, f.naive[j])
	}
}

// mix finds the weights: from those that the losses give, a few rounds of descent
// on the loss of the mix (exponentiated gradient, Kivinen and Warmuth 1997).
func (l *learner) mix(f *fit, levels []float64) {
	k, n := len(levels), len(l.came)
	f.weight = [speakers]float64{ownWords: 1}
	if n == 0 {
		return
	}
	var each [speakers]running
	for i, y := range l.came {
		for j := range speakers {
			at := (i*speakers + j) * k
			each[j].add(meanPinball(levels, l.told[at:at+k], y))
		}
	}
	far := l.lead / (l.lead + mixBetween*l.p.cal.day)
	var w [speakers]float64
	total := 0.0
	for j := range w {
		if j == ownWords || f.naive[j] != nil {
			w[j] = math.Pow((each[0].mean+smallestMiss)/(each[j].mean+smallestMiss), mixPower+far*(mixFar-mixPower))
			if j == ownWords {
				w[j] *= ownTrust + far*(ownFar-ownTrust)
			}
		}
		total += w[j]
	}
	for j := range w {
		w[j] /= total
	}
	row := make([]float64, k)
	for range mixRounds {
		var slope [speakers]float64
		lost := 0.0
		for i := 0; i < n; i += 1 + n/mixPairs {
			y := l.came[i]
			l.blend(i, k, &w, row)
			for q, v := range row {
				lost += Pinball(levels[q], y, v)
				g := -levels[q]
				if y < v {
					g++
				}
				for j := range slope {
					slope[j] += g * (l.told[(i*speakers+j)*k+q] - v)
				}
			}
		}
		if lost <= smallestMiss {
			break
		}
		total = 0
		for j := range w {
			w[j] *= math.Exp(min(max(-mixPace*slope[j]/lost, -2), 2))
			total += w[j]
		}
		for j := range w {
			w[j] /= total
		}
	}
	total = 0
	for j := range w {
		if w[j] < mixNothing {
			w[j] = 0
		}
		total += w[j]
	}
	for j := range w {
		w[j] /= total
	}
	f.weight = w
	var own, covered running
	for i, y := range l.came {
		l.blend(i, k, &w, row)
		own.add(meanPinball(levels, row, y))
		in := 0.0
		if row[0] <= y && y <= row[k-1] {
			in = 1
		}
		covered.add(in)
	}
	f.loss.own, f.loss.covered, f.loss.n = own.mean, covered.mean, own.n
}

// blend is what the speakers say together of tested pair i.
func (l *learner) blend(i, k int, w *[speakers]float64, row []float64) {
	clear(row)
	for j, v := range w {
		if v == 0 {
			continue
		}
		at := (i*speakers + j) * k
		for q, t := range l.told[at : at+k] {
			row[q] += v * t
		}
	}
}
