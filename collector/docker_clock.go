package collector

import (
	"time"

	"github.com/forescale/forescale"
)

// pace turns the engine's times, which are the machine's, into times of our
// clock. They differ when the clock runs faster, as in a demonstration.
type pace struct {
	clock  forescale.Clock
	factor float64 // how much time of the clock goes by in one of the machine; 0: it is the machine's
}

// paceOf asks the clock for its pace.
func paceOf(c forescale.Clock) pace {
	if _, ok := c.(forescale.SystemClock); ok {
		return pace{clock: c}
	}
	p := pace{clock: c, factor: 1}
	if fast, ok := c.(interface {
		Real(time.Duration) time.Duration
	}); ok {
		if real := fast.Real(time.Hour); real > 0 {
			p.factor = float64(time.Hour) / float64(real)
		}
	}
	return p
}

// real is a duration of our clock in the machine's time.
func (p pace) real(d time.Duration) time.Duration {
	if p.factor == 0 {
		return d
	}
	return time.Duration(float64(d) / p.factor)
}

// at is the machine's time t by our clock; the zero time stays zero.
func (p pace) at(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	if p.factor == 0 {
		return t.UTC().Round(0)
	}
	return p.clock.Now().Add(-time.Duration(p.factor * float64(time.Since(t))))
}
