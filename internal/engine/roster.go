package engine

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Roster tells which instance each task of a Swarm service is. It is kept in a
// label of the service and changed together with the number of replicas, since a
// swarm chooses itself where a task joins and which one goes.
type Roster []Member

// Member is one instance of a roster.
type Member struct {
	ID   string
	Slot int // of its task; 0: none yet, or none any more
	// Waits says that the swarm has still to make its task. A member without a
	// slot that does not wait is gone.
	Waits bool
}

// There reports whether the member has a task, or will have one.
func (m Member) There() bool { return m.Slot != 0 || m.Waits }

// There is how many members have a task, or will have one.
func (r Roster) There() int {
	n := 0
	for _, m := range r {
		if m.There() {
			n++
		}
	}
	return n
}

// ParseRoster reads what String wrote. A label that somebody else wrote is an error.
func ParseRoster(label string) (Roster, error) {
	var r Roster
	for word := range strings.FieldsSeq(label) {
		id, text, ok := strings.Cut(word, "=")
		slot, err := strconv.Atoi(text)
		if !ok || id == "" || err != nil || slot < 0 {
			return nil, fmt.Errorf("%q is no instance and slot", word)
		}
		r = append(r, Member{ID: id, Slot: slot})
	}
	return r, nil
}

// String is the label: id=slot, separated by spaces.
func (r Roster) String() string {
	words := make([]string, len(r))
	for k, m := range r {
		words[k] = m.ID + "=" + strconv.Itoa(m.Slot)
	}
	return strings.Join(words, " ")
}

// Index is where the instance stands, or -1.
func (r Roster) Index(id string) int {
	return slices.IndexFunc(r, func(m Member) bool { return m.ID == id })
}

// Meet is the roster of a service as it is now: with these slots, and as many
// replicas as are wanted. Who has a slot keeps it. The others get what slots are
// left, in their order, and after that wait for tasks that are still to be made;
// those that neither get are gone, but still in the roster. A slot that nobody
// ordered is an instance named after it, but for as many as will be taken away.
//
// It depends on nothing else, so whoever reads the label and the slots finds the same.
func (r Roster) Meet(service string, slots []int, wanted int) Roster {
	waiting := wanted - len(slots)
	free := make(map[int]bool, len(slots))
	for _, s := range slots {
		free[s] = true
	}
	met := slices.Clone(r)
	for k := range met {
		if !free[met[k].Slot] {
			met[k].Slot = 0
		}
		met[k].Waits = false
		delete(free, met[k].Slot)
	}
	left := slices.DeleteFunc(slices.Sorted(slices.Values(slots)), func(s int) bool { return !free[s] })
	for k := range met {
		switch {
		case met[k].Slot != 0:
		case len(left) > 0:
			met[k].Slot, left = left[0], left[1:]
		case waiting > 0:
			met[k].Waits = true
			waiting--
		}
	}
	for _, s := range left[:max(0, min(len(left), len(left)+waiting))] {
		met = append(met, Member{ID: met.free(SlotName(service, s)), Slot: s})
	}
	return met
}

// free is a name that no member has.
func (r Roster) free(name string) string {
	for n, base := 2, name; r.Index(name) >= 0; n++ {
		name = fmt.Sprintf("%s.%d", base, n)
	}
	return name
}

// SlotName is what a task can know of itself: {{.Service.Name}}.{{.Task.Slot}}.
func SlotName(service string, slot int) string { return service + "." + strconv.Itoa(slot) }
