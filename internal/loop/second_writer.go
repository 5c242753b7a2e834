package loop

import (
	"strings"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/planner"
)

// foreign are the changes of instances by somebody else, of each service. They are
// read from what is recorded of instances, so a restart and another server see the same.
func foreign(now time.Time, is []forescale.Instance) map[string][]planner.ForeignChange {
	var changes map[string][]planner.ForeignChange
	for k := range is {
		i := &is[k]
		if i.Origin == forescale.OriginPushed {
			continue // whoever pushes for it runs it
		}
		at, went := wentForeign(i)
		for _, c := range []struct {
			planner.ForeignChange
			is bool
		}{
			{planner.ForeignChange{At: i.OrderedAt, Appeared: true, Undoes: undoesStop(is, i)}, i.Origin == forescale.OriginAdopted},
			{planner.ForeignChange{At: at, Undoes: i.Origin == forescale.OriginStarted || undoesStart(is, i.Service, at)}, went},
		} {
			if c.is && now.Sub(c.At) < planner.ForeignMemory {
				if changes == nil {
					changes = map[string][]planner.ForeignChange{}
				}
				changes[i.Service] = append(changes[i.Service], c.ForeignChange)
			}
		}
	}
	return changes
}

// wentForeign tells when somebody else removed the instance, or told its process to
// end. A process that fails by itself is no sign of anybody.
func wentForeign(i *forescale.Instance) (at time.Time, went bool) {
	by := i.Failure == forescale.FailureVanished || strings.HasSuffix(i.Failure, forescale.ExitAsked) || strings.HasSuffix(i.Failure, forescale.ExitRemoved)
	if i.StopBy != "" || !by {
		return time.Time{}, false
	}
	if !i.DrainingAt.IsZero() {
		return i.DrainingAt, true
	}
	return i.StoppedAt, !i.StoppedAt.IsZero()
}

// undoesStop reports whether an instance of the service was stopped by a decision
// shortly before i appeared.
func undoesStop(is []forescale.Instance, i *forescale.Instance) bool {
	for k := range is {
		if x := &is[k]; x.Service == i.Service && x.StopBy != "" && shortlyBefore(x.DrainingAt, i.OrderedAt) {
			return true
		}
	}
	return false
}

// undoesStart reports whether an instance of the service was started by a decision
// shortly before at.
func undoesStart(is []forescale.Instance, service string, at time.Time) bool {
	for k := range is {
		if x := &is[k]; x.Service == service && x.Origin == forescale.OriginStarted && shortlyBefore(x.OrderedAt, at) {
			return true
		}
	}
	return false
}

func shortlyBefore(t, at time.Time) bool {
	return !t.After(at) && at.Sub(t) < planner.ForeignQuiet
}
