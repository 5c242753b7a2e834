package loop_test

import (
	"runtime"
	"testing"

	"github.com/forescale/forescale/internal/loop"
	"github.com/forescale/forescale/internal/sim"
)

// Between rounds a loop takes less than a KiB of memory for each service beside its
// forecast. A part is as large as what is free when it is let go, and a service takes
// what more of them take: what is there anyway, or comes and goes, does not count.
func TestAServiceTakesLessThanAKiBBesideItsForecast(t *testing.T) { // not in parallel: memory is counted
	measure := func(services int) (forecasts, state float64) {
		t.Helper()
		clock := sim.NewClock(monday)
		st := openInMemory(t)
		w := newTown(t, st, clock, services)
		l := loop.New(loop.Config{Store: st, Sources: []loop.Source{w}, Target: w, Clock: clock})
		for range 8 {
			if _, err := l.Step(t.Context(), clock.Now()); err != nil {
				t.Fatal(err)
			}
			clock.Advance(interval)
		}
		if _, _, _, kept := l.Remembered(); kept != services {
			t.Fatalf("%d forecasts are kept of %d services", kept, services)
		}
		all := inUse()
		l.DropForecasts()
		rest := inUse()
		runtime.KeepAlive(l)
		without := inUse()
		runtime.KeepAlive(st)
		runtime.KeepAlive(w)
		return all - rest, rest - without
	}
	f1, s1 := measure(200)
	f2, s2 := measure(1000)
	forecast, state := (f2-f1)/800, (s2-s1)/800
	t.Logf("each service: its forecast %.0f bytes, all else %.0f", forecast, state)
	if state > 1024 || state < 100 {
		t.Errorf("the loop keeps %.0f bytes of each service beside its forecast, want 100 to 1,024", state)
	}
}

// inUse is what is reachable, in bytes.
func inUse() float64 {
	runtime.GC()
	runtime.GC() // what the first one let go of through finalizers
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}
