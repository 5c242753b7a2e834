package forecast_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/forecast"
)

// issuedAt is a forecast of 24 hours in steps of 5 min whose median is the lead in
// steps, so that an error tells which forecast it came from.
func issuedAt(at time.Time, model string) forescale.Forecast {
	f := forescale.Forecast{Service: "a", Metric: forescale.MetricUtilization, Model: model, Issued: at, Start: at.Truncate(5 * time.Minute), Step: 5 * time.Minute,
		Levels: []float64{.05, .5, .95}}
	for i := range 288 {
		v := float64(i + 1)
		f.Values = append(f.Values, []float64{v - .5, v, v + .5})
	}
	return f
}

func TestIssuedForecastsAreScoredAtTheFarEndOfEachLead(t *testing.T) {
	day := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	var fs []forescale.Forecast
	for i := range 48 * 4 {
		fs = append(fs, issuedAt(day.Add(-24*time.Hour).Add(time.Duration(i)*15*time.Minute+time.Second), "m"))
	}
	tr := forecast.Truths{Start: day.Add(12 * time.Hour), Step: 5 * time.Minute, Values: make([]float64, 12), LastWeek: make([]float64, 12)}
	tr.Values[3] = math.NaN() // 12:15, at which a forecast was issued
	for i := range tr.LastWeek {
		tr.LastWeek[i] = 2
	}
	tr.LastWeek[0] = math.NaN()
	got := map[time.Duration]forescale.Tally{}
	for _, x := range forecast.ScoreIssued(fs, tr) {
		got[x.Lead] = x
	}
	// The oldest of a lead is up to 10 min younger than it, in turns: its steps ahead
	// are 4, 5 and 6 for 30 min; of 12:15 it would have been 4 again.
	for _, c := range []struct {
		lead  time.Duration
		steps int64
		err   float64
	}{
		{5 * time.Minute, 3, 3 * 1},
		{30 * time.Minute, 11, 3*4 + 4*5 + 4*6},
		{2 * time.Hour, 11, 3*22 + 4*23 + 4*24},
		{24 * time.Hour, 11, 3*286 + 4*287 + 4*288},
	} {
		x := got[c.lead]
		if x.Steps != c.steps || x.Error != c.err || x.Compared != c.steps-1 || x.LastWeek != 2*float64(c.steps-1) || x.Model != "m" || !x.Day.Equal(day) {
			t.Errorf("%v: %+v, want %d steps with error %g", c.lead, x, c.steps, c.err)
		}
	}
}

func TestIssuedForecastsCountWhatTheirIntervalHolds(t *testing.T) {
	day := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	f := issuedAt(day, "m")
	tr := forecast.Truths{Start: day, Step: 5 * time.Minute, Values: []float64{1.5, 2.6, 2.5, 4}, LastWeek: []float64{1, 1, 1, 1}}
	var all forescale.Tally
	for _, x := range forecast.ScoreIssued([]forescale.Forecast{f}, tr) {
		all.Add(x)
	}
	// Of 1, 2, 3 and 4 the truths are .5, .6, -.5 and 0 away: one is outside.
	loss := 0.0
	for i, y := range tr.Values {
		for _, q := range []float64{.05, .5, .9, .95, .99} {
			v, _ := f.At(day.Add(time.Duration(i)*f.Step), q)
			loss += forecast.Pinball(q, y, v) / 5
		}
	}
	if all.Steps != 4 || all.Inside != 3 || math.Abs(all.Error-1.6) > 1e-9 || math.Abs(all.Loss-loss) > 1e-9 || all.Truth != 10.6 {
		t.Errorf("%+v, want a loss of %g", all, loss)
	}
	// What nobody had issued by then is not scored.
	f.Issued = day.Add(time.Hour)
	if got := forecast.ScoreIssued([]forescale.Forecast{f}, tr); len(got) != 0 {
		t.Errorf("a forecast that was issued later is scored: %+v", got)
	}
}

func TestTruthsLeaveOutWhatIsNotKnown(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	// Clocks go forward on 29 March: a week before 10:00 (+2) it was 10:00 (+1).
	from := time.Date(2026, 3, 30, 8, 0, 0, 0, time.UTC)
	var points []forescale.DemandPoint
	put := func(at time.Time, minutes int, v float64) {
		for i := range minutes {
			points = append(points, forescale.DemandPoint{Time: at.Add(time.Duration(i) * time.Minute), Value: v + float64(i)})
		}
	}
	put(from, 5, 1)
	put(from.Add(5*time.Minute), 2, 1) // too few
	put(from.Add(10*time.Minute), 3, 7)
	put(from.Add(15*time.Minute), 5, 1)
	points[len(points)-1].Censored = true
	put(from.Add(-7*24*time.Hour+time.Hour), 5, 4)
	put(from.Add(-7*24*time.Hour), 5, 99) // an hour off
	tr := forecast.TruthsOf(points, from, from.Add(20*time.Minute), 5*time.Minute, berlin)
	if got, want := fmt.Sprint(tr.Values, tr.LastWeek), "[3 NaN 8 NaN] [6 NaN NaN NaN]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// History that came in wider steps is last week's value in each of them.
func TestTruthsOfWiderSteps(t *testing.T) {
	from := time.Date(2026, 3, 9, 8, 0, 0, 0, time.UTC)
	week := from.AddDate(0, 0, -7)
	every := func(d time.Duration, begin time.Time, values ...float64) (points []forescale.DemandPoint) {
		for i, v := range values {
			points = append(points, forescale.DemandPoint{Time: begin.Add(time.Duration(i) * d), Value: v})
		}
		return points
	}
	const m = time.Minute
	for _, c := range []struct {
		name   string
		points []forescale.DemandPoint
		want   string
	}{
		{"of 5 min", every(5*m, week, 1, 2, 3, 4), "[1 2 3 4]"},
		{"of 5 min, out of order and with a hole", append(every(5*m, week.Add(20*m), 5, 6, 7), every(5*m, week, 1, 2, 3)...), "[1 2 3 NaN]"},
		{"of 5 min, with a value that is no number", every(5*m, week.Add(-15*m), 7, 8, 9, 1, math.NaN(), 3, 4, 5), "[1 NaN 3 4]"},
		{"of 2 min", every(2*m, week, 1, 1, 4, 2, 2, 2, 2, 2), "[1.6 2.4 2 NaN]"},
		{"of 15 min", every(15*m, week.Add(-15*m), 1, 2, 3), "[2 2 2 3]"},
		{"of an hour, which tells nothing of 5 min", every(60*m, week.Add(-60*m), 1, 2, 3), "[NaN NaN NaN NaN]"},
		{"of 5 min until those of 1 min begin", append(every(5*m, week.Add(-5*m), 1, 2, 3), every(m, week.Add(8*m), 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8)...), "[2 5 8 8]"},
		{"of 1 min, in pairs with holes between", append(every(m, week, 1, 1), append(every(m, week.Add(5*m), 1, 1), every(m, week.Add(10*m), 1, 1)...)...), "[NaN NaN NaN NaN]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := forecast.TruthsOf(c.points, from, from.Add(20*m), 5*m, time.UTC)
			if got := fmt.Sprint(tr.LastWeek); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
