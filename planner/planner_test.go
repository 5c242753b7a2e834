package planner

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

const (
	rise     = forescale.CodeForecastRise
	fall     = forescale.CodeForecastFall
	reactive = forescale.CodeReactiveHigh
	full     = forescale.CodeSaturated
	steady   = forescale.CodeSteady
	minimum  = forescale.CodeMinBound
	maximum  = forescale.CodeMaxBound
	warming  = forescale.CodeWarmingUp
	cooling  = forescale.CodeCoolingDown
	steps    = forescale.CodeStepLimit
	noSample = forescale.CodeHoldNoMetrics
	stale    = forescale.CodeHoldStale
	fallback = forescale.CodeModelFallback
	replaced = forescale.CodeReplaceFailed
	failing  = forescale.CodeStartFailing
)

// silentFor takes away the demand and samples of the last d.
func silentFor(s *State, d time.Duration) {
	s.LastSample = now.Add(-d)
	s.Demand = slices.DeleteFunc(s.Demand, func(p forescale.DemandPoint) bool {
		return p.Time.Add(forescale.DemandStep).After(s.LastSample)
	})
}

// toldOf is a high demand in the minute that began just now, of which so much was heard,
// after low ones that told as much as is usual.
func toldOf(usual, now int) []forescale.DemandPoint {
	points := flat(2.6)
	for i := range points {
		points[i].Moments = usual
	}
	return append(points, forescale.DemandPoint{Service: "checkout", Metric: forescale.MetricUtilization,
		Time: clock(8, 40), Value: 3.9, Reporting: 4, Ready: 4, Moments: now})
}

func noForecast(s *State) { s.Forecasts = nil }

// low is a forecast that one instance serves.
func low(time.Time) float64 { return 0.5 }

func TestDecide(t *testing.T) {
	tests := []struct {
		name  string
		given func(s *State)
		to    int
		codes string // joined by spaces
	}{
		// What is needed.
		{"what is there is what is needed", func(*State) {}, 4, "steady"},
		{"a rise within the lead time is ordered now", func(s *State) {
			s.Forecasts[0] = foresee(stepTo(2.5, clock(8, 45), 4.4)) // 4.84 at 95 %: 7 at 69 %; 4.4 alone: 6 at 73 %
		}, 7, "forecast_rise"},
		{"a rise one interval after the lead time is ordered now, as the next planning step is too late", func(s *State) {
			s.Service.Warmup = 258 * time.Second // 8:40:12 + 4:18 + 30 s + 30 s > 8:45
			s.Forecasts[0] = foresee(stepTo(2.5, clock(8, 45), 4.7))
		}, 7, "forecast_rise"},
		{"a rise beyond the lead time waits", func(s *State) {
			s.Forecasts[0] = foresee(stepTo(2.5, clock(8, 50), 4.7))
		}, 4, "steady"},
		{"the objective picks the quantile", func(s *State) {
			s.Service.Objective = 0.5
			s.Forecasts[0] = foresee(stepTo(2.5, clock(8, 45), 4.7)) // 4.7: 7 at 67 %, 6 at 78 %
			s.Service.Band = forescale.Band{{From: 1, Upper: 80}}
		}, 6, "forecast_rise"},
		{"live demand works upwards against the forecast", func(s *State) {
			s.Demand = minutes(2.6, 3.9)
		}, 6, "reactive_high"},
		{"live demand is the highest of the last two minutes", func(s *State) {
			s.Demand = minutes(2.6, 3.9, 2.6)
		}, 6, "reactive_high"},
		{"live demand of three minutes ago does not raise any more", func(s *State) {
			s.Demand = minutes(3.9, 2.6, 2.6)
		}, 4, "steady"},
		{"the running minute counts once half of it is over", func(s *State) {
			s.Demand = append(flat(2.6), forescale.DemandPoint{Service: "checkout", Metric: forescale.MetricUtilization,
				Time: clock(8, 40).Add(-time.Minute), Value: 3.9, Reporting: 4, Ready: 4})
		}, 6, "reactive_high"},
		{"the first seconds of the running minute do not count", func(s *State) {
			s.Demand = append(flat(2.6), forescale.DemandPoint{Service: "checkout", Metric: forescale.MetricUtilization,
				Time: clock(8, 40), Value: 3.9, Reporting: 4, Ready: 4})
		}, 4, "steady"},
		{"half of what a minute usually tells counts before half of it is over", func(s *State) {
			s.Demand = toldOf(6, 3)
		}, 6, "reactive_high"},
		{"less than that does not count", func(s *State) {
			s.Demand = toldOf(6, 2)
		}, 4, "steady"},
		{"where a minute tells one thing, that counts", func(s *State) {
			s.Demand = toldOf(1, 1)
		}, 6, "reactive_high"},
		{"where a minute tells two, one of them counts", func(s *State) {
			s.Demand = toldOf(2, 1)
		}, 6, "reactive_high"},
		{"where it is not known what a minute tells, the first seconds do not count", func(s *State) {
			s.Demand = toldOf(0, 3)
		}, 4, "steady"},
		{"without a forecast live demand works alone", func(s *State) {
			noForecast(s)
			s.Demand = minutes(3.9, 3.9)
		}, 6, "reactive_high model_fallback"},
		{"the reactive floor holds while the forecast is lower", func(s *State) {
			s.Forecasts[0] = foresee(low)
		}, 4, "steady"},
		{"of two metrics the one with the larger need decides", func(s *State) {
			twoMetrics(s, 2.6, 5.2)
		}, 7, "reactive_high model_fallback"},
		{"an old forecast is not used", func(s *State) {
			s.Forecasts[0] = foresee(stepTo(2.5, clock(8, 45), 4.7))
			s.Forecasts[0].Issued = now.Add(-46 * time.Minute)
		}, 4, "steady model_fallback"},
		{"a forecast that has missed two refreshes is still used", func(s *State) {
			s.Forecasts[0] = foresee(stepTo(2.5, clock(8, 45), 4.7))
			s.Forecasts[0].Issued = now.Add(-44 * time.Minute)
		}, 7, "forecast_rise"},
		{"a forecast that begins later than its first step is not used", func(s *State) {
			s.Forecasts[0] = foresee(stepTo(2.5, clock(8, 45), 4.7))
			s.Forecasts[0].Start = now.Add(6 * time.Minute)
		}, 4, "steady model_fallback"},
		{"nor does one allow fewer", func(s *State) {
			idle(s)
			s.Forecasts[0].Start = now.Add(6 * time.Minute)
		}, 4, "cooling_down model_fallback"},
		{"a forecast that is not a number is not used", func(s *State) {
			s.Forecasts[0] = foresee(func(time.Time) float64 { return math.NaN() })
		}, 4, "steady model_fallback"},

		// Saturation.
		{"when all are saturated, half as many again", func(s *State) {
			s.Instances = ready(6)
			s.Demand = censored(5.8, 6)
		}, 9, "saturated"},
		{"what was ordered for saturation counts once", func(s *State) {
			s.Instances = append(ready(6), starting(3, time.Minute, "dec_sat")...)
			s.Demand = censored(5.8, 6)
			s.Recent = []forescale.Decision{saturatedAt(time.Minute, 9)}
		}, 9, "warming_up"},
		{"one of three that came does not count towards the next step up", func(s *State) {
			s.Instances = append(ready(6), starting(3, 6*time.Minute, "dec_sat")...)
			s.Instances[6].State, s.Instances[6].ReadyAt = forescale.InstanceReady, now.Add(-3*time.Minute)
			s.Demand = censored(6.8, 7)
			s.Recent = []forescale.Decision{saturatedAt(6*time.Minute, 9)}
		}, 9, "warming_up"},
		{"those that came during the saturated minute do not count", func(s *State) {
			s.Instances = append(ready(6), starting(3, 6*time.Minute, "dec_sat")...)
			for i := 6; i < 9; i++ {
				s.Instances[i].State, s.Instances[i].ReadyAt = forescale.InstanceReady, now.Add(-40*time.Second)
			}
			s.Demand = censored(5.8, 6)
			s.Recent = []forescale.Decision{saturatedAt(6*time.Minute, 9)}
		}, 9, "steady"},
		{"still saturated after all came: once more", func(s *State) {
			s.Instances = ready(8)
			s.Demand = censored(7.8, 8)
			s.Recent = []forescale.Decision{saturatedAt(6*time.Minute, 8)}
		}, 12, "saturated"},
		{"what the step limit put off is still ordered", func(s *State) {
			s.Service.MaxStep = 2
			s.Instances = append(ready(6), starting(2, 30*time.Second, "dec_sat")...)
			s.Demand = censored(5.8, 6)
			s.Recent = []forescale.Decision{saturatedAt(30*time.Second, 9)}
		}, 9, "saturated"},
		{"a saturation that is over does not raise", func(s *State) {
			s.Demand = minutes(2.6, 2.6)
			s.Demand[0].Censored = true
		}, 4, "steady"},

		// Supply.
		{"what is starting counts as supply, once", func(s *State) {
			s.Instances = append(ready(4), starting(2, time.Minute, "")...)
			s.Demand = minutes(2.6, 3.9)
		}, 6, "warming_up"},
		{"what is starting beyond its deadline does not", func(s *State) {
			s.Instances = append(ready(4), starting(2, 20*time.Minute, "")...)
			s.Demand = minutes(2.6, 3.9)
		}, 6, "reactive_high"},
		{"what is draining does not", func(s *State) {
			s.Instances = ready(5)
			s.Instances[4].State = forescale.InstanceDraining
			s.Demand = minutes(2.6, 3.9)
		}, 6, "reactive_high"},

		// Bounds.
		{"below min it starts up to min", func(s *State) {
			s.Service.Min = 6
		}, 6, "min_bound"},
		{"from nothing min is reached", func(s *State) {
			*s = State{Service: checkout()}
		}, 2, "min_bound hold_no_metrics"},
		{"at min and idle it stays", func(s *State) {
			s.Instances = ready(2)
			idle(s)
		}, 2, "min_bound"},
		{"never above max", func(s *State) {
			s.Service.Max = 5
			s.Demand = minutes(2.6, 7.7)
		}, 5, "reactive_high max_bound"},
		{"at max it stays and says so", func(s *State) {
			s.Service.Max = 4
			s.Demand = minutes(2.6, 7.7)
		}, 4, "max_bound"},
		{"above a lowered max it goes down at once, one at a time", func(s *State) {
			s.Service.Max = 3
			s.Instances = ready(6)
			s.Recent = []forescale.Decision{acted(forescale.ActionStart, 1, 2*time.Minute)}
		}, 5, "max_bound step_limit"},
		{"a max lowered by one holds although demand needs more", func(s *State) {
			s.Service.Max = 3
		}, 3, "max_bound"},
		{"max holds without samples too: it is a person's word", func(s *State) {
			s.Service.Max = 3
			silentFor(s, 2*time.Hour)
		}, 3, "max_bound hold_stale_metrics"},

		// Fewer.
		{"fewer when live demand and forecast both allow it for the whole window", func(s *State) {
			idle(s)
		}, 3, "forecast_fall step_limit min_bound"},
		{"live demand alone does not scale in", func(s *State) {
			s.Demand = flat(0.5)
		}, 4, "steady"},
		{"the forecast alone does not scale in", func(s *State) {
			s.Demand = flat(2.3)
			s.Service.Band = forescale.Band{{From: 1, Upper: 60}}
			s.Forecasts[0] = foresee(low)
		}, 4, "steady"},
		{"live demand nine minutes ago still counts", func(s *State) {
			idle(s)
			s.Demand[15-9].Value = 2.6
		}, 4, "cooling_down"},
		{"live demand twelve minutes ago does not", func(s *State) {
			idle(s)
			s.Demand[15-12].Value = 2.6
		}, 3, "forecast_fall step_limit min_bound"},
		{"not when the forecast needs it again within lead time and window", func(s *State) {
			idle(s)
			s.Forecasts[0] = foresee(stepTo(0.5, clock(8, 50), 2.3))
		}, 4, "cooling_down"},
		{"not with a hole in the window", func(s *State) {
			idle(s)
			s.Demand = slices.Delete(s.Demand, 6, 12)
		}, 4, "cooling_down"},
		{"not on a history shorter than the window", func(s *State) {
			idle(s)
			s.Demand = s.Demand[11:]
		}, 4, "cooling_down"},
		{"not on what is not a number", func(s *State) {
			idle(s)
			for i := range s.Demand[:13] {
				s.Demand[i].Value = math.NaN()
			}
		}, 4, "cooling_down"},
		{"not on zeros that nobody reported", func(s *State) {
			idle(s)
			for i := range s.Demand[:13] {
				s.Demand[i].Value, s.Demand[i].Reporting = 0, 0
			}
		}, 4, "cooling_down"},
		{"a saturated minute in the window keeps what was there", func(s *State) {
			idle(s)
			s.Demand[8].Censored = true
		}, 4, "cooling_down"},
		{"not while another metric is silent", func(s *State) {
			twoMetrics(s, 0.5, 0.5)
			s.Forecasts[0] = foresee(low)
			s.Demand = slices.DeleteFunc(s.Demand, func(p forescale.DemandPoint) bool { return p.Metric == forescale.MetricLoad })
		}, 4, "cooling_down model_fallback"},
		{"not while another metric still needs it", func(s *State) {
			twoMetrics(s, 2.6, 1)
			s.Forecasts[0] = foresee(low)
		}, 4, "steady model_fallback"},
		{"not on an old forecast", func(s *State) {
			idle(s)
			s.Forecasts[0].Issued = now.Add(-2 * time.Hour)
		}, 4, "cooling_down model_fallback"},
		{"not on a forecast that ends within the window", func(s *State) {
			idle(s)
			s.Forecasts[0].Values = s.Forecasts[0].Values[:4]
		}, 4, "cooling_down"},
		{"with no forecast at all live demand of five minutes decides", func(s *State) {
			idle(s)
			noForecast(s)
			s.Demand[15-7].Value = 2.6
		}, 3, "forecast_fall step_limit min_bound model_fallback"},
		{"with no forecast live demand four minutes ago still counts", func(s *State) {
			idle(s)
			noForecast(s)
			s.Demand[15-4].Value = 2.6
		}, 4, "cooling_down model_fallback"},
		{"not within a window after a start", func(s *State) {
			idle(s)
			s.Recent = []forescale.Decision{acted(forescale.ActionStart, 1, 9*time.Minute)}
		}, 4, "cooling_down"},
		{"again after a window without a start", func(s *State) {
			idle(s)
			s.Recent = []forescale.Decision{acted(forescale.ActionStart, 1, 11*time.Minute)}
		}, 3, "forecast_fall step_limit min_bound"},
		{"what is starting and not needed goes by the same rules", func(s *State) {
			s.Instances = append(ready(4), starting(1, 5*time.Minute, "")...)
			s.Recent = []forescale.Decision{acted(forescale.ActionStart, 1, 5*time.Minute)}
		}, 5, "cooling_down"},

		// Limits.
		{"one stop a minute", func(s *State) {
			idle(s)
			s.Recent = []forescale.Decision{acted(forescale.ActionStop, 1, 30*time.Second)}
		}, 4, "step_limit min_bound"},
		{"a tenth of many at once", func(s *State) {
			s.Service.Max = 100
			s.Instances = ready(40)
			idle(s)
		}, 36, "forecast_fall step_limit min_bound"},
		{"what was stopped within the minute counts towards the tenth", func(s *State) {
			s.Service.Max = 100
			s.Instances = ready(40)
			idle(s)
			s.Recent = []forescale.Decision{acted(forescale.ActionStop, 3, 30*time.Second)}
		}, 39, "forecast_fall step_limit min_bound"},
		{"starts are bounded by what is there", func(s *State) {
			s.Service.Max = 100
			s.Demand = minutes(2.6, 20)
		}, 8, "reactive_high step_limit"},
		{"starts are bounded by the service's own step", func(s *State) {
			s.Service.MaxStep = 1
			s.Demand = minutes(2.6, 3.9)
		}, 5, "reactive_high step_limit"},
		{"what is draining still fills max", func(s *State) {
			s.Service.Max = 6
			s.Instances = ready(6)
			s.Instances[4].State, s.Instances[5].State = forescale.InstanceDraining, forescale.InstanceDraining
			s.Demand = minutes(2.6, 3.9)
		}, 4, "step_limit"},

		// Missing metrics.
		{"never a sample: what is there is held", func(s *State) {
			s.Demand, s.LastSample = nil, time.Time{}
			noForecast(s)
		}, 4, "hold_no_metrics"},
		{"silent for four minutes: nothing changes, not even for the forecast", func(s *State) {
			s.Forecasts[0] = foresee(stepTo(2.5, clock(8, 45), 4.7))
			silentFor(s, 4*time.Minute)
		}, 4, "hold_stale_metrics"},
		{"silent for seven minutes: the forecast stands in upwards", func(s *State) {
			s.Forecasts[0] = foresee(stepTo(2.5, clock(8, 45), 4.7))
			silentFor(s, 7*time.Minute)
		}, 7, "forecast_rise hold_stale_metrics"},
		{"silent for seven minutes: the forecast does not scale in", func(s *State) {
			s.Forecasts[0] = foresee(low)
			silentFor(s, 7*time.Minute)
		}, 4, "hold_stale_metrics"},
		{"silent for two hours: upwards still", func(s *State) {
			s.Forecasts[0] = foresee(stepTo(2.5, clock(8, 45), 4.7))
			silentFor(s, 2*time.Hour)
		}, 7, "forecast_rise hold_stale_metrics"},
		{"silent for two hours: held, not scaled in", func(s *State) {
			s.Forecasts[0] = foresee(low)
			silentFor(s, 2*time.Hour)
		}, 4, "hold_stale_metrics"},
		{"silent for two hours and told to follow the forecast: scaled in by it", func(s *State) {
			s.Service.Missing.FollowForecast = true
			s.Forecasts[0] = foresee(low)
			silentFor(s, 2*time.Hour)
		}, 3, "forecast_fall step_limit min_bound hold_stale_metrics"},
		{"told to follow a forecast that is old: held", func(s *State) {
			s.Service.Missing.FollowForecast = true
			s.Forecasts[0] = foresee(low)
			s.Forecasts[0].Issued = now.Add(-2 * time.Hour)
			silentFor(s, 2*time.Hour)
		}, 4, "hold_stale_metrics model_fallback"},
		{"samples that tell no demand are silence", func(s *State) {
			s.Forecasts[0] = foresee(low)
			s.Demand = nil
		}, 4, "hold_stale_metrics"},
		{"without samples min is reached all the same", func(s *State) {
			s.Instances = ready(1)
			silentFor(s, 2*time.Hour)
			noForecast(s)
		}, 2, "min_bound hold_stale_metrics model_fallback"},
		{"an instance that dies in the silence is replaced", func(s *State) {
			s.Instances = append(ready(3), failed(1, 10*time.Second)...)
			s.Last = last(4)
			silentFor(s, 4*time.Minute)
		}, 4, "replace_failed hold_stale_metrics"},

		// Failures.
		{"an instance that died is replaced", func(s *State) {
			s.Instances = append(ready(3), failed(1, 10*time.Second)...)
			s.Last = last(4)
		}, 4, "replace_failed"},
		{"an instance that died and is not needed is not replaced", func(s *State) {
			s.Instances = append(ready(3), failed(1, 10*time.Second)...)
			s.Last = last(4)
			idle(s)
		}, 2, "forecast_fall min_bound"},
		{"three failed starts in a row: wait", func(s *State) {
			s.Instances = append(ready(3), failed(3, 10*time.Second)...)
			s.Last = last(4)
		}, 3, "start_failing"},
		{"after the wait one more is tried", func(s *State) {
			s.Instances = append(ready(2), failed(3, 31*time.Second)...)
			s.Last = last(4)
		}, 3, "replace_failed start_failing"},
		{"the wait doubles", func(s *State) {
			s.Instances = append(ready(3), failed(5, 119*time.Second)...)
			s.Last = last(4)
		}, 3, "start_failing"},
		{"no second try while one is on its way", func(s *State) {
			s.Instances = append(append(ready(2), failed(4, 9*time.Minute)...), starting(1, time.Minute, "")...)
			s.Last = last(4)
		}, 3, "start_failing"},
		{"a start that worked ends the waiting", func(s *State) {
			s.Instances = append(ready(3), failed(3, 10*time.Minute)...)
			s.Instances[2].OrderedAt, s.Instances[2].ReadyAt = now.Add(-5*time.Minute), now.Add(-2*time.Minute)
			s.Last = last(4)
		}, 4, "replace_failed"},
		{"instances that die as soon as they are ready are failed starts", func(s *State) {
			s.Instances = append(ready(3), failed(3, 10*time.Second)...)
			for i := 3; i < 6; i++ {
				s.Instances[i].ReadyAt = s.Instances[i].StoppedAt.Add(-2 * time.Second)
			}
			s.Last = last(4)
		}, 3, "crash_loop"},
		{"instances that end minutes after they were ready are a crash loop, and no more are added", func(s *State) {
			s.Instances = append(ready(3), crashed(3, 10*time.Second)...)
			s.Demand = flat(6)
		}, 3, "crash_loop"},
		{"a crash loop is said also while one more is tried", func(s *State) {
			s.Instances = append(ready(2), crashed(3, 31*time.Second)...)
			s.Last = last(3)
		}, 3, "reactive_high crash_loop"},
		{"two ends are no crash loop", func(s *State) {
			s.Instances = append(ready(3), crashed(2, 10*time.Second)...)
			s.Last = last(4)
		}, 4, "replace_failed"},
		{"ends by somebody else's hand are no crash loop", func(s *State) {
			s.Instances = append(ready(3), crashed(3, 10*time.Second)...)
			for i := 3; i < 6; i++ {
				s.Instances[i].Failure = forescale.FailureVanished
			}
			s.Last = last(4)
		}, 4, "replace_failed"},
		{"one that has been ready for long ends a crash loop", func(s *State) {
			s.Instances = append(ready(3), crashed(3, 10*time.Second)...)
			s.Instances[2].OrderedAt, s.Instances[2].ReadyAt = now.Add(-12*time.Minute), now.Add(-11*time.Minute)
			for i := 3; i < 6; i++ {
				s.Instances[i].OrderedAt, s.Instances[i].ReadyAt = now.Add(-20*time.Minute), now.Add(-9*time.Minute)
			}
			s.Last = last(4)
		}, 4, "replace_failed"},
		{"a ready instance that takes no load is no supply, and another takes its place", func(s *State) {
			s.Instances = ready(4)
			s.Instances[3].UnreadySince = now.Add(-10 * time.Second)
			s.Last = last(4)
		}, 4, "replace_failed"},
		{"it counts towards max until it is gone", func(s *State) {
			s.Instances, s.Service.Max = ready(4), 4
			s.Instances[3].UnreadySince = now.Add(-10 * time.Second)
			s.Last = last(4)
		}, 3, "step_limit"},
		{"what was put off while starts failed is not forgotten", func(s *State) {
			s.Instances = append(ready(3), failed(3, 40*time.Second)...)
			s.Last = last(3)
			s.Last.Reasons = []forescale.Reason{{Code: failing, Numbers: numbers{"wanted": 4}}}
			s.Demand, s.Forecasts[0] = flat(1.5), foresee(func(time.Time) float64 { return 1.5 })
			s.Demand[8].Value = 2.6
		}, 4, "replace_failed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := calm()
			tt.given(&s)
			d := Decide(now, DefaultOptions(), s).Plan.Decision
			var cs []string
			for _, c := range codes(d) {
				cs = append(cs, string(c))
			}
			if got := strings.Join(cs, " "); d.To != tt.to || got != tt.codes {
				t.Errorf("to %d by %q, want %d by %q\n%s", d.To, got, tt.to, tt.codes, encode(d))
			}
			if starts, stops := count(d, forescale.ActionStart), count(d, forescale.ActionStop); starts != max(0, d.To-d.From) || stops != max(0, d.From-d.To) {
				t.Errorf("%d starts and %d stops lead from %d to %d", starts, stops, d.From, d.To)
			}
		})
	}
}

func idle(s *State) {
	s.Demand = flat(0.5)
	s.Forecasts[0] = foresee(low)
}

func censored(v float64, n int) []forescale.DemandPoint {
	ps := minutes(v, v)
	for i := range ps {
		ps[i].Censored, ps[i].Ready, ps[i].Reporting = true, n, n
	}
	return ps
}

// saturatedAt is the step up to n of a while ago.
func saturatedAt(ago time.Duration, n int) forescale.Decision {
	d := acted(forescale.ActionStart, 3, ago)
	d.ID = "dec_sat"
	d.Reasons = []forescale.Reason{{Code: full, Numbers: numbers{"required": float64(n)}}}
	return d
}

// twoMetrics gives the service utilization and load, each with a steady demand.
func twoMetrics(s *State, utilization, load float64) {
	s.Service.Metrics = []forescale.Metric{forescale.MetricUtilization, forescale.MetricLoad}
	s.Service.Capacity = 100
	l := flat(load)
	for i := range l {
		l[i].Metric = forescale.MetricLoad
	}
	s.Demand = append(l, flat(utilization)...)
}
