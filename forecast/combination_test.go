package forecast_test

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/forecast"
	"github.com/forescale/forescale/forecast/forecasttest"
)

// hours is the suite's demand by the hour.
func hours(n int) forescale.Series {
	s := forecasttest.Weekly(n*12, time.UTC)
	out := forescale.Series{Start: s.Start, Step: time.Hour, Values: make([]float64, n)}
	for i := range out.Values {
		for _, v := range s.Values[i*12 : i*12+12] {
			out.Values[i] += v / 12
		}
	}
	return out
}

func TestCoarseStepsAreForecastByTheCombination(t *testing.T) {
	for _, c := range []struct {
		sentence string
		values   int
		model    string
	}{
		{"five weeks of hours", 840, "combination"},
		{"twelve days of hours", 12 * 24, "combination"},
		{"eight days of hours", 8 * 24, "daily profile"},
		{"a day of hours", 24, "damped level"},
	} {
		s := hours(c.values)
		f := must(t, forecast.Request{History: s, Issued: s.End(), Horizon: 48})
		if f.Model != c.model {
			t.Errorf("%s are forecast by %q, want %q", c.sentence, f.Model, c.model)
		}
	}
}

func TestTheCombinationBeatsThoseItIsMadeOf(t *testing.T) {
	s := hours(1200)
	in := forecast.Input{Series: s, Horizon: 48, Levels: forecast.DefaultLevels()}
	score := func(m forecast.Model) forescale.Score {
		sc, err := forecast.BackTest(m, in, 8)
		if err != nil {
			t.Fatal(err)
		}
		return sc
	}
	all := score(forecast.Combination{})
	if all.Pinball > 0.9*all.Naive { // of independent noise, no better than 0.71 can be had
		t.Errorf("loss %.4f, that of last week is %.4f", all.Pinball, all.Naive)
	}
	if all.Coverage < 0.9 {
		t.Errorf("the outer levels .025 and .99 hold %.3f", all.Coverage)
	}
	for _, m := range []forecast.Model{forecast.Lags{}, forecast.Smoothing{}} {
		if one := score(m); all.Pinball > 1.05*one.Pinball {
			t.Errorf("loss %.4f, that of %s alone is %.4f", all.Pinball, m.Name(), one.Pinball)
		}
	}
}

// A week repeated exactly leaves nothing to be better at than last week.
func TestWhatRepeatsItselfIsRepeated(t *testing.T) {
	s := forescale.Series{Start: monday, Step: time.Hour, Values: make([]float64, 840)}
	noise, week := forecasttest.Noise(5), make([]float64, 168)
	for i := range week {
		week[i] = 10 + 9*noise()
	}
	for i := range s.Values {
		s.Values[i] = week[i%168]
	}
	f := must(t, forecast.Request{History: s, Issued: s.End(), Horizon: 48})
	for i := range f.Values {
		if m, want := medianOf(f, i, i+1), week[(840+i)%168]; math.Abs(m-want) > 0.05*want+0.05 {
			t.Errorf("%d hours ahead the median is %.2f, want %.2f", i+1, m, want)
		}
	}
}

func TestTheCombinationSaysHowFarItWasTested(t *testing.T) {
	s := hours(600)
	f := must(t, forecast.Request{History: s, Issued: s.End(), Horizon: 300})
	if !strings.Contains(strings.Join(f.Warnings, "; "), "more than 100 steps ahead") {
		t.Errorf("warnings %q", f.Warnings)
	}
	if err := forecasttest.Sane(f.Values, 300, len(f.Levels)); err != nil {
		t.Error(err)
	}
	lo, hi := slices.Index(f.Levels, 0.05), slices.Index(f.Levels, 0.95)
	if f.Values[299][hi]-f.Values[299][lo] <= f.Values[299-168][hi]-f.Values[299-168][lo] {
		t.Error("beyond what was tested the forecast does not grow wider")
	}
}

func TestTheCombinationAndItsPartsKnowTheLocalHourAcrossBothChanges(t *testing.T) {
	loc := forecasttest.Berlin(t)
	for _, m := range []forecast.Model{forecast.Combination{}, forecast.Lags{}, forecast.Smoothing{}} {
		for _, end := range []time.Time{time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC), time.Date(2026, 10, 25, 0, 0, 0, 0, time.UTC)} {
			s := forescale.Series{Start: end.Add(-840 * time.Hour), Step: time.Hour, Values: make([]float64, 840)}
			noise := forecasttest.Noise(4) // without it last week is perfect and stands in
			for i := range s.Values {
				s.Values[i] = forecasttest.Truth(s.At(i), loc) * (1 + 0.1*noise())
			}
			p, err := m.Forecast(forecast.Input{Series: s, Location: loc, Horizon: 48, Levels: []float64{0.5}})
			if err != nil {
				t.Fatal(err)
			}
			point, truth := make([]float64, 48), make([]float64, 48)
			for i := range truth {
				point[i], truth[i] = p.Values[i][0], forecasttest.Truth(end.Add(time.Duration(i)*time.Hour), loc)
			}
			if e := forecast.WAPE(point, truth); !(e < 0.07) {
				t.Errorf("%s, %s: WAPE %.3f after the clocks changed", m.Name(), end.Format(time.DateOnly), e)
			}
		}
	}
}

// go test ./forecast -run '^$' -bench Combination -cpu 1
func BenchmarkCombination(b *testing.B) {
	for _, c := range []struct {
		name    string
		s       forescale.Series
		horizon int
	}{
		{"900_hours", hours(900), 48},
		{"four_weeks_of_5_min", forecasttest.Weekly(8064, time.UTC), 288},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			in := forecast.Input{Series: c.s, Horizon: c.horizon, Levels: forecast.DefaultLevels()}
			for b.Loop() {
				if _, err := (forecast.Combination{}).Forecast(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
