package forecast_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/forecast"
)

// wandering makes hours of scores of a 90 % interval whose errors come in runs: they
// fade by half in two hours. bias shifts them, in standard deviations.
type wandering struct {
	r *rand.Rand
	z float64
}

func (h *wandering) next(bias float64) []forescale.Tally {
	const steps = 12
	keep := math.Pow(.5, 1/(2.*steps))
	x := forescale.Tally{Lead: 2 * time.Hour, Steps: steps, Compared: steps}
	for range steps {
		h.z = keep*h.z + math.Sqrt(1-keep*keep)*h.r.NormFloat64()
		if math.Abs(h.z+bias) <= 1.645 {
			x.Inside++
		}
		x.TheirMiss += math.Abs(h.z + bias)
		x.LastWeek += math.Abs(h.r.NormFloat64()) * 1.2
		x.Truth += 10
	}
	return []forescale.Tally{x}
}

func TestDriftSeldomCriesWolf(t *testing.T) {
	h := wandering{r: rand.New(rand.NewPCG(1, 2))}
	var d forescale.Drift
	at := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	const days = 20 * 365
	for i := range days * 24 {
		d = forecast.Drifted(d, h.next(0), at.Add(time.Duration(i)*time.Hour))
	}
	t.Logf("%d alarms in %d days", d.Times, days)
	if d.Times > days/90 {
		t.Errorf("%d alarms in %d days in which nothing drifted", d.Times, days)
	}
}

func TestDriftIsFoundWithinADayAndToldOnce(t *testing.T) {
	for _, c := range []struct {
		name   string
		bias   float64
		within int // hours
		alarm  forescale.Alarm
	}{
		{"a shift of two deviations", 2, 24, forescale.AlarmCoverage},
		{"a shift that nothing survives", 9, 8, forescale.AlarmCoverage},
	} {
		h := wandering{r: rand.New(rand.NewPCG(3, 4))}
		var d forescale.Drift
		at := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
		step := func(bias float64) { at = at.Add(time.Hour); d = forecast.Drifted(d, h.next(bias), at) }
		for range 200 {
			step(0)
		}
		before, began := d.Times, at
		for d.Alarm == forescale.AlarmNone && at.Sub(began) < 1000*time.Hour {
			step(c.bias)
		}
		if took := at.Sub(began); d.Alarm != c.alarm || took > time.Duration(c.within)*time.Hour || !d.Since.Equal(at) {
			t.Errorf("%s: alarm %q after %v, want %q within %d h", c.name, d.Alarm, took, c.alarm, c.within)
		}
		for range 500 { // it goes on, and is not told again
			step(c.bias)
		}
		if d.Times != before+1 || d.Alarm == forescale.AlarmNone || d.Wider <= 1 {
			t.Errorf("%s: %d alarms, %+v", c.name, d.Times-before, d)
		}
		for range 100 { // it is mended
			step(0)
		}
		if d.Times != before+1 || d.Alarm != forescale.AlarmNone || d.Ended.IsZero() || d.Last != c.alarm {
			t.Errorf("%s: after it was mended: %+v", c.name, d)
		}
	}
}

func TestDriftFindsThatLastWeekIsBetter(t *testing.T) {
	worse := []forescale.Tally{{Lead: 2 * time.Hour, Steps: 12, Inside: 11, Compared: 12, Truth: 100, TheirMiss: 30, LastWeek: 10}}
	var d forescale.Drift
	at := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	for range 72 {
		d = forecast.Drifted(d, worse, at)
	}
	if d.Alarm != forescale.AlarmError || d.Times != 1 || d.Wider > 1 {
		t.Errorf("three times the error of last week: %+v", d)
	}
	for _, quiet := range []forescale.Tally{
		{Lead: 2 * time.Hour, Steps: 12, Inside: 11, Compared: 12, Truth: 100, TheirMiss: 2, LastWeek: .5}, // both are negligible
		{Lead: 2 * time.Hour, Steps: 12, Inside: 11, Truth: 100, TheirMiss: 0, LastWeek: 0},                // no last week
		{Lead: 2 * time.Hour, Steps: 2, Inside: 0, Compared: 2, Truth: 100, TheirMiss: 30, LastWeek: 1},    // too little is known
		{Lead: 2 * time.Hour, Steps: 12, Inside: 12, Compared: 12},                                         // all zero
	} {
		var d forescale.Drift
		for range 1000 {
			d = forecast.Drifted(d, []forescale.Tally{quiet}, at)
		}
		if d.Times != 0 {
			t.Errorf("%+v drifts: %+v", quiet, d)
		}
	}
}

func TestWidenHoldsTheMedianAndTheOrder(t *testing.T) {
	f := forescale.Forecast{Levels: []float64{.05, .5, .95}, Values: [][]float64{{1, 4, 10}, {0, 0, 0}}}
	forecast.Widen(f, 2)
	for i, want := range [][]float64{{0, 4, 16}, {0, 0, 0}} {
		for k := range want {
			if f.Values[i][k] != want[k] {
				t.Errorf("step %d: %v, want %v", i, f.Values[i], want)
				break
			}
		}
	}
}
