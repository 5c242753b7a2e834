package forecast

import "math"

// Terms of the correction: how a target is told from the profile's base. All
// are differences on the root scale, so that the ridge pulls the forecast
// towards the bare profile.
const (
	termConst    = iota
	termWeekday  // weekly against daily profile
	termDayWide  // smoothed against raw slots
	termWeekWide //
	termLastDay  // the same time yesterday
	termLastWeek // the same time last week
	termResidual // residuals of late, one term each
	termFast     = termResidual + residuals
	termSlow     = termFast + 1 // mean of about a day
	termRatio    = termSlow + 1 // the residuals of late as a share of the profile
	terms        = termRatio + 1
)

// Terms of the spread's logarithm: logarithms of how far residuals and moves went.
const (
	spreadConst     = iota
	spreadFast      // residuals of late
	spreadSlow      // of about a day
	spreadSlot      // at this time of day
	spreadLevel     // height of the profile
	spreadMoves     // moves of late
	spreadSlowMoves // of about a day
	spreadAway      // distance from the profile just now
	spreads
)

// pair is one origin and one target seen from it.
type pair struct {
	origin, target int
	day, week      int // rows of the seasonal table known at the origin
}

// pairAt is the pair of target i at lead h; ok is false where the history does
// not reach far enough back.
func (p *past) pairAt(i, h int) (pr pair, ok bool) {
	days := int(math.Ceil(float64(h)/p.cal.day - 1e-9))
	pr = pair{origin: i - h, target: i, day: i, week: i}
	if days > 1 {
		pr.day = p.cal.back(i, days-1)
		if weeks := (days + 6) / 7; weeks > 1 {
			pr.week = p.cal.back(i, 7*(weeks-1))
		}
	}
	return pr, pr.day >= 0 && pr.week >= 0 && pr.origin >= 0
}

// explain fills x with the terms of a pair and returns the profile's base.
func (t *track) explain(p *past, pr pair, x *[terms]float64) (base float64) {
	d := t.seasonal[pr.day*seasonals : (pr.day+1)*seasonals]
	w := t.seasonal[pr.week*seasonals : (pr.week+1)*seasonals]
	r := t.recent[pr.origin*recents : (pr.origin+1)*recents]
	base = profileBase(d, w)
	x[termConst] = 1
	x[termWeekday] = 0.5 * (w[weekRaw] + w[weekWide] - d[dayRaw] - d[dayWide])
	x[termDayWide] = d[dayWide] - d[dayRaw]
	x[termWeekWide] = w[weekWide] - w[weekRaw]
	x[termLastDay] = t.lag(p, pr.day, 1, pr.origin, base)
	x[termLastWeek] = 0
	if t.weekly {
		x[termLastWeek] = t.lag(p, pr.week, 7, pr.origin, base)
	}
	copy(x[termResidual:], r[:residuals])
	x[termFast] = r[fastLevel] - base
	x[termSlow] = r[slowLevel] - base
	x[termRatio] = r[ratioOf] * min(base/r[baseLevel], 10)
	return base
}

// lag is how far the value some days before step i was from base; 0 where there
// is none that was known at the origin.
func (t *track) lag(p *past, i, days, origin int, base float64) float64 {
	j := p.cal.back(i, days)
	if j < 0 || j > origin {
		return 0
	}
	if v := t.near[j]; !math.IsNaN(v) {
		return v - base
	}
	return 0
}

// noiseFloor keeps logarithms of spreads finite.
const noiseFloor = 1e-4

// widen fills x with the terms of the spread of a pair whose base is given.
func (t *track) widen(pr pair, base float64, x *[spreads]float64) {
	r := t.recent[pr.origin*recents : (pr.origin+1)*recents]
	x[spreadConst] = 1
	x[spreadFast] = math.Log(r[fastNoise] + noiseFloor)
	x[spreadSlow] = math.Log(r[slowNoise] + noiseFloor)
	x[spreadSlot] = math.Log(t.seasonal[pr.day*seasonals+dayNoise] + noiseFloor)
	x[spreadMoves] = math.Log(r[fastMoves] + noiseFloor)
	x[spreadSlowMoves] = math.Log(r[slowMoves] + noiseFloor)
	x[spreadAway] = math.Log(math.Abs(r[1]) + 0.1*r[slowNoise] + noiseFloor)
	x[spreadLevel] = math.Log(fromRoot(base) + 0.05)
}
