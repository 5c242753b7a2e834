package forecast_test

import (
	"math"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/forecast"
	"github.com/forescale/forescale/forecast/forecasttest"
)

// roaming is four weeks of a load without a pattern: every few hours its level goes to
// another place, three times as far in the last ten days as before.
func roaming(seed uint64) forescale.Series {
	const perDay = 96
	noise := forecasttest.Noise(seed)
	s := forescale.Series{Start: monday, Step: 15 * time.Minute, Values: make([]float64, 28*perDay)}
	level, goal, rest := 0.0, 0.0, 0
	for i := range s.Values {
		if rest--; rest < 0 {
			far := 0.12
			if i > 18*perDay {
				far *= 3
			}
			goal, rest = 0.6*goal+far*noise(), perDay/4+int(math.Abs(noise())*perDay/2)
		}
		level += 0.3 * (goal - level)
		s.Values[i] = 20 * math.Exp(level+0.04*noise())
	}
	return s
}

// A day ahead of a load that wanders, and wanders farther than it did, nothing is known
// but how far it went: the loss stays near that of the best naive forecast in hindsight.
func TestALevelThatWandersIsForecastNearlyAsWellAsNaively(t *testing.T) {
	if testing.Short() {
		t.Skip("computes for long")
	}
	const day = 3
	sum, worst := 0.0, 0.0
	for seed := uint64(1); seed <= 6; seed++ {
		m, ok := forecast.Yardstick{Origins: 12}.Measure(forecast.Ladder{}, roaming(seed), nil)
		if !ok {
			t.Fatal("nothing was measured")
		}
		t.Logf("seed %d: ratio %.3f, held %.3f", seed, m.Ratio(day), m.Covered[day])
		sum, worst = sum+math.Log(m.Ratio(day))/6, max(worst, m.Ratio(day))
	}
	if mean := math.Exp(sum); mean > 1.018 || worst > 1.225 {
		t.Errorf("a day ahead the loss is %.3f of the best naive forecast's, at worst %.3f, want 1.018 and 1.225", mean, worst)
	}
}
