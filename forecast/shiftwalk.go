package forecast

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// change is a shift in blocks.
type change struct {
	at  int
	log float64
}

// suspect is a change that may be one.
type suspect struct {
	at     int     // block
	size   float64 // logarithm
	weight float64 // 0 to 1: how much it counts
}

// shiftWalk is one pass over the blocks of a history.
type shiftWalk struct {
	per, perDay, perHour int // steps of a block, blocks of a day, blocks of an hour
	hours                float64
	lead                 int // steps that the first block lacks
	soft                 float64

	value  []float64 // mean of a block, at the level of the newest one; NaN where unknown
	hidden []bool    // blocks in which a value is a lower bound
	off    []float64 // deviations
	trust  []float64 // weights of the deviations

	late    float64 // deviation of late
	usual   float64 // deviation of days
	scatter float64 // mean absolute deviation of days from that
	looks   float64 // at the scatter
	rough   float64 // mean absolute deviation of blocks from the usual one
	blocks  float64 // that it is of
	back    bool    // the newest change took the one before back
	found   []change
	broken  float64 // changes that were taken back soon
	room    []weighed
}

type weighed struct{ v, w float64 }

func newShiftWalk(in Input) *shiftWalk {
	s := in.Series
	const day = 24 * time.Hour
	if s.Step <= 0 || s.Step > shiftLong || day%s.Step != 0 {
		return nil
	}
	w := &shiftWalk{per: max(1, int(shiftBlock/s.Step))}
	block := time.Duration(w.per) * s.Step
	if day%block != 0 || time.Duration(len(s.Values))*s.Step < 13*day {
		return nil
	}
	w.perDay, w.perHour, w.hours = int(day/block), max(1, int(time.Hour/block)), block.Hours()
	w.lead = int(s.Start.Sub(s.Start.Truncate(block)) / s.Step)
	n := (len(s.Values) + w.lead + w.per - 1) / w.per
	work := make([]float64, 3*n)
	w.value, w.off, w.trust = work[:n:n], work[n:2*n:2*n], work[2*n:]
	var mean running
	for b := range w.value {
		var m running
		for i := max(0, b*w.per-w.lead); i < min(len(s.Values), (b+1)*w.per-w.lead); i++ {
			if v := s.Values[i]; !math.IsNaN(v) {
				m.add(v)
				if i < len(in.Censored) && in.Censored[i] {
					if w.hidden == nil {
						w.hidden = make([]bool, n)
					}
					w.hidden[b] = true
				}
			}
		}
		w.value[b] = math.NaN()
		if m.n > 0 {
			w.value[b] = m.mean
			mean.add(m.mean)
		}
	}
	w.soft = shiftSoft * mean.mean
	if !(w.soft > 0) || math.IsInf(w.soft, 0) {
		return nil
	}
	return w
}

// step takes block t into account.
func (w *shiftWalk) step(t int) {
	w.compare(t)
	if d := w.off[t]; !math.IsNaN(d) {
		w.late += 0.1 * (min(max(d, -2), 2) - w.late)
		w.blocks++
		dev := math.Abs(d - w.usual)
		if w.blocks > 4*float64(w.perDay) {
			dev = min(dev, 3*max(w.rough, scatterFloor))
		}
		w.rough += max(1/w.blocks, roughRate) * (dev - w.rough)
	}
	if t%max(1, scatterEach*w.perHour) == 0 {
		w.measure(t)
	}
	if k := len(w.found) - 1; k >= 0 {
		if age := t + 1 - w.found[k].at; age%w.perDay == 0 && age <= shiftRefined*w.perDay {
			w.take(k, w.middle(w.found[k].at, t+1)-w.usual)
		}
	}
	if math.Abs(w.late-w.usual) < shiftHint {
		return
	}
	if c := w.look(t); c.weight >= 1 {
		if w.back = w.takesBack(c); w.back {
			w.broken++
		}
		w.found = append(w.found, change{at: c.at})
		w.take(len(w.found)-1, c.size)
		w.late = w.usual
	}
}

// compare finds the deviation of block t.
func (w *shiftWalk) compare(t int) {
	w.off[t] = math.NaN()
	v := w.value[t]
	if math.IsNaN(v) {
		return
	}
	var seen [shiftWeeks]float64
	n := 0
	for k := 1; k <= shiftWeeks; k++ {
		if i := t - 7*w.perDay*k; i >= 0 && !math.IsNaN(w.value[i]) {
			seen[n] = w.value[i]
			n++
		}
	}
	if n == 0 {
		return
	}
	slices.Sort(seen[:n])
	before := 0.5 * (seen[(n-1)/2] + seen[n/2])
	if w.hidden != nil && w.hidden[t] && v < before {
		return // the truth may well be what was there before
	}
	w.off[t] = math.Log((v + w.soft) / (before + w.soft))
	w.trust[t] = math.Sqrt(before + w.soft) // noise of counts
}

// measure takes the deviation of the newest day into the scatter.
func (w *shiftWalk) measure(t int) {
	d := w.middle(t+1-w.perDay, t+1)
	if math.IsNaN(d) {
		return
	}
	w.looks++
	rate := max(1/w.looks, scatterRate)
	dev := d - w.usual
	if w.looks > scatterFirst {
		limit := 3 * max(w.scatter, scatterFloor)
		dev = min(max(dev, -limit), limit)
	}
	w.usual += rate * dev
	w.scatter += rate * (math.Abs(dev) - w.scatter)
}

// take brings the blocks before found change k to a level that differs by a
// logarithm from that of before.
func (w *shiftWalk) take(k int, log float64) {
	if math.IsNaN(log) {
		return
	}
	c := &w.found[k]
	c.log += log
	scaleBy(w.value[max(0, c.at-7*shiftWeeks*w.perDay):c.at], log)
	for b := c.at; b < min(len(w.off), c.at+shiftRefined*w.perDay); b++ {
		w.off[b] -= log
	}
}

// takesBack reports whether a change undoes the newest one that was found.
func (w *shiftWalk) takesBack(c suspect) bool {
	k := len(w.found) - 1
	if k < 0 || w.back || float64(c.at-w.found[k].at)*w.hours > backWithin {
		return false
	}
	return math.Abs(c.size+w.found[k].log) < backNear*math.Abs(w.found[k].log)
}

// look looks for a change that lasts until block t.
func (w *shiftWalk) look(t int) (c suspect) {
	if w.looks < scatterFirst || t < 0 {
		return c
	}
	from := max(0, t+1-shiftSeen*w.perHour)
	if k := len(w.found) - 1; k >= 0 {
		from = max(from, w.found[k].at+1)
	}
	c = w.suspectOf(from, t, w.middle(max(from, t+1-newestHours*w.perHour), t+1)) // the level of the newest hours
	if k := len(w.found) - 1; k >= 0 && c.weight == 0 {                           // or the one before the newest change
		if back := w.suspectOf(from, t, w.usual-w.found[k].log); back.weight > 0 && w.takesBack(back) {
			return back
		}
	}
	return c
}

// suspectOf is the change to about a level that lasts until block t.
func (w *shiftWalk) suspectOf(from, t int, level float64) (c suspect) {
	for range 2 {
		if math.IsNaN(level) {
			return c
		}
		c.at = w.begin(from, t, level)
		level = w.middle(c.at, t+1)
	}
	c.size = level - w.usual
	c.weight = w.evidence(c, t)
	return c
}

// evidence is how much a change that lasts until block t counts, from 0 to 1. Where
// the level wanders from day to day anyway, models know it, and none counts.
func (w *shiftWalk) evidence(c suspect, t int) float64 {
	hours, agree := w.agreement(c, t)
	_, newest := w.agreement(suspect{at: max(c.at, t+1-newestHours*w.perHour), size: c.size}, t)
	size, days := math.Abs(c.size), min(max(hours/24, 1), shiftSeen/24)
	odds := size / max(1.25*w.scatter, scatterFloor) * math.Sqrt(days)
	faint, sure := shiftFaint*(1+w.broken), shiftSure*(1+w.broken)
	uneven := 0.0
	if w.takesBack(c) { // to a level that is known
		faint, sure, odds = backFaint, backSure, 2*odds
	} else if uneven = w.unevenness(c, t); size > giantShift {
		faint, sure = faint*giantWait, sure*giantWait
	}
	return ramp(hours, faint, sure) * ramp(agree, 0.7, 0.85) * ramp(newest, 0.5, 0.8) *
		(1 - ramp(uneven, 1, 1.35)) * (1 - ramp(w.scatter, 0.1, 0.14)) * ramp(odds, 2, 4) * ramp(size, 0.15, 0.22) * (1 - ramp(size, 1.3, 1.7))
}

// unevenness is how far blocks since a change lie from its level, beside how far
// they usually do: a holiday has hours of its own.
func (w *shiftWalk) unevenness(c suspect, t int) float64 {
	var sum, all float64
	for b := c.at; b <= t; b++ {
		if d := w.off[b] - w.usual; !math.IsNaN(d) {
			sum += w.trust[b] * min(math.Abs(d-c.size), 3*max(w.rough, scatterFloor))
			all += w.trust[b]
		}
	}
	return sum / all / max(w.rough, scatterFloor)
}

// ramp goes from 0 at lo to 1 at hi.
func ramp(x, lo, hi float64) float64 { return min(max((x-lo)/(hi-lo), 0), 1) }

// begin is the block from which on a level explains the deviations up to t best.
func (w *shiftWalk) begin(from, t int, level float64) int {
	best, at, sum := math.Inf(-1), t, 0.0
	for b := t; b >= from; b-- {
		d := w.off[b]
		if math.IsNaN(d) {
			continue
		}
		if sum += w.trust[b] * (math.Abs(d-w.usual) - math.Abs(d-level)); sum > best {
			best, at = sum, b
		}
	}
	return at
}

// agreement is how many hours are known since a change, and the share of them, by
// trust, that is nearer to the new level than to the usual one.
func (w *shiftWalk) agreement(c suspect, t int) (hours, share float64) {
	var ayes, all float64
	for b := c.at; b <= t; b++ {
		d := w.off[b] - w.usual
		if math.IsNaN(d) {
			continue
		}
		hours += w.hours
		all += w.trust[b]
		if math.Abs(d-c.size) < math.Abs(d) {
			ayes += w.trust[b]
		}
	}
	if all == 0 {
		return 0, 0
	}
	return hours, ayes / all
}

// middle is the median of the deviations in [from, to), by trust; NaN when none is known.
func (w *shiftWalk) middle(from, to int) float64 {
	w.room = w.room[:0]
	total := 0.0
	for b := max(0, from); b < to; b++ {
		if !math.IsNaN(w.off[b]) {
			w.room = append(w.room, weighed{w.off[b], w.trust[b]})
			total += w.trust[b]
		}
	}
	if len(w.room) == 0 {
		return math.NaN()
	}
	slices.SortFunc(w.room, func(a, b weighed) int { return cmp.Compare(a.v, b.v) })
	for _, x := range w.room {
		if total -= 2 * x.w; total <= 0 {
			return x.v
		}
	}
	return w.room[len(w.room)-1].v
}
