package forecast_test

import (
	"math"
	"testing"

	"github.com/forescale/forescale/forecast"
)

func TestScoresByHand(t *testing.T) {
	nan := math.NaN()
	values := [][]float64{{1, 2, 4}, {1, 3, 5}, {0, 1, 2}}
	truth := []float64{3, 0, nan}
	levels := []float64{0.1, 0.5, 0.9}
	loss, steps := forecast.MeanPinball(levels, values, truth)
	// 3 against 1, 2, 4: .2+.5+.1; 0 against 1, 3, 5: .9+1.5+.5.
	if want := (0.8 + 2.9) / 6; steps != 2 || math.Abs(loss-want) > 1e-12 {
		t.Errorf("pinball %g of %d steps, want %g of 2", loss, steps, want)
	}
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"coverage", forecast.Coverage(values, 0, 2, truth), 0.5},
		{"coverage of nothing", forecast.Coverage(values, 0, 2, []float64{nan}), nan},
		{"WAPE", forecast.WAPE([]float64{2, 3, 9}, []float64{4, 4, nan}), 3.0 / 8},
		{"WAPE of zeros", forecast.WAPE([]float64{2}, []float64{0}), nan},
		// Errors 1 and 2 against a mean seasonal difference of 2.
		{"MASE", forecast.MASE([]float64{1, 2}, []float64{2, 4}, []float64{1, 5, 3, 7, nan}, 2), 0.75},
		{"MASE of a constant", forecast.MASE([]float64{1}, []float64{2}, []float64{1, 1, 1}, 1), nan},
		{"pinball above", forecast.Pinball(0.9, 10, 8), 1.8},
		{"pinball below", forecast.Pinball(0.9, 8, 10), 0.2},
	} {
		if math.Abs(c.got-c.want) > 1e-12 || math.IsNaN(c.got) != math.IsNaN(c.want) {
			t.Errorf("%s is %g, want %g", c.name, c.got, c.want)
		}
	}
}
