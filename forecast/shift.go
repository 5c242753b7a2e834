package forecast

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// A shift of the level is a load that is all at once a share higher or lower, at
// every time of day, and stays so: a deployment, a customer more, traffic moved to
// another region. Profiles need weeks to learn it and regressions have never seen
// one, so the history before it is brought to the level of now, and learned from
// as if the level had always been that one. A shift that ends is one back.
//
// The history is read once, in blocks of an hour. A block's deviation is the
// logarithm of its mean over the median of the same hour in up to four weeks
// before. A change is looked for where the newest deviations lie to one side: it
// begins where absolute deviations fall most by taking it out. How much it counts
// grows with the hours that it has lasted, with how many of them agree, and with
// its size beside the usual scatter from day to day. An outage or a burst of some
// hours counts for nothing.

// shift is a change of the level at a step.
type shift struct {
	at  int
	log float64 // logarithm of the level from there on over that before
}

// Settings of the search for shifts. Hours are of values that are there.
const (
	shiftBlock = time.Hour
	shiftLong  = 3 * time.Hour // steps longer than this leave too few blocks a day
	shiftWeeks = 4             // that a block is compared with
	shiftSeen  = 72            // hours that a change may lie back until it is found

	shiftSoft   = 0.01 // shares of the mean that keep logarithms finite
	shiftHint   = 0.06 // deviation of late that is worth a closer look
	shiftFaint  = 14.0 // hours of a change that count for nothing
	shiftSure   = 22.0 // hours that count in full
	giantShift  = 0.95 // logarithm from which on a change looks like an outage or a fault,
	giantWait   = 2.0  // and has to last so many times longer
	backFaint   = 2.0  // the same hours of one that takes the one before back
	backSure    = 6.0
	backWithin  = 240  // hours in which it does
	backNear    = 0.35 // shares that the two may differ by
	newestHours = 6    // that have to agree, too

	scatterEach  = 6     // hours between two looks at the scatter
	scatterFirst = 24    // looks before which nothing is known of it
	scatterRate  = 0.025 // of a look in the scatter
	scatterFloor = 0.03
	roughRate    = 0.005 // of a block in the deviation of blocks
	shiftTold    = 0.1   // logarithm that is worth a warning
	shiftRefined = 7     // days in which what came since makes the size more exact
)

// shifts are the changes of the level in a history, by time; nil when it is short,
// or of steps that do not divide an hour or a day.
func shifts(in Input) []shift {
	w := newShiftWalk(in)
	if w == nil {
		return nil
	}
	for t := range w.value {
		w.step(t)
	}
	if c := w.look(len(w.value) - 1); c.weight > 0 {
		w.found = append(w.found, change{c.at, c.size * c.weight})
	}
	out := make([]shift, 0, len(w.found))
	for _, c := range w.found {
		out = append(out, shift{at: max(0, c.at*w.per-w.lead), log: c.log})
	}
	return out
}

// atOneLevel is an input whose history is brought to its newest level, in a copy when
// there is something to change, and the shifts that it took out.
func atOneLevel(in Input) (Input, []shift) {
	all := shifts(in)
	if len(all) == 0 {
		return in, nil
	}
	values := slices.Clone(in.Series.Values)
	log, end := 0.0, len(values)
	for k := len(all) - 1; k >= 0; k-- {
		scaleBy(values[all[k].at:end], log)
		end = all[k].at
		log += all[k].log
	}
	scaleBy(values[:end], log)
	in.Series.Values = values
	return in, all
}

func scaleBy(values []float64, log float64) {
	if log == 0 {
		return
	}
	f := math.Exp(log)
	for i, v := range values {
		values[i] = min(v*f, math.MaxFloat64) // NaN stays NaN
	}
}

// shifted says which shifts of the last week were taken out.
func (v *view) shifted() (told []string) {
	newest := v.end
	for _, s := range v.shifts {
		at := v.begin.Add(time.Duration(s.at) * v.p.step)
		if newest.Sub(at) < shiftRefined*24*time.Hour && math.Abs(s.log) > shiftTold {
			told = append(told, fmt.Sprintf("the level is %.2g times what it was before %s: what came before is counted at the new one",
				math.Exp(s.log), at.UTC().Format("2006-01-02 15:04 MST")))
		}
	}
	return told
}
