package forecast_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/forecast"
	"github.com/forescale/forescale/forecast/forecasttest"
	"pgregory.net/rapid"
)

// Whatever events there are, valid or not, in whatever zone and country, across both
// changes of the clocks: a forecast is sane, and the history is
// left as it was.
func TestAnyCalendarAndEventsGiveASaneForecast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		step := rapid.SampledFrom([]time.Duration{5 * time.Minute, time.Hour, 24 * time.Hour}).Draw(t, "step")
		n := rapid.IntRange(1, 700).Draw(t, "n")
		scale := rapid.SampledFrom([]float64{1, 1e-300, 1e307, 0}).Draw(t, "scale")
		change := rapid.SampledFrom([]time.Time{
			time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC), time.Date(2026, 10, 25, 1, 0, 0, 0, time.UTC), time.Date(2026, 12, 25, 0, 0, 0, 0, time.UTC),
		}).Draw(t, "change")
		s := forescale.Series{Start: change.Add(-time.Duration(rapid.IntRange(0, n).Draw(t, "before")) * step).Truncate(step), Step: step, Values: make([]float64, n)}
		for i := range s.Values {
			if s.Values[i] = scale * forecasttest.Truth(s.At(i), time.UTC); i%17 == 3 {
				s.Values[i] = math.NaN()
			}
		}
		zone := rapid.SampledFrom([]string{"UTC", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia", "nowhere"}).Draw(t, "zone")
		sp := forecast.Special{Country: rapid.SampledFrom([]string{"", "DE", "US", "XX"}).Draw(t, "country")}
		for range rapid.IntRange(0, 6).Draw(t, "events") {
			from := s.Start.Add(time.Duration(rapid.IntRange(-100, n+400).Draw(t, "from")) * step)
			sp.Events = append(sp.Events, forescale.Event{Name: "e", From: from, Until: from.Add(time.Duration(rapid.IntRange(-5, 300).Draw(t, "long")) * step / 2),
				Factor: rapid.SampledFrom([]float64{0, 0.01, 0.03, 1, 1.6, 100}).Draw(t, "factor"), LeaveOut: rapid.Bool().Draw(t, "leave out")})
		}
		loc, err := time.LoadLocation(zone)
		if err != nil {
			loc = time.UTC
		}
		if sp.Country != "" {
			sp.Effect = forecast.LearnHolidays(s, sp.Country, loc)
		}
		before := append([]float64(nil), s.Values...)
		f, err := forecast.Make(forecast.Request{Service: forescale.Service{TimeZone: zone}, History: s, Issued: s.End(), Horizon: rapid.IntRange(1, 300).Draw(t, "horizon"), Special: sp})
		if err != nil {
			var fault *forescale.Fault
			if !errors.As(err, &fault) || fault.What == "" {
				t.Fatalf("no fault: %v", err)
			}
			return
		}
		if err := forecasttest.Sane(f.Values, len(f.Values), len(f.Levels)); err != nil {
			t.Fatalf("%s: %v", f.Model, err)
		}
		if err := wholeChoice(f.Choice); err != nil {
			t.Fatal(err)
		}
		for i, v := range s.Values {
			if math.Float64bits(v) != math.Float64bits(before[i]) {
				t.Fatalf("value %d was changed from %g to %g", i, before[i], v)
			}
		}
	})
}
