package forescale_test

import (
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"pgregory.net/rapid"
)

func threeSteps() forescale.Forecast {
	return forescale.Forecast{
		Start: noon, Step: 5 * time.Minute, Levels: []float64{0.1, 0.5, 0.9},
		Values: [][]float64{{1, 2, 3}, {2, 4, 8}, {1, 1, 1}},
	}
}

func TestForecastAt(t *testing.T) {
	f := threeSteps()
	tests := []struct {
		name string
		at   time.Duration
		q    float64
		want float64
		ok   bool
	}{
		{"a level as it is", 0, 0.5, 2, true},
		{"between levels it is linear", 0, 0.7, 2.5, true},
		{"a step holds until the next", 4*time.Minute + 59*time.Second, 0.5, 2, true},
		{"the next step begins on time", 5 * time.Minute, 0.5, 4, true},
		{"below the lowest level it is clamped", 5 * time.Minute, 0.01, 2, true},
		{"above the highest level it is clamped", 5 * time.Minute, 0.999, 8, true},
		{"before the first step nothing is known", -time.Second, 0.5, 0, false},
		{"after the last step nothing is known", 15 * time.Minute, 0.5, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := f.At(noon.Add(tt.at), tt.q)
			if ok != tt.ok || math.Abs(got-tt.want) > 1e-12 {
				t.Errorf("%g, %t; want %g, %t", got, ok, tt.want, tt.ok)
			}
		})
	}
	if _, ok := (forescale.Forecast{}).At(noon, 0.5); ok {
		t.Error("an empty forecast knows something")
	}
}

func TestForecastMax(t *testing.T) {
	f := threeSteps()
	tests := []struct {
		name     string
		from, to time.Duration
		want     float64
		step     time.Duration
		ok       bool
	}{
		{"the highest step that is touched", 0, 15 * time.Minute, 8, 5 * time.Minute, true},
		{"a step is touched by its last second", 9 * time.Minute, 15 * time.Minute, 8, 5 * time.Minute, true},
		{"the end is not included", 0, 5 * time.Minute, 3, 0, true},
		{"the first of equals", 10 * time.Minute, 14 * time.Minute, 1, 10 * time.Minute, true},
		{"from before the start", -time.Hour, time.Minute, 3, 0, true},
		{"after the end nothing is known", 15 * time.Minute, time.Hour, 0, 0, false},
		{"before the start nothing is known", -time.Hour, 0, 0, 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, at, ok := f.Max(noon.Add(tt.from), noon.Add(tt.to), 0.9)
			if ok != tt.ok || got != tt.want || ok && !at.Equal(noon.Add(tt.step)) {
				t.Errorf("%g at %v, %t; want %g at %v, %t", got, at, ok, tt.want, tt.step, tt.ok)
			}
		})
	}
	if !f.End().Equal(noon.Add(15 * time.Minute)) {
		t.Errorf("ends at %v", f.End())
	}
}

func TestQuantilesRiseWithTheLevel(t *testing.T) {
	f := threeSteps()
	rapid.Check(t, func(t *rapid.T) {
		at := noon.Add(time.Duration(rapid.IntRange(0, 899).Draw(t, "second")) * time.Second)
		a, b := rapid.Float64Range(0, 1).Draw(t, "a"), rapid.Float64Range(0, 1).Draw(t, "b")
		lo, _ := f.At(at, min(a, b))
		hi, _ := f.At(at, max(a, b))
		if lo > hi {
			t.Fatalf("%g at %g is above %g at %g", lo, min(a, b), hi, max(a, b))
		}
	})
}

func TestTimesADemandKeepsHowMinutesScatter(t *testing.T) {
	f := forescale.Forecast{Service: "web", Step: time.Hour, Levels: []float64{0.1, 0.9}, Values: [][]float64{{1, 2}, {3, 4}}, Score: forescale.Score{Pinball: 1, Naive: 2, Coverage: 0.9, Tested: 7},
		Minutes: forescale.Minutes{Unit: 3, Scatter: 0.2, Before: []float64{1, 2, 3}, Follow: 0.5, Shift: 0.3, Above: 0.1, Seen: 9}}
	got := f.Times(2)
	want := forescale.Forecast{Service: "web", Step: time.Hour, Levels: []float64{0.1, 0.9}, Values: [][]float64{{2, 4}, {6, 8}}, Score: forescale.Score{Pinball: 2, Naive: 4, Coverage: 0.9, Tested: 7},
		Minutes: forescale.Minutes{Unit: 6, Scatter: 0.2, Before: []float64{2, 4, 6}, Follow: 0.5, Shift: 0.3, Above: 0.1, Seen: 9}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if f.Values[1][1] != 4 || f.Minutes.Before[2] != 3 {
		t.Errorf("the forecast itself was changed: %+v", f)
	}
}
