package planner

import (
	"slices"
	"time"

	"github.com/forescale/forescale"
)

const (
	// ForeignMemory is how far State.Foreign reaches back.
	ForeignMemory = time.Hour
	// ForeignQuiet is how long nobody else must have changed instances until they are
	// changed as usual again, and how far apart two changes may lie that belong together.
	ForeignQuiet = 10 * time.Minute
	// foreignChanges is how many changes at different times are no accident.
	foreignChanges = 2
)

// ForeignChange is an instance that appeared or went by somebody else's hand.
type ForeignChange struct {
	At       time.Time
	Appeared bool // else it went
	Undoes   bool // what was started or stopped by a decision shortly before
}

// secondWriter is what somebody else does to the instances of the service.
type secondWriter struct {
	holds                  bool
	undone, appeared, gone int // times at which it happened
	since, last            time.Time
}

// readSecondWriter looks at the changes up to now of which none is further than
// ForeignQuiet from the next. Twice undone what was decided, or twice come and twice
// gone, is somebody who goes on with it: holding costs less than fighting.
func (r *round) readSecondWriter() secondWriter {
	var s secondWriter
	if len(r.st.Foreign) == 0 || !r.acting() {
		return s
	}
	changes := slices.Clone(r.st.Foreign)
	slices.SortFunc(changes, func(a, b ForeignChange) int { return b.At.Compare(a.At) })
	next := r.now
	var undone, appeared, gone []time.Time
	for _, c := range changes {
		if c.At.After(r.now) {
			continue
		}
		if next.Sub(c.At) >= ForeignQuiet {
			break
		}
		next = c.At
		if s.last.IsZero() {
			s.last = c.At
		}
		s.since = c.At
		if c.Undoes {
			undone = append(undone, c.At)
		}
		if c.Appeared {
			appeared = append(appeared, c.At)
		} else {
			gone = append(gone, c.At)
		}
	}
	s.undone, s.appeared, s.gone = len(slices.Compact(undone)), len(slices.Compact(appeared)), len(slices.Compact(gone))
	s.holds = s.undone >= foreignChanges || min(s.appeared, s.gone) >= foreignChanges
	return s
}

// until is when the hold ends unless something else happens.
func (s secondWriter) until() time.Time { return s.last.Add(ForeignQuiet) }

// yield leaves the count to somebody else who changes it: nothing is stopped, and
// only what live demand needs is started, or one when nothing is left.
func (r *round) yield() {
	if r.other = r.readSecondWriter(); r.other.holds {
		r.target = max(r.supply, min(r.safety(), r.s.Max))
	}
}

// safety is how many instances are started even against somebody else, if max allows.
func (r *round) safety() int {
	n := 1
	if r.live.known && r.missing.phase == live {
		n = max(n, r.live.count)
	}
	return n
}

func (r *round) saySecondWriter() {
	o := r.other
	w := words{"limit": "undone"}
	if o.undone < foreignChanges {
		w["limit"] = "changed"
	}
	r.say(forescale.CodeSecondWriter,
		numbers{"supply": float64(r.supply), "undone": float64(o.undone), "appeared": float64(o.appeared), "gone": float64(o.gone)},
		times{"since": o.since, "last": o.last, "until": o.until()}, w)
}
