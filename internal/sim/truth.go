package sim

import "time"

// trueNow is the time that no jump of the wall clock touches.
func (w *World) trueNow() time.Time { return w.start.Add(w.Clock.Elapsed() - w.began) }

// advance lets the world catch up with the clock, tick by tick.
func (w *World) advance() {
	end := w.trueNow()
	for next := w.boundary(w.now); !next.After(end); next = w.boundary(next) {
		w.now = next
		w.crash()
		w.loseNodes()
		w.tick(next)
		if w.Sample > 0 && next.Equal(next.Truncate(w.Sample)) {
			w.measureAll()
		}
	}
	if end.After(w.now) {
		w.now = end
		w.crash()
		w.loseNodes()
	}
}

// boundary is the first multiple of Tick after t.
func (w *World) boundary(t time.Time) time.Time { return t.Truncate(w.Tick).Add(w.Tick) }

// tick counts the truth of the tick that ends at t into the row that it is in,
// and closes the row when its step is over.
func (w *World) tick(t time.Time) {
	from := t.Add(-w.Tick)
	for _, name := range w.order {
		s := w.services[name]
		s.open.at = from.Truncate(w.Step)
		s.open.ticks++
		s.open.wanted = max(s.open.wanted, s.wanted)
		s.open.demand += s.Load.At(from) / s.Capacity
		for _, id := range s.names {
			w.count(w.units[id], from, &s.open)
		}
		if t.Equal(t.Truncate(w.Step)) {
			row := s.open.row(s)
			row.Nodes = w.nodesUp(t)
			s.timeline = append(s.timeline, row)
			s.open = sums{}
		}
	}
}

// count adds one instance to the sums, by what it was at the tick's beginning.
func (w *World) count(u *unit, t time.Time, s *sums) {
	switch {
	case u.created.After(t) || !u.running(t):
	case u.draining:
		s.drained++
	case u.isReady(t):
		s.ready++
	default:
		s.starting++
	}
}

// advanceNow lets the world catch up for a caller outside of it.
func (w *World) advanceNow() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.advance()
}

// backlog is how long measurements wait for Observe.
const backlog = 15 * time.Minute

// measureAll keeps what all instances measure now.
func (w *World) measureAll() {
	for len(w.measured) > 0 && w.now.Sub(w.measured[0].Time) > backlog {
		w.measured = w.measured[1:]
	}
	for _, name := range w.order {
		w.measured = append(w.measured, w.measure(w.services[name], w.now)...)
	}
}
