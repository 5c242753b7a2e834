package storetest

import (
	"fmt"
	"math"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
)

// forecast is one whose values are exact in 32 bits.
func forecast(service string, m forescale.Metric, issued float64, steps int) forescale.Forecast {
	fc := forescale.Forecast{Service: service, Metric: m, Issued: at(issued), Model: "profile", Start: minute(5), Step: 5 * time.Minute,
		Levels: []float64{0.05, 0.5, 0.975}, Warnings: []string{`less than "a week" of history`, "ä"},
		Score: forescale.Score{Pinball: 0.1, Naive: 0.3, Coverage: 0.9, Tested: 288}}
	for i := range steps {
		v := float64(i) / 8
		fc.Values = append(fc.Values, []float64{v, v + 0.25, v + 1024})
	}
	return fc
}

var forecastCases = []testCase{
	{"a forecast comes back as issued", func(f *fixture) {
		want := []forescale.Forecast{
			forecast("a", load, 1, 288),
			forecast("a", util, 0, 0),
			{Service: "b", Metric: util, Issued: at(0), Start: minute(0), Step: time.Minute, Levels: []float64{0.5}, Values: [][]float64{{0}},
				Minutes: forescale.Minutes{Unit: 2.5, Scatter: 0.1, Before: []float64{1, 1.5}, Follow: 0.6, Shift: -0.25, Above: 0.008, Seen: 900,
					Pairs: forescale.Pairs{Product: 3, Square: 4}, Rough: 0.002, Usual: 0.001, Width: forescale.WidthByRough,
					Readings: [2]forescale.MinutesBy{{Shift: -0.5, Above: 0.007, Spare: 1.5}, {Shift: -0.25, Above: 0.008, Spare: 1.25}},
					Lower:    forescale.LowerPlans{Seen: 700, Needed: 3.5, Above: [7]float64{0.008, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5}, Spare: [7]float64{4, 3, 2, 1.5, 1, 0.5, 0.25}}},
				Score: forescale.Score{Pinball: math.NaN(), Naive: math.Inf(1)}},
		}
		f.ok(f.SaveForecasts(f.ctx, []forescale.Forecast{want[2], want[0], want[1]}))
		f.equal(must[[]forescale.Forecast](f)(f.LatestForecasts(f.ctx, time.Time{})), want)
	}},
	{"values are kept to seven digits, levels to all", func(f *fixture) {
		fc := forecast("a", util, 0, 0)
		fc.Levels = []float64{1.0 / 3, 0.5}
		for i := range 100 {
			v := math.Exp(float64(i)/3 - 8)
			fc.Values = append(fc.Values, []float64{v, v * 1.1})
		}
		f.ok(f.SaveForecasts(f.ctx, []forescale.Forecast{fc}))
		got := must[[]forescale.Forecast](f)(f.LatestForecasts(f.ctx, time.Time{}))[0]
		f.equal(got.Levels, fc.Levels)
		for i := range fc.Values {
			for j, v := range fc.Values[i] {
				if math.Abs(got.Values[i][j]-v) > 1e-7*v {
					f.Fatalf("step %d: got %v, want %v", i, got.Values[i][j], v)
				}
			}
		}
	}},
	{"the latest of each service and metric are those issued after since", func(f *fixture) {
		f.ok(f.SaveForecasts(f.ctx, []forescale.Forecast{
			forecast("b", util, 10, 1), forecast("a", util, 20, 1), forecast("a", util, 30, 1), forecast("a", util, 25, 1), forecast("a", cpu, 5, 1)}))
		read := must[[]forescale.Forecast](f)
		f.equal(read(f.LatestForecasts(f.ctx, at(0))), []forescale.Forecast{forecast("a", cpu, 5, 1), forecast("a", util, 30, 1), forecast("b", util, 10, 1)})
		f.equal(read(f.LatestForecasts(f.ctx, at(10))), []forescale.Forecast{forecast("a", util, 30, 1)})
		f.equal(read(f.LatestForecasts(f.ctx, at(30))), []forescale.Forecast{})
		when := must[[]store.Issued](f)
		f.equal(when(f.LatestIssued(f.ctx, at(0))), []store.Issued{{Service: "a", Metric: cpu, At: at(5)}, {Service: "a", Metric: util, At: at(30)}, {Service: "b", Metric: util, At: at(10)}})
		f.equal(when(f.LatestIssued(f.ctx, at(0), "b")), []store.Issued{{Service: "b", Metric: util, At: at(10)}})
		f.equal(when(f.LatestIssued(f.ctx, at(10))), []store.Issued{{Service: "a", Metric: util, At: at(30)}})
		f.equal(when(f.LatestIssued(f.ctx, at(30))), []store.Issued{})
	}},
	{"the ledger is in the order of issue, from inclusive and to exclusive", func(f *fixture) {
		for _, issued := range []float64{30, 10, 20, 40} {
			f.ok(f.SaveForecasts(f.ctx, []forescale.Forecast{forecast("a", util, issued, 2), forecast("a", cpu, issued, 1)}))
		}
		got := must[[]forescale.Forecast](f)(f.LedgerForecasts(f.ctx, "a", util, at(10), at(30)))
		f.equal(got, []forescale.Forecast{forecast("a", util, 10, 2), forecast("a", util, 20, 2)})
		f.equal(must[[]forescale.Forecast](f)(f.LedgerForecasts(f.ctx, "b", util, at(0), at(99))), []forescale.Forecast{})
	}},
	{"the same service, metric and issue time is one row: the later one", func(f *fixture) {
		f.ok(f.SaveForecasts(f.ctx, []forescale.Forecast{forecast("a", util, 10, 1)}))
		again := forecast("a", util, 10, 3)
		again.Model, again.Warnings = "naive", nil
		f.ok(f.SaveForecasts(f.ctx, []forescale.Forecast{again}))
		f.equal(must[[]forescale.Forecast](f)(f.LedgerForecasts(f.ctx, "a", util, at(0), at(99))), []forescale.Forecast{again})
	}},
	{"a forecast that is not even spoils the whole batch", func(f *fixture) {
		bad := forecast("b", util, 0, 3)
		bad.Values[1] = bad.Values[1][:2]
		if err := f.SaveForecasts(f.ctx, []forescale.Forecast{forecast("a", util, 0, 1), bad}); err == nil {
			f.Fatal("a forecast with missing values was accepted")
		}
		f.equal(must[[]forescale.Forecast](f)(f.LatestForecasts(f.ctx, time.Time{})), []forescale.Forecast{})
	}},
	{"hundreds of forecasts are one commit", func(f *fixture) {
		var fs []forescale.Forecast
		for i := range 300 {
			fs = append(fs, forecast(fmt.Sprintf("s-%03d", i), util, 0, 24))
		}
		f.ok(f.SaveForecasts(f.ctx, fs))
		f.equal(must[[]forescale.Forecast](f)(f.LatestForecasts(f.ctx, time.Time{})), fs)
	}},
}
