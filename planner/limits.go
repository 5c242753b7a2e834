package planner

import (
	"time"

	"github.com/forescale/forescale"
)

// leastStep is how many starts one planning step may have even when few run.
const leastStep = 4

// limitKind is what cut the wanted count.
type limitKind string

const (
	limitStarts  limitKind = "starts"  // starts of one planning step
	limitStops   limitKind = "stops"   // stops of one window
	limitRoom    limitKind = "room"    // draining and overdue instances still fill max
	limitFailing limitKind = "failing" // starts failed again and again
	limitCrash   limitKind = "crash"   // instances were ready, and ended again and again
	limitForeign limitKind = "foreign" // what is left is run by nobody we can ask
)

type limited struct {
	kind   limitKind
	wanted int       // without it
	most   int       // actions it allows now
	next   time.Time // when more may follow, zero if not known
	failed int       // starts that failed in a row
}

// bound keeps the target within min and max. Max is a person's word and holds
// without asking demand; min is reached from any state.
func (r *round) bound() { r.target = r.clamp(r.target) }

// limit cuts the way to the target: not all at once.
func (r *round) limit() {
	r.to = r.target
	switch {
	case r.target > r.supply:
		r.limitStarts()
	case r.target < r.supply:
		r.limitStops()
	}
}

// limitStarts applies, in turn: the pause after failed starts, the step limit, and
// max over everything that may still run, so that the world never holds more.
func (r *round) limitStarts() {
	if l, failing := r.failing(); failing {
		r.cut(l)
	}
	r.cut(r.startsOfStep())
	r.cut(r.room(r.s.Max))
}

// failing is the pause after failed starts, or in a crash loop.
func (r *round) failing() (limited, bool) { return r.failingOf(r.revision()) }

// failingOf is the same of starts from one revision of the template.
func (r *round) failingOf(revision string) (limited, bool) {
	kind, n := limitFailing, r.failedInARow(revision, time.Time{})
	if c := r.crashes(revision, time.Time{}); c.count >= failuresInARow && c.count >= n.count {
		kind, n = limitCrash, c
	}
	if n.count < failuresInARow {
		return limited{}, false
	}
	l := limited{kind: kind, next: n.last.Add(retryAfter(r.o, n.count)), failed: n.count}
	if !r.now.Before(l.next) && r.starting == 0 {
		l.most = 1
	}
	return l, true
}

// startsOfStep is the step limit. What a step before this one ordered, not even half
// an interval ago, counts: restarts must not make steps follow each other faster.
func (r *round) startsOfStep() limited {
	step := r.s.MaxStep
	if step <= 0 {
		step = max(leastStep, r.supply)
	}
	done := r.startsSince(r.now.Add(-r.o.Interval / 2))
	return limited{kind: limitStarts, most: max(0, step-done), next: r.now.Add(r.o.Interval)}
}

// room is what a max leaves beside everything that may still run.
func (r *round) room(most int) limited {
	return limited{kind: limitRoom, most: max(0, most-r.supply-r.unready-r.moving.done-r.overdue-r.draining)}
}

// limitStops applies the blast radius, and what can be stopped at all.
func (r *round) limitStops() {
	r.cut(r.stopsOfWindow())
	r.cut(limited{kind: limitForeign, most: r.stoppable()})
}

// stopsOfWindow is the blast radius.
func (r *round) stopsOfWindow() limited {
	most := max(1, int(r.o.StopShare*float64(r.ready)+1e-9))
	used, oldest := r.stopsSince(r.now.Add(-r.o.StopWindow))
	next := r.now.Add(r.o.StopWindow)
	if used > 0 {
		next = oldest.Add(r.o.StopWindow)
	}
	return limited{kind: limitStops, most: max(0, most-used), next: next}
}

// cut applies one limit to the way from the supply to r.to, and keeps it if it bit.
func (r *round) cut(l limited) {
	l.wanted = r.to
	switch way := r.to - r.supply; {
	case way > l.most:
		r.to = r.supply + l.most
	case -way > l.most:
		r.to = r.supply - l.most
	default:
		return
	}
	r.cuts = append(r.cuts, l)
}

// startsSince counts the starts that were decided after t.
func (r *round) startsSince(t time.Time) (n int) {
	for i := range r.st.Recent {
		if d := &r.st.Recent[i]; d.At.After(t) {
			for _, a := range d.Actions {
				if a.Kind == forescale.ActionStart {
					n++
				}
			}
		}
	}
	return n
}

// stopsSince counts the stops that were decided after t, and when the first of
// them was.
func (r *round) stopsSince(t time.Time) (n int, first time.Time) {
	for i := range r.st.Recent {
		d := &r.st.Recent[i]
		if !d.At.After(t) {
			continue
		}
		for _, a := range d.Actions {
			if a.Kind == forescale.ActionStop {
				n, first = n+1, d.At
			}
		}
	}
	return n, first
}
