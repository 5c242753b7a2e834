package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

// answers is a server that says what an imagined installation would.
func answers(t *testing.T, bodies map[string]string) string {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := bodies[r.Method+" "+r.URL.Path+"?"+r.URL.RawQuery]
		if !ok {
			body, ok = bodies[r.Method+" "+r.URL.Path]
		}
		if !ok {
			t.Errorf("unexpected %s %s", r.Method, r.URL)
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// onTerminal runs a command as on a terminal of 100 columns without colour.
func onTerminal(t *testing.T, url string, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &out, clock: forescale.NewSystemClock(), width: 100, terminal: true, errTerminal: true,
		env: serverAt(url)}
	code := a.run(t.Context(), args)
	if code != exitOK {
		t.Fatalf("%v ends with %d:\n%s", args, code, out.String())
	}
	for _, line := range strings.Split(out.String(), "\n") {
		if n := len([]rune(line)); n > 100 {
			t.Errorf("a line of %d columns: %s", n, line)
		}
	}
	return out.String()
}

// serverAt is an environment that names a server and nothing else.
func serverAt(url string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		if name == "FORESCALE_SERVER" {
			return url, true
		}
		return "", false
	}
}

const about = `{"version":"0.1.0","clock":{"now":"2026-11-23T07:40:12Z","speed":1},"zone":"Europe/Berlin","world":"Docker Engine","mode":"open","leader":true}`

func serviceJSON(name, mode, state, status string) string {
	return `{"name":"` + name + `","mode":"` + mode + `","min_instances":2,"max_instances":12,"objective":0.95,"band":"1:60 2:65 3:70 5:75 8:80","time_zone":"Europe/Berlin","warmup":"4m0s",` +
		`"status":{"state":"` + state + `","lead":"4m40s",` + status + `}}`
}

const risingDecision = `{"id":"dec_01jd7k0q0rf3v9wx","service":"checkout","at":"2026-11-23T07:38:00Z","mode":"active","from":4,"to":7,"required":7,"metric":"load","code":"forecast_rise",
 "message":"4 → 7 instances at 08:38: at 08:43 the demand of Mondays rises to 4.7 busy instances (95 % sure: at most 5.2); starting takes 4 min 10 s here.",
 "reasons":[{"code":"forecast_rise","message":"At 08:43 the demand of Mondays rises to 4.7 busy instances (95 % sure: at most 5.2); starting takes 4 min 10 s here.","numbers":{"required":7,"demand":4.7,"demand_high":5.2,"lead_s":280,"warmup_s":250}},
            {"code":"step_limit","message":"8 are wanted; 3 may be started at once, the rest follows at 08:39.","numbers":{"wanted":8}}],
 "actions":[{"kind":"start","instance":"checkout-01jd7k0q0rf3v9wx-1"},{"kind":"start","instance":"checkout-01jd7k0q0rf3v9wx-2"},{"kind":"start","instance":"checkout-01jd7k0q0rf3v9wx-3"}],
 "outcome":"failed","error":"image_missing: there is no image shop/checkout:7","ended_at":"2026-11-23T07:39:10Z","repeats":0,"last_at":"2026-11-23T07:38:00Z",
 "in_words":{"required":"7: 5.2 / 7 = 74 %, limit 75 %. 6 would run at 87 %, limit 75 %","final":"7 instances","lead_time":"4 min 40 s = starting 4 min 10 s (9 of 10 starts) + planning 30 s","cost":"+0.375 an hour (3 × 0.125)"},
 "weighed":{"bounds":[],"price_per_hour":0.125,"cost_per_hour":0.375,"list":"live 4, forecast 7 at 08:43*, min 2, max 12, starts at most 7*",
  "not_fewer":"Not 6: at 08:43 the forecast needs 7 (5.2 busy instances, 95 % sure), and 6 serve 4.5. 6 would be at 87 % and save 0.125 an hour.",
  "not_more":"Not 8: no more may be started at once; the next at 08:38:30. One more would be at 65 % rather than 74 % and cost 0.125 an hour.",
  "changes":["6 if demand stays under 4.5 busy instances until 08:53.","8 if it is past 08:38:30."]}}`

var installation = map[string]string{
	"GET /v1/about": about,
	"GET /v1/services": `{"items":[` + strings.Join([]string{
		serviceJSON("checkout", "active", "fine", `"ready":4,"starting":0,"wanted":4,"busy":2.6,"utilization":65,"limit":70,"next":{"at":"2026-11-23T07:47:00Z","from":4,"to":7,"code":"forecast_rise","message":""},"decision":{"id":"d1","code":"steady"}`),
		serviceJSON("ingest", "active", "bad", `"ready":5,"starting":0,"wanted":5,"busy":4.2,"utilization":84,"limit":75,"decision":{"id":"d2","code":"max_bound"}`),
		serviceJSON("mailer", "active", "warn", `"ready":3,"starting":0,"wanted":3,"busy":null,"utilization":null,"limit":70,"last_sample":"2026-11-23T07:33:00Z","decision":{"id":"d3","code":"hold_stale_metrics"}`),
		serviceJSON("old", "off", "fine", `"ready":1,"starting":0,"wanted":1,"busy":0.2,"utilization":20,"limit":60,"decision":{"id":"d5","code":"off"}`),
		serviceJSON("reports", "forecast-only", "fine", `"ready":1,"starting":0,"wanted":1,"busy":0.4,"utilization":40,"limit":60,"next":{"at":"2026-11-23T16:55:00Z","from":1,"to":2,"code":"forecast_rise","message":""},"decision":{"id":"d4","code":"steady"}`),
		serviceJSON("search", "active", "fine", `"ready":120,"starting":3,"wanted":123,"busy":91.6,"utilization":76.3,"limit":80,"paused":{"by":"anna","until":"2026-11-23T09:00:00Z","note":""},"decision":{"id":"d6","code":"paused"}`),
	}, ",") + `],"next":""}`,
	"GET /v1/services/checkout": serviceJSON("checkout", "active", "fine", `"ready":4,"starting":0,"wanted":4,"busy":2.6,"utilization":65,"limit":70,"decision":`+risingDecision),
	"GET /v1/plans": `{"items":[
	 {"service":"checkout","made_at":"2026-11-23T07:40:00Z","lead":"4m40s","until":"2026-11-24T07:40:00Z","acting":true,"changes":[
	  {"at":"2026-11-23T07:40:00Z","wanted":4,"required":4,"demand":2.7,"code":"steady","message":""},
	  {"at":"2026-11-23T07:47:00Z","wanted":7,"required":7,"demand":5.2,"code":"forecast_rise","message":""},
	  {"at":"2026-11-23T08:55:00Z","wanted":8,"required":8,"demand":5.6,"code":"forecast_rise","message":""},
	  {"at":"2026-11-23T18:40:00Z","wanted":5,"required":5,"demand":3.4,"code":"forecast_fall","message":""}]},
	 {"service":"ingest","made_at":"2026-11-23T07:40:00Z","lead":"2m0s","until":null,"acting":true,"changes":[
	  {"at":"2026-11-23T07:40:00Z","wanted":5,"required":6,"demand":4.3,"code":"max_bound","message":""}]},
	 {"service":"old","made_at":"2026-11-23T07:40:00Z","lead":"1m0s","until":null,"acting":false,"changes":[]},
	 {"service":"reports","made_at":"2026-11-23T07:40:00Z","lead":"1m30s","until":null,"acting":false,"changes":[
	  {"at":"2026-11-23T07:40:00Z","wanted":1,"required":1,"demand":0.4,"code":"steady","message":""},
	  {"at":"2026-11-23T09:10:00Z","wanted":2,"required":2,"demand":0.9,"code":"forecast_rise","message":""},
	  {"at":"2026-11-23T10:10:00Z","wanted":1,"required":1,"demand":0.4,"code":"forecast_fall","message":""}]}],"next":""}`,
	"GET /v1/services/checkout/forecast": `{"service":"checkout","metric":"load","model":"weekly","issued":"2026-11-23T07:30:00Z","step":"30m0s","levels":[0.5,0.95],
	 "times":["2026-11-23T08:00:00Z","2026-11-23T09:00:00Z"],"values":[[4.8,5.1],[5.2,5.6]],"warnings":["less than four weeks of history"],
	 "score":{"pinball":0.08,"naive":0.13,"coverage":0.941,"tested":4032}}`,
	"GET /v1/services/checkout/accuracy": `{"service":"checkout","metric":"load","forecast":{"metric":"load","model":"combination","issued":"2026-11-23T07:30:00Z","until":"2026-11-24T07:30:00Z",
	 "warnings":["less than four weeks of history"],"score":{"pinball":0.08,"naive":0.13,"coverage":0.941,"tested":4032}},
	 "choice":{"issued":"2026-11-23T07:30:00Z","bands":[
	  {"from":"5m0s","to":"30m0s","tested":1200,"shares":[{"model":"seasonal lags, root","weight":0.62,"error":0.21},{"model":"smoothing 0.3/0.1/0.1/0.8, root","weight":0.38,"error":0.24},{"model":"last week","weight":0,"error":0.4}]},
	  {"from":"35m0s","to":"24h0m0s","tested":3000,"shares":[{"model":"seasonal lags, root","weight":1,"error":0.33},{"model":"last week","weight":0,"error":0.41}]}]},
	 "live":{"from":"2026-11-17T00:00:00Z","until":"2026-11-23T07:00:00Z","leads":[
	  {"lead":"30m0s","steps":2012,"coverage":0.914,"error":0.081,"last_week_error":0.132,"against_last_week":0.61,"pinball":0.094},
	  {"lead":"24h0m0s","steps":1912,"coverage":0.87,"error":0.119,"last_week_error":null,"against_last_week":null,"pinball":0.131}],
	  "by_model":[{"model":"combination","leads":[{"lead":"30m0s","steps":2012,"coverage":0.914,"error":0.081,"last_week_error":0.132,"against_last_week":0.61,"pinball":0.094}]},
	  {"model":"weekly profile","leads":[{"lead":"24h0m0s","steps":1912,"coverage":0.87,"error":0.119,"last_week_error":null,"against_last_week":null,"pinball":0.131}]}]},
	 "drift":{"alarm":"coverage","message":"The forecasts have drifted since Mon 23 Nov 06:20: truths left the 90 % interval far more often than 1 in 10. Intervals are widened by 1.4 until they hold.","last":"coverage","since":"2026-11-23T05:20:00Z","ended":null,"times":1,"wider":1.4}}`,
	"GET /v1/services/checkout/decisions?limit=1": `{"items":[` + risingDecision + `],"next":""}`,
	"GET /v1/services/checkout/decisions": `{"items":[
	 {"id":"dec_a","service":"checkout","at":"2026-11-23T01:05:00Z","mode":"active","from":3,"to":3,"required":3,"code":"steady","message":"Stays at 3: 1.9 busy instances, 63 %, the limit is 70 %.",
	  "in_words":{"required":"3: 1.9 / 3 = 63 %, limit 70 %. 2 would run at 95 %, limit 65 %","final":"3 instances, as before","lead_time":"","cost":""},
	  "reasons":[{"code":"steady","message":"","numbers":{"required":3,"demand":1.9}}],"actions":[],"outcome":"none","repeats":1204,"last_at":"2026-11-23T04:59:30Z"}],"next":""}`,
	"GET /v1/services/checkout/warmups": `{"service":"checkout","warmup":{"declared":"4m0s","measured":312,"learned_at":"2026-11-23T07:30:00Z","shortest":"2m40s","longest":"7m2s","gain":0.31,"cases":[
	 {"when":[{"feature":"at_once","is":"below","value":3}],"count":250,"quantiles":[{"quantile":0.5,"duration":"3m10s"},{"quantile":0.9,"duration":"3m55.2s"},{"quantile":0.99,"duration":"4m40s"}]},
	 {"when":[{"feature":"at_once","is":"at_least","value":3},{"feature":"node=n-02","is":"at_least","value":1},{"feature":"new_image","is":"below","value":1}],"count":62,"quantiles":[{"quantile":0.5,"duration":"4m20s"},{"quantile":0.9,"duration":"5m30s"},{"quantile":0.99,"duration":"7m0s"}]}]},
	 "cooldown":{"declared":"30s","measured":0,"gain":0,"cases":[]}}`,
	"GET /v1/services/checkout/evaluation": `{"service":"checkout","mode":"forecast-only","verdict":"switch-on","why":["forescale would have been below need in 0.35 % of the time with 1604 instance-hours and 212 starts; what happened was at 3.1 % with 1890."],
	 "from":"2026-11-16T07:38:00Z","to":"2026-11-23T07:38:00Z","learned":"672h0m0s","known":0.998,"warmup":"4m0s","outcomes":[
	 {"name":"happened","time_under":0.031,"time_over":0.81,"under":0.004,"over":0.31,"instability":0.2,"not_served":0.0007,"instance_hours":1890,"starts":95},
	 {"name":"predictive","time_under":0.0035,"time_over":0.7,"under":0.0003,"over":0.1,"instability":0.3,"not_served":0,"instance_hours":1604.2,"starts":212},
	 {"name":"hpa","time_under":0.12,"time_over":0.6,"under":0.03,"over":0.07,"instability":0.4,"not_served":0.001,"instance_hours":1588,"starts":301}]}`,
	"GET /v1/services/checkout/instance-capacity": `{"service":"checkout","declared":120,"counted":148,"learned":{"value":150.25,"low":140.5,"high":160.125,"idle":5.6,"reach":78.2,"minutes":4310,"since":"2026-11-20T07:30:00Z"},
	 "at":"2026-11-23T07:30:00Z","steps":[{"from":"2026-11-21T07:33:00Z","value":148},{"from":"2026-11-02T00:00:00Z","value":120}]}`,
	"GET /v1/schedules": `{"items":[{"job":"forecast","schedule":"every 15m0s","time_zone":"","next_at":"2026-11-23T07:45:00Z"},
	 {"job":"rollup","schedule":"every 15m0s","time_zone":"","next_at":"2026-11-23T07:45:00Z"},
	 {"job":"retention","schedule":"10 3 * * *","time_zone":"Europe/Berlin","next_at":"2026-11-24T02:10:00Z"}],"next":""}`,
	"GET /v1/runs": `{"items":[
	 {"id":"forecast-1-1","kind":"forecast","state":"retrying","server":"app-2-6f3a","due_at":"2026-11-23T07:30:00Z","started_at":"2026-11-23T07:30:00Z","ended_at":"2026-11-23T07:30:30.25Z","attempt":2,"done":0,"failed":0,
	  "error":"read services: error[store_unreachable]: the database does not answer: dial tcp 192.0.2.7:5432: connect: connection refused\n  --> postgres://db.example/forescale\n  help: it is tried again"},
	 {"id":"forecast-1-0","kind":"forecast","state":"done","server":"app-2-6f3a","due_at":"2026-11-23T07:30:00Z","started_at":"2026-11-23T07:30:00Z","ended_at":"2026-11-23T07:30:01.25Z","attempt":1,"done":50,"failed":0,"error":""},
	 {"id":"retention-1","kind":"retention","state":"failed","server":"app-1-02bd","due_at":"2026-11-23T02:10:00Z","started_at":"2026-11-23T02:10:00Z","ended_at":"2026-11-23T02:14:10Z","attempt":4,"done":1204000,"failed":0,"error":"disk_full: no space left"},
	 {"id":"import-1","kind":"import","state":"running","server":"","due_at":null,"started_at":"2026-11-21T09:00:00Z","ended_at":null,"attempt":0,"done":0,"failed":0,"error":""}],"next":""}`,
	"POST /v1/pauses":     `{"service":"checkout","by":"local","note":"","since":"2026-11-23T07:40:12Z","until":"2026-11-23T09:40:12Z"}`,
	"DELETE /v1/pauses/-": ``,
}

func TestCommandsOnATerminal(t *testing.T) {
	url := answers(t, installation)
	for _, c := range []struct{ file, args string }{
		{"services.txt", "services"},
		{"services-utc.txt", "services --timezone UTC"},
		{"why.txt", "why checkout"},
		{"why-at.txt", "why checkout --at 02:10"},
		{"plan.txt", "plan"},
		{"plan-12h.txt", "plan --for 12h"},
		{"forecast-show.txt", "forecast show checkout --for 2h"},
		{"forecast-accuracy.txt", "forecast accuracy checkout"},
		{"forecast-explain.txt", "forecast explain checkout"},
		{"runs.txt", "runs"},
		{"warmups.txt", "warmups checkout"},
		{"evaluate.txt", "evaluate checkout"},
		{"capacity.txt", "capacity checkout"},
		{"pause.txt", "pause checkout 2h"},
		{"pause-all-end.txt", "pause --all --end"},
	} {
		t.Run(c.args, func(t *testing.T) {
			golden(t, c.file, onTerminal(t, url, strings.Fields(c.args)...))
		})
	}
}

// Of several servers on one database, the one that is asked says who plans and acts.
func TestWhoLeadsIsSaid(t *testing.T) {
	for _, c := range []struct{ file, leads string }{
		{"follows", `"server":"app-1-02bd","leader":false,"leads":{"server":"app-2-6f3a","fence":4,"since":"2026-11-23T06:40:00Z"}`},
		{"leads", `"server":"app-2-6f3a","leader":true,"leads":{"server":"app-2-6f3a","fence":4,"since":"2026-11-23T06:40:00Z"}`},
		{"nobody", `"server":"app-1-02bd","leader":false,"leads":{"server":"","fence":4,"since":null}`},
	} {
		t.Run(c.file, func(t *testing.T) {
			several := maps.Clone(installation)
			several["GET /v1/about"] = strings.Replace(about, `"leader":true`, c.leads, 1)
			url := answers(t, several)
			golden(t, "services-"+c.file+".txt", onTerminal(t, url, "services"))
			golden(t, "plan-"+c.file+".txt", onTerminal(t, url, "plan"))
		})
	}
}

func TestNothingToShowIsSaid(t *testing.T) {
	none := `{"items":[],"next":""}`
	url := answers(t, map[string]string{"GET /v1/about": about, "GET /v1/services": none, "GET /v1/plans": none})
	if out := onTerminal(t, url, "services"); !strings.Contains(out, "There is no service yet.") || !strings.Contains(out, "forescale.enable=true") {
		t.Errorf("services: %s", out)
	}
	s := newShell(t)
	s.env["FORESCALE_SERVER"] = url
	for _, c := range []struct{ args, want string }{
		{"services", ""},
		{"services --check", ""},
		{"services -o json", "[]\n"},
		{"services -o csv", strings.Join(serviceHeaders, ",") + "\n"},
		{"plan -o json", "[]\n"},
		{"plan", ""},
	} {
		if got := s.must(strings.Fields(c.args)...); got != c.want {
			t.Errorf("%s: %q, want %q", c.args, got, c.want)
		}
	}
}

// What a service does while the world has not followed yet.
func TestNextInAFewWords(t *testing.T) {
	for _, c := range []struct{ mode, status, want string }{
		{"forecast-only", `"ready":1,"wanted":2`, "would now → 2"},
		{"active", `"ready":1,"wanted":2,"paused":{"by":"anna","until":"2026-11-23T09:00:00Z"}`, "would now → 2"},
		{"active", `"ready":1,"starting":1,"wanted":2`, "1 starting"},
		{"active", `"ready":2,"draining":1,"wanted":2`, "1 draining"},
		{"active", `"ready":2,"wanted":2`, "stays 2"},
		{"forecast-only", `"ready":2,"wanted":2`, "stays 2"},
	} {
		var s serviceView
		if err := json.Unmarshal([]byte(serviceJSON("web", c.mode, "fine", c.status)), &s); err != nil {
			t.Fatal(err)
		}
		if got := nextWord(s, moment{}); got != c.want {
			t.Errorf("%s with %s: %q, want %q", c.mode, c.status, got, c.want)
		}
	}
}

func TestSmallNumbersKeepTwoDigits(t *testing.T) {
	for v, want := range map[float64]string{0: "0.0", 0.0194: "0.019", 0.4: "0.4", 0.85: "0.85", 0.999: "1.0", 2.55: "2.5", 9.96: "10", 46.7: "47", 1234: "1,234"} {
		if got := decimal(v); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
}

func TestIntoAPipeThereAreNoHeadersNorHints(t *testing.T) {
	url := answers(t, installation)
	s := newShell(t)
	s.env["FORESCALE_SERVER"] = url
	for _, c := range []struct{ file, args string }{
		{"services.tsv", "services"},
		{"services.csv", "services -o csv"},
		{"plan.tsv", "plan"},
		{"forecast-show.tsv", "forecast show checkout"},
		{"why.csv", "why checkout -o csv"},
		{"runs.tsv", "runs"},
		{"warmups.tsv", "warmups checkout"},
		{"warmups.csv", "warmups checkout -o csv"},
		{"evaluate.csv", "evaluate checkout -o csv"},
		{"capacity.csv", "capacity checkout -o csv"},
		{"runs.csv", "runs -o csv"},
	} {
		t.Run(c.args, func(t *testing.T) {
			r := s.run(strings.Fields(c.args)...)
			if r.code != exitOK || r.err != "" {
				t.Fatalf("ends with %d: %s", r.code, r.err)
			}
			golden(t, c.file, r.out)
		})
	}
	// What the API said comes out of -o json unchanged in content.
	got := parseJSON[struct {
		ID      string
		Actions []any
	}](t, s.must("why", "checkout", "-o", "json"))
	if got.ID != "dec_01jd7k0q0rf3v9wx" || len(got.Actions) != 3 {
		t.Errorf("why as JSON: %+v", got)
	}
}

func TestColourIsForTerminalsThatWantIt(t *testing.T) {
	url := answers(t, installation)
	paint := func(color bool) string {
		var out bytes.Buffer
		a := &app{stdout: &out, stderr: &bytes.Buffer{}, width: 100, terminal: true, color: color, clock: forescale.NewSystemClock(),
			env: serverAt(url)}
		if code := a.run(t.Context(), []string{"services"}); code != exitOK {
			t.Fatalf("ends with %d", code)
		}
		return out.String()
	}
	if !strings.Contains(paint(true), "\x1b[31mingest") {
		t.Error("a service in trouble is not red")
	}
	if strings.Contains(paint(false), "\x1b") {
		t.Error("colour although none is wanted")
	}
}

func TestFaultsAreThreeLines(t *testing.T) {
	var errs bytes.Buffer
	a := &app{stderr: &errs}
	code := a.report(forescale.Faults{
		{Code: "config_unknown_key", What: `unknown key "max_instance" in service "checkout"`, Where: "forescale.yaml:14:5", Help: `did you mean "max_instances"?`},
		{Code: "config_wrong_value", What: "the second", Where: "forescale.yaml:20:1"},
	})
	want := "error[config_unknown_key]: unknown key \"max_instance\" in service \"checkout\"\n  --> forescale.yaml:14:5\n  help: did you mean \"max_instances\"?\n\n" +
		"error[config_wrong_value]: the second\n  --> forescale.yaml:20:1\n"
	if errs.String() != want || code != exitInput {
		t.Errorf("ends with %d:\n%s\nwant\n%s", code, errs.String(), want)
	}
	errs.Reset()
	a.errColor = true
	a.report(&forescale.Fault{Code: "x", What: "y"})
	if errs.String() != "\x1b[1;31merror[x]:\x1b[0m y\n" {
		t.Errorf("in colour: %q", errs.String())
	}
}

func TestTheServerMayBeSomethingElse(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Query().Get("kind") {
		default:
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte("<html>not here</html>"))
		}
	}))
	defer srv.Close()
	s := newShell(t)
	s.env["FORESCALE_SERVER"] = srv.URL
	s.fails(exitUnreachable, []string{"what answers there is not forescale (status 404)", srv.URL}, "services")
	s.fails(exitUsage, []string{"is not the URL of a server"}, "services", "--server", "ftp://x")
	s.env["FORESCALE_KEY"] = "fsk_x"
	s.fails(exitFailed, []string{"key_in_clear", "https://", "nothing was sent"}, "services", "--server", "http://192.0.2.1:8480")
	s.fails(exitUsage, []string{"cannot read the key file"}, "services", "--key-file", "/none")
}

// A redirect is not followed, since it would carry the key away.
func TestTheKeyDoesNotFollowARedirect(t *testing.T) {
	var seen string
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r.Header.Get("Authorization") }))
	defer thief.Close()
	srv := httptest.NewServer(http.RedirectHandler(thief.URL, http.StatusTemporaryRedirect))
	defer srv.Close()
	s := newShell(t)
	s.env["FORESCALE_SERVER"], s.env["FORESCALE_KEY"] = srv.URL, "fsk_secret"
	s.fails(exitUnreachable, nil, "services")
	if seen != "" {
		t.Errorf("the thief saw %q", seen)
	}
}

func TestPauseArguments(t *testing.T) {
	s := newShell(t)
	for _, c := range []struct{ args, word string }{
		{"pause", "which service?"},
		{"pause checkout", "a pause always has an end"},
		{"pause checkout soon", `"soon" is not a duration`},
		{"pause checkout -o 2h", "unknown shorthand flag"},
		{"pause 2h checkout", "is not a duration"},
		{"pause checkout 2h --end", "--end takes no duration"},
		{"pause --all checkout 2h", "one argument too many"},
		{"pause Checkout 2h", "is not a service name"},
	} {
		s.fails(exitUsage, []string{c.word}, strings.Fields(c.args)...)
	}
}

func TestMoments(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	m := moment{now: time.Date(2026, 11, 23, 7, 40, 0, 0, time.UTC), loc: berlin}
	for _, c := range []struct{ in, want string }{
		{"02:10", "2026-11-23T01:10:00Z"},
		{"08:41", "2026-11-22T07:41:00Z"}, // not yet today: yesterday
		{"2026-11-20 10:00", "2026-11-20T09:00:00Z"},
		{"2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z"},
		{"3h", "2026-11-23T04:40:00Z"},
		{"3h ago", "2026-11-23T04:40:00Z"},
		{"1d", "2026-11-22T07:40:00Z"},
	} {
		got, err := m.parseMoment(c.in)
		if err != nil || stamp(got) != c.want {
			t.Errorf("%s is %s, %v, want %s", c.in, stamp(got), err, c.want)
		}
	}
	for in, want := range map[time.Duration]string{10 * time.Second: "10 s", 250 * time.Second: "4 min 10 s", 2 * time.Hour: "2 h", 76 * time.Hour: "3 d 4 h", 61 * time.Minute: "1 h 1 min", 0: "0 s"} {
		if got := inWords(in); got != want {
			t.Errorf("%v is %q, want %q", in, got, want)
		}
	}
	if got := m.header(); got != "Mon 23 Nov 08:40 Europe/Berlin (UTC+1)" {
		t.Errorf("header %q", got)
	}
	if got := m.clock(m.now.Add(24 * time.Hour)); got != "Tue 08:40" {
		t.Errorf("tomorrow is %q", got)
	}
}

func TestUnknownCommandsSuggest(t *testing.T) {
	s := newShell(t)
	s.fails(exitUsage, []string{`unknown command "servce"`, `did you mean "serve"?`}, "servce")
	s.fails(exitUsage, []string{`unknown command "make" for "forescale keys"`, "forescale keys --help"}, "keys", "make")
	if out := s.must("version"); out != "forescale "+version+"\n" {
		t.Errorf("version: %q", out)
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if out := s.must("completion", shell); !strings.Contains(out, "forescale") {
			t.Errorf("completion of %s is %d bytes", shell, len(out))
		}
	}
	if out := s.must("services", "--help"); !strings.Contains(out, "--check") {
		t.Errorf("help: %s", out)
	}
	if out := s.must("config", "schema"); !strings.Contains(out, `"max_instances"`) {
		t.Error("the schema lacks max_instances")
	}
	for _, c := range []struct {
		args  string
		words []string
	}{
		{"why", []string{"error[usage]: SERVICE is missing", "help: write: forescale why SERVICE"}},
		{"import", []string{"FILE is missing", "forescale import FILE"}},
		{"keys revoke", []string{"ID is missing", "forescale keys revoke --help"}},
		{"forecast show", []string{"SERVICE is missing"}},
		{"plan a b", []string{`unexpected argument "b"`, "forescale plan [SERVICE]"}},
		{"services now", []string{`unexpected argument "now"`}},
		{"services --chek", []string{"unknown flag: --chek", "see `forescale services --help`; nothing was done"}},
		{"services -o xml", []string{`"xml" is not a format`, "forescale services --help"}},
	} {
		s.fails(exitUsage, c.words, strings.Fields(c.args)...)
	}
	s.fails(exitInput, []string{"config_unknown_key", "stdin:1:1"}, "config", "check", s.pipe("listn: a\n"))
	s.fails(exitUsage, []string{"no config file"}, "config", "check")
}

// pipe makes text the standard input, and gives its name as an argument.
func (s *shell) pipe(text string) string {
	s.stdin = text
	return "-"
}

func TestJoinedErrorsAreAllTold(t *testing.T) {
	var errs bytes.Buffer
	a := &app{stderr: &errs}
	code := a.report(errors.Join(&forescale.Fault{Code: "port_taken", What: "first"}, fmt.Errorf("close the store: %w", &forescale.Fault{Code: "disk_full", What: "second"}), errors.New("third")))
	if want := "error[port_taken]: first\n\nerror[disk_full]: second\n\nerror[failed]: third\n"; errs.String() != want || code != exitInUse {
		t.Errorf("ends with %d:\n%s", code, errs.String())
	}
}
