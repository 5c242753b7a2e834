package loop

import "context"

// SeeClock lets a test read the clocks as Run does before each round.
func (l *Loop) SeeClock() { l.seeClock(l.clock.Now(), l.clock.Elapsed()) }

// LookBack lets a test hold the clock against the memory as Run does at its start.
func (l *Loop) LookBack(ctx context.Context) error { return l.checkMemory(ctx, l.clock.Now(), true) }
