package api

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

func TestBudgetsAreSetShownAndForgotten(t *testing.T) {
	f := setup(t)
	var v BudgetView
	a := f.do("PUT", "/v1/budgets/all", `{"limit":500.5,"time_zone":"Europe/Berlin"}`).is(201)
	a.read(&v)
	if v.Limit != 500.5 || v.Scope != forescale.BudgetAll || v.Origin != forescale.OriginAPI || a.header.Get("ETag") != `"1"` {
		t.Errorf("%+v, ETag %s", v, a.header.Get("ETag"))
	}
	f.do("PUT", "/v1/budgets/all", `{"limit":1}`, "If-None-Match", "*").problem(412, "budget_exists")
	f.do("PUT", "/v1/budgets/all", `{"limit":1}`, "If-Match", `"7"`).problem(412, "changed_meanwhile")
	f.do("PUT", "/v1/budgets/none", `{"limit":1}`, "If-Match", `"1"`).problem(412, "changed_meanwhile")
	f.do("PUT", "/v1/budgets/all", `{"limit":600}`, "If-Match", `"1"`).is(200).read(&v)
	if v.Limit != 600 || v.Version != 2 {
		t.Errorf("%+v", v)
	}
	var l struct{ Items []BudgetView }
	if f.do("GET", "/v1/budgets", "").is(200).read(&l); len(l.Items) != 1 || l.Items[0].Name != "all" {
		t.Errorf("%+v", l)
	}
	f.do("DELETE", "/v1/budgets/all", "", "If-Match", `"1"`).problem(412, "changed_meanwhile")
	f.do("DELETE", "/v1/budgets/all", "").is(204)
	f.do("DELETE", "/v1/budgets/all", "").problem(404, "budget_unknown")
	f.do("GET", "/v1/budgets/all", "").problem(404, "budget_unknown")
}

func TestABudgetThatCannotHoldIsRefused(t *testing.T) {
	f := setup(t)
	f.do("PUT", "/v1/services/shop", `{"min_instances":2,"price_per_hour":1}`).is(201)
	for _, c := range []struct{ name, body, at string }{
		{"a", `{"limit":0}`, "body.limit"}, {"a", `{"limit":5,"time_zone":"Mars"}`, "body.time_zone"}, {"a", `{"limit":5,"scope":"service"}`, "body.of"},
		{"a", `{"limit":5,"scope":"service","of":"none"}`, "body.of"}, {"a", `{"limit":1489}`, "body.limit"}, {"A b", `{"limit":5000}`, "body.name"},
	} {
		p := f.do("PUT", "/v1/budgets/"+strings.ReplaceAll(c.name, " ", "%20"), c.body).problem(422, "budget_invalid")
		if len(p.Errors) != 1 || p.Errors[0].Location != c.at {
			t.Errorf("%s: %+v", c.body, p.Errors)
		}
	}
	f.do("PUT", "/v1/budgets/a", `{"limit":1490}`).is(201)
	if p := f.do("PUT", "/v1/budgets/b", `{"limit":2000}`).problem(422, "budget_invalid"); p.Errors[0].Location != "body.scope" {
		t.Errorf("%+v", p.Errors)
	}
	b := forescale.Budget{Name: "kept", Scope: forescale.BudgetService, Of: "shop", Limit: 2000 * forescale.Unit, TimeZone: "UTC", Origin: forescale.OriginConfig}
	if _, err := f.store.PutBudget(t.Context(), b, -1); err != nil {
		t.Fatal(err)
	}
	f.do("PUT", "/v1/budgets/kept", `{"limit":3000,"scope":"service","of":"shop"}`).problem(409, "budget_of_config")
	f.do("DELETE", "/v1/budgets/kept", "").problem(409, "budget_of_config")
}

func TestBudgetsAreToldToMetricsAndWhatIfIsAsked(t *testing.T) {
	from := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	state := forescale.BudgetState{Budget: forescale.Budget{Name: "all", Scope: forescale.BudgetAll, Limit: 500 * forescale.Unit, TimeZone: "UTC"}, From: from, Until: from.AddDate(0, 1, 0), Spent: 120 * forescale.Unit, Reserved: 30 * forescale.Unit}
	lowered := []forescale.LoweredObjective{{Service: "shop", Stated: 0.99, Objective: 0.9, Quantile: 0.95, GivenUp: 0.05}}
	asked := forescale.Budget{}
	f := setup(t, func(c *Config) {
		c.Budgets = func(context.Context) ([]forescale.BudgetOutlook, error) {
			return []forescale.BudgetOutlook{{BudgetState: state, Projected: 620 * forescale.Unit, MetAt: from.AddDate(0, 0, 24), Paced: 498 * forescale.Unit, Lowered: lowered}}, nil
		}
		c.WhatIf = func(_ context.Context, b forescale.Budget) (forescale.WhatIf, error) {
			asked = b
			return forescale.WhatIf{Now: state, Asked: forescale.Tradeoff{Limit: b.Limit, InBand: 0.8, Pays: true, Lowered: lowered}}, nil
		}
	})
	var v BudgetView
	f.do("GET", "/v1/budgets/all", "").is(200).read(&v)
	if s := v.Status; s.Left != 350 || s.Projected != 620 || s.MetAt == nil || len(s.Lowered) != 1 || s.Lowered[0].Objective != 0.9 {
		t.Errorf("%+v", v)
	}
	text := string(f.do("GET", "/metrics", "").is(200).body)
	for _, want := range []string{`forescale_budget_spent{budget="all"} 120`, `forescale_budget_projected{budget="all"} 620`, `forescale_objective_lowered{service="shop"} 0.9`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing", want)
		}
	}
	var w WhatIfView
	if f.do("GET", "/v1/what-if?limit=400&time_zone=Europe/Berlin", "").is(200).read(&w); w.Asked.InBand != 0.8 || asked.Limit != 400*forescale.Unit || asked.TimeZone != "Europe/Berlin" {
		t.Errorf("%+v of %+v", w, asked)
	}
	f.do("GET", "/v1/what-if?limit=400&time_zone=Mars", "").problem(422, "budget_invalid")
	f.do("GET", "/v1/what-if?limit=400&service=none", "").problem(404, "service_unknown")
	setup(t).do("GET", "/v1/what-if?limit=400", "").problem(501, "not_available")
}
