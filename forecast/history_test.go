package forecast_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/forecast"
	"github.com/forescale/forescale/forecast/forecasttest"
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

func TestCondensingAHistoryChangesNoForecast(t *testing.T) {
	times, values := hourly(500)
	h := forecast.History{Step: 2 * time.Hour, Horizon: 24, Levels: []float64{0.5}}
	for i, at := range times {
		h.Times, h.Values = append(h.Times, at, at.Add(20*time.Minute)), append(h.Values, values[i], values[i]+1)
	}
	want, err := forecast.FromHistory(h)
	if err != nil {
		t.Fatal(err)
	}
	if fewer := h.Condense(); fewer != 1000-len(h.Times) || len(h.Times) > 254 || len(h.Values) != len(h.Times) {
		t.Errorf("%d values fewer, %d are left", fewer, len(h.Times))
	}
	got, err := forecast.FromHistory(h)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want.Values {
		if math.Abs(got.Values[i][0]-want.Values[i][0]) > 1e-9*want.Values[i][0] {
			t.Fatalf("step %d is %v, want %v", i, got.Values[i], want.Values[i])
		}
	}
}

// What is left out of a long history is said, also when it was let go on the way.
func TestFromHistoryDoubtsAreTheSameWhenItWasCondensed(t *testing.T) {
	h := forecast.History{Step: time.Minute, Horizon: 2, Levels: []float64{0.5}}
	add := func(minute, n int) {
		for i := range n {
			h.Times, h.Values = append(h.Times, monday.Add(time.Duration(minute+i)*time.Minute)), append(h.Values, 5)
		}
	}
	add(10, 50)
	add(0, 10)      // before the row above
	add(9, 1)       // doubled
	add(60, 2*1024) // and on
	late := forecast.MaxHistory + 600
	whole := h
	whole.Times, whole.Values = slices.Clone(h.Times), slices.Clone(h.Values)
	h.Condense()
	for _, x := range []*forecast.History{&h, &whole} {
		for i := range 10 {
			x.Times, x.Values = append(x.Times, monday.Add(time.Duration(late+i)*time.Minute)), append(x.Values, 5)
		}
	}
	h.Condense()
	h.Condense()
	want, err := forecast.FromHistory(whole)
	if err != nil {
		t.Fatal(err)
	}
	got, err := forecast.FromHistory(h)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got.Warnings, want.Warnings) {
		t.Errorf("condensed: %q\nnot:       %q", got.Warnings, want.Warnings)
	}
	all := strings.Join(want.Warnings, "; ")
	for _, w := range []string{"1 times are before", "1 times are the same", "spans more than the 131072 steps that are looked at: what was before " + monday.Add(610*time.Minute).Format(time.RFC3339)} {
		if !strings.Contains(all, w) {
			t.Errorf("%q is missing in %q", w, all)
		}
	}
}

func TestFromHistoryDoubtsStepsThatDoNotDivide(t *testing.T) {
	times, values := hourly(500)
	for step, says := range map[time.Duration]string{
		90 * time.Minute: "does not divide", 20 * time.Minute: "have no value", 2 * time.Hour: "", 24 * time.Hour: "",
	} {
		f, err := forecast.FromHistory(forecast.History{Times: times, Values: values, Step: step, Horizon: 2, Levels: []float64{0.5}})
		all := strings.Join(f.Warnings, "; ")
		if err != nil || !strings.Contains(all, says) || says == "" && strings.Contains(all, "apart") {
			t.Errorf("steps of %v: %v %q", step, err, all)
		}
	}
}

func FuzzFromHistory(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9}, uint16(60), uint8(3))
	f.Add([]byte{255, 0, 255, 0, 0, 0, 128, 128, 1, 1, 1, 1}, uint16(1), uint8(200))
	f.Fuzz(func(t *testing.T, data []byte, minutes uint16, horizon uint8) {
		h := forecast.History{Step: time.Duration(minutes) * time.Minute, Horizon: int(horizon), Levels: []float64{0.1, 0.5, 0.9}}
		for i := 0; i+3 < len(data) && i < 8000; i += 4 {
			at := monday.Add(time.Duration(int(data[i])<<8+int(data[i+1])) * 7 * time.Minute)
			v := math.Float64frombits(uint64(data[i+2])<<56 | uint64(data[i+3])<<48)
			h.Times, h.Values = append(h.Times, at), append(h.Values, v)
		}
		got, err := forecast.FromHistory(h)
		if err != nil {
			var fault *forescale.Fault
			if !errors.As(err, &fault) || fault.What == "" || fault.Help == "" {
				t.Fatalf("no fault: %v", err)
			}
			return
		}
		if err := forecasttest.Sane(got.Values, int(horizon), 3); err != nil {
			t.Fatal(err)
		}
	})
}
