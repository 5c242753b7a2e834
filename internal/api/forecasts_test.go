package api

import (
	"strings"
	"testing"
	"time"
)

// What makes no sense is refused with its place and what to do; where more is asked
// for than the forecast holds, a warning says what is answered instead.
func TestForecastIsAskedForWrongly(t *testing.T) {
	f := setup(t)
	f.service("checkout")
	f.forecast("checkout", monday.Add(-10*time.Minute), func(time.Time, float64) float64 { return 4.7 })
	for _, c := range []struct {
		query, code, says string // no code: a warning
		times             int
	}{
		{"quantiles=0", "quantile_invalid", "0 is not between 0 and 1", 0},
		{"quantiles=0.5,1.5", "quantile_invalid", "1.5 is not between 0 and 1", 0},
		{"quantiles=NaN", "quantile_invalid", "NaN is not between 0 and 1", 0},
		{"quantiles=Inf", "quantile_invalid", "+Inf is not between 0 and 1", 0},
		{"quantiles=half", "invalid_request", "invalid floating value", 0},
		{"quantiles=0.5" + strings.Repeat(",0.5", 20), "quantile_invalid", "21 levels are too many", 0},
		{"step=0s", "step_invalid", `"0s" is not a multiple of 5m0s`, 0},
		{"step=-5m", "step_invalid", `"-5m" is not a multiple of 5m0s`, 0},
		{"step=7m", "step_invalid", `"7m" is not a multiple of 5m0s`, 0},
		{"step=soon", "step_invalid", `"soon" is not a multiple of 5m0s`, 0},
		{"from=soon", "invalid_request", "invalid date/time", 0},
		{"from=2026-11-23T12:00:00Z&to=2026-11-23T12:00:00Z", "range_invalid", "to is not after from", 0}, // a horizon of nothing
		{"from=2026-11-23T13:00:00Z&to=2026-11-23T12:00:00Z", "range_invalid", "to is not after from", 0},
		{"to=2026-12-23T12:00:00Z", "", "the forecast ends at 2026-11-24T07:30:00Z", 288},
		{"from=2026-12-23T12:00:00Z&to=2026-12-24T12:00:00Z", "", "the forecast ends at 2026-11-24T07:30:00Z", 0},
		{"from=2026-11-01T12:00:00Z", "", "the forecast begins at 2026-11-23T07:30:00Z", 288},
		{"step=1000h", "", "the forecast ends at 2026-11-24T07:30:00Z", 1},
		{"quantiles=0.5,0.999", "", "for quantiles from 0.05 to 0.95", 288},
		{"quantiles=0.001", "", "for quantiles from 0.05 to 0.95", 288},
	} {
		t.Run(c.query, func(t *testing.T) {
			a := f.do("GET", "/v1/services/checkout/forecast?"+c.query, "")
			if c.code != "" {
				p := a.problem(422, c.code)
				if !strings.Contains(p.Detail, c.says) || p.Help == "" || len(p.Errors) == 0 || !strings.HasPrefix(p.Errors[0].Location, "query.") {
					t.Errorf("%s", a.body)
				}
				return
			}
			var v ForecastView
			a.is(200).read(&v)
			if len(v.Warnings) != 1 || !strings.Contains(v.Warnings[0], c.says) || len(v.Times) != c.times {
				t.Errorf("%d times, warnings %q", len(v.Times), v.Warnings)
			}
		})
	}
	var v ForecastView
	f.do("GET", "/v1/services/checkout/forecast?step=1h&quantiles=0.9,0.1&from=2026-11-23T07:30:00Z&to=2026-11-24T07:30:00Z", "").is(200).read(&v)
	if len(v.Warnings) != 0 || len(v.Times) != 24 {
		t.Errorf("of what there is: %d times, warnings %q", len(v.Times), v.Warnings)
	}
}

func TestServicesOfNoPlaceAreRefused(t *testing.T) {
	f := setup(t)
	for body, want := range map[string][2]string{
		`{"time_zone":"Mars/Base"}`: {"body.time_zone", "use an IANA name"},
		`{"country":"XX"}`:          {"body.country", "use one of"},
	} {
		p := f.do("PUT", "/v1/services/x", body).problem(422, "service_invalid")
		if len(p.Errors) != 1 || p.Errors[0].Location != want[0] || !strings.Contains(p.Help, want[1]) {
			t.Errorf("%s: %+v", body, p)
		}
	}
}
