package api

import (
	"encoding/json"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func TestAServiceIsRegisteredReadChangedAndForgotten(t *testing.T) {
	f := setup(t)
	made := f.do("PUT", "/v1/services/checkout", `{"max_instances": 12, "time_zone": "Europe/Berlin", "warmup": "90s",
		"template": {"image": "checkout:1", "port": 8080, "readiness": {"http": "/ready", "timeout": "2s"}}}`).is(201)
	var v ServiceView
	made.read(&v)
	if v.Mode != forescale.ModeForecastOnly || v.Min != 1 || v.Max != 12 || v.Warmup != "1m30s" || v.Band != "1:60 2:65 3:70 5:75 8:80" || v.Origin != forescale.OriginAPI {
		t.Errorf("registered %+v", v)
	}
	if made.header.Get("ETag") == "" || v.Version == 0 {
		t.Errorf("ETag %q, version %d", made.header.Get("ETag"), v.Version)
	}
	if v.Status.State != "warn" || v.Status.StateReason != "no sample received yet" {
		t.Errorf("status %+v", v.Status)
	}

	got := f.do("GET", "/v1/services/checkout", "").is(200)
	if string(got.body) != string(made.body) {
		t.Errorf("GET gives\n%s\nPUT gave\n%s", got.body, made.body)
	}
	// What GET gives can be sent back and changes nothing but the version.
	again := f.do("PUT", "/v1/services/checkout", string(got.body), "If-Match", got.header.Get("ETag")).is(200)
	var w ServiceView
	again.read(&w)
	w.Version, w.UpdatedAt = v.Version, v.UpdatedAt
	if a, b := marshal(t, v), marshal(t, w); a != b {
		t.Errorf("sent back it became\n%s\nit was\n%s", b, a)
	}
	var list List[ServiceView]
	f.do("GET", "/v1/services", "").is(200).read(&list)
	if len(list.Items) != 1 || list.Next != "" {
		t.Errorf("list %+v", list)
	}
	f.do("DELETE", "/v1/services/checkout", "").is(204)
	f.do("GET", "/v1/services/checkout", "").problem(404, "service_unknown")
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestAPatchChangesWhatItNames(t *testing.T) {
	f := setup(t)
	f.do("PUT", "/v1/services/checkout", `{"max_instances": 12, "warmup": "90s", "capacity": 50, "missing": {"hold": "2m", "follow_forecast": true}}`).is(201)
	var v ServiceView
	f.do("PATCH", "/v1/services/checkout", `{"mode": "active", "warmup": null, "missing": {"hold": "3m"}}`, "Content-Type", "application/merge-patch+json").is(200).read(&v)
	if v.Mode != forescale.ModeActive || v.Max != 12 || v.Warmup != "1m0s" || v.Capacity != 50 || v.Missing.Hold != "3m0s" || !v.Missing.FollowForecast {
		t.Errorf("patched to %+v", v)
	}
	p := f.do("PATCH", "/v1/services/checkout", `{"max_instance": 20}`).problem(422, "invalid_request")
	if len(p.Errors) != 1 || p.Errors[0].Location != "body.max_instance" || p.Errors[0].Help != `did you mean "max_instances"?` {
		t.Errorf("got %+v", p.Errors)
	}
	p = f.do("PATCH", "/v1/services/checkout", `{"missing": {"holds": "1m"}}`).problem(422, "invalid_request")
	if p.Errors[0].Help != `did you mean "hold"?` {
		t.Errorf("got %+v", p.Errors)
	}
	f.do("PATCH", "/v1/services/checkout", `[1]`).problem(400, "invalid_request")
	f.do("PATCH", "/v1/services/checkout", `{"max_instances": "many"}`).problem(422, "invalid_request")
}

// Labels are read in each round: a change by a request must not last only until
// the next one.
func TestAChangedServiceIsNoLongerItsLabels(t *testing.T) {
	for _, c := range []struct {
		name         string
		before, then forescale.Origin
	}{
		{"one of labels is the API's from then on", forescale.OriginLabel, forescale.OriginAPI},
		{"one of the config stays the config's, which has a memory of its own", forescale.OriginConfig, forescale.OriginConfig},
	} {
		for _, how := range []string{"PATCH", "PUT"} {
			t.Run(c.name+", by "+how, func(t *testing.T) {
				f := setup(t)
				if _, err := f.store.PutService(t.Context(), forescale.Service{Name: "checkout", Origin: c.before}.WithDefaults(), 0); err != nil {
					t.Fatal(err)
				}
				var v ServiceView
				f.do(how, "/v1/services/checkout", `{"mode": "off"}`).is(200).read(&v)
				if v.Mode != forescale.ModeOff || v.Origin != c.then {
					t.Errorf("mode %s, origin %s; want off and %s", v.Mode, v.Origin, c.then)
				}
			})
		}
	}
}

func TestAllFaultsOfAServiceComeAtOnce(t *testing.T) {
	f := setup(t)
	p := f.do("PUT", "/v1/services/checkout", `{"mode": "on", "min_instances": 0, "max_instances": -1, "objective": 2, "band": "3:70", "time_zone": "Mars/North",
		"warmup": "soon", "metrics": ["demand"], "name": "other"}`).problem(422, "service_invalid")
	var got []string
	for _, e := range p.Errors {
		if e.Message == "" || e.Help == "" {
			t.Errorf("%+v says too little", e)
		}
		got = append(got, e.Location)
	}
	for _, want := range []string{"mode", "min_instances", "max_instances", "objective", "band", "time_zone", "warmup", "metrics", "name"} {
		if !slices.Contains(got, "body."+want) {
			t.Errorf("nothing said about %s: %q", want, got)
		}
	}
	f.do("GET", "/v1/services/checkout", "").is(404)
	p = f.do("PUT", "/v1/services/checkout", `{"max_instance": 3, "warmup": 60}`).problem(422, "invalid_request")
	if len(p.Errors) != 2 {
		t.Errorf("got %+v", p.Errors)
	}
	f.do("PUT", "/v1/services/Checkout", `{}`).problem(422, "service_invalid")
	f.do("PUT", "/v1/services/checkout", `{`).problem(400, "invalid_request")
	f.do("PUT", "/v1/services/checkout", `{}`, "Content-Type", "text/plain").problem(415, "content_type_unknown")
}

func TestAServiceThatCannotHoldIsRefused(t *testing.T) {
	f := setup(t)
	f.do("PUT", "/v1/services/shop", `{"min_instances":2,"price_per_hour":1}`).is(201)
	f.do("PUT", "/v1/budgets/shop", `{"limit":1490,"scope":"service","of":"shop"}`).is(201)
	f.do("PUT", "/v1/services/other", `{"min_instances":9,"price_per_hour":9}`).is(201) // not the budget's
	for _, refused := range []answer{
		f.do("PUT", "/v1/services/shop", `{"min_instances":3,"price_per_hour":1}`),
		f.do("PATCH", "/v1/services/shop", `{"price_per_hour":1.1}`),
	} {
		if p := refused.problem(422, "service_invalid"); len(p.Errors) != 1 || p.Errors[0].Location != "body.min_instances" {
			t.Errorf("%+v", p.Errors)
		}
	}
	f.do("PATCH", "/v1/services/shop", `{"mode":"off","min_instances":3}`).is(200) // what is off costs nothing

	if p := f.do("PATCH", "/v1/services/other", `{"resources":{"node":"n-1"}}`).problem(422, "service_invalid"); p.Errors[0].Location != "body.resources.node" || !strings.Contains(p.Errors[0].Help, "no node is known yet") {
		t.Errorf("%+v", p.Errors)
	}
	if err := f.store.PutNode(t.Context(), forescale.Node{Name: "n-2", State: forescale.NodeReady, Origin: forescale.OriginConfig}); err != nil {
		t.Fatal(err)
	}
	if p := f.do("PATCH", "/v1/services/other", `{"resources":{"node":"n-1"}}`).problem(422, "service_invalid"); !strings.Contains(p.Errors[0].Help, `did you mean "n-2"`) {
		t.Errorf("%+v", p.Errors)
	}
	f.do("PATCH", "/v1/services/other", `{"resources":{"node":"n-2"}}`).is(200)
}

func TestAChangeOfSomethingElseIsNotRefusedForWhatWasSo(t *testing.T) {
	f := setup(t)
	f.do("PUT", "/v1/services/shop", `{"min_instances":2,"price_per_hour":1}`).is(201)
	b := forescale.Budget{Name: "all", Scope: forescale.BudgetAll, Limit: 1000 * forescale.Unit, TimeZone: "UTC", Origin: forescale.OriginConfig}
	if _, err := f.store.PutBudget(t.Context(), b, -1); err != nil {
		t.Fatal(err)
	}
	f.do("PATCH", "/v1/services/shop", `{"max_instances":20}`).is(200)
	f.do("PATCH", "/v1/services/shop", `{"min_instances":1}`).is(200)
	f.do("PATCH", "/v1/services/shop", `{"min_instances":2}`).problem(422, "service_invalid")
}

func TestAnUnknownServiceNamesTheClosest(t *testing.T) {
	f := setup(t)
	f.service("checkout")
	if p := f.do("GET", "/v1/services/chekout", "").problem(404, "service_unknown"); p.Help != `did you mean "checkout"?` {
		t.Errorf("help %q", p.Help)
	}
}

func TestChangesAreRefusedWhenSomebodyWasFaster(t *testing.T) {
	for _, c := range []struct{ name, method, body string }{
		{"PUT", "PUT", `{}`}, {"PATCH", "PATCH", `{"max_instances": 3}`}, {"DELETE", "DELETE", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := setup(t)
			f.service("checkout")
			old := f.do("GET", "/v1/services/checkout", "").header.Get("ETag")
			f.do("PATCH", "/v1/services/checkout", `{"max_instances": 20}`, "If-Match", old).is(200)
			p := f.do(c.method, "/v1/services/checkout", c.body, "If-Match", old).problem(412, "changed_meanwhile")
			now := f.do("GET", "/v1/services/checkout", "")
			if etag := now.header.Get("ETag"); !strings.Contains(p.Help, etag) || etag == old {
				t.Errorf("help %q, ETag now %s", p.Help, etag)
			}
			f.do(c.method, "/v1/services/checkout", c.body, "If-Match", "nonsense").problem(422, "etag_invalid")
			if a := f.do(c.method, "/v1/services/checkout", c.body, "If-Match", now.header.Get("ETag")); a.status >= 300 {
				t.Errorf("with the right ETag: %s", a.body)
			}
		})
	}
	f := setup(t)
	f.service("checkout")
	f.do("PUT", "/v1/services/checkout", `{}`, "If-None-Match", "*").problem(412, "service_exists")
	f.do("PUT", "/v1/services/other", `{}`, "If-Match", `"7"`).problem(412, "changed_meanwhile")
}

// Patches that come at the same time all take effect.
func TestPatchesAtTheSameTimeLoseNothing(t *testing.T) {
	f := setup(t)
	f.service("checkout")
	patches := []string{`{"max_instances": 30}`, `{"warmup": "2m"}`, `{"cooldown": "20s"}`, `{"capacity": 5}`}
	var wg sync.WaitGroup
	for _, p := range patches {
		wg.Go(func() {
			if a := f.do("PATCH", "/v1/services/checkout", p); a.status != 200 {
				t.Errorf("%s: %s", p, a.body)
			}
		})
	}
	wg.Wait()
	s, err := f.store.Service(t.Context(), "checkout")
	if err != nil || s.Max != 30 || s.Warmup != 2*time.Minute || s.Cooldown != 20*time.Second || s.Capacity != 5 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestServicesComeInPages(t *testing.T) {
	f := setup(t)
	for _, n := range []string{"a", "b", "c", "d", "e"} {
		f.service(n)
	}
	var names []string
	cursor := ""
	for range 3 {
		var l List[ServiceView]
		f.do("GET", "/v1/services?limit=2&cursor="+cursor, "").is(200).read(&l)
		for _, s := range l.Items {
			names = append(names, s.Name)
		}
		if cursor = l.Next; cursor == "" {
			break
		}
		f.service("bb") // comes in between: seen or not, nothing else is lost or twice
	}
	if got := strings.Join(names, " "); got != "a b bb c d" && got != "a b bb c d e" {
		t.Errorf("pages gave %s", got)
	}
	f.do("GET", "/v1/services?cursor=%25%25", "").problem(422, "cursor_invalid")
}

func TestTheStatusIsTheWorstOfItsPartsAndNamesIt(t *testing.T) {
	for _, c := range []struct {
		name          string
		given         func(f *fixture)
		state, reason string
	}{
		{"all well", func(f *fixture) { f.demand("checkout", 2.6); f.ready("checkout", 4) }, "fine", ""},
		{"never a sample", func(f *fixture) { f.ready("checkout", 4) }, "warn", "no sample received yet"},
		{"samples stopped", func(f *fixture) { f.sample("checkout", monday.Add(-7*time.Minute)); f.ready("checkout", 3) }, "warn", "no sample for 7 min"},
		{"short", func(f *fixture) { f.demand("checkout", 4); f.ready("checkout", 4) }, "bad", "short: 6 required, 4 ready"},
		{"short beyond max", func(f *fixture) { f.demand("checkout", 40); f.ready("checkout", 12) }, "bad", "short: 50 required, max is 12"},
		{"an action failed", func(f *fixture) {
			f.demand("checkout", 2.6)
			f.ready("checkout", 4)
			f.decide(forescale.Decision{Service: "checkout", From: 4, To: 5, Outcome: forescale.OutcomeFailed, Error: "no such image",
				Reasons: []forescale.Reason{{Code: forescale.CodeForecastRise}}})
		}, "bad", "the last action failed: no such image"},
		{"off is fine", func(f *fixture) { f.service("checkout", func(s *forescale.Service) { s.Mode = forescale.ModeOff }) }, "fine", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := setup(t)
			f.service("checkout")
			c.given(f)
			var v ServiceView
			f.do("GET", "/v1/services/checkout", "").is(200).read(&v)
			if v.Status.State != c.state || v.Status.StateReason != c.reason {
				t.Errorf("is %s %q, want %s %q", v.Status.State, v.Status.StateReason, c.state, c.reason)
			}
			var l List[ServiceView]
			f.do("GET", "/v1/services", "").is(200).read(&l)
			if a, b := marshal(t, l.Items[0]), marshal(t, v); a != b {
				t.Errorf("the list says\n%s\nthe service says\n%s", a, b)
			}
		})
	}
}

func TestTheStatusShowsWhatIsNowAndWhatIsNext(t *testing.T) {
	f := setup(t)
	f.service("checkout")
	f.demand("checkout", 2.6)
	f.ready("checkout", 4)
	f.forecast("checkout", monday.Add(-10*time.Minute), func(time.Time, float64) float64 { return 4.7 })
	f.plan("checkout", 4, 7)
	f.do("POST", "/v1/pauses", `{"service": "checkout", "for": "2h", "note": "release", "by": "anna"}`).is(201)
	var v ServiceView
	f.do("GET", "/v1/services/checkout", "").is(200).read(&v)
	s := v.Status
	if s.Ready != 4 || s.Busy == nil || *s.Busy != 2.6 || s.Utilization == nil || *s.Utilization != 65 || s.Limit != 70 || s.Required != 4 || s.Wanted != 4 {
		t.Errorf("now: %s", marshal(t, s))
	}
	if s.Lead != "4m40s" || s.Next == nil || s.Next.From != 4 || s.Next.To != 7 || !s.Next.At.Equal(monday.Add(7*time.Minute)) || !strings.Contains(s.Next.Message, "4 → 7") {
		t.Errorf("next: %s", marshal(t, s.Next))
	}
	if s.Paused == nil || s.Paused.By != "anna" || s.Paused.Note != "release" || !s.Paused.Until.Equal(monday.Add(2*time.Hour)) {
		t.Errorf("paused: %s", marshal(t, s.Paused))
	}
	if s.Forecast == nil || s.Forecast.Model != "weekly" || s.Forecast.Score.Naive != 0.2 {
		t.Errorf("forecast: %s", marshal(t, s.Forecast))
	}
	if s.Decision == nil || s.Decision.Code != forescale.CodeSteady || s.Decision.Message == "" {
		t.Errorf("decision: %s", marshal(t, s.Decision))
	}
}
