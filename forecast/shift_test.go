package forecast_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/datasets"
	"github.com/forescale/forescale/forecast"
	"pgregory.net/rapid"
)

// load is so many days of a made-up service, nothing but its week and its noise.
func load(preset string, seed uint64, step time.Duration, days int) forescale.Series {
	p, ok := datasets.PresetOf(preset)
	if !ok {
		panic(preset)
	}
	pattern := p.Make(seed, 300, time.UTC).Calm()
	s := forescale.Series{Start: monday.AddDate(0, 0, int(seed)), Step: step, Values: make([]float64, days*int(24*time.Hour/step))}
	part := max(step/5, time.Minute)
	for i := range s.Values {
		for j := range step / part {
			s.Values[i] += pattern.At(s.At(i).Add(j*part)) / float64(step/part)
		}
	}
	return s
}

// during is a series that is a factor of itself in [from, until), in hours from its
// start.
func during(s forescale.Series, factor, from, until float64) forescale.Series {
	s.Values = slices.Clone(s.Values)
	at := func(hours float64) int { return min(int(hours*float64(time.Hour/s.Step)), len(s.Values)) }
	for i := at(from); i < at(until); i++ {
		s.Values[i] *= factor
	}
	return s
}

// offBy is the median of how far the medians lie off the truth that follows a history, as
// shares of it, and the share of truths between the levels 0.05 and 0.95.
func offBy(f forescale.Forecast, truth forescale.Series) (off, covered float64) {
	at := int(f.Start.Sub(truth.Start) / truth.Step)
	mid, lo, hi := slices.Index(f.Levels, .5), slices.Index(f.Levels, .05), slices.Index(f.Levels, .95)
	var all []float64
	for h, row := range f.Values {
		y := truth.Values[at+h]
		all = append(all, math.Abs(row[mid]-y)/y)
		if row[lo] <= y && y <= row[hi] {
			covered += 1 / float64(len(f.Values))
		}
	}
	slices.Sort(all)
	return all[len(all)/2], covered
}

var (
	presets  = []string{"shop", "office", "batch", "events", "flat"}
	allSteps = []time.Duration{5 * time.Minute, 15 * time.Minute, time.Hour}
)

// A day after the load was halved or doubled, and two days after, the next day is forecast
// as well as if it had always been that high.
func TestALevelThatShiftedIsKnownADayLater(t *testing.T) {
	if testing.Short() {
		t.Skip("computes for long")
	}
	const days = 28
	for _, step := range allSteps {
		day := int(24 * time.Hour / step)
		for _, c := range []struct {
			what   string
			factor float64
			since  float64 // hours
			most   float64 // median error, the mean over the presets
		}{
			{"as ever", 1, 24, .13},
			{"halved a day ago", .5, 24, .13}, {"halved at half past one, a day ago", .5, 24.5, .13}, {"halved two days ago", .5, 48, .13},
			{"doubled a day ago", 2, 24, .13},
			{"a third less since a day ago", .7, 24, .15}, {"a third more since a day ago", 1.3, 24, .15},
			{"doubled eleven days ago", 2, 11 * 24, .13},
		} {
			var mean, held float64
			for i, name := range presets {
				truth := during(load(name, uint64(i+1), step, days+1), c.factor, days*24-c.since, (days+1)*24)
				off, covered := offBy(must(t, begun(truth, days*day, day)), truth)
				mean += off / float64(len(presets))
				held += covered / float64(len(presets))
				if off > .32 {
					t.Errorf("%s, steps of %v, %s: the median is %.2f off", name, step, c.what, off)
				}
			}
			if mean > c.most || held < .75 {
				t.Errorf("steps of %v, %s: medians are %.3f off, want at most %.2f; intervals hold %.2f, want .75", step, c.what, mean, c.most, held)
			}
		}
	}
}

// A load that was doubled for days is known to be back within hours.
func TestALevelThatShiftedBackIsKnownWithinHours(t *testing.T) {
	if testing.Short() {
		t.Skip("computes for long")
	}
	const days = 28
	for _, step := range allSteps {
		day := int(24 * time.Hour / step)
		for _, name := range []string{"shop", "office", "flat"} {
			for _, back := range []float64{8, 24} {
				truth := during(load(name, 4, step, days+1), 2, 24*(days-5), days*24-back)
				if off, _ := offBy(must(t, begun(truth, days*day, day)), truth); off > .2 {
					t.Errorf("%s, steps of %v, back for %g h: the median is %.2f off", name, step, back, off)
				}
			}
		}
	}
}

// An outage or a burst of some hours, at any time of the last days, is no shift: the level
// before it and after it is the same.
func TestWhatLastsHoursIsNoShift(t *testing.T) {
	series := map[string]forescale.Series{}
	for _, name := range presets {
		series[name] = load(name, 2, 15*time.Minute, 28)
	}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(presets).Draw(t, "preset")
		hours := rapid.Float64Range(.5, 10).Draw(t, "hours")
		from := rapid.Float64Range(20*24, 28*24).Draw(t, "from")
		factor := rapid.SampledFrom([]float64{0, .02, .5, .7, 1.5, 2, 5}).Draw(t, "factor")
		s := during(series[name], factor, from, from+hours)
		if found := forecast.Shifts(s); len(found) > 0 {
			t.Fatalf("%g hours of %g times the load are taken for %v", hours, factor, found)
		}
	})
}

// A day whose hours are unlike those of others, as a holiday's, is no shift.
func TestADayWithHoursOfItsOwnIsNoShift(t *testing.T) {
	const days = 28
	for _, name := range []string{"shop", "office"} {
		s := load(name, 1, time.Hour, days) // ends on a Tuesday
		for h := range 24 {
			at := (days-1)*24 + h
			s.Values[at] = s.Values[at-2*24] // Sunday's load
		}
		if found := forecast.Shifts(s); len(found) > 0 {
			t.Errorf("%s: a Sunday's load on another day is taken for %v", name, found)
		}
	}
}

func TestShiftsAreSharesAndTimesAlone(t *testing.T) {
	s := during(load("shop", 3, 15*time.Minute, 30), 1.6, 22*24, 30*24)
	want := forecast.Shifts(s)
	if len(want) != 1 || math.Abs(want[0].Factor-1.6) > .1 || math.Abs(float64(want[0].At-22*96)) > 4 {
		t.Fatalf("found %v, want a factor of 1.6 at step %d", want, 22*96)
	}
	for _, by := range []float64{1e-9, 1e12} {
		if got := forecast.Shifts(during(s, by, 0, 30*24)); len(got) != 1 || got[0].At != want[0].At || math.Abs(got[0].Factor-want[0].Factor) > 1e-6 {
			t.Errorf("of %g times the load: %v, want %v", by, got, want)
		}
	}
	gap := during(s, 1, 0, 0)
	for i := 20 * 96; i < 23*96; i++ {
		gap.Values[i] = math.NaN()
	}
	if got := forecast.Shifts(gap); len(got) != 1 || math.Abs(got[0].Factor-1.6) > .1 {
		t.Errorf("behind a gap %v is found, want a factor of 1.6", got)
	}
	for name, short := range map[string]forescale.Series{
		"no values":                    {Start: s.Start, Step: s.Step},
		"twelve days":                  {Start: s.Start, Step: s.Step, Values: s.Values[:12*96]},
		"steps that divide no day":     {Start: s.Start, Step: 7 * time.Minute, Values: s.Values},
		"steps of six hours":           {Start: s.Start, Step: 6 * time.Hour, Values: s.Values},
		"nothing but zeros":            {Start: s.Start, Step: s.Step, Values: make([]float64, 30*96)},
		"values beyond all arithmetic": {Start: s.Start, Step: s.Step, Values: slices.Repeat([]float64{math.MaxFloat64}, 30*96)},
	} {
		if got := forecast.Shifts(short); len(got) != 0 {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// What was learned before a shift forecasts after it as new training does: the level is
// looked for in each forecast.
func TestWhatWasLearnedKnowsALevelThatShifted(t *testing.T) {
	const days = 28
	for _, step := range []time.Duration{5 * time.Minute, time.Hour} {
		day := int(24 * time.Hour / step)
		truth := during(load("shop", 6, step, days+2), .5, days*24+1, (days+2)*24)
		first, r := begun(truth, days*day, day), begun(truth, days*day+day*23/24, day)
		f, ok := forescale.Forecast{}, false
		for i := 0; !ok && i < 400; i++ { // until one is due to be trained again later than that
			first.Service.Name = fmt.Sprintf("web%d", i)
			if forecast.Until(first).After(r.Issued) {
				f, ok = trained(t, first).Forecast(r)
			}
		}
		if !ok {
			t.Fatalf("steps of %v: it asks to train", step)
		}
		anew, _ := offBy(must(t, r), truth)
		if off, covered := offBy(f, truth); off > anew+.05 || covered < .6 {
			t.Errorf("steps of %v: the median is %.3f off, of new training %.3f; intervals hold %.2f", step, off, anew, covered)
		}
		if len(f.Warnings) != 1 || !strings.Contains(f.Warnings[0], "times what it was before 2026-04-") {
			t.Errorf("steps of %v: warnings %q", step, f.Warnings)
		}
	}
}

// Four hours of three times the load, or of next to none, that last until now, move the
// forecast of the second half of the next day hardly.
func TestABurstThatGoesOnTellsLittleOfTomorrow(t *testing.T) {
	const days = 28
	for _, step := range []time.Duration{5 * time.Minute, 15 * time.Minute} {
		day := int(24 * time.Hour / step)
		for _, name := range []string{"shop", "flat"} {
			s := load(name, 2, step, days)
			usual := medianOf(must(t, begun(s, days*day, day)), day/2, day)
			for _, factor := range []float64{.05, 3} {
				f := must(t, begun(during(s, factor, days*24-4, days*24), days*day, day))
				if got := medianOf(f, day/2, day); math.Abs(got/usual-1) > .15 {
					t.Errorf("%s, steps of %v, %g times the load: the forecast is %.0f, without %.0f", name, step, factor, got, usual)
				}
			}
		}
	}
}
