package forecast_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/forecast"
)

func hourly(n int) (times []time.Time, values []float64) {
	for i := range n {
		t := monday.Add(time.Duration(i) * time.Hour)
		times = append(times, t)
		values = append(values, 1000+500*math.Sin(2*math.Pi*float64(t.Hour())/24))
	}
	return times, values
}

func TestFromHistoryContinuesAfterTheNewestValue(t *testing.T) {
	times, values := hourly(3 * 365 * 24)
	f, err := forecast.FromHistory(forecast.History{Name: "web", Times: times, Values: values, Step: time.Hour, Horizon: 48, Levels: []float64{0.1, 0.9}})
	if err != nil {
		t.Fatal(err)
	}
	if want := times[len(times)-1].Add(time.Hour); !f.Start.Equal(want) || len(f.Values) != 48 || f.Service != "web" || len(f.Levels) != 2 {
		t.Fatalf("%d steps from %v, want 48 from %v", len(f.Values), f.Start, want)
	}
	for i, row := range f.Values {
		want := 1000 + 500*math.Sin(2*math.Pi*float64(f.Start.Add(time.Duration(i)*time.Hour).Hour())/24)
		if math.Abs(row[0]-want) > 20 || math.Abs(row[1]-want) > 20 {
			t.Errorf("step %d is %v, want %g", i, row, want)
		}
	}
}

func TestFromHistoryDoesNotNeedOrderOrEvenTimes(t *testing.T) {
	times, values := hourly(500)
	h := forecast.History{Times: times, Values: values, Step: time.Hour, Horizon: 24, Levels: []float64{0.5}}
	want, err := forecast.FromHistory(h)
	if err != nil {
		t.Fatal(err)
	}
	for i := range times[:250] {
		j := len(times) - 1 - i
		times[i], times[j], values[i], values[j] = times[j].Add(17*time.Minute), times[i].Add(3*time.Second), values[j], values[i]
	}
	got, err := forecast.FromHistory(h)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want.Values {
		if got.Values[i][0] != want.Values[i][0] {
			t.Fatalf("step %d is %v, want %v", i, got.Values[i], want.Values[i])
		}
	}
}

func TestFromHistoryRefusesNothingAndNonsense(t *testing.T) {
	good := forecast.History{Times: []time.Time{monday}, Values: []float64{math.NaN()}, Step: time.Hour, Horizon: 24, Levels: []float64{0.5}}
	var fault *forescale.Fault
	if _, err := forecast.FromHistory(good); !errors.As(err, &fault) || fault.Code != "nothing_to_forecast" {
		t.Errorf("only gaps: %v", err)
	}
	good.Levels = []float64{1.5}
	if _, err := forecast.FromHistory(good); !errors.As(err, &fault) || fault.Where != "levels" {
		t.Errorf("a level above 1: %v", err)
	}
}

func TestFromHistorySaysWhatItLeftOut(t *testing.T) {
	times, values := hourly(500)
	values[7], values[8] = -1, math.Inf(1)
	f, err := forecast.FromHistory(forecast.History{Times: times, Values: values, Step: time.Hour, Horizon: 24, Levels: []float64{0.5}})
	if err != nil || len(f.Warnings) == 0 || !strings.HasPrefix(f.Warnings[0], "2 values") {
		t.Errorf("%v %q", err, f.Warnings)
	}
}
