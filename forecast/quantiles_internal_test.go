package forecast

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestArrangePutsTheWantedPlacesInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.SliceOfN(rapid.OneOf(rapid.Float64Range(-5, 5), rapid.SampledFrom([]float64{0, 1})), 1, 500).Draw(t, "v")
		places := rapid.SliceOf(rapid.IntRange(0, len(v)-1)).Draw(t, "places")
		slices.Sort(places)
		places = slices.Compact(places)
		want := slices.Sorted(slices.Values(v))
		arrange(v, 0, places)
		for _, i := range places {
			if v[i] != want[i] {
				t.Fatalf("place %d holds %g, want %g", i, v[i], want[i])
			}
		}
		slices.Sort(v)
		if !slices.Equal(v, want) {
			t.Fatal("values were lost")
		}
	})
}

func TestQuantilesOfManyAreThoseOfTheirDistribution(t *testing.T) {
	v := make([]float64, 100_000)
	for i := range v {
		v[(i*7919)%len(v)] = float64(i) / float64(len(v))
	}
	levels := []float64{.01, .25, .5, .9, .99}
	got := make([]float64, len(levels))
	quantilesOf(v, float64(len(v)), levels, got)
	for k, q := range levels {
		if math.Abs(got[k]-q) > 1e-3 {
			t.Errorf("quantile %g is %g", q, got[k])
		}
	}
}

func TestQuantilesOfFewAreWider(t *testing.T) {
	v := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	levels := []float64{.05, .5, .95}
	got := make([]float64, 3)
	quantilesOf(v, 10, levels, got)
	// A future value lies outside ten seen ones with probability 2/11.
	if !(got[0] <= 1 && got[1] == 5.5 && got[2] >= 10) {
		t.Errorf("quantiles %v", got)
	}
}

func TestNormalQuantiles(t *testing.T) {
	// Abramowitz and Stegun, table 26.1.
	for q, want := range map[float64]float64{0.5: 0, 0.975: 1.959964, 0.9: 1.281552, 0.01: -2.326348} {
		if got := normalQuantile(q); math.Abs(got-want) > 1e-6 {
			t.Errorf("normal quantile of %g is %g, want %g", q, got, want)
		}
	}
}
