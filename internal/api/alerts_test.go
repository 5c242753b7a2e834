package api

import (
	"strings"
	"testing"

	"github.com/forescale/forescale"
)

// What cannot be had, or whoever stands in the way, is in the status and in /metrics.
func TestAlertsAreInStatusAndMetrics(t *testing.T) {
	f := setup(t)
	for _, c := range []struct {
		name, state, reason string
		to                  int
		reasons             []forescale.Reason
	}{
		{"calm", "fine", "", 4, []forescale.Reason{{Code: forescale.CodeSteady}}},
		{"fought", "warn", "somebody else", 4, []forescale.Reason{{Code: forescale.CodeReactiveHigh}, {Code: forescale.CodeSecondWriter}}},
		{"slow", "warn", "starting takes longer", 4, []forescale.Reason{{Code: forescale.CodeSteady}, {Code: forescale.CodeWarmupLong}}},
		{"poor", "bad", "budget shop does not pay for min 2", 0, []forescale.Reason{{Code: forescale.CodeBudgetCapped, Words: map[string]string{"budget": "shop"}}}},
	} {
		f.service(c.name)
		f.ready(c.name, 4)
		f.demand(c.name, 1)
		f.decide(forescale.Decision{ID: "dec_" + c.name, Service: c.name, At: monday, From: 4, To: c.to, Reasons: c.reasons, Outcome: forescale.OutcomeNone})
		var v ServiceView
		f.do("GET", "/v1/services/"+c.name, "").is(200).read(&v)
		if v.Status.State != c.state || !strings.Contains(v.Status.StateReason, c.reason) {
			t.Errorf("%s is %s: %q", c.name, v.Status.State, v.Status.StateReason)
		}
	}
	text := string(f.do("GET", "/metrics", "").is(200).body)
	for _, want := range []string{`forescale_alerts{code="second_writer"} 1`, `forescale_alert{code="second_writer",service="fought"} 1`, `forescale_alerts{code="warmup_long"} 1`,
		`forescale_alert{code="budget_capped",service="poor"} 1`, `forescale_alerts{code="start_failing"} 0`} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("/metrics lacks %s", want)
		}
	}
	if strings.Contains(text, `,service="calm"} 1`+"\n") {
		t.Error("/metrics tells an alert of what is steady")
	}
}

// Impossible wishes are refused when they are sent, each with its place and what to do.
func TestImpossibleWishesAreRefused(t *testing.T) {
	f := setup(t)
	for _, c := range []struct{ name, body, where string }{
		{"min above max", `{"min_instances": 5, "max_instances": 2}`, "max_instances"},
		{"a max beyond any machine", `{"max_instances": 10001}`, "max_instances"},
		{"a warm-up beyond the horizon", `{"warmup": "25h"}`, "warmup"},
		{"a warm-up before the order", `{"warmup": "-1s"}`, "warmup"},
		{"a negative price", `{"price_per_hour": -1}`, "price_per_hour"},
		{"a price that is none", `{"price_per_hour": 0.12345678}`, "price_per_hour"},
		{"a billing step longer than a month", `{"billing_step": "800h"}`, "billing_step"},
		{"an objective that nothing meets", `{"objective": 1}`, "objective"},
	} {
		a := f.do("PUT", "/v1/services/checkout", c.body)
		if a.status != 422 || !strings.Contains(string(a.body), c.where) || !strings.Contains(string(a.body), `"help"`) && !strings.Contains(string(a.body), "expected") {
			t.Errorf("%s: %d %s", c.name, a.status, a.body)
		}
	}
	f.do("GET", "/v1/services/checkout", "").problem(404, "service_unknown")
}
