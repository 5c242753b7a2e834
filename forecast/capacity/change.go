package capacity

import (
	"math"
	"time"
)

const (
	// leastSince is how long a new cost has to hold before it is believed.
	leastSince = 8 * time.Hour
	// leastBefore is how long the cost before it has to be known: two lines through a
	// few hours each differ by chance.
	leastBefore = 24 * time.Hour
	// leastChange is by which share utilization at the same load has to change.
	leastChange = 0.1
	// leastBetter is how much of the old line's error a line of its own has to take
	// off the newer points.
	leastBetter = 0.4
	// mostChanges bounds how often it is looked for another change among the newer.
	mostChanges = 4
)

// newest parts ps, which are by time, where the cost of load changed last. Older is
// empty when it did not.
func newest(ps []point) (older, newer []point) {
	newer = ps
	for range mostChanges {
		k := change(newer)
		if k == 0 {
			break
		}
		older, newer = newer[:k], newer[k:]
	}
	return older, newer
}

// change is where the cost of load changed, 0 when it did not: where a line through
// what follows errs least there, as against the line through what was before.
func change(ps []point) (at int) {
	end := ps[len(ps)-1].time.Add(quarter)
	best := 0.0
	for k := leastQuarters; k <= len(ps)-leastQuarters; k++ {
		since := end.Sub(ps[k].time)
		if since < leastSince {
			break
		}
		if ps[k].time.Sub(ps[0].time) < leastBefore {
			continue
		}
		// Every hour of the last day, every sixth before: long after a change the
		// hour of it does not matter.
		hour := ps[k].time.Truncate(time.Hour)
		if ps[k-1].time.Truncate(time.Hour).Equal(hour) || since > 24*time.Hour && hour.Hour()%6 != 0 {
			continue
		}
		known := within(ps[k:], percentile(ps[:k], 0, load), percentile(ps[:k], 1, load))
		if len(known) < leastQuarters {
			continue
		}
		was, is := theil(ps[:k]), theil(ps[k:])
		before, after := was.misses(known), is.misses(known)
		middle := percentile(known, 0.5, load)
		if math.Abs(is.at(middle)-was.at(middle)) < max(1, leastChange*math.Abs(was.at(middle))) {
			continue
		}
		if gain := before - after; gain > best && gain > leastBetter*before {
			best, at = gain, k
		}
	}
	return at
}

// within are the points whose load was met before: a line from a night says nothing
// of the day.
func within(ps []point, low, high float64) (known []point) {
	for _, p := range ps {
		if p.load >= low && p.load <= high {
			known = append(known, p)
		}
	}
	return known
}

// misses is the sum of absolute errors.
func (l line) misses(ps []point) (sum float64) {
	for _, p := range ps {
		sum += math.Abs(p.utilization - l.at(p.load))
	}
	return sum
}
