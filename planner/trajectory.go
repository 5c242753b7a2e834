package planner

import "time"

// The plan ahead is the cheapest course that has in every step what is needed then.
// An instance is paid from its order on and serves a lead time later; a start is
// further worth what an instance costs for as long as fewer must suffice beyond the
// lead time. As both costs are linear, each of the n-th instances can be
// looked at alone: it is kept through a time without need that is shorter than
// both, and else stopped and ordered anew. So the number that is kept in a step
// is the highest need from there on that far, which a queue finds for all steps in
// one pass. trajectory_test.go holds it against all courses there are.

// reach finds for each step the one that needs most among those that begin less
// than within after it, itself included; the first of several. looks is how often a
// step was looked at: each is put into the queue once and taken out once, however far
// it reaches.
func reach(steps []step, within time.Duration) (most []int, looks int) {
	most = make([]int, len(steps))
	var queue []int // from far to near, of falling distance and rising need
	for i := len(steps) - 1; i >= 0; i-- {
		for n := len(queue); n > 0 && steps[queue[n-1]].count <= steps[i].count; n-- {
			queue = queue[:n-1]
			looks++
		}
		queue = append(queue, i)
		looks++
		for to := steps[i].at.Add(within); len(queue) > 1 && !steps[queue[0]].at.Before(to); {
			queue = queue[1:]
			looks++
		}
		most[i] = queue[0]
	}
	return most, looks
}
