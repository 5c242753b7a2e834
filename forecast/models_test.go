package forecast_test

import (
	"testing"

	"github.com/forescale/forescale/forecast"
	"github.com/forescale/forescale/forecast/forecasttest"
)

func TestEveryModelPassesTheSuite(t *testing.T) {
	for _, m := range []forecast.Model{
		forecast.Ladder{}, forecast.Profile{Weekly: true}, forecast.Profile{},
		forecast.SeasonalNaive{}, forecast.SeasonalNaive{Daily: true}, forecast.Level{},
		forecast.Combination{}, forecast.Lags{}, forecast.Smoothing{}, forecast.Theta{},
	} {
		t.Run(m.Name(), func(t *testing.T) {
			if _, mixed := m.(forecast.Combination); mixed && testing.Short() {
				t.Skip("computes for long")
			}
			forecasttest.Exercise(t, m)
		})
	}
}

func TestModelsOfTheWeekFindIt(t *testing.T) {
	if testing.Short() {
		t.Skip("computes for long")
	}
	for _, m := range []forecast.Model{forecast.Ladder{}, forecast.Profile{Weekly: true}, forecast.SeasonalNaive{}, forecast.Combination{}} {
		t.Run(m.Name(), func(t *testing.T) { forecasttest.ExercisePattern(t, m) })
	}
}
