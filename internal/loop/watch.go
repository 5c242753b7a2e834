package loop

import "time"

// A wall clock that moves by more than jumpLimit against the steady one has
// jumped; effects wait until it kept still for settleTime.
const (
	jumpLimit  = 30 * time.Second
	settleTime = 2 * time.Minute
)

// clockWatch finds jumps of the wall clock by holding it against the steady one.
type clockWatch struct {
	started   bool
	wall      time.Time
	steady    time.Duration
	pending   time.Duration // a jump that no round has met yet
	last      time.Duration // the newest jump
	unsettled time.Duration // steady reading until which effects wait
}

// see takes both readings and notes a jump between them and the last ones.
func (c *clockWatch) see(wall time.Time, steady time.Duration) {
	if c.started {
		if jump := wall.Sub(c.wall) - (steady - c.steady); jump.Abs() > jumpLimit {
			c.note(jump, steady)
		}
	}
	c.started, c.wall, c.steady = true, wall, steady
}

func (c *clockWatch) note(jump time.Duration, steady time.Duration) {
	c.pending += jump
	c.last = jump
	c.unsettled = steady + settleTime
}

// take hands out a jump once, and tells whether effects still wait.
func (c *clockWatch) take() (jump time.Duration, unsettled bool) {
	jump, c.pending = c.pending, 0
	return jump, c.last != 0 && c.steady < c.unsettled
}
