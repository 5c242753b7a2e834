package forecast_test

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/forecast"
	"github.com/forescale/forescale/forecast/forecasttest"
)

// begun is a request of a day ahead of the first n values of a series.
func begun(s forescale.Series, n, horizon int) forecast.Request {
	s.Values = s.Values[:n]
	return forecast.Request{Service: forescale.Service{Name: "web"}, Metric: forescale.MetricLoad, History: s, Issued: s.End(), Horizon: horizon}
}

func trained(t testing.TB, r forecast.Request) *forecast.Trained {
	t.Helper()
	m, _, err := forecast.Train(r)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestWhatWasLearnedForecastsAsMakeDoes(t *testing.T) {
	marked := daily(28)
	marks := make([]bool, len(marked.Values))
	for i, v := range marked.Values {
		if marks[i] = v > 9 && i%3 == 0; marks[i] {
			marked.Values[i] = 9
		}
	}
	gap := forecasttest.Weekly(8064, time.UTC)
	for i := len(gap.Values) - 40; i < len(gap.Values); i++ {
		gap.Values[i] = math.NaN()
	}
	still := forescale.Series{Start: monday, Step: 5 * time.Minute, Values: slices.Repeat([]float64{.3, .3, .1}, 2000)}
	for _, c := range []struct {
		name     string
		s        forescale.Series
		censored []bool
		horizon  int
	}{
		{"four weeks", forecasttest.Weekly(8064, time.UTC), nil, 288},
		{"saturated", marked, marks, 288},
		{"five days", forecasttest.Weekly(5*288, time.UTC), nil, 288},
		{"three hours", forecasttest.Weekly(36, time.UTC), nil, 24},
		{"a gap at the end", gap, nil, 100},
		{"what stands still", still, nil, 50},
		{"five weeks of hours", hours(840), nil, 48},
		{"two weeks of hours, farther than was tested", hours(336), nil, 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := begun(c.s, len(c.s.Values), c.horizon)
			r.Censored = c.censored
			want := must(t, r)
			got, ok := trained(t, r).Forecast(r)
			if !ok || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%v: %s %v, made anew %s %v", ok, got.Model, got.Values[0], want.Model, want.Values[0])
			}
		})
	}
}

// A day after training forecasts are as good as from new training, nearly.
func TestWhatWasLearnedIsGoodForADay(t *testing.T) {
	for _, c := range []struct {
		s       forescale.Series
		horizon int
	}{{forecasttest.Weekly(33*288, time.UTC), 24}, {hours(1200), 48}} {
		day := int(24 * time.Hour / c.s.Step)
		n := len(c.s.Values) - day - c.horizon
		var old, anew, lastWeek float64
		m := trained(t, begun(c.s, n, c.horizon))
		for k := 1; k < day; k += day / 12 {
			r := begun(c.s, n+k, c.horizon)
			f, ok := m.Forecast(r)
			if !ok {
				m = trained(t, r) // its time has come within this day
				continue
			}
			g := must(t, r)
			for h := range c.horizon {
				y := c.s.Values[n+k+h]
				old += math.Abs(medianOf(f, h, h+1) - y)
				anew += math.Abs(medianOf(g, h, h+1) - y)
				lastWeek += math.Abs(c.s.Values[n+k+h-7*day] - y)
			}
		}
		if !(old < 1.02*anew && old < lastWeek) {
			t.Errorf("steps of %v: error %.4f, of new training %.4f, of last week %.4f", c.s.Step, old, anew, lastWeek)
		}
	}
}

func TestWhatWasLearnedAsksToTrain(t *testing.T) {
	s := forecasttest.Weekly(9*288, time.UTC)
	const n = 7 * 288
	first := begun(s, n, 288)
	m := trained(t, first)
	event := forescale.Event{From: s.At(100), Until: s.At(200), Factor: 2}
	for _, c := range []struct {
		name   string
		change func(*forecast.Request)
		ok     bool
	}{
		{"nothing", func(*forecast.Request) {}, true},
		{"a quarter of an hour later", func(r *forecast.Request) { *r = begun(s, n+3, 288) }, true},
		{"a shorter horizon", func(r *forecast.Request) { r.Horizon = 12 }, true},
		{"the newest values are missing", func(r *forecast.Request) { r.Issued = s.At(n + 5) }, true},
		{"the oldest values are gone", func(r *forecast.Request) {
			r.History = forescale.Series{Start: s.At(288), Step: s.Step, Values: s.Values[288:n]}
		}, true},
		{"earlier", func(r *forecast.Request) { *r = begun(s, n-3, 288) }, false},
		{"a day later", func(r *forecast.Request) { *r = begun(s, n+288, 288) }, false},
		{"an eighth of the history later", func(r *forecast.Request) { *r = begun(s, n+n/8+1, 288) }, false},
		{"a longer horizon", func(r *forecast.Request) { r.Horizon = 289 }, false},
		{"another step", func(r *forecast.Request) { r.Step = 15 * time.Minute }, false},
		{"other levels", func(r *forecast.Request) { r.Levels = []float64{.5, .9} }, false},
		{"another zone", func(r *forecast.Request) { r.Service.TimeZone = "Asia/Tokyo" }, false},
		{"an event", func(r *forecast.Request) { r.Special.Events = []forescale.Event{event} }, false},
		{"another country", func(r *forecast.Request) { r.Special.Country = "DE" }, false},
		{"older history came in", func(r *forecast.Request) {
			r.History = forescale.Series{Start: s.Start.Add(-288 * s.Step), Step: s.Step, Values: slices.Concat(s.Values[:288], s.Values[:n])}
		}, false},
		{"no history", func(r *forecast.Request) { r.History.Values = nil }, false},
		{"nonsense", func(r *forecast.Request) { r.Horizon = 0 }, false},
	} {
		r := first
		c.change(&r)
		if _, ok := m.Forecast(r); ok != c.ok {
			t.Errorf("%s: %v, want %v", c.name, ok, c.ok)
		}
	}
}

// Gaps that were filled since are history that was not learned from.
func TestWhatWasLearnedAsksToTrainWhenGapsAreFilled(t *testing.T) {
	s := forecasttest.Weekly(9*288, time.UTC)
	thin := s
	thin.Values = slices.Clone(s.Values)
	for i := 288; i < 4*288; i++ {
		thin.Values[i] = math.NaN()
	}
	m := trained(t, begun(thin, 7*288, 288))
	if _, ok := m.Forecast(begun(thin, 7*288+6, 288)); !ok {
		t.Error("it asks to train with the gaps as they were")
	}
	if _, ok := m.Forecast(begun(s, 7*288+6, 288)); ok {
		t.Error("it does not ask to train when three days came in")
	}
}

// Services that are trained at once are not trained at once again.
func TestTrainingIsSpreadOverTheDay(t *testing.T) {
	s := forecasttest.Weekly(30*288, time.UTC)
	const n = 28 * 288
	due := map[int]int{}
	for i := range 12 {
		r := begun(s, n, 12)
		r.Service.Name = fmt.Sprintf("s%02d", i)
		m := trained(t, r)
		for k := 0; ; k += 36 {
			next := begun(s, n+k, 12)
			if next.Service = r.Service; k > 288 {
				t.Fatalf("%s is not trained again within a day", r.Service.Name)
			}
			if _, ok := m.Forecast(next); !ok {
				due[k]++
				break
			}
		}
	}
	for k, count := range due {
		if count > 6 {
			t.Errorf("%d of 12 services are trained again at step %d", count, k)
		}
	}
}

// A forecast with what was learned takes work space for the history as a whole, but
// nothing for each of its steps, nor for those ahead.
func TestNothingIsAllocatedForEachStepOfARefresh(t *testing.T) {
	allocs := func(s forescale.Series, n, horizon int) float64 {
		r := begun(s, n, horizon)
		m := trained(t, r)
		return testing.AllocsPerRun(5, func() {
			if _, ok := m.Forecast(r); !ok {
				t.Fatal("it asks to train")
			}
		})
	}
	s, h := forecasttest.Weekly(8*8064, time.UTC), hours(4*900)
	for _, c := range []struct {
		name        string
		few, many   float64
		more, bands int // bands of lead times that the longer horizon has more
	}{
		{"twice the history of 5 min", allocs(s, 8064, 288), allocs(s, 2*8064, 288), 0, 0},
		{"twice the horizon", allocs(s, 8064, 288), allocs(s, 8064, 576), 0, 1},
		{"twice the history of hours", allocs(h, 900, 48), allocs(h, 1800, 48), 8, 0},
	} {
		// Voices that are heard differ; a band more has a table of shares of its own.
		if limit := c.few*1.1 + float64(c.more+8*c.bands); c.many > limit || c.few > 400 {
			t.Errorf("%s: %.0f allocations become %.0f", c.name, c.few, c.many)
		}
	}
}

// Room stands for work: four times the history takes about four times as much.
func TestTrainingGrowsWithTheHistoryInStep(t *testing.T) {
	room := func(n int) float64 {
		r := begun(forecasttest.Weekly(n, time.UTC), n, 288)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		trained(t, r)
		runtime.ReadMemStats(&after)
		return float64(after.TotalAlloc - before.TotalAlloc)
	}
	room(8064) // what is set up once
	if few, many := room(8064), room(4*8064); many > 4.2*few {
		t.Errorf("%.0f bytes become %.0f", few, many)
	}
}

// Ten thousand trained services take 64 MiB at most.
func TestWhatWasLearnedIsSmall(t *testing.T) {
	if testing.Short() {
		t.Skip("computes for long")
	}
	const most = 64 << 20 / 10_000
	for _, c := range []struct {
		name    string
		r       forecast.Request
		several int
	}{
		{"four weeks of 5 min, a day ahead", begun(forecasttest.Weekly(8064, time.UTC), 8064, 288), 24},
		{"900 hours, two days ahead", begun(hours(900), 900, 48), 24},
	} {
		kept := make([]*forecast.Trained, c.several)
		kept[0] = trained(t, c.r) // what is set up once
		before := inUse()
		for i := range kept {
			kept[i] = trained(t, c.r)
		}
		each := int(inUse()-before) / c.several
		runtime.KeepAlive(kept)
		t.Logf("%s: %d bytes", c.name, each)
		if each > most || each < 500 {
			t.Errorf("%s: %d bytes each, want at most %d", c.name, each, most)
		}
	}
}

func inUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkRefresh is a forecast with what was learned, beside the training, and the
// making of a seasonal naive forecast from the same history.
//
//	go test ./forecast -run '^$' -bench Refresh -cpu 1
func BenchmarkRefresh(b *testing.B) {
	for _, c := range []struct {
		name string
		r    forecast.Request
	}{
		{"four_weeks_of_5_min", begun(forecasttest.Weekly(8064, time.UTC), 8064, 288)},
		{"900_hours", begun(hours(900), 900, 48)},
	} {
		naive := forecast.Input{Series: c.r.History, Horizon: c.r.Horizon, Levels: forecast.DefaultLevels()}
		m := trained(b, c.r)
		for _, do := range []struct {
			name string
			run  func() bool
		}{
			{"seasonal_naive", func() bool { _, err := (forecast.SeasonalNaive{}).Forecast(naive); return err == nil }},
			{"refresh", func() bool { _, ok := m.Forecast(c.r); return ok }},
			{"train", func() bool { _, _, err := forecast.Train(c.r); return err == nil }},
		} {
			b.Run(c.name+"/"+do.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if !do.run() {
						b.Fatal("no forecast")
					}
				}
			})
		}
	}
}
