package forecast_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/forecast"
)

// germanOff are holidays of Germany in 2025 and 2026 that are no Sundays.
var germanOff = []string{"2025-01-01", "2025-04-18", "2025-04-21", "2025-05-01", "2025-05-29", "2025-06-09", "2025-10-03", "2025-12-25", "2025-12-26",
	"2026-01-01", "2026-04-03", "2026-04-06", "2026-05-01", "2026-05-14", "2026-05-25"}

// busyDays is a load by the hour, in Berlin, until the end of the day before; on the
// days that are off it is what off makes of it.
func busyDays(t *testing.T, from, to time.Time, off func(usual, sunday float64) float64) forescale.Series {
	t.Helper()
	r := rand.New(rand.NewPCG(7, 8))
	s := forescale.Series{Start: from, Step: time.Hour}
	for at := from; at.Before(to); at = at.Add(time.Hour) {
		local := at.In(berlinZone(t))
		h := float64(local.Hour())
		shape := func(peak float64) float64 { return 2 + peak*math.Exp(-(h-13)*(h-13)/18) }
		v, sunday := shape(10), shape(3)
		if w := local.Weekday(); w == time.Sunday || w == time.Saturday {
			v = sunday
		}
		if slices.Contains(germanOff, local.Format(time.DateOnly)) {
			v = off(v, sunday)
		}
		s.Values = append(s.Values, v*math.Exp(.05*r.NormFloat64()))
	}
	return s
}

func berlinZone(t *testing.T) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// errorOn is the mean error of the forecast of the day that follows the history.
func errorOn(t *testing.T, history forescale.Series, truth []float64, s forecast.Special) (miss float64, f forescale.Forecast) {
	t.Helper()
	service := forescale.Service{Name: "web", TimeZone: "Europe/Berlin"}
	f, err := forecast.Make(forecast.Request{Service: service, Issued: history.End(), History: history, Horizon: 24, Levels: []float64{.05, .5, .95}, Special: s})
	if err != nil {
		t.Fatal(err)
	}
	for h, row := range f.Values {
		miss += math.Abs(row[1]-truth[h]) / 24
	}
	return miss, f
}

func TestHolidaysAreForecastAsTheyBehaveHere(t *testing.T) {
	if testing.Short() {
		t.Skip("computes for long")
	}
	loc := berlinZone(t)
	from, midnight := time.Date(2025, 1, 1, 0, 0, 0, 0, loc).UTC(), time.Date(2026, 5, 14, 0, 0, 0, 0, loc).UTC() // Ascension, a Thursday
	for _, c := range []struct {
		name string
		off  func(usual, sunday float64) float64
		most float64 // of the error that a forecast without holidays makes
		told string
	}{
		{"as Sundays", func(_, sunday float64) float64 { return sunday }, .35, "% of an ordinary Thursday, as 1"},
		{"at two fifths", func(usual, _ float64) float64 { return .4 * usual }, .35, "% of an ordinary Thursday"},
		{"twice as busy, as a shop of gifts", func(usual, _ float64) float64 { return 2 * usual }, .35, "% of an ordinary Thursday"},
		{"as any other day", func(usual, _ float64) float64 { return usual }, 1.15, "% of an ordinary Thursday"},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := busyDays(t, from, midnight.Add(24*time.Hour), c.off)
			n := len(all.Values) - 24
			past := forescale.Series{Start: all.Start, Step: all.Step, Values: all.Values[:n]}
			recent := forescale.Series{Start: all.Start.Add(time.Duration(n-28*24) * time.Hour), Step: time.Hour, Values: all.Values[n-28*24 : n]}
			without, _ := errorOn(t, recent, all.Values[n:], forecast.Special{})
			effect := forecast.LearnHolidays(past, "DE", loc)
			with, f := errorOn(t, recent, all.Values[n:], forecast.Special{Country: "DE", Effect: effect})
			t.Logf("error %.3f, without holidays %.3f: %d known, Sunday %.2f, ratio %.2f", with, without, effect.Known, effect.Sunday, effect.Ratio)
			if with > c.most*without {
				t.Errorf("error %.3f is %.2f of the %.3f without holidays, want at most %.2f", with, with/without, without, c.most)
			}
			if words := strings.Join(f.Warnings, "; "); !strings.Contains(words, c.told) || !strings.Contains(words, "Thu 14 May") {
				t.Errorf("told: %s", words)
			}
			if effect.Known < 10 {
				t.Errorf("learned from %d holidays", effect.Known)
			}
		})
	}
	t.Run("the first one is an ordinary day, and that is said", func(t *testing.T) {
		all := busyDays(t, midnight.Add(-12*24*time.Hour), midnight.Add(24*time.Hour), func(_, sunday float64) float64 { return sunday })
		past := forescale.Series{Start: all.Start, Step: all.Step, Values: all.Values[:len(all.Values)-24]}
		effect := forecast.LearnHolidays(past, "DE", loc)
		if effect.Known != 0 {
			t.Fatalf("%+v", effect)
		}
		with, f := errorOn(t, past, all.Values[len(past.Values):], forecast.Special{Country: "DE", Effect: effect})
		if without, _ := errorOn(t, past, all.Values[len(past.Values):], forecast.Special{}); with != without {
			t.Errorf("error %g, without holidays %g", with, without)
		}
		if words := strings.Join(f.Warnings, "; "); !strings.Contains(words, "not known yet") {
			t.Errorf("told: %s", words)
		}
	})
}

func TestWhatIsLearnedOfHolidaysIsTheSameEachTime(t *testing.T) {
	loc := berlinZone(t)
	s := busyDays(t, time.Date(2025, 1, 1, 0, 0, 0, 0, loc).UTC(), time.Date(2026, 5, 10, 0, 0, 0, 0, loc).UTC(), func(usual, _ float64) float64 { return .4 * usual })
	first := forecast.LearnHolidays(s, "DE", loc)
	for range 5 {
		if again := forecast.LearnHolidays(s, "DE", loc); again != first {
			t.Fatalf("%+v, before %+v", again, first)
		}
	}
}

func TestEventsScaleTheForecastAndAreNoExample(t *testing.T) {
	loc := berlinZone(t)
	midnight := time.Date(2026, 3, 11, 0, 0, 0, 0, loc).UTC() // a Wednesday without a holiday near
	all := busyDays(t, midnight.Add(-28*24*time.Hour), midnight.Add(24*time.Hour), nil)
	n := len(all.Values) - 24
	history := func() forescale.Series {
		return forescale.Series{Start: all.Start, Step: all.Step, Values: slices.Clone(all.Values[:n])}
	}
	plain, quiet := errorOn(t, history(), all.Values[n:], forecast.Special{})
	hour := func(h int) time.Time { return midnight.Add(time.Duration(h) * time.Hour) }

	t.Run("ahead", func(t *testing.T) {
		e := forescale.Event{Name: "spot", From: hour(19).Add(30 * time.Minute), Until: hour(21), Factor: 3}
		_, f := errorOn(t, history(), all.Values[n:], forecast.Special{Events: []forescale.Event{e}})
		for h, row := range f.Values {
			want := map[int]float64{19: 2, 20: 3}[h] // the half of an hour that it covers
			if want == 0 {
				want = 1
			}
			for k := range row {
				if math.Abs(row[k]-want*quiet.Values[h][k]) > 1e-9 {
					t.Fatalf("hour %d: %v, want %g times %v", h, row, want, quiet.Values[h])
				}
			}
		}
	})
	t.Run("in the past", func(t *testing.T) {
		for _, c := range []struct {
			name  string
			event forescale.Event
			value func(v float64) float64
		}{
			{"a campaign", forescale.Event{Factor: 4}, func(v float64) float64 { return 4 * v }},
			{"an outage", forescale.Event{LeaveOut: true}, func(float64) float64 { return 0 }},
			{"closed", forescale.Event{Factor: 0}, func(float64) float64 { return 0 }},
		} {
			h := history()
			for i := n - 48; i < n; i++ { // the last two days
				h.Values[i] = c.value(h.Values[i])
			}
			c.event.From, c.event.Until = h.At(n-48), h.At(n)
			learned, _ := errorOn(t, h, all.Values[n:], forecast.Special{})
			told, _ := errorOn(t, h, all.Values[n:], forecast.Special{Events: []forescale.Event{c.event}})
			t.Logf("%s: error %.3f told, %.3f not told, %.3f without it", c.name, told, learned, plain)
			if told > 1.5*plain || learned < 1.5*told {
				t.Errorf("%s: error %.3f when it is told, %.3f when not, %.3f without it", c.name, told, learned, plain)
			}
		}
	})
}

func TestCountriesAreThoseOfTheRoot(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range forescale.Countries {
		if len(forecast.HolidaysOf(c, at, at)) < 5 {
			t.Errorf("%s has no holidays", c)
		}
	}
	if got := len(forecast.HolidaysOf("XX", at, at)); got != 0 || forescale.KnowsCountry("XX") || forescale.KnowsCountry("") {
		t.Errorf("XX has %d holidays", got)
	}
}
