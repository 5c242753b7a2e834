package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/sqlite"
)

var _ Store = (*sqlite.Store)(nil)

var _ Store = store.Store(nil)

// refreshing makes POST forecast answer with err.
func refreshing(err error) func(*Config) {
	return func(c *Config) { c.Refresh = func(context.Context, string) error { return err } }
}

func TestAForecastOnDemandIsMadeAndReturned(t *testing.T) {
	var f *fixture
	f = setup(t, func(c *Config) {
		c.Refresh = func(_ context.Context, service string) error {
			f.forecast(service, monday, func(time.Time, float64) float64 { return 3 })
			return nil
		}
	})
	f.service("checkout")
	var v ForecastView
	f.do("POST", "/v1/services/checkout/forecast", "").is(200).read(&v)
	if !v.Issued.Equal(monday) || v.Values[1][0] != 3 {
		t.Errorf("got %+v", v)
	}
	f = setup(t, refreshing(&forescale.Fault{Code: "forecast_no_history", What: "checkout has no history", Help: "push samples first"}))
	f.service("checkout")
	f.do("POST", "/v1/services/checkout/forecast", "").problem(422, "forecast_no_history")
	f = setup(t, refreshing(errors.New("singular matrix")))
	f.service("checkout")
	if a := f.do("POST", "/v1/services/checkout/forecast", ""); strings.Contains(string(a.body), "singular") {
		t.Errorf("the cause leaks: %s", a.body)
	} else {
		a.problem(409, "forecast_failed")
	}
}

func TestInstancesLeastUtilizedFirst(t *testing.T) {
	f := setup(t)
	f.service("checkout")
	f.ready("checkout", 4)
	f.instances(forescale.Instance{ID: "checkout-5", Service: "checkout", State: forescale.InstanceFailed, OrderedAt: monday.Add(-10 * time.Minute), StoppedAt: monday.Add(-5 * time.Minute), Failure: "exit 1"})
	at := monday.Add(-time.Minute).Format(time.RFC3339)
	f.do("POST", "/v1/samples", fmt.Sprintf(`[{"service":"checkout","instance":"checkout-1","time":%[1]q,"utilization":90,"cpu":1},{"service":"checkout","instance":"checkout-2","time":%[1]q,"utilization":9.5},
		{"service":"checkout","instance":"checkout-4","time":%[1]q,"cpu":50,"load":7}]`, at)).is(200)
	ids := func(query string) string {
		var l List[InstanceView]
		f.do("GET", "/v1/instances?"+query, "").is(200).read(&l)
		s := ""
		for _, i := range l.Items {
			s += " " + i.ID[len("checkout-"):]
		}
		for l.Next != "" {
			cursor := l.Next
			l = List[InstanceView]{}
			f.do("GET", "/v1/instances?"+query+"&cursor="+cursor, "").is(200).read(&l)
			for _, i := range l.Items {
				s += " " + i.ID[len("checkout-"):]
			}
		}
		return s
	}
	for query, want := range map[string]string{
		"":                                " 1 2 3 4 5",
		"sort=load&state=ready":           " 2 4 1 3",
		"sort=load&state=ready&limit=1":   " 2 4 1 3",
		"limit=2&service=checkout":        " 1 2 3 4 5",
		"state=failed":                    " 5",
		"service=mailer":                  "",
		"state=starting&service=checkout": "",
	} {
		if got := ids(query); got != want {
			t.Errorf("%q gives%s, want%s", query, got, want)
		}
	}
	var l List[InstanceView]
	f.do("GET", "/v1/instances?state=ready&sort=load", "").is(200).read(&l)
	if u := l.Items[0].Utilization; u == nil || *u != 9.5 {
		t.Errorf("utilization %v", u)
	}
	if last := l.Items[3]; last.Utilization != nil || last.Load != nil {
		t.Errorf("a silent instance shows %s", marshal(t, last))
	}
}

func TestNodesShowTheirNewestUtilization(t *testing.T) {
	f := setup(t)
	if err := f.store.PutNode(t.Context(), forescale.Node{Name: "n-01", State: forescale.NodeReady, Cores: 8, Memory: 32 << 30, UpdatedAt: monday}); err != nil {
		t.Fatal(err)
	}
	if err := f.store.PutNodeType(t.Context(), forescale.NodeType{Name: "large", Cores: 8, BillingStep: time.Hour, BootTime: 200 * time.Second, UpdatedAt: monday}); err != nil {
		t.Fatal(err)
	}
	f.do("POST", "/v1/samples", `[{"node":"n-01","cpu":10,"time":"2026-11-23T07:39:00Z"},{"node":"n-01","cpu":20,"disk":70}]`).is(200)
	var l List[NodeView]
	f.do("GET", "/v1/nodes", "").is(200).read(&l)
	if n := l.Items[0]; n.CPU == nil || *n.CPU != 20 || n.Disk == nil || n.Bandwidth != nil || n.LastSample == nil || !n.LastSample.Equal(monday) || n.Memory != 32<<30 {
		t.Errorf("node %s", marshal(t, n))
	}
	var ts List[NodeTypeView]
	f.do("GET", "/v1/node-types", "").is(200).read(&ts)
	if len(ts.Items) != 1 || ts.Items[0].BootTime != "3m20s" {
		t.Errorf("types %+v", ts)
	}
}

func TestDecisionsComeInPagesAndByPrefix(t *testing.T) {
	f := setup(t)
	f.service("checkout")
	f.service("mailer")
	for i := range 7 {
		d := forescale.Decision{ID: fmt.Sprintf("dec_01jd7k%02d", i), Service: []string{"checkout", "mailer"}[i%2], At: monday.Add(time.Duration(i) * time.Minute), From: i, To: i + 1,
			Outcome: forescale.OutcomeDone, Reasons: []forescale.Reason{{Code: forescale.CodeReactiveHigh}, {Code: forescale.CodeMaxBound, Numbers: map[string]float64{"required": 14, "max": 12}}}}
		if i%3 == 0 {
			d.Actions = []forescale.Action{{Kind: forescale.ActionStart, Instance: "x"}}
		}
		f.decide(d)
	}
	ids := func(query string) string {
		s, cursor := "", ""
		for range 10 {
			var l List[DecisionView]
			f.do("GET", "/v1/decisions?"+query+"&cursor="+cursor, "").is(200).read(&l)
			for _, d := range l.Items {
				s += " " + d.ID[len("dec_01jd7k"):]
			}
			if cursor = l.Next; cursor == "" {
				break
			}
		}
		return s
	}
	for query, want := range map[string]string{
		"limit=3": " 06 05 04 03 02 01 00", "limit=7": " 06 05 04 03 02 01 00", "service=mailer&limit=2": " 05 03 01", "acted=true": " 06 03 00", "service=nobody": "",
	} {
		if got := ids(query); got != want {
			t.Errorf("%s gives%s, want%s", query, got, want)
		}
	}
	var v DecisionView
	f.do("GET", "/v1/decisions/01JD7K03", "").is(200).read(&v)
	if v.ID != "dec_01jd7k03" || v.Code != forescale.CodeReactiveHigh || len(v.Reasons) != 2 || v.Reasons[1].Message == "" || v.Reasons[1].Numbers["max"] != 12 || len(v.Actions) != 1 {
		t.Errorf("got %s", marshal(t, v))
	}
	if p := f.do("GET", "/v1/decisions/dec_01jd7k", "").problem(409, "decision_ambiguous"); !strings.Contains(p.Detail+p.Help, "dec_01jd7k0") {
		t.Errorf("%q, %q name none of them", p.Detail, p.Help)
	}
	if a := f.do("GET", "/v1/decisions?cursor="+encodeCursor("dec_gone"), ""); a.status != 422 && a.status != 404 {
		t.Errorf("a cursor that leads nowhere: %d %s", a.status, a.body)
	}
	f.do("GET", "/v1/decisions/dec_nothing", "").problem(404, "decision_unknown")
}

// The newest decision may have been made hours ago: what it says is true of now in all that
// show it.
func TestADecisionThatStillHoldsNamesNoTimeThatIsOver(t *testing.T) {
	f := setup(t)
	f.service("checkout")
	need := monday.Add(29 * time.Minute)
	for _, at := range []time.Time{monday, monday.Add(10 * time.Minute), monday.Add(time.Hour)} {
		f.decide(forescale.Decision{Service: "checkout", At: at, From: 7, To: 7, Outcome: forescale.OutcomeNone, Reasons: []forescale.Reason{
			{Code: forescale.CodeSteady, Numbers: map[string]float64{"demand": 3.1, "required": 7}, Times: map[string]time.Time{"need": need}, Words: map[string]string{"why": "ahead"}},
			{Code: forescale.CodeStepLimit, Numbers: map[string]float64{"wanted": 6, "most": 0}, Times: map[string]time.Time{"next": need}, Words: map[string]string{"limit": "stops"}}}})
	}
	var l List[DecisionView]
	f.do("GET", "/v1/services/checkout/decisions", "").is(200).read(&l)
	var s ServiceView
	f.do("GET", "/v1/services/checkout", "").is(200).read(&s)
	const clock = "09:09" // the service lives in Berlin
	want := "Stays at 7: the forecast needed 7 at " + clock + ", and as many have been needed since."
	if len(l.Items) != 1 || l.Items[0].Repeats != 2 || l.Items[0].Message != want || s.Status.Decision.Message != want {
		t.Errorf("the list says %s, the status %q; want one decision that says %q", marshal(t, l.Items), s.Status.Decision.Message, want)
	}
	if r := l.Items[0].Reasons[1].Message; strings.Contains(r, clock) {
		t.Errorf("its limit says %q", r)
	}
}

func TestDecisionsOfAServiceTellWhatTheyWereWeighedBy(t *testing.T) {
	f := setup(t)
	f.service("checkout")
	f.service("mailer")
	for i := range 5 {
		at := monday.Add(time.Duration(i) * time.Minute)
		f.decide(forescale.Decision{ID: fmt.Sprintf("dec_01jd7k%02d", i), Service: []string{"checkout", "mailer"}[i%2], At: at, From: i, To: 7, Outcome: forescale.OutcomeDone,
			Reasons: []forescale.Reason{{Code: forescale.CodeMaxBound}}, Weighed: &forescale.Weighing{Serves: 5.25, FewerServe: 4.5, Demand: 5.2, By: at, Since: at, Until: at.Add(time.Hour), Price: forescale.Unit / 8,
				Bounds: []forescale.Bound{{Kind: forescale.BoundLive, Side: forescale.SideLeast, Count: 7, Demand: 5.2, Of: "load", At: at, Holds: true}, {Kind: forescale.BoundMax, Side: forescale.SideMost, Count: 7, Holds: true}}}})
	}
	list := func(query string) List[DecisionView] {
		var l List[DecisionView]
		f.do("GET", "/v1/services/checkout/decisions?"+query, "").is(200).read(&l)
		return l
	}
	at := func(n int) string { return monday.Add(time.Duration(n) * time.Minute).Format(time.RFC3339) }
	for query, want := range map[string]string{"": "04 02 00", "from=" + at(2): "04 02", "to=" + at(2): "00", "from=" + at(1) + "&to=" + at(4): "02", "acted=true": "", "limit=1": "04"} {
		var got []string
		for _, d := range list(query).Items {
			got = append(got, d.ID[len("dec_01jd7k"):])
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q gives %v, want %s", query, got, want)
		}
	}
	l := list("limit=2")
	if l = list("limit=2&cursor=" + l.Next); len(l.Items) != 1 || l.Next != "" {
		t.Errorf("the second page: %s", marshal(t, l))
	}
	w := l.Items[0].Weighed
	if w == nil || len(w.Bounds) != 2 || *w.Cost != 0.875 || !strings.HasPrefix(w.NotFewer, "Not 6: live demand is 5.2") || !strings.HasPrefix(w.NotMore, "Not 8: max is 7.") || len(w.Changes) != 2 || w.Changes[1] != "8 if max is at least 8." {
		t.Errorf("weighed by %s", marshal(t, w))
	}
	var one DecisionView
	if f.do("GET", "/v1/decisions/dec_01jd7k00", "").is(200).read(&one); one.Weighed == nil || one.Weighed.List != w.List || one.InWords == nil || *one.InWords != *l.Items[0].InWords {
		t.Errorf("by its id: %s", marshal(t, one))
	}
	if words := *one.InWords; words.Required == "" || words.Final != "7 instances" || words.Cost != "+0.875 an hour (7 × 0.125)" {
		t.Errorf("in words: %+v", words)
	}
	f.do("GET", "/v1/services/chekout/decisions", "").problem(404, "service_unknown")
}

func TestPlans(t *testing.T) {
	f := setup(t)
	f.service("checkout")
	f.do("GET", "/v1/services/checkout/plan", "").problem(404, "plan_unknown")
	f.plan("checkout", 4, 7)
	var v PlanView
	f.do("GET", "/v1/services/checkout/plan", "").is(200).read(&v)
	if v.Lead != "4m40s" || !v.Acting || len(v.Changes) != 2 || v.Changes[1].Wanted != 7 || !strings.Contains(v.Changes[1].Message, "08:47") {
		t.Errorf("plan %s", marshal(t, v))
	}
	var l List[PlanView]
	f.do("GET", "/v1/plans", "").is(200).read(&l)
	if len(l.Items) != 1 || marshal(t, l.Items[0]) != marshal(t, v) {
		t.Errorf("plans %s", marshal(t, l))
	}
}

func TestPausesBeginAndEnd(t *testing.T) {
	f := setup(t)
	f.service("checkout")
	var p PauseView
	f.do("POST", "/v1/pauses", `{"service":"checkout","until":"2026-11-23T10:00:00+01:00"}`).is(201).read(&p)
	if p.By != "local" || !p.Until.Equal(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)) || !p.Since.Equal(monday) {
		t.Errorf("pause %+v", p)
	}
	f.do("POST", "/v1/pauses", `{"for":"30m","note":"storm"}`).is(201)
	var l List[PauseView]
	f.do("GET", "/v1/pauses", "").is(200).read(&l)
	if len(l.Items) != 2 || l.Items[0].Service != "" {
		t.Errorf("pauses %+v", l)
	}
	f.do("DELETE", "/v1/pauses/-", "").is(204)
	f.do("DELETE", "/v1/pauses/checkout", "").is(204)
	f.do("DELETE", "/v1/pauses/checkout", "").problem(404, "pause_unknown")
	for name, body := range map[string]string{"no end": `{}`, "two ends": `{"for":"1h","until":"2026-11-23T10:00:00Z"}`, "over already": `{"until":"2026-11-23T07:00:00Z"}`,
		"backwards": `{"for":"-1h"}`, "for ever": `{"for":"9000h"}`, "no duration": `{"for":"long"}`} {
		if a := f.do("POST", "/v1/pauses", body); a.status != 422 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
}

func TestAPauseIsByTheKeyThatAskedForIt(t *testing.T) {
	f := setup(t, keys)
	f.key = f.newKey(forescale.RoleOperate, "")
	var p PauseView
	f.do("POST", "/v1/pauses", `{"for":"1h","by":"somebody else"}`).is(201).read(&p)
	if p.By != "key of operate" {
		t.Errorf("by %q", p.By)
	}
}

// nightly is a job that comes due at 03:10.
func nightly(now time.Time) []Schedule {
	return []Schedule{{Job: "retention", Schedule: "10 3 * * *", TimeZone: "UTC", NextAt: now.Truncate(24 * time.Hour).Add(27*time.Hour + 10*time.Minute)}}
}

func TestRunsArePaged(t *testing.T) {
	f := setup(t, func(c *Config) { c.Schedules = nightly })
	want := []string{"r4", "r3", "r2", "r1", "r0"}
	for i := range 5 {
		r := forescale.Run{ID: fmt.Sprint("r", i), Kind: "forecast", Server: "one", DueAt: monday, StartedAt: monday.Add(time.Duration(i/2) * time.Minute),
			State: forescale.RunRetrying, Attempt: 2, Error: "gone"}
		if err := f.store.SaveRun(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for cursor := ""; ; {
		var page List[RunView]
		f.do("GET", "/v1/runs?limit=2&cursor="+cursor, "").is(200).read(&page)
		for _, r := range page.Items {
			got = append(got, r.ID)
			if r.Server != "one" || r.State != forescale.RunRetrying || r.Attempt != 2 || r.DueAt == nil || r.Error != "gone" {
				t.Errorf("run %+v", r)
			}
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("paged through %v, want %v", got, want)
	}
	f.do("GET", "/v1/runs?cursor="+encodeCursor("nobody"), "").is(422)
	var next List[Schedule]
	f.do("GET", "/v1/schedules", "").is(200).read(&next)
	if len(next.Items) != 1 || next.Items[0].Job != "retention" || !next.Items[0].NextAt.After(monday) {
		t.Errorf("schedules %+v", next)
	}
}

func TestWarmupsAndRuns(t *testing.T) {
	f := setup(t)
	f.service("checkout")
	if err := f.store.SaveWarmup(t.Context(), forescale.Warmup{Service: "checkout", Instance: "a", At: monday, Duration: 72 * time.Second, AtOnce: 1}); err != nil {
		t.Fatal(err)
	}
	if err := f.store.SaveRun(t.Context(), forescale.Run{ID: "r1", Kind: "forecast", StartedAt: monday, Done: 3}); err != nil {
		t.Fatal(err)
	}
	var ws List[WarmupView]
	f.do("GET", "/v1/warmups?service=checkout", "").is(200).read(&ws)
	if len(ws.Items) != 1 || ws.Items[0].Duration != "1m12s" {
		t.Errorf("warm-ups %+v", ws)
	}
	var rs List[RunView]
	f.do("GET", "/v1/runs?kind=forecast", "").is(200).read(&rs)
	if len(rs.Items) != 1 || rs.Items[0].EndedAt != nil || rs.Items[0].Done != 3 {
		t.Errorf("runs %+v", rs)
	}
}

func TestAboutAndHealth(t *testing.T) {
	f := setup(t, func(c *Config) { c.Speed = 288 })
	var v AboutView
	f.do("GET", "/v1/about", "").is(200).read(&v)
	if v.Version != "0.1.0" || v.World != "simulated world" || v.Clock.Speed != 288 || !v.Clock.Now.Equal(monday) || !v.Leader || v.Mode != "open" {
		t.Errorf("about %+v", v)
	}
	f.do("GET", "/healthz", "").is(200)
	f.do("GET", "/readyz", "").is(200)
	f = setup(t, broken)
	f.do("GET", "/healthz", "").is(200)
	f.do("GET", "/readyz", "").problem(503, "store_failed")
}

func TestMetricsAreThereFromTheStart(t *testing.T) {
	f := setup(t, func(c *Config) { c.StoreSize = func() (int64, error) { return 4096, nil } })
	f.service("checkout")
	body := string(f.do("GET", "/metrics", "").is(200).body)
	for _, want := range []string{"forescale_samples_received_total 0", `forescale_decisions_total{code="forecast_rise"} 0`, "forescale_step_seconds_count 0", "forescale_ingest_seconds_count 0",
		`forescale_instances_ready{service="checkout"} 0`, `forescale_instances_max{service="checkout"} 12`, `forescale_paused{service="checkout"} 0`, "forescale_store_up 1", "forescale_store_bytes 4096", `forescale_info{version="0.1.0"} 1`} {
		if !strings.Contains(body, want+"\n") {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(body, `forescale_demand_busy_instances{`) {
		t.Error("a demand is shown that is not known: absent, never zero")
	}
	f.demand("checkout", 2.6)
	f.ready("checkout", 4)
	f.plan("checkout", 4, 7)
	f.forecast("checkout", monday.Add(-time.Minute), func(time.Time, float64) float64 { return 2.75 })
	f.do("POST", "/v1/samples", `[{"service":"checkout","instance":"a","utilization":1,"load":2},{"service":"x","load":1}]`).is(200)
	f.api.Publish(t.Context(), Step{At: monday, Took: 20 * time.Millisecond, Failed: map[string]string{"docker": "x"}, Decisions: []forescale.Decision{{Service: "checkout", Reasons: []forescale.Reason{{Code: forescale.CodeSteady}}}}})
	body = string(f.do("GET", "/metrics", "").is(200).body)
	for _, want := range []string{"forescale_samples_received_total 2", `forescale_samples_refused_total{code="service_unknown"} 1`, `forescale_decisions_total{code="steady"} 1`, "forescale_step_seconds_count 1",
		"forescale_step_failures_total 1", `forescale_demand_busy_instances{service="checkout"} 2.6`, `forescale_instances_ready{service="checkout"} 4`, `forescale_instances_wanted{service="checkout"} 4`,
		`forescale_forecast_busy_instances{service="checkout"} 2.75`} {
		if !strings.Contains(body, want+"\n") {
			t.Errorf("no %s", want)
		}
	}
	f = setup(t, broken)
	if body := string(f.do("GET", "/metrics", "").is(200).body); !strings.Contains(body, "forescale_store_up 0") {
		t.Error("a store that fails is not shown")
	}
}

func TestThePageIsServedOrSaysHowToBuildIt(t *testing.T) {
	f := setup(t)
	if a := f.do("GET", "/", "").is(200); !strings.Contains(string(a.body), "make dashboard") || !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") {
		t.Errorf("got %s", a.body)
	}
	f = setup(t, keys, func(c *Config) {
		c.Dashboard = fstest.MapFS{"index.html": {Data: []byte("<title>forescale</title>")}, "assets/index-1a2b.js": {Data: []byte("let x = 1")}, "favicon.svg": {Data: []byte("<svg/>")}}
	})
	page := f.do("GET", "/", "").is(200)
	if !strings.Contains(page.header.Get("Content-Security-Policy"), "script-src 'self'") || page.header.Get("X-Content-Type-Options") != "nosniff" || page.header.Get("Cache-Control") != "no-cache" {
		t.Errorf("headers %v", page.header)
	}
	f.do("GET", "/", "", "If-None-Match", page.header.Get("ETag")).is(304)
	js := f.do("GET", "/assets/index-1a2b.js", "").is(200)
	if !strings.Contains(js.header.Get("Cache-Control"), "immutable") || !strings.Contains(js.header.Get("Content-Type"), "javascript") {
		t.Errorf("headers %v", js.header)
	}
	f.do("GET", "/favicon.svg", "").is(200)
	if a := f.do("GET", "/services/checkout", "", "Accept", "text/html").is(200); string(a.body) != "<title>forescale</title>" {
		t.Errorf("a path of the page gives %s", a.body)
	}
	f.do("GET", "/assets/gone.js", "").problem(404, "not_found")
	f.do("GET", "/v1/nothing", "", "Accept", "text/html").problem(404, "not_found")
	f.do("GET", "/../../etc/passwd", "").problem(404, "not_found")
	f.do("GET", "/assets", "").problem(404, "not_found")
}

func refreshNothing(context.Context, string) error { return nil }
