// Package forecasttest is the suite that every forecast.Model has to pass.
package forecasttest

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/forecast"
)

// Exercise checks what must hold for any model: its quantiles rise, are finite
// and not negative on every kind of series; the same input gives the same
// output and is not changed; a constant series and one of zeros stay as they
// are; units do not matter, nor does a shift by whole weeks; nothing after the
// end of the series is looked at; and short histories give an error or a sane
// forecast.
func Exercise(t *testing.T, m forecast.Model) {
	t.Helper()
	for _, c := range kinds() {
		t.Run("quantiles are sane: "+c.name, func(t *testing.T) { sane(t, m, c.in) })
	}
	t.Run("short histories give an error or a sane forecast", func(t *testing.T) { short(t, m) })
	t.Run("an empty history is an error", func(t *testing.T) {
		for _, n := range []int{0, 1, 300} {
			s := Series(n, func(time.Time) float64 { return math.NaN() })
			if _, err := m.Forecast(Input(s)); err == nil {
				t.Errorf("no error from %d gaps", n)
			}
		}
	})
	t.Run("a constant series stays constant", func(t *testing.T) { constant(t, m, 7) })
	t.Run("a series of zeros stays zero", func(t *testing.T) { constant(t, m, 0) })
	t.Run("the unit does not matter", func(t *testing.T) { scaled(t, m) })
	t.Run("a shift by whole weeks does not matter", func(t *testing.T) { shifted(t, m) })
	t.Run("the same input gives the same output", func(t *testing.T) { repeated(t, m) })
	t.Run("the input is not changed", func(t *testing.T) { untouched(t, m) })
	t.Run("what lies beyond the end is not looked at", func(t *testing.T) { noLookAhead(t, m) })
	t.Run("values at the limit do not lower the forecast when marked", func(t *testing.T) { censored(t, m) })
}

// ExercisePattern checks what must hold for a model of patterns by local weekday
// and time of day: it finds them across gaps, outliers, a shift of the level and
// both changes of the clocks. The limits are wide enough for seasonal naive.
func ExercisePattern(t *testing.T, m forecast.Model) {
	t.Helper()
	clean := Input(Weekly(fourWeeks, time.UTC))
	t.Run("the pattern is found", func(t *testing.T) { near(t, m, clean, time.UTC, 1, 0.12) })
	for _, hours := range []int{3, 30} {
		in := Input(Weekly(fourWeeks, time.UTC))
		for i := range hours * 12 {
			in.Series.Values[fourWeeks-9*288+i] = math.NaN()
		}
		t.Run(fmt.Sprintf("the pattern is found across a gap of %d hours", hours), func(t *testing.T) { near(t, m, in, time.UTC, 1, 0.12) })
	}
	odd := Input(Weekly(fourWeeks, time.UTC))
	for i := range 24 {
		odd.Series.Values[fourWeeks-10*288+i] *= 100
	}
	t.Run("two odd hours do not come back", func(t *testing.T) { near(t, m, odd, time.UTC, 1, 0.15) })
	half := Input(Weekly(fourWeeks, time.UTC))
	for i := fourWeeks - 10*288; i < fourWeeks; i++ {
		half.Series.Values[i] *= 0.5
	}
	t.Run("a level that was halved ten days ago stays so", func(t *testing.T) { near(t, m, half, time.UTC, 0.5, 0.25) })
	for _, c := range []struct {
		name string
		end  time.Time
	}{
		{"clocks go forward on the first day ahead", time.Date(2026, 3, 29, 0, 0, 0, 0, time.UTC)},
		{"clocks went forward in the last week", time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)},
		{"clocks go back on the first day ahead", time.Date(2026, 10, 25, 0, 0, 0, 0, time.UTC)},
		{"clocks went back in the last week", time.Date(2026, 10, 28, 0, 0, 0, 0, time.UTC)},
	} {
		t.Run("the pattern is found when "+c.name, func(t *testing.T) {
			in := Input(weeklyUntil(c.end, fourWeeks, Berlin(t)))
			in.Location = Berlin(t)
			near(t, m, in, in.Location, 1, 0.12)
		})
	}
}

// Sizes of the series.
const (
	Step      = 5 * time.Minute
	fourWeeks = 28 * 288
	horizon   = 288
)

// Monday is where the series begin.
var Monday = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// Berlin is a zone that changes its clocks.
func Berlin(t testing.TB) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skipf("time zone data is missing: %v; install tzdata", err)
	}
	return loc
}

// Input asks for a day ahead of the series.
func Input(s forescale.Series) forecast.Input {
	return forecast.Input{Series: s, Location: time.UTC, Horizon: horizon, Levels: forecast.DefaultLevels()}
}

// Series is n values of f from Monday on.
func Series(n int, f func(time.Time) float64) forescale.Series {
	s := forescale.Series{Start: Monday, Step: Step, Values: make([]float64, n)}
	for i := range s.Values {
		s.Values[i] = f(s.At(i))
	}
	return s
}

// Weekly is a demand of local office hours with 10 % of noise.
func Weekly(n int, loc *time.Location) forescale.Series {
	return weeklyUntil(Monday.Add(time.Duration(n)*Step), n, loc)
}

func weeklyUntil(end time.Time, n int, loc *time.Location) forescale.Series {
	s := forescale.Series{Start: end.Add(-time.Duration(n) * Step), Step: Step, Values: make([]float64, n)}
	noise := Noise(1)
	for i := range s.Values {
		s.Values[i] = Truth(s.At(i), loc) * (1 + 0.1*noise())
	}
	return s
}

// Truth is the demand of [Weekly] without its noise.
func Truth(t time.Time, loc *time.Location) float64 {
	t = t.In(loc)
	hour := float64(t.Hour()) + float64(t.Minute())/60
	v := 2 + 6*math.Exp(-sq((hour-11)/2.5)) + 4*math.Exp(-sq((hour-16)/1.5))
	if t.Weekday() == time.Saturday || t.Weekday() == time.Sunday {
		v = 1.5 + 0.3*(v-2)
	}
	return v
}

func sq(x float64) float64 { return x * x }

// Noise gives numbers between −1 and 1, the same ones for the same seed.
func Noise(seed uint64) func() float64 {
	return func() float64 {
		seed = seed*6364136223846793005 + 1442695040888963407
		return float64(int64(seed)>>11) / (1 << 52)
	}
}

type kind struct {
	name string
	in   forecast.Input
}

// kinds are four weeks of every kind of series.
func kinds() []kind {
	noise := Noise(2)
	weekly := func(change func(i int, v float64) float64) forecast.Input {
		s := Weekly(fourWeeks, time.UTC)
		for i, v := range s.Values {
			s.Values[i] = change(i, v)
		}
		return Input(s)
	}
	gap := func(from, to int) func(int, float64) float64 {
		return func(i int, v float64) float64 {
			if i >= from && i < to {
				return math.NaN()
			}
			return v
		}
	}
	return []kind{
		{"a weekly pattern", weekly(func(_ int, v float64) float64 { return v })},
		{"a constant", weekly(func(int, float64) float64 { return 3 })},
		{"zeros", weekly(func(int, float64) float64 { return 0 })},
		{"a gap of hours", weekly(gap(5000, 5040))},
		{"a gap of days", weekly(gap(4000, 5440))},
		{"a gap at the end", weekly(gap(fourWeeks-40, fourWeeks))},
		{"every other value missing", weekly(func(i int, v float64) float64 {
			if i%2 == 1 {
				return math.NaN()
			}
			return v
		})},
		{"giant outliers", weekly(func(i int, v float64) float64 {
			if i%997 == 5 {
				return v * 1e6
			}
			return v
		})},
		{"a level shift", weekly(func(i int, v float64) float64 {
			if i > 6000 {
				return v * 0.5
			}
			return v
		})},
		{"a level shift just now", weekly(func(i int, v float64) float64 {
			if i > fourWeeks-6 {
				return v * 20
			}
			return v
		})},
		{"mostly zeros with bursts", weekly(func(i int, v float64) float64 {
			if noise() > 0.95 {
				return v
			}
			return 0
		})},
		{"growth", weekly(func(i int, v float64) float64 { return v * math.Exp(float64(i)/3000) })},
		{"huge values", weekly(func(_ int, v float64) float64 { return v * 1e300 })},
		{"tiny values", weekly(func(_ int, v float64) float64 { return v * 1e-300 })},
		{"one value after zeros", weekly(func(i int, v float64) float64 {
			if i == fourWeeks-1 {
				return 5
			}
			return 0
		})},
	}
}

// Sane reports the first thing that is wrong with the values of a forecast.
func Sane(values [][]float64, steps, levels int) error {
	if len(values) != steps {
		return fmt.Errorf("%d steps, want %d", len(values), steps)
	}
	for i, row := range values {
		if len(row) != levels {
			return fmt.Errorf("step %d has %d levels, want %d", i, len(row), levels)
		}
		for k, v := range row {
			switch {
			case math.IsNaN(v) || math.IsInf(v, 0):
				return fmt.Errorf("step %d level %d is %g", i, k, v)
			case v < 0:
				return fmt.Errorf("step %d level %d is %g, below 0", i, k, v)
			case k > 0 && v < row[k-1]:
				return fmt.Errorf("step %d falls from %g to %g between levels %d and %d", i, row[k-1], v, k-1, k)
			}
		}
	}
	return nil
}

func sane(t *testing.T, m forecast.Model, in forecast.Input) {
	p, err := m.Forecast(in)
	if err != nil {
		t.Fatalf("no forecast: %v", err)
	}
	if err := Sane(p.Values, in.Horizon, len(in.Levels)); err != nil {
		t.Error(err)
	}
	if p.Model == "" {
		t.Error("the prediction does not name its model")
	}
}

func short(t *testing.T, m forecast.Model) {
	for _, n := range []int{1, 2, 3, 5, 12, 100, 288, 575, 576, 577, 2015, 2017, 4031, 4032} {
		in := Input(Weekly(n, time.UTC))
		p, err := m.Forecast(in)
		if err != nil {
			continue
		}
		if err := Sane(p.Values, in.Horizon, len(in.Levels)); err != nil {
			t.Errorf("from %d values: %v", n, err)
		}
	}
}

func constant(t *testing.T, m forecast.Model, c float64) {
	in := Input(Series(fourWeeks, func(time.Time) float64 { return c }))
	p := must(t, m, in)
	for i, row := range p.Values {
		for k, v := range row {
			if math.Abs(v-c) > 0.02*c+1e-9 {
				t.Fatalf("step %d level %g is %g, want %g", i, in.Levels[k], v, c)
			}
		}
	}
}

func scaled(t *testing.T, m forecast.Model) {
	want := must(t, m, Input(Weekly(fourWeeks, time.UTC))).Values
	for _, c := range []float64{1e-6, 1000, 1e12} {
		in := Input(Weekly(fourWeeks, time.UTC))
		for i := range in.Series.Values {
			in.Series.Values[i] *= c
		}
		got := must(t, m, in).Values
		for i, row := range got {
			for k, v := range row {
				if math.Abs(v/c-want[i][k]) > 1e-6*(1+want[i][k]) {
					t.Fatalf("times %g: step %d level %d is %g, want %g", c, i, k, v/c, want[i][k])
				}
			}
		}
	}
}

func shifted(t *testing.T, m forecast.Model) {
	in := Input(Weekly(fourWeeks, time.UTC))
	want := must(t, m, in).Values
	for _, weeks := range []int{-104, 1, 52} {
		in.Series.Start = Monday.AddDate(0, 0, 7*weeks)
		same(t, must(t, m, in).Values, want)
	}
}

func repeated(t *testing.T, m forecast.Model) {
	in := Input(Weekly(fourWeeks, time.UTC))
	want := must(t, m, in).Values
	for range 3 {
		same(t, must(t, m, in).Values, want)
	}
}

func untouched(t *testing.T, m forecast.Model) {
	in := Input(Weekly(fourWeeks, time.UTC))
	in.Series.Values[77] = math.NaN()
	in.Censored = make([]bool, fourWeeks)
	in.Censored[99] = true
	values, marks, levels := slices.Clone(in.Series.Values), slices.Clone(in.Censored), slices.Clone(in.Levels)
	must(t, m, in)
	for i, v := range in.Series.Values {
		if math.Float64bits(v) != math.Float64bits(values[i]) {
			t.Fatalf("value %d was changed from %g to %g", i, values[i], v)
		}
	}
	if !slices.Equal(marks, in.Censored) || !slices.Equal(levels, in.Levels) {
		t.Error("the marks or the levels were changed")
	}
}

func noLookAhead(t *testing.T, m forecast.Model) {
	const n = fourWeeks - 500
	long := Weekly(fourWeeks, time.UTC)
	in := Input(long)
	in.Series.Values = slices.Clone(long.Values[:n])
	want := must(t, m, in).Values
	for i := n; i < fourWeeks; i++ {
		long.Values[i] = 1e9
	}
	in.Series.Values = long.Values[:n] // what comes later is in reach
	same(t, must(t, m, in).Values, want)
}

// censored compares a plateau that is marked with the same one unmarked.
func censored(t *testing.T, m forecast.Model) {
	const limit = 6
	in := Input(Weekly(fourWeeks, time.UTC))
	marks := make([]bool, fourWeeks)
	for i, v := range in.Series.Values {
		if v >= limit {
			in.Series.Values[i], marks[i] = limit, true
		}
	}
	plain := must(t, m, in).Values
	in.Censored = marks
	marked := must(t, m, in).Values
	median := slices.Index(in.Levels, 0.5)
	var a, b float64
	for i := range marked {
		a += plain[i][median]
		b += marked[i][median]
	}
	if b < 0.98*a {
		t.Errorf("marking saturated values lowered the medians from %g to %g in sum", a, b)
	}
}

// near checks the median's WAPE against the truth without noise.
func near(t *testing.T, m forecast.Model, in forecast.Input, loc *time.Location, factor, limit float64) {
	p := must(t, m, in)
	truth, point := make([]float64, in.Horizon), make([]float64, in.Horizon)
	median := slices.Index(in.Levels, 0.5)
	for i := range truth {
		truth[i] = factor * Truth(in.Series.End().Add(time.Duration(i)*in.Series.Step), loc)
		point[i] = p.Values[i][median]
	}
	if e := forecast.WAPE(point, truth); !(e <= limit) {
		t.Errorf("WAPE of the median is %.3f, want at most %.3f", e, limit)
	}
}

func must(t *testing.T, m forecast.Model, in forecast.Input) forecast.Prediction {
	t.Helper()
	p, err := m.Forecast(in)
	if err != nil {
		t.Fatalf("no forecast: %v", err)
	}
	return p
}

func same(t *testing.T, got, want [][]float64) {
	t.Helper()
	for i := range want {
		if !slices.Equal(got[i], want[i]) {
			t.Fatalf("step %d is %v, want %v", i, got[i], want[i])
		}
	}
}
