package forecast_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/forecast"
	"pgregory.net/rapid"
)

func TestGridAveragesAndLeavesGaps(t *testing.T) {
	at := func(m int, v float64, censored bool) forescale.DemandPoint {
		return forescale.DemandPoint{Time: cell.Add(time.Duration(m) * time.Minute), Value: v, Censored: censored}
	}
	s, censored := forecast.Grid([]forescale.DemandPoint{
		at(0, 1, false), at(3, 3, false), at(10, 5, true), at(11, 7, false), at(16, math.NaN(), false), at(-1, 99, false), at(20, 99, true),
	}, cell.Add(2*time.Minute), cell.Add(20*time.Minute), 5*time.Minute)
	if !s.Start.Equal(cell) || s.Step != 5*time.Minute {
		t.Errorf("grid starts %v with step %v", s.Start, s.Step)
	}
	if want := "2 NaN 6 NaN"; words(s.Values) != want {
		t.Errorf("values %s, want %s", words(s.Values), want)
	}
	if want := []bool{false, false, true, false}; !slices.Equal(censored, want) {
		t.Errorf("censored %v, want %v", censored, want)
	}
}

func TestHoursAreSpreadOverTheStepsOfAGrid(t *testing.T) {
	hours := []forescale.DemandHour{
		{Time: cell.Truncate(time.Hour), Mean: 2, Points: 60, Saturated: 0.5},
		{Time: cell.Truncate(time.Hour).Add(2 * time.Hour), Mean: 3, Points: 12, Saturated: 0.75},
	}
	from := cell.Truncate(time.Hour)
	s, censored := forecast.Grid(forecast.Spread(hours, 20*time.Minute), from, from.Add(3*time.Hour), 20*time.Minute)
	if want := "2 2 2 NaN NaN NaN 3 3 3"; words(s.Values) != want {
		t.Errorf("values %s, want %s", words(s.Values), want)
	}
	if want := []bool{false, false, false, false, false, false, true, true, true}; !slices.Equal(censored, want) {
		t.Errorf("censored %v", censored)
	}
	if n := len(forecast.Spread(hours, 2*time.Hour)); n != 2 {
		t.Errorf("%d points for two hours in steps of two", n)
	}
}

func TestGridOfAnEmptyRangeIsEmpty(t *testing.T) {
	s, censored := forecast.Grid(nil, cell, cell, time.Minute)
	if len(s.Values) != 0 || len(censored) != 0 {
		t.Errorf("%v %v", s, censored)
	}
}

func TestGridKeepsMeansWithinItsPoints(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		minutes := rapid.SliceOf(rapid.IntRange(-10, 130)).Draw(t, "minutes")
		step := time.Duration(rapid.IntRange(1, 60).Draw(t, "step")) * time.Minute
		var points []forescale.DemandPoint
		lo, hi := math.Inf(1), math.Inf(-1)
		for _, m := range minutes {
			v := rapid.Float64Range(0, 1e300).Draw(t, "value")
			points = append(points, forescale.DemandPoint{Time: cell.Add(time.Duration(m) * time.Minute), Value: v})
			lo, hi = min(lo, v), max(hi, v)
		}
		s, censored := forecast.Grid(points, cell, cell.Add(2*time.Hour), step)
		if len(s.Values) != len(censored) || s.End().Before(cell.Add(2*time.Hour)) {
			t.Fatalf("%d values, %d marks, end %v", len(s.Values), len(censored), s.End())
		}
		for _, v := range s.Values {
			if !math.IsNaN(v) && (v < lo*(1-1e-12) || v > hi*(1+1e-12)) {
				t.Fatalf("mean %g is not within %g and %g", v, lo, hi)
			}
		}
	})
}

// words writes values for comparison, NaN included.
func words(vs []float64) string {
	s := ""
	for i, v := range vs {
		if i > 0 {
			s += " "
		}
		s += formatted(v)
	}
	return s
}
