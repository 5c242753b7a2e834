package planner

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"pgregory.net/rapid"
)

// known gives a forecast what was learned of its minutes: they scatter little, and
// what it is off lasts.
func known(f forescale.Forecast) forescale.Forecast {
	f.Minutes = forescale.Minutes{Unit: 2.5, Scatter: 0.02, Follow: 0.8, Above: 0.008, Seen: 5000}
	return f
}

func TestWithKnownMinutes(t *testing.T) {
	tests := []struct {
		name  string
		given func(s *State)
		to    int
		codes string
	}{
		{"what is there is what is needed", func(*State) {}, 4, "steady"},
		{"a rise within the lead time is ordered now", func(s *State) {
			s.Forecasts[0] = known(foresee(stepTo(2.3, clock(8, 40), 4.4)))
		}, 7, "forecast_rise"},
		{"demand above the forecast is carried on", func(s *State) {
			s.Demand = minutes(slices.Concat(slices.Repeat([]float64{2.3}, 12), []float64{2.6, 2.7, 2.75})...)
			s.Forecasts[0] = known(foresee(func(time.Time) float64 { return 2.2 }))
		}, 5, "forecast_rise"},
		{"one high minute is a fact", func(s *State) { s.Demand = minutes(2.3, 3.9) }, 6, "reactive_high"},
		{"fewer as soon as newest minutes and lead time allow it", func(s *State) {
			idle(s)
			s.Demand[15-4].Value = 2.6
			s.Forecasts[0] = known(s.Forecasts[0])
		}, 3, "forecast_fall step_limit"},
		{"not two minutes after high demand", func(s *State) {
			idle(s)
			s.Demand[15-2].Value = 2.6
			s.Forecasts[0] = known(s.Forecasts[0])
		}, 4, "steady"},
		{"not when it is needed again within the lead time", func(s *State) {
			idle(s)
			s.Forecasts[0] = known(foresee(stepTo(0.5, clock(8, 40), 2.2)))
			s.Forecasts[0].Minutes.Follow = 0
		}, 4, "steady"},
		{"when it is needed again only later", func(s *State) {
			idle(s)
			s.Forecasts[0] = known(foresee(stepTo(0.5, clock(8, 50), 2.3)))
		}, 3, "forecast_fall step_limit min_bound"},
		{"not with a hole in the last minutes", func(s *State) {
			idle(s)
			s.Demand = slices.Delete(s.Demand, 9, 14)
			s.Forecasts[0] = known(s.Forecasts[0])
		}, 4, "cooling_down"},
		{"not while another metric is silent", func(s *State) {
			twoMetrics(s, 0.5, 0.5)
			s.Forecasts[0] = known(foresee(low))
			s.Demand = slices.DeleteFunc(s.Demand, func(p forescale.DemandPoint) bool { return p.Metric == forescale.MetricLoad })
		}, 4, "cooling_down model_fallback"},
		{"not before what was just ordered can have arrived", func(s *State) {
			idle(s)
			s.Forecasts[0] = known(s.Forecasts[0])
			s.Recent = []forescale.Decision{acted(forescale.ActionStart, 1, 4*time.Minute)}
		}, 4, "cooling_down"},
		{"then", func(s *State) {
			idle(s)
			s.Forecasts[0] = known(s.Forecasts[0])
			s.Recent = []forescale.Decision{acted(forescale.ActionStart, 1, 5*time.Minute)}
		}, 3, "forecast_fall step_limit min_bound"},
		{"not on an old forecast", func(s *State) {
			idle(s)
			s.Forecasts[0] = known(s.Forecasts[0])
			s.Forecasts[0].Issued = now.Add(-2 * time.Hour)
		}, 4, "cooling_down model_fallback"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := calm()
			s.Forecasts[0] = known(foresee(func(time.Time) float64 { return 2.3 }))
			s.Demand = flat(2.3)
			tt.given(&s)
			d := Decide(now, DefaultOptions(), s).Plan.Decision
			var cs []string
			for _, c := range codes(d) {
				cs = append(cs, string(c))
			}
			if got := strings.Join(cs, " "); d.To != tt.to || got != tt.codes {
				t.Errorf("to %d by %q, want %d by %q: %s", d.To, got, tt.to, tt.codes, d.Sentence(time.UTC))
			}
		})
	}
}

func TestTheQuantileInUseIsTold(t *testing.T) {
	s := calm()
	s.Demand = flat(2.3)
	s.Service.Objective = 0.99
	s.Forecasts[0] = known(foresee(stepTo(2.4, clock(8, 40), 4.4)))
	s.Forecasts[0].Minutes.Shift = 0.13
	s.Forecasts[0].Minutes.Above = 0.006
	d := Decide(now, DefaultOptions(), s).Plan.Decision
	n := d.Reasons[0].Numbers
	if math.Abs(n["quantile"]-0.993) > 0.0005 || n["objective"] != 0.99 || n["above"] != 0.006 {
		t.Errorf("the numbers are %v", n)
	}
	if text := d.Sentence(time.UTC); !strings.Contains(text, "99.2 % sure") || !strings.Contains(text, "0.6 %") {
		t.Errorf("it says: %s", text)
	}
}

func TestWhatAForecastIsOffFades(t *testing.T) {
	f := known(foresee(func(time.Time) float64 { return 2.5 }))
	f.Minutes.Follow = 1
	o := lookAhead(&f, 0.99, now, 5*time.Minute, func(int) float64 { return 3.6 })
	_, near, _ := o.step(now)
	_, lead, _ := o.step(now.Add(5 * time.Minute))
	_, half, _ := o.step(now.Add(35 * time.Minute))
	_, far, _ := o.step(now.Add(6 * time.Hour))
	between := o.root(half) - o.root(2.5) - (o.root(3.6)-o.root(2.5))/2
	if math.Abs(near-3.6) > 1e-9 || math.Abs(lead-3.6) > 1e-9 || math.Abs(between) > 1e-9 || math.Abs(far-2.5) > 0.001 {
		t.Errorf("3.6 of 2.5 foreseen: %.3f now, %.3f after the lead time, %.3f half an hour later, %.3f in six hours", near, lead, half, far)
	}
	high, _ := o.high(now)
	f.Minutes.Scatter = 0.2
	wide := lookAhead(&f, 0.99, now, 5*time.Minute, func(int) float64 { return 3.6 })
	if wider, _ := wide.high(now); !(high > near && wider > high) {
		t.Errorf("%.3f in the middle, %.3f high, %.3f with more scatter", near, high, wider)
	}
}

// trained lives days of minutes under forecasts that are refreshed every quarter of
// an hour, and gives what was learned and the share above the plan on the last day.
func trained(days int, objective float64, truth func(minute int) float64, foreseen func(minute int) float64) (forescale.Minutes, float64) {
	s := checkout()
	s.Objective = objective
	begin := now.Truncate(24 * time.Hour)
	var values []float32
	var before *forescale.Forecast
	sum, n := 0.0, 0
	for m := 0; m < days*24*60; m++ {
		at := begin.Add(time.Duration(m) * time.Minute)
		if m%15 == 0 && m > 0 {
			f := foresee(func(t time.Time) float64 { return foreseen(int(t.Sub(begin) / time.Minute)) })
			f.Start, f.Issued = at.Truncate(f.Step), at
			f.Values = f.Values[:12]
			for i := range f.Values {
				v := foreseen(int(f.Start.Add(time.Duration(i)*f.Step).Sub(begin) / time.Minute))
				f.Values[i] = []float64{v * 0.9, v, v * 1.1}
			}
			was := forescale.Minutes{}
			if before != nil {
				was = before.Minutes
			}
			f.Minutes = LearnMinutes(s, 250*time.Second, Recent{End: at, Values: values[max(0, len(values)-2*24*60):]}, before, &f)
			if m > (days-1)*24*60 {
				// The running mean of what was above, taken back to this quarter of an hour.
				seen, old := float64(f.Minutes.Seen), float64(was.Seen)
				sum += f.Minutes.Above*seen - was.Above*old
				n += f.Minutes.Seen - was.Seen
			}
			before = &f
		}
		values = append(values, float32(truth(m)))
	}
	return before.Minutes, sum / float64(n)
}

func TestTheShiftMeetsTheObjective(t *testing.T) {
	day := func(m int) float64 { return 6 + 4*math.Sin(float64(m)/1440*2*math.Pi) }
	noise := func(seed uint64, draw func(r *rand.Rand) float64) func(int) float64 {
		r := rand.New(rand.NewPCG(seed, 1))
		drawn := make([]float64, 5*24*60)
		for i := range drawn {
			drawn[i] = draw(r)
		}
		return func(m int) float64 { return max(0, day(m)*(1+drawn[m])) }
	}
	for _, c := range []struct {
		name      string
		objective float64
		truth     func(int) float64
	}{
		{"noise as foreseen", 0.99, noise(1, func(r *rand.Rand) float64 { return 0.06 * r.NormFloat64() })},
		{"much more noise", 0.99, noise(2, func(r *rand.Rand) float64 { return 0.2 * r.NormFloat64() })},
		{"bursts", 0.99, noise(3, func(r *rand.Rand) float64 {
			if r.IntN(40) == 0 {
				return r.Float64()
			}
			return 0.03 * r.NormFloat64()
		})},
		{"another objective", 0.95, noise(4, func(r *rand.Rand) float64 { return 0.2 * r.NormFloat64() })},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, above := trained(4, c.objective, c.truth, day)
			if goal := 1 - c.objective; above < 0.3*goal || above > 1.6*goal {
				t.Errorf("%.2f %% of the last day's minutes needed more than was planned, the objective allows %.0f %%; learned: %+v", 100*above, 100*goal, m)
			}
		})
	}
}

func TestWhatLastsIsLearned(t *testing.T) {
	day := func(m int) float64 { return 6 + 4*math.Sin(float64(m)/1440*2*math.Pi) }
	r := rand.New(rand.NewPCG(5, 1))
	noise, level := make([]float64, 3*1440), make([]float64, 3*1440)
	for i := range noise {
		noise[i] = 0.2 * r.NormFloat64()
		if i > 0 {
			level[i] = 0.999*level[i-1] + 0.01*r.NormFloat64()
		}
	}
	alone, _ := trained(2, 0.99, func(m int) float64 { return max(0, day(m)*(1+noise[m])) }, day)
	lasting, _ := trained(2, 0.99, func(m int) float64 { return max(0, day(m)*(1+level[m])) }, day)
	if alone.Follow > 0.15 || lasting.Follow < 0.8 {
		t.Errorf("%.2f is left of single minutes, %.2f of a level that stays", alone.Follow, lasting.Follow)
	}
	if alone.Scatter < 4*lasting.Scatter {
		t.Errorf("the scatter is %.3f of single minutes, %.3f of a level that stays", alone.Scatter, lasting.Scatter)
	}
}

// A service that is calm for some hours and rough for others is followed with fewer to
// spare when the width goes by the newest minutes; one that is the same at any time is not.
func TestTheWidthGoesByTheNewestMinutesWhereThatPays(t *testing.T) {
	const days = 5
	level := func(int) float64 { return 9 }
	noise := func(wide func(m int) float64) func(int) float64 {
		r := rand.New(rand.NewPCG(6, 1))
		drawn := make([]float64, days*1440)
		for i := range drawn {
			drawn[i] = r.NormFloat64() * wide(i)
		}
		return func(m int) float64 { return max(0, 9*(1+drawn[m])) }
	}
	changing, above := trained(days, 0.99, noise(func(m int) float64 { return []float64{0.02, 0.2}[m/180%2] }), level)
	alike, _ := trained(days, 0.99, noise(func(int) float64 { return 0.14 }), level)
	if changing.Width != forescale.WidthByRough || alike.Width != forescale.WidthAlike {
		t.Errorf("the width goes by way %d where noise changes, by %d where it does not", changing.Width, alike.Width)
	}
	if by := changing.Readings; by[forescale.WidthByRough].Spare > 0.9*by[forescale.WidthAlike].Spare {
		t.Errorf("to spare by the newest minutes are %.2f, else %.2f", by[forescale.WidthByRough].Spare, by[forescale.WidthAlike].Spare)
	}
	if above < 0.003 || above > 0.016 {
		t.Errorf("%.2f %% of the last day's minutes needed more than was planned", 100*above)
	}
	if in := changing.Readings[changing.Width]; in.Shift != changing.Shift || in.Above != changing.Above {
		t.Errorf("in use is %+v, told is %+v", in, changing)
	}
}

// Lower plans were too small more often and had less to spare; the one for the median
// less often than half of the time, and had some to spare, since live demand is followed too.
func TestHowLowerPlansWouldHaveDoneIsLearned(t *testing.T) {
	const days = 3
	r := rand.New(rand.NewPCG(6, 1))
	drawn := make([]float64, days*1440)
	for i := range drawn {
		drawn[i] = max(0, 30*(1+0.2*r.NormFloat64()))
	}
	m, above := trained(days, 0.99, func(m int) float64 { return drawn[m] }, func(int) float64 { return 30 })
	l, band := m.Lower, forescale.DefaultBand()
	needed := 0
	for _, v := range drawn {
		needed += band.Required(v)
	}
	if mean := float64(needed) / float64(len(drawn)); math.Abs(l.Needed-mean) > 0.3 || l.Seen < (days-1)*1440 {
		t.Errorf("%.2f were needed in %d minutes, want %.2f", l.Needed, l.Seen, mean)
	}
	for k := 1; k < len(l.Above); k++ {
		if l.Above[k] <= l.Above[k-1] || l.Spare[k] >= l.Spare[k-1] {
			t.Errorf("the plan that is lower by %g was too small in %.4f of the minutes with %.2f to spare, the one before in %.4f with %.2f", forescale.LowerBy[k], l.Above[k], l.Spare[k], l.Above[k-1], l.Spare[k-1])
		}
	}
	if math.Abs(l.Above[0]-above) > 0.01 || l.Above[len(l.Above)-1] < 0.15 || l.Above[len(l.Above)-1] > 0.5 || l.Spare[len(l.Spare)-1] > 0.6*l.Spare[0] {
		t.Errorf("the plan as asked, above in %.4f, and lower ones: %+v", above, l)
	}
}

// A plan that is lowered all the way is for the median, and tells so.
func TestALoweredPlanIsCloserToTheMedian(t *testing.T) {
	for _, minutes := range []bool{false, true} {
		var demand, quantile []float64
		for _, lower := range []float64{0, 0.5, 1} {
			s := calm()
			s.Demand, s.Lower, s.Service.Objective = flat(2.3), lower, 0.95
			if s.Forecasts[0] = foresee(stepTo(2.4, clock(8, 40), 9)); minutes {
				s.Forecasts[0] = known(s.Forecasts[0])
				s.Forecasts[0].Minutes.Follow = 0
			}
			d := Decide(now, DefaultOptions(), s).Plan.Decision
			n := d.Reasons[0].Numbers
			demand, quantile = append(demand, n["demand_high"]), append(quantile, n["quantile"])
		}
		if !(demand[0] > demand[1] && demand[1] > demand[2] && math.Abs(demand[2]-9) < 0.01) {
			t.Errorf("minutes known %t: the plan is for %v", minutes, demand)
		}
		if math.Abs(quantile[0]-0.95) > 1e-9 || math.Abs(quantile[1]-0.795) > 0.001 || math.Abs(quantile[2]-0.5) > 1e-9 {
			t.Errorf("minutes known %t: the quantiles are %v", minutes, quantile)
		}
	}
}

func TestRoughMinutesWidenTheOutlookAndCalmOnesNarrowIt(t *testing.T) {
	f := known(foresee(func(time.Time) float64 { return 2.5 }))
	f.Minutes.Width, f.Minutes.Rough, f.Minutes.Usual = forescale.WidthByRough, 0.001, 0.001
	high := func(demand func(ago int) float64) float64 {
		o := lookAhead(&f, 0.99, now, 5*time.Minute, demand)
		o.off = 0 // of which other tests tell
		v, _ := o.high(now)
		return v
	}
	calm := high(func(int) float64 { return 2.5 })
	unknown := high(func(int) float64 { return math.NaN() })
	rough := high(func(ago int) float64 { return 2.5 + float64(ago%2) })
	if !(2.5 < calm && calm < unknown && unknown < rough) {
		t.Errorf("the plan is for %.3f after calm minutes, %.3f when none are known, %.3f after rough ones", calm, unknown, rough)
	}
	f.Minutes.Width = forescale.WidthAlike
	if alike := high(func(ago int) float64 { return 2.5 + float64(ago%2) }); alike != unknown {
		t.Errorf("at all times alike it is for %.3f, want %.3f", alike, unknown)
	}
	f.Minutes.Width, f.Minutes.Usual = forescale.WidthByRough, 0
	if alike := high(func(ago int) float64 { return 2.5 + float64(ago%2) }); alike != unknown {
		t.Errorf("with nothing usual it is for %.3f, want %.3f", alike, unknown)
	}
}

// What was learned before there were ways to read the width goes on.
func TestAShiftLearnedBeforeGoesOnInAllWays(t *testing.T) {
	before, f := known(foresee(func(time.Time) float64 { return 2.5 })), foresee(func(time.Time) float64 { return 2.5 })
	before.Minutes.Shift = 1.5
	m := LearnMinutes(checkout(), time.Minute, Recent{End: clock(8, 30), Values: slices.Repeat([]float32{2.5}, 600)}, &before, &f)
	for k, by := range m.Readings {
		if math.Abs(by.Shift-1.5) > 0.01 || math.Abs(by.Above-0.008) > 0.001 {
			t.Errorf("way %d begins with %+v", k, by)
		}
	}
}

func TestTheMediansBeforeMeetTheForecast(t *testing.T) {
	a := known(foresee(func(at time.Time) float64 { return 2 + at.Sub(clock(8, 30)).Hours() }))
	b := foresee(func(at time.Time) float64 { return 3 + at.Sub(clock(8, 45)).Hours() })
	b.Start, b.Issued = clock(8, 45), clock(8, 45)
	b.Values = b.Values[3:]
	for i := range b.Values {
		v := 3 + float64(i)/12
		b.Values[i] = []float64{v * 0.9, v, v * 1.1}
	}
	m := LearnMinutes(checkout(), time.Minute, Recent{End: clock(8, 45), Values: slices.Repeat([]float32{2.5}, 600)}, &a, &b)
	if len(m.Before) != stepsBefore || !slices.IsSorted(m.Before) || m.Before[2] > 3 || m.Before[0] < 2.6 {
		t.Errorf("before a forecast that begins at 3 and rises by 1 an hour: %v", m.Before)
	}
}

// Whatever comes, what is learned is a number within its bounds, and known only
// when there is something to know.
func TestAnythingIsLearnedFrom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anyService(t)
		before, f := anyForecast(t, forescale.MetricUtilization), anyForecast(t, forescale.MetricUtilization)
		before.Minutes = forescale.Minutes{
			Unit: rapid.SampledFrom([]float64{0, 1e-9, 2, 1e9, math.NaN()}).Draw(t, "unit"), Follow: rapid.Float64Range(-1, 2).Draw(t, "follow"),
			Shift: rapid.Float64Range(-5, 5).Draw(t, "shift"), Seen: rapid.IntRange(0, 100_000).Draw(t, "seen"),
			Before: rapid.SliceOfN(rapid.Float64Range(0, 10), 0, 3).Draw(t, "before"),
		}
		if rapid.Bool().Draw(t, "read in ways") {
			before.Minutes.Width = forescale.WidthBy(rapid.IntRange(-1, 2).Draw(t, "width"))
			before.Minutes.Rough, before.Minutes.Usual = rapid.SampledFrom([]float64{0, 1e-9, 0.01, 1e9}).Draw(t, "rough"), rapid.SampledFrom([]float64{0, 1e-9, 0.01}).Draw(t, "usual")
			for k := range before.Minutes.Readings {
				before.Minutes.Readings[k] = forescale.MinutesBy{Shift: rapid.Float64Range(-5, 5).Draw(t, "shift by"),
					Above: rapid.Float64Range(0, 1).Draw(t, "above by"), Spare: rapid.Float64Range(-3, 1e6).Draw(t, "spare")}
			}
			before.Minutes.Lower = forescale.LowerPlans{Seen: rapid.IntRange(-1, 1000).Draw(t, "lower seen"), Needed: rapid.SampledFrom([]float64{0, 3, math.NaN()}).Draw(t, "needed")}
		}
		r := Recent{End: now.Truncate(time.Minute)}
		for range rapid.IntRange(0, 200).Draw(t, "minutes") {
			r.Values = append(r.Values, rapid.SampledFrom([]float32{0, 0.1, 2, 2.5, 30, float32(math.NaN())}).Draw(t, "value"))
		}
		lead := time.Duration(rapid.IntRange(0, 7200).Draw(t, "lead")) * time.Second
		var was *forescale.Forecast
		if rapid.Bool().Draw(t, "had one before") {
			was = &before
		}
		m := LearnMinutes(s, lead, r, was, &f)
		if !m.Valid() {
			t.Fatalf("learned %+v", m)
		}
		if was != nil && m.Known() && (m.Shift < lowestShift || m.Shift > highestShift || m.Follow < 0 || m.Follow > 1 || m.Above < 0 || m.Above > 1) {
			t.Fatalf("out of bounds: %+v", m)
		}
	})
}
