package forecast

import (
	"math"
	"time"

	"github.com/forescale/forescale"
)

// Drift is watched by two one-sided cumulative sums (Page, "Continuous inspection
// schemes", Biometrika 41, 1954): each hour adds how much worse it was than what is
// allowed, and the sum never falls below zero. Errors come in runs, so the sums
// count hours, not steps, and the limit was set on runs of bad hours; see the test.
const (
	// missAllowed is the share of misses of a 90 % interval that raises the sum:
	// what is promised, and half of the way to a share of 40 %.
	missAllowed = .10 + .15
	// errorAllowed is own error / (own + last week's) that raises the sum: errors
	// half as large again as last week's are 0.6.
	errorAllowed = .60
	// driftLimit raises the alarm. A forecast that always misses gets there in 8 h,
	// one that misses half of the time in a day.
	driftLimit = 6.0
	// negligible is the error, as a share of demand, that is too small to matter.
	negligible = .03
	// leastScored is how many steps of an hour must be known to judge it.
	leastScored = 4
)

// Intervals are widened while they hold too seldom: the logarithm of the factor goes
// up with each hour's misses and down without, so that it comes to rest where the
// share of misses is what was promised (Gibbs and Candès, "Adaptive conformal
// inference under distribution shift", 2021).
const (
	widenRate   = .5
	widestRange = 5.0
)

// Drifted takes an hour's scores into account. at is when that is noticed.
func Drifted(d forescale.Drift, hour []forescale.Tally, at time.Time) forescale.Drift {
	x := nearTerm(hour)
	if x.Steps < leastScored {
		return d
	}
	miss := 1 - float64(x.Inside)/float64(x.Steps)
	d.Coverage = grown(d.Coverage, miss-missAllowed)
	worse := 0.0
	if sum := x.TheirMiss + x.LastWeek; x.Compared >= leastScored && sum > 0 && x.TheirMiss > negligible*x.Truth {
		worse = x.TheirMiss / sum
	}
	d.Error = grown(d.Error, worse-errorAllowed)
	switch {
	case d.Alarm == forescale.AlarmNone && d.Coverage >= driftLimit:
		d = raised(d, forescale.AlarmCoverage, at)
	case d.Alarm == forescale.AlarmNone && d.Error >= driftLimit:
		d = raised(d, forescale.AlarmError, at)
	case d.Alarm != forescale.AlarmNone && d.Coverage == 0 && d.Error == 0:
		d.Alarm, d.Ended = forescale.AlarmNone, at
	}
	if d.Alarm == forescale.AlarmCoverage || d.Wider > 1 {
		d.Wider = min(max(max(d.Wider, 1)*math.Exp(widenRate*(miss-(1-(highBound-lowBound)))), 1), widestRange)
	}
	return d
}

// grown is a cumulative sum a step on. It stops at the limit, so that the way back is
// not longer than the way there.
func grown(sum, by float64) float64 { return min(max(sum+by, 0), driftLimit) }

func raised(d forescale.Drift, a forescale.Alarm, at time.Time) forescale.Drift {
	d.Alarm, d.Last, d.Since, d.Ended = a, a, at, time.Time{}
	d.Times++
	return d
}

// nearTerm is the sum over models at the longest lead up to two hours that was
// scored, or else at any.
func nearTerm(hour []forescale.Tally) (x forescale.Tally) {
	for _, t := range hour {
		switch {
		case t.Lead == x.Lead:
			x.Add(t)
		case x.Steps == 0 || t.Lead > x.Lead && t.Lead <= 2*time.Hour:
			x = t
		}
	}
	return x
}

// Widen spreads the quantiles of a forecast around their medians.
func Widen(f forescale.Forecast, by float64) {
	for _, row := range f.Values {
		mid := middleOf(f.Levels, row)
		for k := range row {
			row[k] = min(max(mid+(row[k]-mid)*by, 0), math.MaxFloat32)
		}
	}
}

// middleOf is the value at the level 0.5, which every forecast has.
func middleOf(levels, row []float64) float64 {
	for k, q := range levels {
		if q >= .5 {
			return row[k]
		}
	}
	return row[len(row)-1]
}
