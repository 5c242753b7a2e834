package forecast

import (
	"math"
	"slices"
)

// band is a range of lead times that shares one correction and one set of
// quantiles.
type band struct {
	from, to int     // leads in steps, both included
	middle   float64 // log2 of the lead that it stands for
	fit      fit
}

// bandsFor covers the leads [first, last] with bands that double in width.
func bandsFor(first, last int) []band {
	var bs []band
	for from := first; from <= last; {
		to := from
		if from > 2 {
			to = min(last, 2*from-1)
		}
		if last-to < (to-from+1)/2 {
			to = last
		}
		bs = append(bs, newBand(from, to))
		from = to + 1
	}
	return bs
}

func newBand(from, to int) band {
	return band{from: from, to: to, middle: 0.5 * (math.Log2(float64(from)) + math.Log2(float64(to)))}
}

// fit is what was learned for one band.
type fit struct {
	coef      [terms]float64
	apart     [folds][terms]float64         // what all folds but one teach
	first     int                           // step that the first fold begins with
	span      int                           // steps of all folds
	most      [terms - termResidual]float64 // of the terms of late, at the pairs
	spread    [spreads]float64
	lo, hi    float64             // bounds of the spread's logarithm: those seen
	quantiles []float64           // of residual / spread, by level
	naive     [speakers][]float64 // of the errors of the naive ones, by level; nil where there are none
	weight    [speakers]float64   // add up to one
	loss      loss                // out of fold
}

// loss is the mean pinball loss of the mix beside that of the seasonal naive
// forecast on the same targets.
type loss struct {
	own, naive, covered float64
	n                   int
	miss                [speakers]float64 // mean absolute errors
}

// Settings of the learning.
const (
	pairsPerBand = 1400 // pairs of origin and target looked at
	fewestPairs  = 12   // below this a band is not learned
	folds        = 5    // stretches of time, each forecast by what the others taught
	ridgeLead    = 2    // times lead / history: far leads have been seen few times
	ridgePairs   = 5    // and as so many pairs of it
	drift        = 0.15 // how much farther errors go ahead than behind, a day away
	pairMemory   = 28.0 // days after which a pair counts half
)

// learner holds the pairs of one band and the work space to learn from them.
type learner struct {
	lead    float64 // middle of the band, in steps
	p       *past
	t       *track
	x       []float64 // [pair][terms]
	s       []float64 // [pair][spreads]
	target  []float64 // truth − base
	base    []float64
	truth   []float64 // of the pair, not on the root scale
	weight  []float64
	fold    []int
	resid   []float64 // out of fold
	said    []float64 // [pair][speakers]: of the naive ones, NaN where there is none
	told    []float64 // [tested pair][speakers][level]
	came    []float64 // [tested pair]
	atLeast []bool
	gram    [folds][terms * terms]float64
	rhs     [folds][terms]float64
	ridge   [terms]float64
	sorted  []float64
}

func newLearner(p *past, t *track) *learner {
	m := pairsPerBand
	return &learner{p: p, t: t, x: make([]float64, 0, m*terms), s: make([]float64, 0, m*spreads),
		target: make([]float64, 0, m), base: make([]float64, 0, m), truth: make([]float64, 0, m),
		weight: make([]float64, 0, m), fold: make([]int, 0, m), resid: make([]float64, m),
		said: make([]float64, 0, m*speakers), atLeast: make([]bool, 0, m), sorted: make([]float64, 0, m)}
}

// golden spreads the pairs over the history and over the times of day alike.
const golden = 0.6180339887498949

// collect gathers pairs of origin and target for leads of the band, and says
// where the targets begin and how many steps they are of.
func (l *learner) collect(b band) (first, span int) {
	l.x, l.s, l.target, l.base = l.x[:0], l.s[:0], l.target[:0], l.base[:0]
	l.said = l.said[:0]
	l.truth, l.weight, l.fold, l.atLeast = l.truth[:0], l.weight[:0], l.fold[:0], l.atLeast[:0]
	l.lead = 0.5 * float64(b.from+b.to)
	n := len(l.p.y)
	known := 1.0 // days after which the profile knows every slot
	if l.t.weekly {
		known = 7
	}
	first = b.from + int(known*l.p.cal.day+0.5)
	span = n - first
	if span <= 0 {
		return first, span
	}
	var x [terms]float64
	var s [spreads]float64
	at := 0.5
	for k := range min(pairsPerBand, span) {
		at += golden
		at -= math.Floor(at)
		// Counted from the end, so that more history in front moves nothing much.
		i := n - 1 - int(at*float64(span))
		h := b.from + k%(b.to-b.from+1)
		pr, ok := l.p.pairAt(i, h)
		if !ok || math.IsNaN(l.t.z[i]) || math.IsNaN(l.t.z[pr.origin]) {
			continue
		}
		base := l.t.explain(l.p, pr, &x)
		l.t.widen(pr, base, &s)
		l.x, l.s = append(l.x, x[:]...), append(l.s, s[:]...)
		l.base = append(l.base, base)
		l.target = append(l.target, l.t.z[i]-base)
		l.truth = append(l.truth, l.p.y[i])
		l.said = append(l.said, math.NaN(), l.p.y[pr.origin], l.p.repeat(l.p.y, i, pr.origin, 1), l.p.repeat(l.p.y, i, pr.origin, 7))
		l.weight = append(l.weight, math.Exp2(-float64(n-i)/(pairMemory*l.p.cal.day)))
		l.fold = append(l.fold, (i-first)*folds/span)
		l.atLeast = append(l.atLeast, l.p.censored(i))
	}
	return first, span
}

// learn fits the correction and the spread. It fails with too few pairs.
func (l *learner) learn(b band, levels []float64) (f fit, ok bool) {
	if f, ok = l.regress(b); ok {
		l.fitQuantiles(&f, l.resid[:len(l.target)], levels)
		l.test(&f, levels)
	}
	return f, ok
}

// regress fits what learn does but for quantiles, and leaves the residuals of the
// pairs, each out of its fold.
func (l *learner) regress(b band) (f fit, ok bool) {
	f.first, f.span = l.collect(b)
	m := len(l.target)
	if m < fewestPairs {
		return f, false
	}
	resid := l.resid[:m]
	copy(resid, l.target)
	l.accumulate(resid, 4) // a first guess, good enough to tell outliers by
	l.solveFolds(resid)
	every := 1
	if l.lead > 12 && len(resid) > pairsPerBand/2 {
		every = 2 // of far leads, neighbours tell nearly the same
	}
	l.accumulate(resid, every)
	f.coef, f.apart = l.solveFolds(resid)
	for k := range resid {
		for j, v := range l.x[k*terms+termResidual : (k+1)*terms] {
			f.most[j] = max(f.most[j], math.Abs(v))
		}
	}
	l.fitSpread(&f, resid)
	return f, true
}

// burstLasts is the part of a day ahead of which nothing of late may count for more than
// it ever did: a burst of some hours tells nothing of tomorrow. Nearer it may by as many
// times as the lead is shorter.
const burstLasts = 1.0 / 3

// withinSeen bounds the terms of late by those seen, for a lead in days.
func (f *fit) withinSeen(x *[terms]float64, lead float64) {
	grow := max(1, burstLasts/lead)
	for j, most := range f.most {
		x[termResidual+j] = min(max(x[termResidual+j], -grow*most), grow*most)
	}
}

// without is the correction that the fold of a step did not teach.
func (f *fit) without(i int) *[terms]float64 {
	fold := (i - f.first) * folds / f.span
	return &f.apart[min(max(fold, 0), folds-1)]
}

// accumulate adds up the normal equations of each every-th pair by fold, with
// weights that make far residuals count less (Huber 1964).
func (l *learner) accumulate(resid []float64, every int) {
	limit := 1.5 * l.usual(resid)
	for f := range folds {
		l.gram[f], l.rhs[f] = [terms * terms]float64{}, [terms]float64{}
	}
	for k := 0; k < len(resid); k += every {
		r := resid[k]
		if l.atLeast[k] && r < 0 {
			continue // the truth may well be what was forecast
		}
		w := l.weight[k]
		if a := math.Abs(r); a > limit {
			w *= limit / a
		}
		x := l.x[k*terms : (k+1)*terms]
		g, v := &l.gram[l.fold[k]], &l.rhs[l.fold[k]]
		for i, xi := range x {
			if xi == 0 {
				continue
			}
			wx := w * xi
			v[i] += wx * l.target[k]
			row := g[i*terms : i*terms+i+1]
			for j, xj := range x[:len(row)] {
				row[j] += wx * xj
			}
		}
	}
}

// usual is how far off six of ten residuals are at most, of a sample of them.
func (l *learner) usual(resid []float64) float64 {
	l.sorted = l.sorted[:0]
	for k := 0; k < len(resid); k += 1 + len(resid)/250 {
		l.sorted = append(l.sorted, math.Abs(resid[k]))
	}
	slices.Sort(l.sorted)
	return l.sorted[len(l.sorted)*6/10]
}

// solveFolds returns the correction of all folds and fills resid with the
// residuals of each pair under the correction of the other folds.
func (l *learner) solveFolds(resid []float64) (coef [terms]float64, coefs [folds][terms]float64) {
	var all [terms * terms]float64
	var allV [terms]float64
	for f := range folds {
		for i, v := range l.gram[f] {
			all[i] += v
		}
		for i, v := range l.rhs[f] {
			allV[i] += v
		}
	}
	pull := ridgePairs/float64(len(resid)) + ridgeLead*l.lead/float64(len(l.p.y))
	for j := range l.ridge {
		l.ridge[j] = pull
	}
	var chol, g [terms * terms]float64
	var v [terms]float64
	for f := range folds {
		for i := range all {
			g[i] = all[i] - l.gram[f][i]
		}
		for i := range allV {
			v[i] = allV[i] - l.rhs[f][i]
		}
		solve(g[:], v[:], terms, l.ridge[:], chol[:], coefs[f][:])
	}
	for k := range resid {
		resid[k] = l.target[k] - dot(coefs[l.fold[k]][:], l.x[k*terms:(k+1)*terms])
	}
	solve(all[:], allV[:], terms, l.ridge[:], chol[:], coef[:])
	return coef, coefs
}

// fitSpread learns how wide residuals are from how noisy it was of late and at
// this time of day, by least squares on logarithms.
func (l *learner) fitSpread(f *fit, resid []float64) {
	var mean running
	for _, r := range resid {
		mean.add(math.Abs(r))
	}
	floor := 0.1*mean.mean + 1e-9
	var g, chol [spreads * spreads]float64
	var v, ridge [spreads]float64
	var centre [spreads]float64
	m := len(resid)
	for k := range m {
		for j := range spreads {
			centre[j] += l.s[k*spreads+j] / float64(m)
		}
	}
	centre[spreadConst] = 0
	var x [spreads]float64
	for k, r := range resid {
		w := l.weight[k]
		y := math.Log(math.Abs(r) + floor)
		for i := range spreads {
			x[i] = l.s[k*spreads+i] - centre[i]
			v[i] += w * x[i] * y
			for j := 0; j <= i; j++ {
				g[i*spreads+j] += w * x[i] * x[j]
			}
		}
	}
	for j := 1; j < spreads; j++ {
		ridge[j] = 0.05 + 30/float64(m) + 20*l.lead/float64(len(l.p.y))
	}
	solve(g[:], v[:], spreads, ridge[:], chol[:], f.spread[:])
	for j := 1; j < spreads; j++ {
		f.spread[0] -= f.spread[j] * centre[j]
	}
	f.lo, f.hi = math.Inf(1), math.Inf(-1)
	for k := range m {
		s := dot(f.spread[:], l.s[k*spreads:(k+1)*spreads])
		f.lo, f.hi = min(f.lo, s), max(f.hi, s)
	}
}

// spreadOf is the spread that the terms tell, within what was seen.
func (f *fit) spreadOf(x []float64) float64 {
	return math.Exp(min(max(dot(f.spread[:], x), f.lo), f.hi))
}

// fitQuantiles takes the quantiles of the residuals in units of their spread.
func (l *learner) fitQuantiles(f *fit, resid, levels []float64) {
	l.sorted = l.sorted[:0]
	for k, r := range resid {
		if l.atLeast[k] && r < 0 {
			continue
		}
		l.sorted = append(l.sorted, r/f.spreadOf(l.s[k*spreads:(k+1)*spreads]))
	}
	if len(l.sorted) == 0 {
		l.sorted = append(l.sorted, 0)
	}
	f.quantiles = make([]float64, len(levels))
	quantilesOf(l.sorted, effective(len(l.sorted)), levels, f.quantiles)
	mid := l.sorted[len(l.sorted)/2] // in its place, as quantilesOf left it
	wider := 1 + drift*l.lead/(l.lead+0.25*l.p.cal.day)
	for i, q := range f.quantiles {
		f.quantiles[i] = mid + wider*(q-mid)
	}
}

// effective is how many independent residuals so many neighbours are worth.
func effective(n int) float64 { return max(4, float64(n)/2) }
