package loop_test

import (
	"testing"

	"github.com/forescale/forescale/internal/loop"
	"github.com/forescale/forescale/internal/sim"
)

// What a round takes for a service does not depend on how many others there are.
func TestARoundTakesAsMuchForAServiceAmongMany(t *testing.T) { // not in parallel: allocations are counted
	perService := func(services int) float64 {
		t.Helper()
		clock := sim.NewClock(monday)
		st := inMemory(t)
		w := newTown(t, st, clock, services)
		l := loop.New(loop.Config{Store: st, Sources: []loop.Source{w}, Target: w, Clock: clock})
		round := func() {
			if _, err := l.Step(t.Context(), clock.Now()); err != nil {
				t.Fatal(err)
			}
			clock.Advance(interval)
		}
		for range 4 { // the first rounds adopt all instances
			round()
		}
		return testing.AllocsPerRun(12, round) / float64(services)
	}
	few, many := perService(150), perService(1500) // more than may have their forecasts kept whole
	t.Logf("a round makes %.1f allocations for each of 150 services, and %.1f for each of 1,500", few, many)
	if many > 1.05*few || few > 100 {
		t.Errorf("a round makes %.1f allocations for each of 150 services, and %.1f for each of 1,500", few, many)
	}
}
