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

// daily is a demand of 2 at night and of 10 at noon, every day alike but for a
// small ripple.
func daily(days int) forescale.Series {
	s := forescale.Series{Start: monday, Step: 5 * time.Minute, Values: make([]float64, days*288)}
	for i := range s.Values {
		s.Values[i] = 6 - 4*math.Cos(2*math.Pi*float64(i%288)/288) + 0.1*math.Sin(float64(i)*1.7)
	}
	return s
}

// medianOf is the mean of the forecast's medians over the steps [from, to).
func medianOf(f forescale.Forecast, from, to int) float64 {
	k, sum := slices.Index(f.Levels, 0.5), 0.0
	for _, row := range f.Values[from:to] {
		sum += row[k]
	}
	return sum / float64(to-from)
}

// Around noon the demand is 9 to 10; in the last days no more than 6 instances
// were there, so that no more than 6 were seen.
func TestWhatSaturationHidIsNotLearnedAsTheTruth(t *testing.T) {
	const ceiling = 6.0
	for _, c := range []struct{ days, hidden int }{{28, 5}, {28, 14}, {8, 4}} {
		t.Run(fmt.Sprintf("the last %d of %d days were saturated at noon", c.hidden, c.days), func(t *testing.T) {
			s := daily(c.days)
			marks := make([]bool, len(s.Values))
			for i := (c.days - c.hidden) * 288; i < len(s.Values); i++ {
				if s.Values[i] > ceiling {
					s.Values[i], marks[i] = ceiling, true
				}
			}
			r := forecast.Request{History: s, Issued: s.End(), Horizon: 288}
			fooled := must(t, r)
			r.Censored = marks
			f := must(t, r)
			if got := medianOf(f, 120, 168); got < 9 {
				t.Errorf("the forecast of noon is %.2f, of the truth 9.6 only 6 were seen (unmarked it is %.2f)", got, medianOf(fooled, 120, 168))
			}
			if got := medianOf(f, 0, 48); math.Abs(got-2.7) > 0.5 {
				t.Errorf("the forecast of the night is %.2f, want 2.7: nothing was hidden then", got)
			}
		})
	}
}

// On every other day no more than 6 were seen at noon. The others tell the truth,
// and how certain it is.
func TestWhatSaturationHidMakesNobodyUncertain(t *testing.T) {
	const ceiling = 6.0
	s := daily(29)
	noise := forecasttest.Noise(3)
	marks := make([]bool, len(s.Values))
	for i := range s.Values {
		s.Values[i] *= 1 + 0.1*noise()
		if (i/288)%2 == 1 && s.Values[i] > ceiling {
			s.Values[i], marks[i] = ceiling, true
		}
	}
	f := must(t, forecast.Request{History: s, Censored: marks, Issued: s.End(), Horizon: 288})
	low, k := 0.0, slices.Index(f.Levels, 0.05)
	for _, row := range f.Values[120:168] {
		low += row[k] / 48
	}
	if low < 8 || medianOf(f, 120, 168) < 9.2 {
		t.Errorf("the forecast of noon is %.2f, at least %.2f; want 9.6, at least 8.7", medianOf(f, 120, 168), low)
	}
}

// A history of minutes has no pattern; what was hidden must not lower its level.
func TestWhatSaturationHidDoesNotLowerTheLevel(t *testing.T) {
	s := forescale.Series{Start: monday, Step: time.Minute}
	var marks []bool
	for i := range 60 {
		v, hidden := 10+0.1*math.Sin(float64(i)*1.7), i >= 30
		if hidden {
			v = 6
		}
		s.Values, marks = append(s.Values, v), append(marks, hidden)
	}
	f := must(t, forecast.Request{History: s, Censored: marks, Issued: s.End(), Horizon: 10})
	if got := medianOf(f, 0, 10); got < 9.8 {
		t.Errorf("the forecast is %.2f after values of 10 and then of at least 6", got)
	}
}

// What is not there yet when a forecast is issued cannot be told apart from what
// is there but later: neither its values nor how odd they are.
func TestTheStepUnderWayAndWhatFollowsAreNotLookedAt(t *testing.T) {
	whole := daily(15)
	const known = 14 * 288
	for _, c := range []struct {
		name string
		step time.Duration
		late time.Duration // after the last known value's step
	}{
		{"at the edge of a step", 5 * time.Minute, 0},
		{"within a step of the history", 5 * time.Minute, 4 * time.Minute},
		{"within a wider step", 15 * time.Minute, 14 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := forecast.Request{Issued: whole.At(known).Add(c.late), Step: c.step, Horizon: 96}
			r.History, r.Censored = whole, nil
			r.History.Values = whole.Values[:known]
			want := must(t, r)
			r.History.Values, r.Censored = slices.Clone(whole.Values), make([]bool, len(whole.Values))
			for i := known; i < len(whole.Values); i++ {
				r.History.Values[i] = []float64{math.Inf(1), -1, 1e6, math.NaN()}[(i-known)%4]
				r.Censored[i] = true
			}
			if got := must(t, r); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("the forecast looks ahead: %s %q, want %s %q", got.Model, got.Warnings, want.Model, want.Warnings)
			}
		})
	}
}

// A single reading that is fifty times too high is a fault of the reader. What
// is left of it after the limits moves no median by more than a third of the peak.
func TestOneOutlierMovesTheForecastHardly(t *testing.T) {
	for _, days := range []int{28, 8} {
		s := forecasttest.Weekly(days*288, time.UTC)
		clean := must(t, forecast.Request{History: s, Issued: s.End(), Horizon: 288})
		for _, c := range []struct {
			name string
			back int // steps before the end
		}{{"an hour ago", 12}, {"yesterday at noon", 144}, {"last week at noon", 6*288 + 144}} {
			t.Run(fmt.Sprintf("%s, of %d days", c.name, days), func(t *testing.T) {
				odd := s
				odd.Values = slices.Clone(s.Values)
				odd.Values[len(odd.Values)-c.back] *= 50
				f := must(t, forecast.Request{History: odd, Issued: odd.End(), Horizon: 288})
				worst := 0.0
				for i := range f.Values {
					worst = max(worst, math.Abs(medianOf(clean, i, i+1)-medianOf(f, i, i+1)))
				}
				if peak := slices.Max(s.Values); worst > peak/3 {
					t.Errorf("a median moves by %.2f, of a peak of %.1f", worst, peak)
				}
			})
		}
	}
}

// In a history that repeats itself exactly, last week's value is the forecast;
// an odd one is not repeated as it was.
func TestAnOutlierIsNotRepeatedBySeasonalNaive(t *testing.T) {
	s := daily(8)
	s.Values[len(s.Values)-288+6] *= 50
	f := must(t, forecast.Request{History: s, Issued: s.End(), Horizon: 288})
	for i := range f.Values {
		if m := medianOf(f, i, i+1); m > 12 {
			t.Fatalf("%d steps ahead the median is %.1f, where no day but for one reading passes 10", i+1, m)
		}
	}
}
