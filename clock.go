package forescale

import (
	"hash/fnv"
	"time"
)

// Clock is the one seam by which time enters. Pure packages take a time as an
// argument instead and never hold a Clock.
type Clock interface {
	// Now is the wall clock, in UTC. It can jump, as any wall clock can.
	Now() time.Time
	// Elapsed is a steady reading that never jumps and never runs backwards.
	// The difference of two readings tells how much time went by.
	Elapsed() time.Duration
	// After delivers one value once d of this clock's time has gone by.
	After(d time.Duration) <-chan time.Time
}

// SystemClock is the machine's clock at its own pace. Its zero value is not
// usable; see [NewSystemClock].
type SystemClock struct{ start time.Time }

// NewSystemClock starts the steady reading at zero.
func NewSystemClock() SystemClock { return SystemClock{start: time.Now()} }

// Now implements [Clock].
func (SystemClock) Now() time.Time { return time.Now().UTC().Round(0) }

// Elapsed implements [Clock].
func (c SystemClock) Elapsed() time.Duration { return time.Since(c.start) }

// After implements [Clock].
func (SystemClock) After(d time.Duration) <-chan time.Time { return time.After(d) }

// FastClock runs factor times as fast as the machine's clock, starting at a
// chosen moment. A demonstration shows a day in minutes with it, while every
// duration in the configuration keeps its real meaning.
type FastClock struct {
	origin time.Time // what Now shows at the start
	start  time.Time // machine time at the start
	factor float64
}

// NewFastClock shows origin now and runs at factor times real time. It panics
// if factor is not positive.
func NewFastClock(origin time.Time, factor float64) FastClock {
	if factor <= 0 {
		panic("forescale: clock factor must be positive")
	}
	return FastClock{origin: origin.UTC().Round(0), start: time.Now(), factor: factor}
}

// Now implements [Clock].
func (c FastClock) Now() time.Time { return c.origin.Add(c.Elapsed()) }

// Elapsed implements [Clock].
func (c FastClock) Elapsed() time.Duration {
	return time.Duration(float64(time.Since(c.start)) * c.factor)
}

// After implements [Clock].
func (c FastClock) After(d time.Duration) <-chan time.Time {
	return time.After(time.Duration(float64(d) / c.factor))
}

// Real converts a duration of this clock into one of the machine's clock.
func (c FastClock) Real(d time.Duration) time.Duration {
	return time.Duration(float64(d) / c.factor)
}

// Turn is when the turn began that a name has now, of turns that each last so long. Others
// have theirs at other moments: what is done once a turn is not done for all at once.
func Turn(now time.Time, lasts time.Duration, name ...string) time.Time {
	h := fnv.New64a()
	for _, part := range name {
		h.Write([]byte(part))
	}
	late := time.Duration(h.Sum64() % uint64(lasts))
	return now.Add(-late).Truncate(lasts).Add(late)
}
