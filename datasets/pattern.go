package datasets

import (
	"math"
	"time"
)

// Pattern is the load of a made-up service: the shape of its week, and over it
// growth, noise, holidays and what happens now and then. Each field is a knob; its
// zero value means none of that. [Presets] are sensible settings.
//
// Everything that is random hangs on the seed and on its own time alone: a longer
// trace begins with the shorter one, and any two are the same where they overlap.
type Pattern struct {
	Seed  uint64
	Zone  *time.Location // whose days and weeks are meant; nil: UTC
	Shape Shape          // of the week; nil: ShopHours

	Night   float64 // lowest usual load, per second
	Peak    float64 // highest usual load of a weekday, per second
	Weekend float64 // weekend's peak as a share of the weekday's

	Trend  float64   // growth in a year, as a share of the load at Origin; below 0 it shrinks
	Origin time.Time // when the growth begins; zero: the start of 2026

	// Noise, from slow to fast. All of it grows with the load; counting noise with its root.
	Daily    float64 // standard deviation from day to day, as a share
	Drift    float64 // standard deviation of the slow drift within a day, as a share
	Jitter   float64 // standard deviation from minute to minute beyond counting, as a share
	Counting float64 // 1: arrivals of one minute are counted, as independent ones are; 2: twice that noise; 0: exact

	Holiday   float64                  // load of a public holiday as a share of the usual; 0: it is a day like any other
	HolidayOn func(day time.Time) bool // whether the local day is one; nil: [Holiday]
	Bursts    float64                  // a week; at most one a day
	Height    float64                  // most that a burst adds, as a share of the load; 0: 0.6
	Length    time.Duration            // of the longest burst, at most 3 hours; 0: 40 minutes
	Shifts    float64                  // deploy shifts a year: from then on a request costs more, or less
	ShiftSize float64                  // standard deviation of what a request costs, as a share; 0: 0.2
	Outages   float64                  // a year: the load falls to nearly nothing, and comes back with those who waited
	Gaps      float64                  // a year: nobody measures, from minutes to most of a day
}

// DefaultPattern is the preset shop, whose peak is peak, without what happens seldom.
func DefaultPattern(seed uint64, peak float64, zone *time.Location) Pattern {
	return shop(seed, peak, zone).Calm()
}

// Calm is the pattern without what happens seldom: growth, holidays, shifts, outages,
// gaps. What is left is a working week with its noise and bursts.
func (p Pattern) Calm() Pattern {
	p.Trend, p.Holiday, p.Shifts, p.Outages, p.Gaps = 0, 0, 0, 0, 0
	return p
}

// atom is how long the load keeps still, but where a step is not a multiple of it.
const atom = time.Minute

// At is the load at t, 0 or more, the same at every call. The load is constant within a minute.
func (p Pattern) At(t time.Time) float64 {
	return p.still(t.Truncate(atom), atom).load
}

// still is what holds during one short step.
type still struct {
	load                           float64 // with noise
	usual                          float64 // without noise, and without what is special
	expected                       float64 // without noise
	cost                           float64
	holiday, burst, outage, gapped bool
}

// still works out the step of that width at t.
func (p Pattern) still(t time.Time, width time.Duration) (s still) {
	zone := p.Zone
	if zone == nil {
		zone = time.UTC
	}
	local := t.In(zone)
	s.cost = p.cost(t)
	s.usual = p.week(local) * p.growth(t) * s.cost

	s.expected = s.usual
	if s.holiday = p.isHoliday(local); s.holiday {
		s.expected *= p.Holiday
	}
	if more := p.burst(local); more > 0 {
		s.burst = true
		s.expected *= 1 + more
	}
	if left, out := p.outage(t); out {
		s.outage = true
		s.expected *= left
	}
	s.gapped = p.gap(t)

	v := s.expected
	v *= math.Max(0, 1+p.Daily*normal(p.Seed, "day", dayKey(local)))
	v *= math.Max(0, 1+p.Drift*p.drift(t))
	v *= math.Max(0, 1+p.Jitter*p.noise("jitter", t, width))
	s.load = p.count(v, t, width)
	s.usual, s.expected, s.load = single(s.usual), single(s.expected), single(s.load)
	return s
}

// week is the usual load without growth.
func (p Pattern) week(local time.Time) float64 {
	shape := p.Shape
	if shape == nil {
		shape = ShopHours
	}
	share := shape(local.Weekday(), hourOf(local))
	if isWeekend(local.Weekday()) {
		share *= p.Weekend
	}
	return p.Night + (p.Peak-p.Night)*max(0, share)
}

// growth is the load as a multiple of that at the origin; it never falls below a twentieth.
func (p Pattern) growth(t time.Time) float64 {
	if p.Trend == 0 {
		return 1
	}
	origin := p.Origin
	if origin.IsZero() {
		origin = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return math.Max(0.05, 1+p.Trend*t.Sub(origin).Hours()/(365*24))
}

// count is how many of v arrive, per second: independent arrivals have the square
// root of their number as noise.
func (p Pattern) count(v float64, t time.Time, width time.Duration) float64 {
	n := v * width.Seconds()
	if p.Counting <= 0 || n <= 0 {
		return v
	}
	z := p.noise("count", t, width)
	if n < few && p.Counting == 1 {
		return float64(poisson(n, z)) / width.Seconds()
	}
	return math.Max(0, math.Round(n+p.Counting*z*math.Sqrt(n))) / width.Seconds()
}

// few is up to where counts are Poisson to the letter; more of them are normal.
const few = 20

// poisson is the count whose probability not to be exceeded is that of z among
// standard normal values.
func poisson(n, z float64) int {
	u := 0.5 * math.Erfc(-z/math.Sqrt2)
	k, p := 0, math.Exp(-n)
	for sum := p; u > sum && k < 10*few; sum += p {
		k++
		p *= n / float64(k)
	}
	return k
}

// noise is one standard normal value for a step. Those of minutes are one row of
// values, whatever is made of them; shorter and odd steps have rows of their own.
func (p Pattern) noise(kind string, t time.Time, width time.Duration) float64 {
	if width != atom {
		kind += width.String()
	}
	k, _ := pieceOf(sinceEpoch(t), width)
	return normal(p.Seed, kind, k)
}

// drift is a smooth random walk around 0 with standard deviation of about 1.
func (p Pattern) drift(t time.Time) float64 {
	if p.Drift == 0 {
		return 0
	}
	const knot = 45 * time.Minute
	i, rest := pieceOf(sinceEpoch(t), knot)
	f := float64(rest) / float64(knot)
	f = f * f * (3 - 2*f)
	a, b := normal(p.Seed, "drift", i), normal(p.Seed, "drift", i+1)
	return (a*(1-f) + b*f) * 1.15
}

// sinceEpoch is where t stands on the axis that random things hang on.
func sinceEpoch(t time.Time) time.Duration { return time.Duration(t.UnixNano()) }

// pieceOf cuts the axis into pieces of a width, and tells in which one at lies, and how
// far from its beginning.
func pieceOf(at, width time.Duration) (k int64, rest time.Duration) {
	k, rest = int64(at/width), at%width
	if rest < 0 {
		k, rest = k-1, rest+width
	}
	return k, rest
}

// single keeps what single precision holds: processors differ in the last bits of
// double precision, and a load has to be the same on all of them.
func single(v float64) float64 { return float64(float32(v)) }

// hourOf is the hour of the day with its fraction.
func hourOf(local time.Time) float64 {
	return float64(local.Hour()) + float64(local.Minute())/60 + float64(local.Second())/3600
}

func dayKey(local time.Time) int64 { return int64(local.Year())*1000 + int64(local.YearDay()) }

func isWeekend(d time.Weekday) bool { return d == time.Saturday || d == time.Sunday }
