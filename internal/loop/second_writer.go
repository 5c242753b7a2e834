package loop

import (
	"slices"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/planner"
)

// foreign are the changes of a service's instances by somebody else. They are read
// from what is recorded of instances, so a restart and another server see the same.
func foreign(now time.Time, is []forescale.Instance) (changes []planner.ForeignChange) {
	recent := func(t time.Time) bool { return now.Sub(t) < planner.ForeignMemory }
	for k := range is {
		i := &is[k]
		if i.Origin == forescale.OriginPushed {
			continue // whoever pushes for it runs it
		}
		if i.Origin == forescale.OriginAdopted && recent(i.OrderedAt) {
			changes = append(changes, planner.ForeignChange{At: i.OrderedAt, Appeared: true, Undoes: undoesStop(is, i.OrderedAt)})
		}
		if at, went := wentForeign(i); went && recent(at) {
			changes = append(changes, planner.ForeignChange{At: at, Undoes: i.Origin == forescale.OriginStarted || undoesStart(is, at)})
		}
	}
	return changes
}

// wentForeign tells when somebody else ended the instance.
func wentForeign(i *forescale.Instance) (at time.Time, went bool) {
	if !i.EndedByOthers() {
		return time.Time{}, false
	}
	if !i.DrainingAt.IsZero() {
		return i.DrainingAt, true
	}
	return i.StoppedAt, !i.StoppedAt.IsZero()
}

// undoesStop reports whether one of the instances was stopped by a decision shortly
// before another appeared.
func undoesStop(is []forescale.Instance, appeared time.Time) bool {
	return slices.ContainsFunc(is, func(x forescale.Instance) bool { return x.StopBy != "" && shortlyBefore(x.DrainingAt, appeared) })
}

// undoesStart reports whether one of the instances was started by a decision shortly
// before another went.
func undoesStart(is []forescale.Instance, went time.Time) bool {
	return slices.ContainsFunc(is, func(x forescale.Instance) bool {
		return x.Origin == forescale.OriginStarted && shortlyBefore(x.OrderedAt, went)
	})
}

func shortlyBefore(t, at time.Time) bool {
	return !t.After(at) && at.Sub(t) < planner.ForeignQuiet
}
