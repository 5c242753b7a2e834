package forecast_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/forecast"
	"github.com/forescale/forescale/forecast/forecasttest"
	"pgregory.net/rapid"
)

func formatted(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

func TestTheLadderIsTakenByTheLengthOfTheHistory(t *testing.T) {
	const day = 288
	for _, c := range []struct {
		values  int
		model   string
		warning string
	}{
		{28 * day, "weekly profile", ""},
		{14 * day, "weekly profile", ""},
		{9 * day, "weekly profile", ""},
		{9*day - 1, "daily profile", "less than nine days"},
		{3 * day, "daily profile", "less than nine days"},
		{2*day - 1, "damped level", "less than two days"},
		{10, "damped level", "less than two days"},
		{1, "damped level", "less than two days"},
	} {
		s := weekly(c.values, 5*time.Minute)
		f, err := forecast.Make(forecast.Request{History: s, Issued: s.End(), Horizon: day})
		if err != nil {
			t.Errorf("%d values: %v", c.values, err)
			continue
		}
		if f.Model != c.model || !strings.Contains(strings.Join(f.Warnings, "; "), c.warning) || (c.warning == "" && len(f.Warnings) > 0) {
			t.Errorf("%d values give %q with warnings %q, want %q with %q", c.values, f.Model, f.Warnings, c.model, c.warning)
		}
	}
}

func TestWithoutAnyValueThereIsNothingToForecastFrom(t *testing.T) {
	nan := forescale.Series{Start: monday, Step: time.Minute, Values: []float64{math.NaN(), math.Inf(1), -1}}
	old := weekly(3000, 5*time.Minute)
	for sentence, r := range map[string]forecast.Request{
		"no history":             {History: forescale.Series{Start: monday, Step: time.Minute}, Issued: monday},
		"gaps alone":             {History: nan, Issued: nan.End()},
		"all of it in future":    {History: old, Issued: old.Start.Add(-time.Hour)},
		"all of it long past":    {History: old, Issued: old.End().AddDate(1, 0, 0)},
		"an unfinished step yet": {History: old, Issued: old.Start.Add(time.Minute)},
	} {
		r.Horizon = 10
		_, err := forecast.Make(r)
		var fault *forescale.Fault
		if !errors.As(err, &fault) || fault.Code != "nothing_to_forecast" {
			t.Errorf("%s: error %v", sentence, err)
		}
	}
}

func TestRequestsThatMakeNoSenseAreRefused(t *testing.T) {
	s := weekly(1000, 5*time.Minute)
	good := forecast.Request{History: s, Issued: s.End(), Horizon: 10}
	for where, change := range map[string]func(*forecast.Request){
		"step":    func(r *forecast.Request) { r.Step = 7 * time.Minute },
		"horizon": func(r *forecast.Request) { r.Horizon = 0 },
		"levels":  func(r *forecast.Request) { r.Levels = []float64{0.9, 0.1} },
	} {
		r := good
		change(&r)
		_, err := forecast.Make(r)
		var fault *forescale.Fault
		if !errors.As(err, &fault) || fault.Code != "forecast_request_invalid" || fault.Where != where {
			t.Errorf("bad %s: error %v", where, err)
		}
	}
}

func TestTheFirstStepCoversTheMomentOfIssue(t *testing.T) {
	s := weekly(4032, 5*time.Minute)
	issued := s.End().Add(7 * time.Minute)
	f, err := forecast.Make(forecast.Request{History: s, Issued: issued, Step: 15 * time.Minute, Horizon: 96, Metric: forescale.MetricLoad,
		Service: forescale.Service{Name: "shop", TimeZone: "Europe/Berlin"}, Levels: []float64{0.1, 0.9}})
	if err != nil {
		t.Fatal(err)
	}
	if want := issued.Truncate(15 * time.Minute); !f.Start.Equal(want) || f.Step != 15*time.Minute || len(f.Values) != 96 {
		t.Errorf("%d steps of %v from %v, want 96 from %v", len(f.Values), f.Step, f.Start, want)
	}
	if _, ok := f.At(issued, 0.5); !ok {
		t.Error("the forecast does not cover the moment of issue")
	}
	if !slices.Equal(f.Levels, []float64{0.1, 0.5, 0.9}) {
		t.Errorf("levels %v lack the median", f.Levels)
	}
	if f.Service != "shop" || f.Metric != forescale.MetricLoad || !f.Issued.Equal(issued) {
		t.Errorf("%+v", f)
	}
}

func TestWhatCameAfterTheIssueChangesNothing(t *testing.T) {
	long := weekly(8064, 5*time.Minute)
	issued := long.At(7000).Add(time.Minute)
	cut := long
	cut.Values = long.Values[:7000]
	marks := make([]bool, 8064)
	want := must(t, forecast.Request{History: cut, Censored: marks[:7000], Issued: issued, Horizon: 100})
	for i := 7000; i < 8064; i++ {
		long.Values[i], marks[i] = 1e6, true
	}
	got := must(t, forecast.Request{History: long, Censored: marks, Issued: issued, Horizon: 100})
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Error("the forecast looks ahead")
	}
}

func TestAnOldNewestValueIsSaid(t *testing.T) {
	s := weekly(8064, 5*time.Minute)
	f := must(t, forecast.Request{History: s, Issued: s.End().Add(3 * time.Hour), Horizon: 100})
	if len(f.Warnings) != 1 || !strings.Contains(f.Warnings[0], "3h0m0s old") {
		t.Errorf("warnings %q", f.Warnings)
	}
	wide, narrow := f, must(t, forecast.Request{History: s, Issued: s.End(), Horizon: 100})
	last := len(f.Levels) - 1
	if wide.Values[0][last]-wide.Values[0][0] <= narrow.Values[0][last]-narrow.Values[0][0] {
		t.Error("a forecast from old values is not wider than one from new ones")
	}
}

func TestStrangeValuesAreLeftOutAndSaid(t *testing.T) {
	s := weekly(8064, 5*time.Minute)
	s.Values[4000], s.Values[4001] = math.Inf(1), -5
	f := must(t, forecast.Request{History: s, Issued: s.End(), Horizon: 10})
	if len(f.Warnings) != 1 || !strings.HasPrefix(f.Warnings[0], "2 values") {
		t.Errorf("warnings %q", f.Warnings)
	}
}

func TestTheScoreComparesWithSeasonalNaive(t *testing.T) {
	s := weekly(8064, 5*time.Minute)
	f := must(t, forecast.Request{History: s, Issued: s.End(), Horizon: 288})
	if !(f.Score.Pinball > 0 && f.Score.Pinball <= f.Score.Naive && f.Score.Tested > 500) {
		t.Errorf("score %+v", f.Score)
	}
	if f.Score.Coverage < 0.9 || f.Score.Coverage > 1 {
		t.Errorf("coverage %g of the outer levels .025 and .99", f.Score.Coverage)
	}
}

// The levels of a forecast hold the share that they promise, on data that came
// after it was made.
func TestNinetyPercentIsNinety(t *testing.T) {
	s := forecasttest.Weekly(70*288, time.UTC)
	in, n := 0, 0
	for at := 28 * 288; at+288 <= len(s.Values); at += 1000 {
		f := must(t, forecast.Request{History: forescale.Series{Start: s.Start, Step: s.Step, Values: s.Values[at-28*288 : at]}, Issued: s.At(28 * 288), Horizon: 288})
		for i, row := range f.Values {
			if y := s.Values[at+i]; row[slices.Index(f.Levels, 0.05)] <= y && y <= row[slices.Index(f.Levels, 0.95)] {
				in++
			}
			n++
		}
	}
	if c := float64(in) / float64(n); c < 0.85 || c > 0.95 {
		t.Errorf("coverage of the 90 %% interval is %.3f", c)
	}
}

func TestBackTestPrefersTheProfileToSeasonalNaive(t *testing.T) {
	s, err := forecast.BackTest(forecast.Ladder{}, forecasttest.Input(forecasttest.Weekly(8064, time.UTC)), 4)
	if err != nil {
		t.Fatal(err)
	}
	if s.Tested != 4*288 || s.Pinball >= 0.9*s.Naive || s.Coverage < 0.9 {
		t.Errorf("score %+v", s)
	}
}

func must(t testing.TB, r forecast.Request) forescale.Forecast {
	t.Helper()
	f, err := forecast.Make(r)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestMakeIsSaneWhateverTheHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		step := rapid.SampledFrom([]time.Duration{time.Second, 7 * time.Minute, 15 * time.Minute, time.Hour, 5 * time.Hour, 24 * time.Hour, 170 * time.Hour}).Draw(t, "step")
		n := rapid.IntRange(0, 900).Draw(t, "n")
		value := rapid.OneOf(rapid.Float64Range(0, 10), rapid.SampledFrom([]float64{0, math.NaN(), 1e300, math.MaxFloat64, 5e-324, math.Inf(1), -3}))
		period := rapid.IntRange(1, 200).Draw(t, "period")
		pattern := rapid.SliceOfN(value, period, period).Draw(t, "pattern")
		s := forescale.Series{Start: monday.Add(time.Duration(rapid.IntRange(0, 1e6).Draw(t, "second")) * time.Second), Step: step, Values: make([]float64, n)}
		for i := range s.Values {
			s.Values[i] = pattern[i%period]
		}
		zone := rapid.SampledFrom([]string{"", "UTC", "Europe/Berlin", "Australia/Lord_Howe", "nowhere"}).Draw(t, "zone")
		late := time.Duration(rapid.IntRange(-100, 100).Draw(t, "late")) * step
		f, err := forecast.Make(forecast.Request{Service: forescale.Service{TimeZone: zone}, History: s, Issued: s.End().Add(late), Horizon: rapid.IntRange(1, 400).Draw(t, "horizon")})
		if err != nil {
			return
		}
		if err := forecasttest.Sane(f.Values, len(f.Values), len(f.Levels)); err != nil {
			t.Fatalf("%s: %v", f.Model, err)
		}
		if err := wholeChoice(f.Choice); err != nil {
			t.Fatal(err)
		}
	})
}

// Whatever a history holds: forecasts are sane, and right after training what was
// learned forecasts the same. Histories are short, so that many are tried.
func FuzzMake(f *testing.F) {
	f.Add([]byte{1, 2, 3, 250, 251, 252, 0, 0}, uint16(600), uint8(3), uint16(40), uint8(0))
	f.Add([]byte{0}, uint16(1500), uint8(2), uint16(300), uint8(9))
	f.Add([]byte{255, 7, 7, 7}, uint16(700), uint8(4), uint16(30), uint8(200))
	steps := []time.Duration{time.Minute, 5 * time.Minute, 10 * time.Minute, time.Hour, 3 * time.Hour, 24 * time.Hour, 500 * time.Hour}
	f.Fuzz(func(t *testing.T, pattern []byte, n uint16, step uint8, horizon uint16, late uint8) {
		if len(pattern) == 0 || n > 1600 {
			return
		}
		s := forescale.Series{Start: monday, Step: steps[int(step)%len(steps)], Values: make([]float64, n)}
		marks := make([]bool, n)
		for i := range s.Values {
			b := pattern[(i+i/300)%len(pattern)]
			s.Values[i] = decode(b)
			marks[i] = b%7 == 3
		}
		h := int(horizon)%150 + 1
		r := forecast.Request{History: s, Censored: marks, Issued: s.End().Add(time.Duration(late) * s.Step), Horizon: h}
		learned, got, err := forecast.Train(r)
		if err != nil {
			return
		}
		if err := forecasttest.Sane(got.Values, h, len(got.Levels)); err != nil {
			t.Fatalf("%s: %v", got.Model, err)
		}
		if err := wholeChoice(got.Choice); err != nil {
			t.Fatal(err)
		}
		if again, ok := learned.Forecast(r); ok {
			for i, row := range again.Values {
				for k, v := range row {
					if want := got.Values[i][k]; v != want {
						t.Fatalf("%s: right after training step %d is %g, before %g", got.Model, i, v, want)
					}
				}
			}
		}
	})
}

// decode makes a byte one of many odd values.
func decode(b byte) float64 {
	switch b {
	case 255:
		return math.NaN()
	case 254:
		return math.Inf(1)
	case 253:
		return -1
	case 252:
		return math.MaxFloat64
	case 251:
		return 5e-324
	case 250:
		return 1e200
	default:
		return float64(b) / 16
	}
}
