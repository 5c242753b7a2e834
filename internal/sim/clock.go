package sim

import (
	"slices"
	"sync"
	"time"

	"github.com/forescale/forescale"
)

// Clock is moved by hand. A simulation advances it from step to step as fast
// as the machine can compute them.
type Clock struct {
	mu      sync.Mutex
	now     time.Time
	elapsed time.Duration
	waits   []wait // by due
}

type wait struct {
	due  time.Duration
	wake chan time.Time
}

var _ forescale.Clock = (*Clock)(nil)

// NewClock shows start until it is advanced.
func NewClock(start time.Time) *Clock { return &Clock{now: start.UTC().Round(0)} }

// Now implements [forescale.Clock].
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Elapsed implements [forescale.Clock].
func (c *Clock) Elapsed() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.elapsed
}

// After implements [forescale.Clock]. A duration of zero or less is over at once.
func (c *Clock) After(d time.Duration) <-chan time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	wake := make(chan time.Time, 1)
	if d <= 0 {
		wake <- c.now
		return wake
	}
	w := wait{due: c.elapsed + d, wake: wake}
	at, _ := slices.BinarySearchFunc(c.waits, w, func(a, b wait) int {
		if a.due <= b.due { // after those that are due at the same time
			return -1
		}
		return 1
	})
	c.waits = slices.Insert(c.waits, at, w)
	return wake
}

// Advance moves the clock on by d, waking in order everyone whose time comes.
// It does not wait for what they do. A negative d panics; see [Clock.Jump].
func (c *Clock) Advance(d time.Duration) {
	if d < 0 {
		panic("sim: a clock advances forwards only")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	end := c.elapsed + d
	for len(c.waits) > 0 && c.waits[0].due <= end {
		w := c.waits[0]
		c.waits = c.waits[1:]
		c.move(w.due)
		w.wake <- c.now
	}
	c.move(end)
}

func (c *Clock) move(to time.Duration) {
	c.now = c.now.Add(to - c.elapsed)
	c.elapsed = to
}

// Jump sets the wall clock forwards or back by d. No time goes by: the steady
// reading and the waits stay as they are.
func (c *Clock) Jump(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Waiting is how many waits are not over yet.
func (c *Clock) Waiting() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.waits)
}
