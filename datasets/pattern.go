package datasets

import (
	"math"
	"math/rand/v2"
	"time"
)

// Pattern is a made-up working week: a steep morning rise, a dip at lunch, an
// afternoon peak, a smaller one in the evening, quieter and later weekends, and
// over it four kinds of noise. Its zero fields mean none of that noise.
type Pattern struct {
	Seed     uint64
	Zone     *time.Location // of the working week; nil: UTC
	Night    float64        // lowest usual load
	Peak     float64        // highest usual load of a weekday
	Weekend  float64        // weekend's peak as a share of the weekday's
	Daily    float64        // standard deviation from day to day, as a share
	Drift    float64        // standard deviation of the slow drift within a day, as a share
	Counting float64        // 1: arrivals of one minute are counted, as independent ones are; 0: exact
	Bursts   float64        // bursts a week, of 10 to 40 minutes and up to +60 %
}

// DefaultPattern is a weekday pattern with noise whose peak is peak.
func DefaultPattern(seed uint64, peak float64, zone *time.Location) Pattern {
	return Pattern{Seed: seed, Zone: zone, Night: 0.09 * peak, Peak: peak, Weekend: 0.5,
		Daily: 0.03, Drift: 0.03, Counting: 1, Bursts: 2}
}

// At is the load at t, 0 or more, the same at every call. The load is constant within a minute.
func (p Pattern) At(t time.Time) float64 {
	zone := p.Zone
	if zone == nil {
		zone = time.UTC
	}
	minute := t.Unix() / 60
	local := time.Unix(minute*60, 0).In(zone)
	day := int64(local.Year())*1000 + int64(local.YearDay())

	v := p.usual(local)
	v *= 1 + p.Daily*normal(p.Seed, "day", day)
	v *= 1 + p.Drift*p.drift(minute)
	v *= 1 + p.burst(local, day)
	if n := v * 60; p.Counting > 0 && n > 0 {
		// Poisson, by its normal limit: counts here are well above 20.
		v += p.Counting * normal(p.Seed, "count", minute) * math.Sqrt(n) / 60
	}
	return max(0, v)
}

// usual is the load without noise.
func (p Pattern) usual(local time.Time) float64 {
	hour := float64(local.Hour()) + float64(local.Minute())/60
	shape := weekday(hour)
	if d := local.Weekday(); d == time.Saturday || d == time.Sunday {
		shape = p.Weekend * weekend(hour)
	}
	return p.Night + (p.Peak-p.Night)*shape
}

// weekday and weekend are 0 at night and about 1 at the highest peak.
func weekday(h float64) float64 {
	return 0.92*rise(h, 7.75, 0.22) - 0.30*rise(h, 12.1, 0.15) + 0.38*rise(h, 13.25, 0.2) -
		0.72*rise(h, 17.5, 0.45) + 0.34*rise(h, 19.6, 0.3) - 0.62*rise(h, 22.2, 0.4)
}

func weekend(h float64) float64 {
	return 0.9*rise(h, 10, 0.6) - 0.2*rise(h, 14, 0.8) + 0.3*rise(h, 18.5, 0.5) - rise(h, 22.6, 0.5)
}

// rise goes from 0 to 1 around hour at; width is a quarter of the time it takes.
func rise(h, at, width float64) float64 { return 1 / (1 + math.Exp(-(h-at)/width)) }

// drift is a smooth random walk around 0 with standard deviation of about 1.
func (p Pattern) drift(minute int64) float64 {
	const knot = 45 // minutes
	i, f := minute/knot, float64(minute%knot)/knot
	f = f * f * (3 - 2*f)
	a, b := normal(p.Seed, "drift", i), normal(p.Seed, "drift", i+1)
	return (a*(1-f) + b*f) * 1.15
}

// burst is what a burst of this day adds at local, as a share.
func (p Pattern) burst(local time.Time, day int64) float64 {
	if p.Bursts <= 0 {
		return 0
	}
	r := Draw(p.Seed, "burst", uint64(day))
	if r.Float64() >= p.Bursts/7 {
		return 0
	}
	start, length, height := 7+14*r.Float64(), between(r, 10, 40)/60, between(r, 0.25, 0.6)
	x := (float64(local.Hour()) + float64(local.Minute())/60 - start) / length
	if x < 0 || x > 1 {
		return 0
	}
	return height * min(1, 4*x, 4*(1-x))
}

func between(r *rand.Rand, lo, hi float64) float64 { return lo + (hi-lo)*r.Float64() }
