package api

import (
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
)

// chartView is CapacityView with null as NaN.
type chartView struct {
	CapacityView
	Demand    nullable `json:"demand"`
	Low       nullable `json:"demand_low"`
	High      nullable `json:"demand_high"`
	Median    nullable `json:"forecast"`
	FLow      nullable `json:"forecast_low"`
	FHigh     nullable `json:"forecast_high"`
	Ready     nullable `json:"ready"`
	Starting  nullable `json:"starting"`
	Draining  nullable `json:"draining"`
	Wanted    nullable `json:"wanted"`
	Planned   nullable `json:"planned"`
	Required  nullable `json:"required"`
	Saturated []bool   `json:"saturated"`
}

type nullable []float64

// UnmarshalJSON implements json.Unmarshaler.
func (n *nullable) UnmarshalJSON(b []byte) error {
	var ps []*float64
	if err := json.Unmarshal(b, &ps); err != nil {
		return err
	}
	*n = make(nullable, len(ps))
	for i, p := range ps {
		(*n)[i] = math.NaN()
		if p != nil {
			(*n)[i] = *p
		}
	}
	return nil
}

func (n nullable) String() string {
	s := ""
	for _, v := range n {
		if math.IsNaN(v) {
			s += " ."
		} else {
			s += fmt.Sprintf(" %g", v)
		}
	}
	return s
}

func (f *fixture) chart(query string, args ...any) chartView {
	f.Helper()
	var v chartView
	f.do("GET", "/v1/services/checkout/capacity?"+fmt.Sprintf(query, args...), "").is(200).read(&v)
	for name, c := range map[string]nullable{"demand": v.Demand, "low": v.Low, "high": v.High, "forecast": v.Median, "forecast low": v.FLow, "forecast high": v.FHigh, "ready": v.Ready,
		"starting": v.Starting, "draining": v.Draining, "wanted": v.Wanted, "planned": v.Planned, "required": v.Required} {
		if len(c) != len(v.Times) {
			f.Errorf("%s has %d values for %d times", name, len(c), len(v.Times))
		}
	}
	if len(v.Saturated) != len(v.Times) {
		f.Errorf("saturated has %d values for %d times", len(v.Saturated), len(v.Times))
	}
	return v
}

func between(from, to time.Time) string {
	return "from=" + url.QueryEscape(from.Format(time.RFC3339)) + "&to=" + url.QueryEscape(to.Format(time.RFC3339))
}

var hour = monday.Truncate(time.Hour) // 07:00; now is 07:40:12

func TestChartDemandIsMeanBesideItsExtremesAndGapsStayGaps(t *testing.T) {
	f := setup(t)
	f.service("checkout")
	f.cells("checkout", hour, 1, 2, 3, 2, 2 /* 07:05 */, 4, -1, -1, -1, 8 /* 07:10 */, -1, -1, -1, -1, -1 /* 07:15 */, 95)
	v := f.chart("%s&step=5m", between(hour, hour.Add(20*time.Minute)))
	for _, c := range []struct{ name, got, want string }{
		{"demand", v.Demand.String(), " 2 6 . 95"},
		{"low", v.Low.String(), " 1 4 . 95"},
		{"high", v.High.String(), " 3 8 . 95"},
		{"required, of the highest", v.Required.String(), " 5 10 . 119"},
		{"saturated", fmt.Sprint(v.Saturated), "[false false false true]"},
	} {
		if c.got != c.want {
			t.Errorf("%s is%s, want%s", c.name, c.got, c.want)
		}
	}
	if v.Step != "5m0s" || v.Metric != forescale.MetricUtilization || v.Times[1]-v.Times[0] != 300 || v.Times[0] != hour.Unix() {
		t.Errorf("step %s, metric %s, times %v", v.Step, v.Metric, v.Times)
	}
}

func TestChartDemandOfSeveralMetricsIsTheLargest(t *testing.T) {
	f := setup(t)
	f.service("checkout", func(s *forescale.Service) {
		s.Metrics = []forescale.Metric{forescale.MetricUtilization, forescale.MetricCPU}
	})
	var cells []forescale.Cell
	var points []forescale.DemandPoint
	for i, v := range [][2]float64{{1, 2}, {3, 2}, {-1, 1}, {1, -1}} {
		at := hour.Add(time.Duration(i) * time.Minute)
		cells = append(cells, forescale.Cell{Service: "checkout", Time: at})
		for k, m := range []forescale.Metric{forescale.MetricUtilization, forescale.MetricCPU} {
			if v[k] >= 0 {
				points = append(points, forescale.DemandPoint{Service: "checkout", Metric: m, Time: at, Value: v[k], Reporting: 1, Ready: 1})
			}
		}
	}
	if err := f.store.SaveDemand(t.Context(), cells, points); err != nil {
		t.Fatal(err)
	}
	if got := f.chart("%s", between(hour, hour.Add(4*time.Minute))).Demand.String(); got != " 2 3 1 1" {
		t.Errorf("demand is%s", got)
	}
}

// Steps of hours are drawn from hours, alike while the minutes are there and when
// they are gone.
func TestChartOfHoursOutlivesTheMinutes(t *testing.T) {
	f := setup(t)
	f.service("checkout", func(s *forescale.Service) {
		s.Metrics = []forescale.Metric{forescale.MetricUtilization, forescale.MetricCPU}
	})
	from := hour.Add(-6 * time.Hour)
	var cells []forescale.Cell
	var points []forescale.DemandPoint
	for i := range 4 * 60 {
		at := from.Add(time.Duration(i) * time.Minute)
		cells = append(cells, forescale.Cell{Service: "checkout", Time: at})
		if i/60 == 2 && i%60 > 0 {
			continue // an hour with one point
		}
		v := float64(i/60) + float64(i%60)/64
		points = append(points, forescale.DemandPoint{Service: "checkout", Metric: forescale.MetricUtilization, Time: at, Value: v, Censored: i == 70},
			forescale.DemandPoint{Service: "checkout", Metric: forescale.MetricCPU, Time: at, Value: 2 - v/2})
	}
	if err := f.store.SaveDemand(t.Context(), cells, points); err != nil {
		t.Fatal(err)
	}
	draw := func() [6]string {
		one := f.chart("%s&step=1h", between(from, from.Add(4*time.Hour)))
		two := f.chart("%s&step=2h", between(from, from.Add(4*time.Hour)))
		return [6]string{one.Low.String(), one.High.String(), one.Required.String(), fmt.Sprint(one.Saturated), two.High.String(), one.Demand.String()}
	}
	want := [6]string{" 1.5391 1.0391 2 3", " 2 1.9219 2 3.9219", " 3 3 3 6", "[false true false false]", " 2 2 3.9219", " 1.7695 1.4609 2 3.4609"}
	got := draw()
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if _, err := f.store.Prune(t.Context(), store.Cutoffs{Minutes: hour}); err != nil {
		t.Fatal(err)
	}
	if after := draw(); after != got {
		t.Errorf("without minutes %q\nwith them       %q", after, got)
	}
	if ps := f.chart("%s&step=30m", between(from, from.Add(4*time.Hour))).Demand.String(); ps != " . . . . . . . ." {
		t.Errorf("the minutes are still there: %s", ps)
	}
}

func TestChartReadsCPUWhenNoUtilizationIsPushed(t *testing.T) {
	f := setup(t)
	f.service("checkout")
	if err := f.store.SaveDemand(t.Context(), []forescale.Cell{{Service: "checkout", Time: hour}},
		[]forescale.DemandPoint{{Service: "checkout", Metric: forescale.MetricCPU, Time: hour, Value: 1.5, Reporting: 1, Ready: 1}}); err != nil {
		t.Fatal(err)
	}
	if v := f.chart("%s", between(hour, hour.Add(2*time.Minute))); v.Demand.String() != " 1.5 ." || v.Metric != forescale.MetricCPU {
		t.Errorf("demand is%s of %s", v.Demand, v.Metric)
	}
}

func TestChartCountsTheLowestReadyAndTheHighestStarting(t *testing.T) {
	f := setup(t)
	f.service("checkout")
	at := func(minute, second int) time.Time {
		return hour.Add(time.Duration(minute)*time.Minute + time.Duration(second)*time.Second)
	}
	f.instances(
		forescale.Instance{ID: "a", Service: "checkout", State: forescale.InstanceReady, OrderedAt: at(5, 0), ReadyAt: at(5, 0)},
		forescale.Instance{ID: "b", Service: "checkout", State: forescale.InstanceReady, OrderedAt: at(10, 30), StartedAt: at(10, 40), ReadyAt: at(12, 20)},
		forescale.Instance{ID: "c", Service: "checkout", State: forescale.InstanceStopped, OrderedAt: at(5, 0), ReadyAt: at(6, 0), DrainingAt: at(17, 30), StoppedAt: at(18, 30)},
		forescale.Instance{ID: "d", Service: "checkout", State: forescale.InstanceFailed, OrderedAt: at(20, 10), StoppedAt: at(20, 40)},
	)
	v := f.chart("%s", between(hour, hour.Add(24*time.Minute)))
	for _, c := range []struct{ name, got, want string }{
		//                                      0 1 2 3 4 5 6 7 8 9  10 11 12 13 14 15 16 17 18 19 20 21 22 23
		{"ready", v.Ready.String(), " . . . . . 1 2 2 2 2 2 2 2 3 3 3 3 2 2 2 2 2 2 2"},
		{"starting", v.Starting.String(), " . . . . . 1 0 0 0 0 1 1 1 0 0 0 0 0 0 0 1 0 0 0"},
		{"draining", v.Draining.String(), " . . . . . 0 0 0 0 0 0 0 0 0 0 0 0 1 1 0 0 0 0 0"},
	} {
		if c.got != c.want {
			t.Errorf("%s is%s, want%s", c.name, c.got, c.want)
		}
	}
	if got := f.chart("%s", between(hour.Add(39*time.Minute), hour.Add(43*time.Minute))).Ready.String(); got != " 2 2 . ." {
		t.Errorf("around now ready is%s, want null ahead", got)
	}
}

// One instance takes over from another at the same instant: there was no moment
// with none.
func TestChartHandOverLeavesNoDip(t *testing.T) {
	f := setup(t)
	f.service("checkout")
	f.instances(
		forescale.Instance{ID: "a", Service: "checkout", State: forescale.InstanceStopped, OrderedAt: hour, ReadyAt: hour, StoppedAt: hour.Add(90 * time.Second)},
		forescale.Instance{ID: "b", Service: "checkout", State: forescale.InstanceReady, OrderedAt: hour.Add(60 * time.Second), ReadyAt: hour.Add(90 * time.Second)})
	if got := f.chart("%s", between(hour, hour.Add(4*time.Minute))).Ready.String(); got != " 1 1 1 1" {
		t.Errorf("ready is%s", got)
	}
}

// The counts equal those found by looking at every second.
func TestChartCountsAsLookingAtEverySecondDoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const n = 5
		x := axis{from: hour, step: time.Minute, n: n}
		c := newChart(forescale.Service{Name: "checkout"}.WithDefaults(), x, hour.Add(time.Hour), time.Second, nil)
		type span2 struct{ begin, end int }
		spans := rapid.SliceOf(rapid.Custom(func(t *rapid.T) span2 {
			b := rapid.IntRange(-20, 320).Draw(t, "begin")
			return span2{b, b + rapid.IntRange(0, 200).Draw(t, "length")}
		})).Draw(t, "spans")
		var cs []change
		for _, s := range spans {
			cs = span(cs, hour.Add(time.Duration(s.begin)*time.Second), hour.Add(time.Duration(s.end)*time.Second))
		}
		low, high := newColumn(n), newColumn(n)
		c.fillCount(low, cs, 0, func(a, b int) int { return min(a, b) })
		c.fillCount(high, cs, 0, func(a, b int) int { return max(a, b) })
		for i := range n {
			least, most := math.MaxInt, 0
			for second := i * 60; second < (i+1)*60; second++ {
				count := 0
				for _, s := range spans {
					if second >= s.begin && second < s.end {
						count++
					}
				}
				least, most = min(least, count), max(most, count)
			}
			if low[i] != float64(least) || high[i] != float64(most) {
				t.Fatalf("minute %d: %g to %g, second by second %d to %d", i, low[i], high[i], least, most)
			}
		}
	})
}

func TestChartShowsTheForecastThatWasActedOn(t *testing.T) {
	f := setup(t)
	f.service("checkout")
	f.plan("checkout", 4, 7) // lead 4m40s
	// The forecast issued at minute m says m everywhere.
	for m := 0; m <= 40; m += 10 {
		f.forecast("checkout", hour.Add(time.Duration(m)*time.Minute), func(time.Time, float64) float64 { return float64(m + 10) })
	}
	v := f.chart("%s&step=1m", between(hour, hour.Add(50*time.Minute)))
	// At 07:14 the one of 07:00 was the newest issued by 07:09:20; that of 07:10 counts from 07:15 on.
	for minute, want := range map[int]float64{0: math.NaN(), 4: math.NaN(), 5: 10, 14: 10, 15: 20, 24: 20, 25: 30, 39: 40, 40: 50, 49: 50} {
		if got := v.Median[minute]; got != want && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("at 07:%02d the forecast is %g, want %g", minute, got, want)
		}
	}
	if v.FHigh[15] != 21 || v.FLow[15] != 19 {
		t.Errorf("its interval is %g to %g, want 19 to 21", v.FLow[15], v.FHigh[15])
	}
	if v.Forecast == nil || !v.Forecast.Issued.Equal(hour.Add(40*time.Minute)) || v.Lead != "4m40s" {
		t.Errorf("latest %+v, lead %s", v.Forecast, v.Lead)
	}
}

// Wide steps read the ledger sparsely and must find the same forecasts.
func TestChartFindsTheSameForecastsHoweverItReadsTheLedger(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var all []forescale.Forecast
		at := hour.Add(-20 * time.Hour)
		for range rapid.IntRange(0, 30).Draw(rt, "forecasts") {
			at = at.Add(time.Duration(rapid.IntRange(1, 300).Draw(rt, "minutes")) * time.Minute)
			all = append(all, forescale.Forecast{Issued: at})
		}
		begin := hour.Add(-time.Duration(rapid.IntRange(0, 40).Draw(rt, "back")) * time.Hour)
		step := time.Duration(rapid.IntRange(1, 600).Draw(rt, "step")) * time.Minute
		st := ledgerStore{all: all}
		for _, sparse := range []bool{false, true} {
			l := ledger{st: st, sparse: sparse}
			last := begin.Add(39 * step)
			for i := range 40 {
				now := begin.Add(time.Duration(i) * step)
				got, err := l.newest(t.Context(), now, last)
				if err != nil {
					rt.Fatal(err)
				}
				var want *forescale.Forecast
				for k := range all {
					if !all[k].Issued.After(now) && (want == nil || all[k].Issued.After(want.Issued)) {
						want = &all[k]
					}
				}
				if want != nil && want.Issued.Before(begin.Add(-maxHorizon)) {
					want = nil // cannot reach that far
				}
				if (got == nil) != (want == nil) || got != nil && !got.Issued.Equal(want.Issued) {
					rt.Fatalf("sparse %t, at %s: got %v, want %v", sparse, now, got, want)
				}
			}
		}
	})
}

func TestChartShowsWhatWasWantedAndWhatIsPlanned(t *testing.T) {
	f := setup(t)
	f.service("checkout")
	start := []forescale.Action{{Kind: forescale.ActionStart, Instance: "checkout-x-1"}}
	f.decide(forescale.Decision{ID: "dec_a", Service: "checkout", At: hour.Add(-time.Hour), From: 2, To: 3, Outcome: forescale.OutcomeDone, Actions: start,
		Reasons: []forescale.Reason{{Code: forescale.CodeForecastRise}}})
	f.decide(forescale.Decision{ID: "dec_b", Service: "checkout", At: hour.Add(2*time.Minute + 30*time.Second), From: 3, To: 5, Outcome: forescale.OutcomeDone, Actions: start,
		Reasons: []forescale.Reason{{Code: forescale.CodeReactiveHigh}}})
	f.decide(forescale.Decision{ID: "dec_c", Service: "checkout", At: hour.Add(4 * time.Minute), From: 5, To: 4, Outcome: forescale.OutcomeNone,
		Reasons: []forescale.Reason{{Code: forescale.CodeForecastFall}}})
	f.plan("checkout", 4, 7) // now, and at 07:47:12
	v := f.chart("%s&step=1m", between(hour, hour.Add(50*time.Minute)))
	if got := v.Wanted[:6].String(); got != " 3 3 5 5 4 4" {
		t.Errorf("wanted is%s", got)
	}
	if !math.IsNaN(v.Wanted[41]) || v.Wanted[40] != 4 {
		t.Errorf("wanted around now is%s", v.Wanted[39:43])
	}
	if got := v.Planned[39:49].String(); got != " . 4 4 4 4 4 4 4 7 7" {
		t.Errorf("planned is%s", got)
	}
	if !v.Acting || v.Min != 2 || v.Max != 12 || v.TimeZone != "Europe/Berlin" || len(v.Band) != 5 {
		t.Errorf("head %+v", v.CapacityView)
	}
	if len(v.Decisions) != 1 || v.Decisions[0].ID != "dec_b" {
		t.Errorf("decisions %+v, want the one with actions in the range", v.Decisions)
	}
}

func TestChartStepFollowsTheRange(t *testing.T) {
	f := setup(t)
	f.service("checkout")
	for _, c := range []struct {
		back time.Duration
		ask  string
		step string
	}{
		{3 * time.Hour, "", "1m0s"}, {24 * time.Hour, "", "1m0s"}, {4 * day, "", "5m0s"}, {7 * day, "", "15m0s"}, {30 * day, "", "1h0m0s"},
		{90 * day, "", "3h0m0s"}, {365 * day, "", "6h0m0s"}, {900 * day, "", "24h0m0s"},
		{3 * time.Hour, "10m", "10m0s"}, {30 * day, "1m", "1h0m0s"}, {time.Hour, "24h", "1h0m0s"}, {26 * time.Hour, "2m", "2m0s"},
	} {
		v := f.chart("%s&step=%s", between(monday.Add(-c.back), monday), c.ask)
		if v.Step != c.step || len(v.Times) > maxPoints || len(v.Times) == 0 {
			t.Errorf("%s asked %q: step %s, %d points; want %s", c.back, c.ask, v.Step, len(v.Times), c.step)
		}
		if first := time.Unix(v.Times[0], 0); first.After(monday.Add(-c.back)) {
			t.Errorf("%s: begins %s, after what was asked", c.back, first)
		}
		if i := slices.IndexFunc(v.Times, func(s int64) bool { return s > monday.Unix() }); i >= 0 {
			t.Errorf("%s: reaches beyond what was asked", c.back)
		}
	}
	v := f.chart("")
	if !v.From.Equal(monday.Add(-48*time.Hour).Truncate(5*time.Minute)) || v.Step != "5m0s" || v.To.Before(monday.Add(24*time.Hour)) {
		t.Errorf("by default from %s to %s by %s", v.From, v.To, v.Step)
	}
}

func TestChartRefusesRangesThatAreNone(t *testing.T) {
	f := setup(t)
	f.service("checkout")
	for name, query := range map[string]string{
		"backwards": between(monday, monday.Add(-time.Hour)), "nothing": between(monday, monday), "too long": between(monday.Add(-1600*day), monday),
		"odd step": "step=90s", "no step": "step=soon", "no time": "from=noon",
	} {
		if a := f.do("GET", "/v1/services/checkout/capacity?"+query, ""); a.status != 422 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
}

func TestForecastAnswersInTheLevelsAndStepsAskedFor(t *testing.T) {
	f := setup(t)
	f.service("checkout")
	f.do("GET", "/v1/services/checkout/forecast", "").problem(404, "forecast_unknown")
	f.forecast("checkout", hour, func(t time.Time, _ float64) float64 { return 2 + float64(t.Minute())/60 })
	var v ForecastView
	f.do("GET", "/v1/services/checkout/forecast", "").is(200).read(&v)
	if len(v.Times) != 288 || len(v.Levels) != 3 || len(v.Values) != 3 || len(v.Values[2]) != 288 || v.Model != "weekly" || v.Step != "5m0s" {
		t.Errorf("got %d times, levels %v", len(v.Times), v.Levels)
	}
	f.do("GET", "/v1/services/checkout/forecast?step=15m&quantiles=0.5,0.725&"+between(hour.Add(time.Hour), hour.Add(2*time.Hour)), "").is(200).read(&v)
	if len(v.Times) != 4 || !v.Times[0].Equal(hour.Add(time.Hour)) || math.Abs(v.Values[0][0]-(2+5.0/60)) > 1e-3 || math.Abs(v.Values[1][0]-v.Values[0][0]-0.5) > 1e-3 {
		t.Errorf("got %v %v", v.Times, v.Values)
	}
	for _, q := range []string{"step=7m", "quantiles=1.5", "quantiles=", "step=soon"} {
		if a := f.do("GET", "/v1/services/checkout/forecast?"+q, ""); a.status != 422 && q != "quantiles=" {
			t.Errorf("%s: %d %s", q, a.status, a.body)
		}
	}
}
