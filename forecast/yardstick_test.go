package forecast_test

import (
	"math"
	"testing"
	"time"

	"github.com/forescale/forescale/forecast"
)

func TestTheYardstickMeasuresAgainstTheBestNaiveForecast(t *testing.T) {
	s := hours(900)
	oracle := told(func(at time.Time) float64 { return s.Values[int(at.Sub(s.Start)/s.Step)] })
	far := told(func(at time.Time) float64 { return 100 })
	for _, c := range []struct {
		sentence string
		model    forecast.Model
		ratio    [2]float64 // of the ranges up to 2 h and up to 24 h
		covered  float64
	}{
		{"who knows the future loses nothing", oracle, [2]float64{0, 0}, 1},
		{"who is far off loses much", far, [2]float64{20, math.Inf(1)}, 0},
	} {
		m, ok := forecast.Yardstick{}.Measure(c.model, s, nil)
		if !ok {
			t.Fatal("nothing was measured")
		}
		if !math.IsNaN(m.Ratio(0)) || !math.IsNaN(m.Ratio(1)) || m.Tested[0]+m.Tested[1] != 0 {
			t.Errorf("by the hour %v truths are known half an hour ahead", m.Tested)
		}
		if m.Tested[2] != 6*2 || m.Tested[3] != 6*22 {
			t.Errorf("%v truths, want 2 and 22 of each of 6 origins", m.Tested)
		}
		for i, lead := range []int{2, 3} {
			r := m.Ratio(lead)
			if math.IsInf(c.ratio[1], 1) {
				if r < c.ratio[0] {
					t.Errorf("%s: ratio %g", c.sentence, r)
				}
			} else if r > c.ratio[i]+1e-9 {
				t.Errorf("%s: ratio %g", c.sentence, r)
			}
			if m.Covered[lead] != c.covered {
				t.Errorf("%s: covers %g", c.sentence, m.Covered[lead])
			}
		}
	}
}

// In hindsight no naive forecast is better than the best of them.
func TestTheYardstickOfANaiveForecastIsAboutOneAtBest(t *testing.T) {
	for _, m := range []forecast.Model{forecast.SeasonalNaive{}, forecast.SeasonalNaive{Daily: true}} {
		r, ok := forecast.Yardstick{Origins: 4}.Measure(m, hours(900), nil)
		if !ok || r.Ratio(3) < 0.9 {
			t.Errorf("%s: ratio %g", m.Name(), r.Ratio(3))
		}
	}
}

func TestTheYardstickNeedsNineDays(t *testing.T) {
	if _, ok := (forecast.Yardstick{}).Measure(forecast.Level{}, hours(8*24), nil); ok {
		t.Error("eight days were measured")
	}
	gaps := hours(900)
	for i := range gaps.Values {
		gaps.Values[i] = math.NaN()
	}
	if _, ok := (forecast.Yardstick{}).Measure(forecast.Level{}, gaps, nil); ok {
		t.Error("gaps were measured")
	}
}

// told is a model that says one thing at all quantiles.
type told func(at time.Time) float64

func (told) Name() string { return "told" }

func (f told) Forecast(in forecast.Input) (forecast.Prediction, error) {
	p := forecast.Prediction{Model: "told"}
	for h := range in.Horizon {
		row := make([]float64, len(in.Levels))
		for k := range row {
			row[k] = f(in.Series.At(len(in.Series.Values) + h))
		}
		p.Values = append(p.Values, row)
	}
	return p, nil
}
