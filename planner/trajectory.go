package planner

import (
	"slices"
	"time"
)

// The plan ahead is the cheapest course that has in every step what is needed then.
// An instance is paid from its order on and serves a lead time later; a start is
// further worth what an instance costs for as long as fewer must suffice beyond the
// lead time. As both costs are linear, each of the n-th instances can be
// looked at alone: it is kept through a time without need that is shorter than
// both, and else stopped and ordered anew. So the number that is kept in a step
// is the highest need from there on that far, which a queue finds for all steps in
// one pass. trajectory_test.go holds it against all courses there are.

// reach is the search, with room that is used again.
type reach struct {
	most  []int // for each step the one that needs most as far as it decides on a fall
	queue []int // from far to near, of falling distance and rising need
}

// find finds for each step the one that needs most among those that begin less
// than within after it, itself included; the first of several. looks is how often a
// step was looked at: each is put into the queue once and taken out once, however far
// it reaches.
func (r *reach) find(steps []step, within time.Duration) (looks int) {
	r.most = slices.Grow(r.most[:0], len(steps))[:len(steps)]
	queue, far := r.queue[:0], 0 // what lies before far has been taken out
	for i := len(steps) - 1; i >= 0; i-- {
		for len(queue) > far && steps[queue[len(queue)-1]].count <= steps[i].count {
			queue = queue[:len(queue)-1]
			looks++
		}
		queue = append(queue, i)
		looks++
		for to := steps[i].at + within; len(queue)-far > 1 && steps[queue[far]].at >= to; far++ {
			looks++
		}
		r.most[i] = queue[far]
	}
	r.queue = queue
	return looks
}
