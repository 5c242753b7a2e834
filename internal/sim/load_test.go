package sim

import (
	"math"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

func TestARecordedTraceHasNoGaps(t *testing.T) {
	t.Parallel()
	r := Recorded{forescale.Series{Start: monday, Step: time.Minute, Values: []float64{math.NaN(), 3, math.NaN(), -1}}}
	for minute, want := range map[int]float64{-5: 3, 0: 3, 1: 3, 2: 3, 3: 0, 99: 0} {
		if got := r.At(monday.Add(time.Duration(minute) * time.Minute)); got != want {
			t.Errorf("minute %d: %g, want %g", minute, got, want)
		}
	}
}

func TestWarmUpsSpreadAroundTheMedianAndDependOnTheNameAlone(t *testing.T) {
	t.Parallel()
	s := Spread{Median: time.Minute, Sigma: 0.3}
	below := 0
	for i := range 2000 {
		name := string(rune('a'+i%26)) + time.Duration(i).String()
		d := s.Draw(9, name)
		if d != s.Draw(9, name) || d <= 0 || d > 4*time.Minute {
			t.Fatalf("%v for %s", d, name)
		}
		if d < time.Minute {
			below++
		}
	}
	if below < 900 || below > 1100 {
		t.Errorf("%d of 2000 are below the median", below)
	}
}
