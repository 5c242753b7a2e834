package dashboard_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/forescale/forescale"
)

// history gives a service days that were measured, and a replay of them.
func (f *fake) history(t *testing.T, name string, mode forescale.Mode) {
	t.Helper()
	s := forescale.Service{Name: name, Mode: mode, Min: 1, Max: 6, TimeZone: "Europe/Berlin"}.WithDefaults()
	if _, err := f.store.PutService(t.Context(), s, -1); err != nil {
		t.Fatal(err)
	}
	// A day of minutes with 4 needed on the whole: below need in some, above it in others.
	day := func(below, above int64) forescale.Elasticity {
		return forescale.Elasticity{Steps: 1440, Under: float64(below) / 4, Over: float64(above) / 4, StepsUnder: below, StepsOver: above, Pairs: 1439, Apart: 12,
			Demand: 4032, Lost: float64(below) * 0.1, Need: 5760, Supply: 5760 + float64(above-below)}
	}
	var days []forescale.ElasticityDay
	for n := range 3 {
		days = append(days, forescale.ElasticityDay{Service: name, Day: time.Date(2026, 11, 21+n, 0, 0, 0, 0, time.UTC), Elasticity: day(int64(45-10*n), 300)})
	}
	days[2].Steps = 520 // today
	if err := f.store.SaveElasticity(t.Context(), days); err != nil {
		t.Fatal(err)
	}
	f.judged = func(n int) (forescale.Evaluation, error) {
		sum := func(below, above int64) (e forescale.Elasticity) {
			for range n {
				e.Add(day(below, above))
			}
			return e
		}
		e := forescale.Evaluation{Service: name, Mode: mode, Objective: 0.95, From: f.begin.Add(-time.Duration(n) * 24 * time.Hour), To: f.begin, Learned: 14 * 24 * time.Hour, Known: 0.985, Max: 6,
			Warmup: 250 * time.Second, Step: time.Minute, Outcomes: []forescale.Outcomes{
				{Name: "happened", Elasticity: sum(45, 900), Starts: 1204}, {Name: "predictive", Elasticity: sum(5, 300), Starts: 212}, {Name: "hpa", Elasticity: sum(160, 420), Starts: 340}, {Name: "last-week", Elasticity: sum(40, 500), Starts: 300},
			}}
		e.Judge()
		return e, nil
	}
}

const replayed = `document.querySelectorAll("#replay tbody tr").length === 4 && document.querySelector("#days tbody tr")`

func TestTheReportSaysWhatWouldHaveBeenAndWhatToDo(t *testing.T) {
	f := newFake(t, monday, realistic()...)
	f.history(t, "reports", forescale.ModeForecastOnly)
	f.services[3].price = 0.5
	p := ready(t, f, 1600, false, "#/services/reports?tab=report", replayed)
	contains(t, js[string](p, `text("#verdict")`), "Advice: switch it on, with mode: active.",
		"forescale would have been below need in 0.35 % of the time with 706 instance-hours and 212 starts; what happened was at 3.1 % with 772.")
	contains(t, js[string](p, `text("#replay table")`), "Below need Not served Too many Hours Cost Starts",
		"what happened 3.13 % 0.11 % 16 % 772 385.88 1,204", "forescale 0.35 % 0.01 % 5.2 % 706 353.21 212", "HPA at 70 % 11.11 %", "HPA + last week 2.78 %")
	contains(t, js[string](p, `text("#replay")`), "Measured from 16 Nov 08:40 to 08:40, after 14 d of history; demand is known in 98.5 % of it. A start is taken to need 4 min 10 s.", `-d '{"mode": "active"}'`, "curl -X PATCH "+f.URL+"/v1/services/reports")
	contains(t, js[string](p, `text("#days")`), "days of Europe/Berlin", "Mon 23 Nov 8 h 40 min", "Sun 22 Nov 2.43 %", "Sat 21 Nov 3.13 % 0.11 % 5.2 % 100 50.13")
	// A step is no reason to replay again; a person is.
	p.until("the stream", `text("#live").startsWith("live")`)
	const reads = `performance.getEntriesByType("resource").filter(e => e.name.includes("/elasticity")).length`
	asked, before := len(f.requests("/evaluation")), js[int](p, reads)
	f.with(func() { f.services[3].extra = 1 })
	f.step()
	p.until("the page followed", fmt.Sprintf(`text("#now").startsWith("3 ready") && %s > %d`, reads, before))
	if got := len(f.requests("/evaluation")); got != asked {
		t.Errorf("%d evaluations were asked for after %d", got, asked)
	}
	p.run(chromedp.Evaluate[chromedp.Void](`button("14").click()`))
	p.until("two weeks", `text("#replay table").includes("1,544") && text("#replay").includes("Measured from 9 Nov")`)
	if got := f.requests("/evaluation"); len(got) != asked+1 || !strings.HasSuffix(got[asked], "days=14") {
		t.Errorf("asked %q", got)
	}
}

func TestAReportThatCannotBeMadeSaysWhy(t *testing.T) {
	f := newFake(t, monday, realistic()...)
	f.history(t, "checkout", forescale.ModeActive)
	good := f.judged
	f.judged = func(int) (forescale.Evaluation, error) {
		return forescale.Evaluation{}, &forescale.Fault{Code: "evaluation_busy", What: "another service is being evaluated", Help: "come again in a few seconds", Err: forescale.ErrBusy}
	}
	p := ready(t, f, 360, true, "#/services/checkout?tab=report", `document.querySelector("#replay [role=alert]")`)
	p.allow = []string{"429"}
	contains(t, js[string](p, `text("#replay")`), "another service is being evaluated", "come again in a few seconds")
	if js[bool](p, `document.querySelector("#trouble") !== null`) {
		t.Error("a replay that waits is trouble of the page")
	}
	f.with(func() { f.judged = good })
	p.run(chromedp.Evaluate[chromedp.Void](`button("Ask again").click()`))
	p.until("the report", replayed)
	contains(t, js[string](p, `text("#verdict")`), "Advice: keep it on.", "It is on: what happened is what forescale did.")
	if js[bool](p, `text("#replay").includes("curl") || text("#replay").includes("Cost")`) {
		t.Error("it says how to switch on what is on, or what costs nothing")
	}
}
