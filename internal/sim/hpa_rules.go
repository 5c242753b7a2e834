package sim

import (
	"math"
	"time"
)

// ScalingRules are the rules of the HPA for one direction: behavior.scaleUp or
// behavior.scaleDown.
type ScalingRules struct {
	Stabilize time.Duration // the most careful wish of this long counts
	Policies  []ScalingPolicy
	Select    PolicySelect
}

// ScalingPolicy bounds the change within a period: by Value pods, or percent.
type ScalingPolicy struct {
	Percent bool
	Value   int
	Period  time.Duration
}

// PolicySelect says which of several policies holds.
type PolicySelect string

// What may be selected.
const (
	SelectMax      PolicySelect = "" // the largest change
	SelectMin      PolicySelect = "min"
	SelectDisabled PolicySelect = "disabled" // no change in this direction
)

// defaultUp allows doubling, or four more, in 15 s.
func defaultUp() ScalingRules {
	return ScalingRules{Policies: []ScalingPolicy{{Percent: true, Value: 100, Period: hpaPeriod}, {Value: 4, Period: hpaPeriod}}}
}

// defaultDown allows any fall to the highest wish of five minutes.
func defaultDown() ScalingRules {
	return ScalingRules{Stabilize: 5 * time.Minute, Policies: []ScalingPolicy{{Percent: true, Value: 100, Period: hpaPeriod}}}
}

// rules is what the rules remember.
type rules struct {
	wishes  []wish
	changes []wish // of the count, up and down
}

type wish struct {
	at time.Duration
	n  int
}

// let is what the rules let through of a wish at t.
func (r *rules) let(t time.Duration, current, want int, up, down ScalingRules) int {
	want = r.stabilized(t, current, want, up.Stabilize, down.Stabilize)
	switch {
	case want > current:
		return min(want, max(current, r.mostUp(t, current, up)))
	case want < current:
		return max(want, min(current, r.leastDown(t, current, down)))
	}
	return current
}

// stabilized keeps the current count between the lowest wish of the window for up
// and the highest of that for down.
func (r *rules) stabilized(t time.Duration, current, want int, up, down time.Duration) int {
	lowest, highest := want, want
	first := 0
	for k, w := range r.wishes {
		if w.at > t-up {
			lowest = min(lowest, w.n)
		}
		if w.at > t-down {
			highest = max(highest, w.n)
		}
		if w.at <= t-max(up, down) {
			first = k + 1
		}
	}
	r.wishes = append(r.wishes[first:], wish{t, want})
	return min(max(current, lowest), highest)
}

// scaled notes a change of the count.
func (r *rules) scaled(t time.Duration, change int) {
	if change != 0 {
		r.changes = append(r.changes, wish{t, change})
	}
}

// began is how many there were a period ago.
func (r *rules) began(t time.Duration, current int, period time.Duration) int {
	for k := len(r.changes) - 1; k >= 0 && r.changes[k].at > t-period; k-- {
		current -= r.changes[k].n
	}
	return current
}

// mostUp is how many the rules for up allow.
func (r *rules) mostUp(t time.Duration, current int, up ScalingRules) int {
	if up.Select == SelectDisabled {
		return current
	}
	return pick(up, up.Select == SelectMin, func(p ScalingPolicy) int {
		n := r.began(t, current, p.Period)
		if p.Percent {
			return int(math.Ceil(float64(n) * (1 + float64(p.Value)/100)))
		}
		return n + p.Value
	})
}

// leastDown is how few the rules for down allow.
func (r *rules) leastDown(t time.Duration, current int, down ScalingRules) int {
	if down.Select == SelectDisabled {
		return current
	}
	return pick(down, down.Select != SelectMin, func(p ScalingPolicy) int {
		n := r.began(t, current, p.Period)
		if p.Percent {
			return int(float64(n) * (1 - float64(p.Value)/100))
		}
		return n - p.Value
	})
}

// pick is the lowest or the highest of what the policies propose.
func pick(rules ScalingRules, lowest bool, propose func(ScalingPolicy) int) int {
	best := propose(rules.Policies[0])
	for _, p := range rules.Policies[1:] {
		if n := propose(p); lowest == (n < best) {
			best = n
		}
	}
	return best
}
