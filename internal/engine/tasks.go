package engine

import (
	"cmp"
	"slices"
	"strings"

	"github.com/docker/docker/api/types/swarm"
)

// Labels of a Swarm service that only forescale writes.
const (
	LabelRoster = "forescale.instances" // see Roster
	LabelFence  = "forescale.fence"     // scope and number of the newest leader that changed it
)

// Slot is one replica of a Swarm service and the task that stands for it.
type Slot struct {
	Number int
	Task   swarm.Task
	Ended  bool // the swarm will not start it again
}

// Replicas are the slots of a replicated service, by number. Tasks are those of the
// service, old ones too.
func Replicas(s swarm.Service, tasks []swarm.Task) (slots []Slot) {
	wanted := Wanted(s)
	best := map[int]swarm.Task{}
	for _, t := range tasks {
		if b, ok := best[t.Slot]; t.ServiceID == s.ID && t.DesiredState != swarm.TaskStateRemove && (!ok || stands(t, b)) {
			best[t.Slot] = t
		}
	}
	var ended []Slot
	for n, t := range best {
		if kept(t) {
			slots = append(slots, Slot{Number: n, Task: t})
		} else {
			ended = append(ended, Slot{Number: n, Task: t, Ended: true})
		}
	}
	// What has ended for good still is a replica. Each change of the service makes
	// the swarm fill all of them again, so older ends tell nothing.
	ended = slices.DeleteFunc(ended, func(e Slot) bool {
		return e.Task.Status.State == swarm.TaskStateShutdown || e.Task.Status.Timestamp.Before(s.UpdatedAt)
	})
	slices.SortFunc(ended, func(a, b Slot) int {
		return cmp.Or(b.Task.Status.Timestamp.Compare(a.Task.Status.Timestamp), cmp.Compare(a.Number, b.Number))
	})
	slots = append(slots, ended[:min(len(ended), max(0, wanted-len(slots)))]...)
	slices.SortFunc(slots, func(a, b Slot) int { return cmp.Compare(a.Number, b.Number) })
	return slots
}

// Wanted is the number of replicas that the swarm is asked for, -1 for a service that
// is not a replicated one.
func Wanted(s swarm.Service) int {
	if r := s.Spec.Mode.Replicated; r != nil && r.Replicas != nil {
		return int(*r.Replicas)
	}
	return -1
}

// Numbers are the numbers of the slots.
func Numbers(slots []Slot) []int {
	numbers := make([]int, len(slots))
	for k, s := range slots {
		numbers[k] = s.Number
	}
	return numbers
}

// kept reports whether the swarm wants the task to run, or to as soon as it may.
func kept(t swarm.Task) bool {
	return t.DesiredState == swarm.TaskStateRunning || t.DesiredState == swarm.TaskStateReady || t.DesiredState == swarm.TaskStateAccepted
}

// stands reports whether a rather than b stands for their slot: one that is kept,
// of these one that runs (an update may start the new one first), then the younger.
func stands(a, b swarm.Task) bool {
	rank := func(t swarm.Task) int {
		switch {
		case kept(t) && t.Status.State == swarm.TaskStateRunning:
			return 2
		case kept(t):
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID)) > 0
}

// IsNoManager reports whether the engine said that it cannot speak for a swarm: it is
// in none, or a worker.
func IsNoManager(err error) bool {
	return err != nil && strings.Contains(err.Error(), "This node is not a swarm manager")
}
