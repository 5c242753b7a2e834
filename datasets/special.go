package datasets

import (
	"math"
	"math/rand/v2"
	"time"
)

const (
	day  = 24 * time.Hour
	year = 365 * day
)

// isHoliday reports whether holidays count and the local day is one.
func (p Pattern) isHoliday(local time.Time) bool {
	switch {
	case p.Holiday <= 0:
		return false
	case p.HolidayOn != nil:
		return p.HolidayOn(local)
	}
	return Holiday(local)
}

// burst is what a burst of this day adds at local, as a share. It rises within a
// quarter of its length and falls within another.
func (p Pattern) burst(local time.Time) float64 {
	if p.Bursts <= 0 {
		return 0
	}
	r := Draw(p.Seed, "burst", uint64(dayKey(local)))
	if r.Float64() >= p.Bursts/7 {
		return 0
	}
	longest, highest := 2.0/3, 0.6
	if p.Length > 0 {
		longest = math.Min(3, p.Length.Hours())
	}
	if p.Height > 0 {
		highest = p.Height
	}
	start, length, height := 7+14*r.Float64(), between(r, longest/4, longest), between(r, highest*5/12, highest)
	x := (hourOf(local) - start) / length
	if x < 0 || x > 1 {
		return 0
	}
	return height * math.Min(1, math.Min(4*x, 4*(1-x)))
}

// cost is what a request costs, around 1. The years are cut into even pieces, each of
// which has one shift somewhere in it. Costs do not add up: a service that is
// deployed for years neither stops nor bursts by it.
func (p Pattern) cost(t time.Time) float64 {
	if p.Shifts <= 0 {
		return 1
	}
	piece := time.Duration(float64(year) / p.Shifts)
	k, into := pieceOf(sinceEpoch(t), piece)
	if float64(into) < Draw(p.Seed, "shift", uint64(k)).Float64()*float64(piece) {
		k-- // the shift of this piece is still ahead
	}
	size := p.ShiftSize
	if size == 0 {
		size = 0.2
	}
	return math.Max(0.2, 1+size*normal(p.Seed, "cost", k))
}

// outage is the share of the load that is left while a service is away, and what
// comes back with those who waited. ok tells whether either holds at t.
func (p Pattern) outage(t time.Time) (share float64, ok bool) {
	started, length, r := p.happens("outage", p.Outages, t, 90*time.Minute, func(r *rand.Rand) time.Duration {
		return time.Duration(between(r, 5, 45) * float64(time.Minute))
	})
	if r == nil {
		return 1, false
	}
	left, waited := between(r, 0, 0.05), between(r, 0.2, 0.6)
	if started < length {
		return left, true
	}
	x := float64(started-length) / float64(length) // they come back within as long again
	if x >= 1 {
		return 1, false
	}
	return 1 + waited*(1-x), true
}

// gap reports whether nobody measures at t.
func (p Pattern) gap(t time.Time) bool {
	started, length, r := p.happens("gap", p.Gaps, t, day, func(r *rand.Rand) time.Duration {
		// Most gaps are short: from 5 minutes to 20 hours, evenly by their logarithm.
		return time.Duration(5 * float64(time.Minute) * math.Pow(240, r.Float64()))
	})
	return r != nil && started < length
}

// happens finds the newest event of a kind, of which there are so many a year, at most
// one a day, that began at or before t and within lasts. It tells how long ago that
// was, the event's length, and where more is drawn from; nil: there was none.
func (p Pattern) happens(kind string, yearly float64, t time.Time, lasts time.Duration, long func(*rand.Rand) time.Duration) (ago, length time.Duration, r *rand.Rand) {
	if yearly <= 0 {
		return 0, 0, nil
	}
	at := sinceEpoch(t)
	newest, _ := pieceOf(at, day)
	oldest, _ := pieceOf(at-lasts, day)
	for k := newest; k >= oldest; k-- {
		d := Draw(p.Seed, kind, uint64(k))
		if d.Float64() >= yearly/365 {
			continue
		}
		start := time.Duration(k)*day + time.Duration(d.Float64()*float64(day)).Truncate(time.Minute)
		if ago = at - start; ago >= 0 && ago < lasts {
			return ago, long(d), d
		}
	}
	return 0, 0, nil
}

func between(r *rand.Rand, lo, hi float64) float64 { return lo + (hi-lo)*r.Float64() }
