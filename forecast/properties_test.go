package forecast_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/forecast"
	"github.com/forescale/forescale/forecast/forecasttest"
)

// generated is n steps of office hours with 10 % of noise, times scale.
func generated(n int, step time.Duration, scale float64) forescale.Series {
	s := forescale.Series{Start: monday, Step: step, Values: make([]float64, n)}
	noise := forecasttest.Noise(11)
	for i := range s.Values {
		s.Values[i] = scale * forecasttest.Truth(s.At(i), time.UTC) * (1 + 0.1*noise())
	}
	return s
}

// dayAhead forecasts a day, and gives the sum of absolute errors of its median over
// the sum of the truth, which is that of generated times factor.
func dayAhead(t *testing.T, s forescale.Series, factor float64) (off float64) {
	t.Helper()
	n := int(24 * time.Hour / s.Step)
	f := must(t, forecast.Request{History: s, Issued: s.End(), Horizon: n})
	if err := forecasttest.Sane(f.Values, n, len(f.Levels)); err != nil {
		t.Fatal(err)
	}
	k, miss, sum := slices.Index(f.Levels, 0.5), 0.0, 0.0
	for i, row := range f.Values {
		truth := factor * forecasttest.Truth(f.Start.Add(time.Duration(i)*f.Step), time.UTC)
		miss += math.Abs(row[k] - truth)
		sum += truth
	}
	return miss / sum
}

func TestThePatternIsFoundAtEveryStep(t *testing.T) {
	for _, step := range []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour} {
		t.Run(step.String(), func(t *testing.T) {
			if off := dayAhead(t, generated(int(22*24*time.Hour/step), step, 1), 1); off > 0.1 {
				t.Errorf("a day ahead the median is off by %.3f", off)
			}
		})
	}
}

func TestAnyUnitWillDo(t *testing.T) {
	for _, scale := range []float64{1e-12, 1e-6, 1e-3, 1e6, 1e12, 1e300} {
		t.Run(fmt.Sprintf("%g", scale), func(t *testing.T) {
			if off := dayAhead(t, generated(22*96, 15*time.Minute, scale), scale); off > 0.1 {
				t.Errorf("a day ahead the median is off by %.3f", off)
			}
		})
	}
}

// Gaps that end a while ago, and one that reaches up to now.
func TestGapsOfMinutesToWeeksAreBridged(t *testing.T) {
	const perDay = 96
	for _, c := range []struct {
		sentence string
		steps    int // that are missing
		back     int // from the end of the gap to the end of the history
	}{
		{"an hour, yesterday", 4, perDay},
		{"a day, two days ago", perDay, 2 * perDay},
		{"three days, a week ago", 3 * perDay, 7 * perDay},
		{"a week, a week ago", 7 * perDay, 7 * perDay},
		{"two weeks, nine days ago", 14 * perDay, 9 * perDay},
		{"three hours, until now", 12, 0},
		{"a day, until now", perDay, 0},
		{"a week, until now", 7 * perDay, 0},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			s := generated(42*perDay, 15*time.Minute, 1)
			end := len(s.Values) - c.back
			for i := end - c.steps; i < end; i++ {
				s.Values[i] = math.NaN()
			}
			if off := dayAhead(t, s, 1); off > 0.15 {
				t.Errorf("a day ahead the median is off by %.3f", off)
			}
		})
	}
}

// Of nine steps in ten nothing is asked for.
func TestWhatIsMostlyZeroStaysSo(t *testing.T) {
	s := forescale.Series{Start: monday, Step: 15 * time.Minute, Values: make([]float64, 28*96)}
	noise := forecasttest.Noise(5)
	for i := range s.Values {
		if noise() > 0.8 {
			s.Values[i] = 5
		}
	}
	f := must(t, forecast.Request{History: s, Issued: s.End(), Horizon: 96})
	mid, high, sum := slices.Index(f.Levels, 0.5), slices.Index(f.Levels, 0.975), 0.0
	for i, row := range f.Values {
		sum += row[high]
		if row[mid] > 1 || row[high] > 7.6 { // half more than ever was
			t.Errorf("%d steps ahead: median %.2f, 97.5 %% %.2f; of values of 0, and one in ten of 5", i+1, row[mid], row[high])
		}
	}
	if sum < 96 {
		t.Errorf("the 97.5 %% quantiles are %.2f in the mean: the bursts are forgotten", sum/96)
	}
}

func TestHistoriesOfMinutesToYears(t *testing.T) {
	for _, c := range []struct {
		sentence string
		n        int
		step     time.Duration
		within   float64
	}{
		{"ten minutes", 10, time.Minute, 2},
		{"three hours", 180, time.Minute, 2},
		{"three days", 3 * 288, 5 * time.Minute, 0.3},
		{"two weeks", 14 * 96, 15 * time.Minute, 0.12},
		{"three years", 3 * 365 * 24, time.Hour, 0.1},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			if off := dayAhead(t, generated(c.n, c.step, 1), 1); off > c.within {
				t.Errorf("a day ahead the median is off by %.3f", off)
			}
		})
	}
}
