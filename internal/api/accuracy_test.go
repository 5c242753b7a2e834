package api

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestAccuracyTellsTheChoiceAndHowForecastsDid(t *testing.T) {
	f := setup(t)
	f.service("checkout")
	var v AccuracyView
	f.do("GET", "/v1/services/checkout/accuracy", "").is(200).read(&v)
	if v.Forecast != nil || v.Live.Until != nil || len(v.Live.Leads) != 0 || v.Drift.Alarm != "none" || v.Drift.Message != "" || v.Drift.Wider != 1 {
		t.Errorf("before anything is known: %+v", v)
	}
	f.forecast("checkout", monday.Add(-10*time.Minute), func(time.Time, float64) float64 { return 4.7 })
	f.accuracy("checkout")
	f.do("GET", "/v1/services/checkout/accuracy", "").is(200).read(&v)
	number := func(v float64) *float64 { return &v }
	lead := func(name string, steps int64, coverage float64) AheadView {
		return AheadView{Lead: name, Steps: steps, Coverage: number(coverage), Error: number(.125), LastWeekError: number(.25), AgainstLastWeek: number(.5), Pinball: number(.125)}
	}
	all := []AheadView{lead("30m0s", 100, .9), lead("24h0m0s", 40, .75)}
	if !reflect.DeepEqual(v.Live.Leads, all) {
		t.Errorf("leads %+v", v.Live.Leads)
	}
	if want := []ModelScoreView{{"weekly profile", []AheadView{lead("30m0s", 80, .95), lead("24h0m0s", 40, .75)}}, {"daily profile", []AheadView{lead("30m0s", 20, .7)}}}; !reflect.DeepEqual(v.Live.ByModel, want) {
		t.Errorf("by model %+v", v.Live.ByModel)
	}
	if want := []BandView{{From: "5m0s", To: "30m0s", Tested: 500, Shares: []ShareView{{"seasonal lags", .75, .3}, {"last week", 0, .5}}}}; !reflect.DeepEqual(v.Choice.Bands, want) {
		t.Errorf("choice %+v", v.Choice)
	}
	if v.Forecast == nil || v.Forecast.Model != "weekly" || v.Drift.Alarm != "coverage" || v.Drift.Ended != nil || !strings.Contains(v.Drift.Message, "widened by 1.8") {
		t.Errorf("forecast %+v, drift %+v", v.Forecast, v.Drift)
	}
	var sv ServiceView
	f.demand("checkout", 2.6)
	f.ready("checkout", 5)
	f.do("GET", "/v1/services/checkout", "").is(200).read(&sv)
	if sv.Status.State != "warn" || !strings.Contains(sv.Status.StateReason, "drifted since Mon 23 Nov 06:00") {
		t.Errorf("status %s: %s", sv.Status.State, sv.Status.StateReason)
	}
	// A longer window has what is older, another metric nothing.
	f.do("GET", "/v1/services/checkout/accuracy?days=9", "").is(200).read(&v)
	if v.Live.Leads[0].Steps != 200 || v.Live.ByModel[0].Model != "weekly profile" {
		t.Errorf("over 9 days: %+v", v.Live)
	}
	f.do("GET", "/v1/services/checkout/accuracy?metric=load", "").is(200).read(&v)
	if len(v.Live.Leads) != 0 || v.Metric != "load" || v.Drift.Times != 0 {
		t.Errorf("of load: %+v", v)
	}
	f.do("GET", "/v1/services/checkout/accuracy?metric=mood", "").problem(422, "metric_invalid")
	f.do("GET", "/v1/services/checkout/accuracy?days=0", "").is(422)
	f.do("GET", "/v1/services/nobody/accuracy", "").problem(404, "service_unknown")
}

func TestMetricsTellHowGoodForecastsAre(t *testing.T) {
	f := setup(t)
	f.service("checkout")
	f.accuracy("checkout")
	body := string(f.do("GET", "/metrics", "").is(200).body)
	for _, line := range []string{
		`forescale_forecast_error_ratio{lead="30m",service="checkout"} 0.125`,
		`forescale_forecast_error_against_last_week{lead="24h",service="checkout"} 0.5`,
		`forescale_forecast_coverage_ratio{lead="30m",service="checkout"} 0.9`,
		`forescale_forecast_coverage_ratio{lead="24h",service="checkout"} 0.75`,
		`forescale_forecast_drifted{alarm="coverage",service="checkout"} 1`,
		`forescale_forecast_drifted{alarm="error",service="checkout"} 0`,
		`forescale_forecast_drift_alarms_total{service="checkout"} 1`,
		`forescale_forecast_model_error_ratio{lead="30m",model="daily profile"} 0.125`,
		`forescale_forecast_model_coverage_ratio{lead="30m",model="daily profile"} 0.7`,
		`forescale_forecast_model_coverage_ratio{lead="30m",model="weekly profile"} 0.95`,
		`forescale_forecast_model_error_against_last_week{lead="24h",model="weekly profile"} 0.5`,
		`forescale_forecast_model_scored_steps{lead="24h",model="weekly profile"} 40`,
	} {
		if !strings.Contains(body, line+"\n") {
			t.Errorf("metrics lack %s", line)
		}
	}
	if n := strings.Count(body, "\nforescale_forecast_"); n != 3*2+3+3*4 {
		t.Errorf("%d series of forecasts of one service", n)
	}
}
