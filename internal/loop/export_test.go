package loop

// SeeClock lets a test read the clocks as Run does before each round.
func (l *Loop) SeeClock() { l.seeClock(l.clock.Now(), l.clock.Elapsed()) }
