package dashboard_test

import (
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/forescale/forescale"
)

// november is three budgets of one month: one that fits, one that lasts by lowered
// objectives, and one that is full.
func november(t *testing.T) []forescale.BudgetOutlook {
	t.Helper()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	first := time.Date(2026, 11, 1, 0, 0, 0, 0, berlin)
	budget := func(name, of string, limit, spent, reserved, projected, low, high, paced float64) forescale.BudgetOutlook {
		scope := forescale.BudgetAll
		if of != "" {
			scope = forescale.BudgetService
		}
		return forescale.BudgetOutlook{BudgetState: forescale.BudgetState{
			Budget: forescale.Budget{Name: name, Scope: scope, Of: of, Limit: forescale.Amount(limit), TimeZone: "Europe/Berlin", Origin: forescale.OriginConfig, Version: 1},
			From:   first, Until: first.AddDate(0, 1, 0), Spent: forescale.Amount(spent), Reserved: forescale.Amount(reserved)},
			Projected: forescale.Amount(projected), Low: forescale.Amount(low), High: forescale.Amount(high), Paced: forescale.Amount(paced)}
	}
	media := budget("media", "thumbs", 150, 104.1, 12.5, 163, 151, 172, 148.6)
	media.MetAt = first.AddDate(0, 0, 27)
	media.Lowered = []forescale.LoweredObjective{{Service: "thumbs", Stated: 0.95, Objective: 0.9, Quantile: 0.92, GivenUp: 0.035}}
	return []forescale.BudgetOutlook{
		budget("all", "", 1200, 842.3, 196.6, 1131, 1094, 1168, 1131), budget("batch", "ingest", 150, 121.4, 28.4, 149.8, 149.8, 149.8, 149.8), media,
	}
}

// capped is why ingest is not started further.
var capped = forescale.Reason{Code: forescale.CodeBudgetCapped, Numbers: map[string]float64{"wanted": 6, "spent": 121.4, "limit": 150, "reserved": 28.4}, Words: map[string]string{"budget": "batch"}}

func TestMoneyIsToldPerBudgetTroubleFirst(t *testing.T) {
	f := newFake(t, monday, realistic()...)
	f.budgets = november(t)
	f.services[1].limit = capped
	p := ready(t, f, 1200, false, "#/money", `document.querySelectorAll(".budget").length === 3 && document.querySelector(".budget[data-state=bad]")`)
	names := strings.Join(js[[]string](p, `[...document.querySelectorAll(".budget h2")].map(h => h.innerText)`), " ")
	if names != "batch media all" {
		t.Errorf("budgets in order %s", names)
	}
	card := func(n int) string {
		return js[string](p, `document.querySelectorAll(".budget")[`+string(rune('0'+n))+`].innerText.replace(/\s+/g, " ")`)
	}
	contains(t, card(0), "starts refused", "for service ingest", "November, day 23 of 30, 7 d 15 h left, months of Europe/Berlin", "spent 121.40 reserved 28.40 left 0.20 will cost 149.80 limit 150.00",
		"refused ingest: 6 are wanted, but budget batch does not pay for more: 120 of 150 are spent and 28 reserved. budget_capped")
	contains(t, card(1), "objectives lowered", "Projected: 163.00 at all objectives as they are; 151.00 when demand stays low, 172.00 when it stays high. The limit would be met on Sat 28 Nov.",
		"lowered thumbs from 95 % to 90 %: with room for the 92 % quantile of demand in the mean, and 3.5 % of the time, the dearest hours, given up")
	contains(t, card(2), "fits", "for all", "spent 842.30 reserved 196.60 left 161.10 will cost 1,131 limit 1,200")
	// Bars are to scale: media is spent to 104.1 of a scale that its high end of 172 sets.
	type span struct{ From, To float64 }
	part := func(n, kind string) span {
		return js[span](p, `((b, p) => ({From: (p.left - b.left) / b.width, To: (p.right - b.left) / b.width}))(...[".bar", ".bar .`+kind+`"].map(s => document.querySelectorAll(".budget")[`+n+`].querySelector(s).getBoundingClientRect()))`)
	}
	scale := 1.04 * 172
	for kind, want := range map[string]span{"spent": {0, 104.1}, "reserved": {104.1, 116.6}, "planned": {116.6, 148.6}, "over": {150, 163}, "range": {151, 172}} {
		got := part("1", kind)
		if d := max(abs(got.From-want.From/scale), abs(got.To-want.To/scale)); d > 0.003 {
			t.Errorf("%s is drawn from %.3f to %.3f, want %.3f to %.3f", kind, got.From, got.To, want.From/scale, want.To/scale)
		}
	}
	if got := part("1", "limitline").From; abs(got-150/scale) > 0.003 {
		t.Errorf("the limit is drawn at %.3f, want %.3f", got, 150/scale)
	}
	contains(t, js[string](p, `document.querySelectorAll(".bar")[1].getAttribute("aria-label")`), "media: 104.10 spent, 12.50 reserved, 148.60 at the month's end, of 150.00")
	// More is spent: the page hears of it without being asked.
	f.with(func() { f.budgets[0].Spent = 850 * forescale.Unit })
	p.until("the stream", `text("#live").startsWith("live")`)
	f.step()
	p.until("the new sum", `text("#money").includes("spent 850.00")`)
	// It is one of the places, and its services lead on.
	contains(t, js[string](p, `text("header.shell nav a[aria-current]")`), "Money")
	p.run(chromedp.Evaluate[chromedp.Void](`document.querySelector(".budget .said a").click()`))
	p.until("the service", `location.hash === "#/services/ingest"`)
}

func abs(x float64) float64 { return max(x, -x) }

func TestTheOverviewTellsTheMonthIfThereAreBudgets(t *testing.T) {
	f := newFake(t, monday, realistic()...)
	p := ready(t, f, 1200, false, "", sparks)
	if js[bool](p, `document.querySelector("#month") !== null`) {
		t.Error("without a budget there is a line of money")
	}
	f.budgets = november(t)
	p = ready(t, f, 1200, false, "", `document.querySelector("#month")`)
	contains(t, js[string](p, `text("#month")`), "November media 104.10 → 148.60 of 150.00", "objectives lowered", "all 842.30 → 1,131 of 1,200 fits", "batch 121.40 → 149.80 of 150.00 fits")
	p.run(chromedp.Evaluate[chromedp.Void](`document.querySelector("#month a").click()`))
	p.until("money", `document.querySelectorAll(".budget").length === 3`)
}

func TestMoneyWithoutABudgetSaysHowToSetOne(t *testing.T) {
	f := newFake(t, monday, realistic()...)
	p := ready(t, f, 360, true, "#/money", `document.querySelector("#nobudget")`)
	contains(t, js[string](p, `document.querySelector("#nobudget").innerText`), "There is no budget", "forescale budgets set all 500", "curl -X PUT "+f.URL+"/v1/budgets/all", `"time_zone": "Europe/Berlin"`, "price_per_hour")
}

func TestMoneyKeepsTheLastPictureWhenReadsFail(t *testing.T) {
	f := newFake(t, monday, realistic()...)
	f.budgets = november(t)
	p := ready(t, f, 1200, false, "#/money", `document.querySelectorAll(".budget").length === 3`)
	p.allow = []string{"503"}
	p.until("the stream", `text("#live").startsWith("live")`)
	f.with(func() { f.broken = true })
	f.step()
	p.until("the banner", `text("#trouble").includes("the store does not answer")`)
	contains(t, js[string](p, `text("#money")`), "spent 842.30")
}
