package api

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

var update = flag.Bool("update", false, "write the golden files")

// The list of operations is what clients rely on: a change of it is seen here.
func TestTheOperationsAreThoseOfTheGoldenFile(t *testing.T) {
	f := setup(t)
	var b strings.Builder
	ops := f.operations()
	for _, name := range slices.Sorted(maps.Keys(ops)) {
		op := ops[name]
		var params []string
		for _, p := range op.Parameters {
			params = append(params, fmt.Sprintf("%s:%s", p["in"], p["name"]))
		}
		fmt.Fprintf(&b, "%s %s (%s) → %s\n", name, op.OperationID, strings.Join(params, " "), strings.Join(slices.Sorted(maps.Keys(op.Responses)), " "))
	}
	golden := filepath.Join("testdata", "operations.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("the operations are\n%s\nthe golden file says\n%s\nif that is meant: go test ./internal/api -run Golden -update", b.String(), want)
	}
}

// The document is OpenAPI 3.1 as far as its structure goes: what it must have is
// there, every reference leads somewhere, every parameter of a path is declared.
func TestTheDocumentIsSoundOpenAPI31(t *testing.T) {
	f := setup(t)
	a := f.do("GET", "/openapi.json", "").is(200)
	var doc map[string]any
	a.read(&doc)
	if v, _ := doc["openapi"].(string); !strings.HasPrefix(v, "3.1.") {
		t.Errorf("openapi is %q", v)
	}
	info, _ := doc["info"].(map[string]any)
	if info["title"] != "forescale" || info["version"] != "0.1.0" {
		t.Errorf("info %v", info)
	}
	refs := 0
	walk(doc, func(key string, v any) {
		if ref, ok := v.(string); ok && key == "$ref" {
			refs++
			at := any(doc)
			for _, part := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
				m, _ := at.(map[string]any)
				at = m[part]
			}
			if at == nil {
				t.Errorf("%s leads nowhere", ref)
			}
		}
		if key == "type" {
			for _, one := range asList(v) {
				if s, _ := one.(string); s != "" && !slices.Contains([]string{"object", "array", "string", "number", "integer", "boolean", "null", "http"}, s) {
					t.Errorf("type %q", s)
				}
			}
		}
	})
	if refs < 30 {
		t.Errorf("only %d references", refs)
	}
	ids := map[string]bool{}
	for name, op := range f.operations() {
		if op.OperationID == "" || ids[op.OperationID] || op.Summary == "" || len(op.Responses) == 0 {
			t.Errorf("%s: id %q, summary %q", name, op.OperationID, op.Summary)
		}
		ids[op.OperationID] = true
		for _, m := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(name, -1) {
			if !slices.ContainsFunc(op.Parameters, func(p map[string]any) bool { return p["in"] == "path" && p["name"] == m[1] && p["required"] == true }) {
				t.Errorf("%s does not declare %s", name, m[1])
			}
		}
		if method := name[:strings.Index(name, " ")]; slices.Contains([]string{"POST", "PUT", "PATCH"}, method) && op.RequestBody == nil && op.OperationID != "make-forecast" {
			t.Errorf("%s has no request body", name)
		}
		for status, r := range op.Responses {
			if status >= "400" && !strings.Contains(string(r), "#/components/schemas/Problem") {
				t.Errorf("%s answers %s with something else than a problem: %s", name, status, r)
			}
		}
	}
	if strings.Contains(string(a.body), "ErrorModel") {
		t.Error("huma's own error type is in the document")
	}
}

func asList(v any) []any {
	if l, ok := v.([]any); ok {
		return l
	}
	return []any{v}
}

func walk(v any, see func(key string, v any)) {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			see(k, x)
			walk(x, see)
		}
	case []any:
		for _, x := range v {
			walk(x, see)
		}
	}
}

// Every error that the document promises can be had, by the requests below; 401
// and 403 are in auth_test.go for all routes.
func TestEveryDocumentedErrorCanBeHad(t *testing.T) {
	type request struct {
		status             int
		method, path, body string
		headers            []string
		change             func(*Config)
	}
	noToken := func(c *Config) {
		c.JoinToken = func(context.Context, string) (forescale.JoinToken, string, error) {
			return forescale.JoinToken{}, "", errDisk
		}
	}
	long := strings.Repeat("x", smallBody+1)
	wrong := map[string][]request{
		"push-samples": {
			{400, "POST", "/v1/samples", "x", []string{"Content-Encoding", "gzip"}, nil},
			{413, "POST", "/v1/samples", "[" + strings.Repeat(" ", 100) + "]", nil, func(c *Config) { c.BodyLimit = 10 }},
			{415, "POST", "/v1/samples", "x", []string{"Content-Type", "text/plain"}, nil},
			{422, "POST", "/v1/samples", "[{}]", nil, nil},
			{429, "POST", "/v1/samples", `{"service":"checkout","load":1}`, nil, func(c *Config) { c.Ingest = failingIngest{forescale.ErrBusy} }},
			{503, "POST", "/v1/samples", `{"service":"checkout","load":1}`, nil, func(c *Config) { c.Ingest = failingIngest{errDisk} }},
			{500, "POST", "/v1/samples", `{"service":"checkout","load":1}`, nil, broken},
		},
		"list-services": {{422, "GET", "/v1/services?limit=0", "", nil, nil}, {500, "GET", "/v1/services", "", nil, broken}},
		"get-service":   {{404, "GET", "/v1/services/x", "", nil, nil}, {422, "GET", "/v1/services/" + strings.Repeat("x", 101), "", nil, nil}, {500, "GET", "/v1/services/x", "", nil, broken}},
		"put-service": {
			{400, "PUT", "/v1/services/x", "{", nil, nil}, {412, "PUT", "/v1/services/checkout", "{}", []string{"If-None-Match", "*"}, nil}, {413, "PUT", "/v1/services/x", long, nil, nil},
			{415, "PUT", "/v1/services/x", "{}", []string{"Content-Type", "text/plain"}, nil}, {422, "PUT", "/v1/services/x", `{"mode":"on"}`, nil, nil}, {500, "PUT", "/v1/services/x", `{}`, nil, broken}},
		"patch-service": {
			{400, "PATCH", "/v1/services/checkout", "[", nil, nil}, {404, "PATCH", "/v1/services/x", "{}", nil, nil}, {412, "PATCH", "/v1/services/checkout", "{}", []string{"If-Match", `"99"`}, nil},
			{413, "PATCH", "/v1/services/checkout", long, nil, nil}, {422, "PATCH", "/v1/services/checkout", `{"mode":"on"}`, nil, nil}, {500, "PATCH", "/v1/services/checkout", `{}`, nil, broken}},
		"delete-service": {{404, "DELETE", "/v1/services/x", "", nil, nil}, {412, "DELETE", "/v1/services/checkout", "", []string{"If-Match", `"99"`}, nil},
			{422, "DELETE", "/v1/services/checkout", "", []string{"If-Match", "x"}, nil}, {500, "DELETE", "/v1/services/checkout", "", nil, broken}},
		"get-forecast": {{404, "GET", "/v1/services/checkout/forecast", "", nil, nil}, {422, "GET", "/v1/services/checkout/forecast?from=x", "", nil, nil}, {500, "GET", "/v1/services/x/forecast", "", nil, broken}},
		"make-forecast": {{404, "POST", "/v1/services/x/forecast", "", nil, nil}, {501, "POST", "/v1/services/checkout/forecast", "", nil, nil},
			{409, "POST", "/v1/services/checkout/forecast", "", nil, refreshing(errDisk)}, {422, "POST", "/v1/services/" + strings.Repeat("x", 101) + "/forecast", "", nil, nil},
			{500, "POST", "/v1/services/x/forecast", "", nil, broken}},
		"get-capacity":   {{404, "GET", "/v1/services/x/capacity", "", nil, nil}, {422, "GET", "/v1/services/checkout/capacity?step=x", "", nil, nil}, {500, "GET", "/v1/services/x/capacity", "", nil, broken}},
		"list-instances": {{422, "GET", "/v1/instances?state=x", "", nil, nil}, {500, "GET", "/v1/instances", "", nil, broken}},
		"wish-node": {{400, "PATCH", "/v1/nodes/x", "{", nil, nil}, {404, "PATCH", "/v1/nodes/x", "{}", nil, nil}, {409, "PATCH", "/v1/nodes/of-the-file", `{"protected":false}`, nil, configNode},
			{413, "PATCH", "/v1/nodes/x", long, nil, nil}, {415, "PATCH", "/v1/nodes/x", "{}", []string{"Content-Type", "text/plain"}, nil}, {422, "PATCH", "/v1/nodes/x", `{"cordoned":"yes"}`, nil, nil}, {500, "PATCH", "/v1/nodes/x", "{}", nil, broken}},
		"list-agents":      {{500, "GET", "/v1/agents", "", nil, broken}},
		"list-join-tokens": {{500, "GET", "/v1/join-tokens", "", nil, broken}},
		"remove-agent":     {{404, "DELETE", "/v1/agents/x", "", nil, nil}, {422, "DELETE", "/v1/agents/" + strings.Repeat("x", 101), "", nil, nil}, {500, "DELETE", "/v1/agents/x", "", nil, broken}},
		"create-join-token": {{400, "POST", "/v1/join-tokens", "{", nil, nil}, {409, "POST", "/v1/join-tokens", `{"node":"x"}`, nil, nil}, {413, "POST", "/v1/join-tokens", long, nil, nil},
			{415, "POST", "/v1/join-tokens", "{}", []string{"Content-Type", "text/plain"}, nil}, {422, "POST", "/v1/join-tokens", `{"node":"X y"}`, nil, nil}, {500, "POST", "/v1/join-tokens", `{"node":"x"}`, nil, noToken}},
		"list-nodes":      {{500, "GET", "/v1/nodes", "", nil, broken}},
		"list-node-types": {{500, "GET", "/v1/node-types", "", nil, broken}},
		"get-node-plan":   {{404, "GET", "/v1/nodes/plan", "", nil, nil}, {422, "GET", "/v1/nodes/plan?time_zone=Mars", "", nil, nil}, {500, "GET", "/v1/nodes/plan", "", nil, broken}},
		"list-plans":      {{422, "GET", "/v1/plans?limit=x", "", nil, nil}, {500, "GET", "/v1/plans", "", nil, broken}},
		"list-events":     {{422, "GET", "/v1/events?all=x", "", nil, nil}, {500, "GET", "/v1/events", "", nil, broken}},
		"put-event": {{400, "POST", "/v1/events", "{", nil, nil}, {404, "POST", "/v1/events", `{"name":"a","service":"nobody","from":"2026-11-23T18:00:00Z","until":"2026-11-23T19:00:00Z"}`, nil, nil},
			{409, "POST", "/v1/events", `{"name":"of-the-file","from":"2026-11-23T18:00:00Z","until":"2026-11-23T19:00:00Z"}`, nil, configEvent},
			{413, "POST", "/v1/events", `{"name":"` + strings.Repeat("x", smallBody) + `"}`, nil, nil}, {415, "POST", "/v1/events", "a", []string{"Content-Type", "text/plain"}, nil},
			{422, "POST", "/v1/events", `{"name":"a"}`, nil, nil}, {500, "POST", "/v1/events", `{"name":"a","from":"2026-11-23T18:00:00Z","until":"2026-11-23T19:00:00Z"}`, nil, broken}},
		"delete-event": {{404, "DELETE", "/v1/events/nobody", "", nil, nil}, {409, "DELETE", "/v1/events/of-the-file", "", nil, configEvent},
			{422, "DELETE", "/v1/events/" + strings.Repeat("x", 101), "", nil, nil}, {500, "DELETE", "/v1/events/x", "", nil, broken}},
		"get-accuracy": {{404, "GET", "/v1/services/x/accuracy", "", nil, nil}, {422, "GET", "/v1/services/checkout/accuracy?days=x", "", nil, nil}, {500, "GET", "/v1/services/x/accuracy", "", nil, broken}},
		"evaluate-service": {{404, "GET", "/v1/services/x/evaluation", "", nil, nil}, {422, "GET", "/v1/services/checkout/evaluation?days=99", "", nil, nil}, {501, "GET", "/v1/services/checkout/evaluation", "", nil, nil},
			{409, "GET", "/v1/services/checkout/evaluation", "", nil, evaluating(&forescale.Fault{Code: "history_short", What: "short"})}, {429, "GET", "/v1/services/checkout/evaluation", "", nil, evaluating(&forescale.Fault{Code: "evaluation_busy", What: "busy"})},
			{500, "GET", "/v1/services/x/evaluation", "", nil, broken}},
		"list-elasticity":           {{404, "GET", "/v1/services/x/elasticity", "", nil, nil}, {422, "GET", "/v1/services/checkout/elasticity?days=x", "", nil, nil}, {500, "GET", "/v1/services/checkout/elasticity", "", nil, broken}},
		"get-plan":                  {{404, "GET", "/v1/services/x/plan", "", nil, nil}, {422, "GET", "/v1/services/" + strings.Repeat("x", 101) + "/plan", "", nil, nil}, {500, "GET", "/v1/services/x/plan", "", nil, broken}},
		"list-decisions-of-service": {{404, "GET", "/v1/services/x/decisions", "", nil, nil}, {422, "GET", "/v1/services/checkout/decisions?from=x", "", nil, nil}, {500, "GET", "/v1/services/checkout/decisions", "", nil, broken}},
		"list-decisions":            {{422, "GET", "/v1/decisions?cursor=%25", "", nil, nil}, {500, "GET", "/v1/decisions", "", nil, broken}},
		"get-decision":              {{404, "GET", "/v1/decisions/x", "", nil, nil}, {409, "GET", "/v1/decisions/0", "", nil, nil}, {422, "GET", "/v1/decisions/" + strings.Repeat("x", 101), "", nil, nil}, {500, "GET", "/v1/decisions/x", "", nil, broken}},
		"get-warmups":               {{404, "GET", "/v1/services/x/warmups", "", nil, nil}, {422, "GET", "/v1/services/" + strings.Repeat("x", 101) + "/warmups", "", nil, nil}, {500, "GET", "/v1/services/x/warmups", "", nil, broken}},
		"list-warmups":              {{422, "GET", "/v1/warmups?limit=x", "", nil, nil}, {500, "GET", "/v1/warmups", "", nil, broken}},
		"list-schedules":            {},
		"list-runs":                 {{422, "GET", "/v1/runs?limit=x", "", nil, nil}, {500, "GET", "/v1/runs", "", nil, broken}},
		"list-pauses":               {{500, "GET", "/v1/pauses", "", nil, broken}},
		"get-instance-capacity": {{404, "GET", "/v1/services/x/instance-capacity", "", nil, nil}, {422, "GET", "/v1/services/" + strings.Repeat("x", 101) + "/instance-capacity", "", nil, nil},
			{500, "GET", "/v1/services/x/instance-capacity", "", nil, broken}},
		"pause": {{400, "POST", "/v1/pauses", "{", nil, nil}, {404, "POST", "/v1/pauses", `{"service":"x","for":"1h"}`, nil, nil}, {413, "POST", "/v1/pauses", long, nil, nil},
			{415, "POST", "/v1/pauses", "{}", []string{"Content-Type", "text/plain"}, nil}, {422, "POST", "/v1/pauses", `{"service":"checkout"}`, nil, nil}, {500, "POST", "/v1/pauses", `{"for":"1h"}`, nil, broken}},
		"resume":       {{404, "DELETE", "/v1/pauses/checkout", "", nil, nil}, {422, "DELETE", "/v1/pauses/" + strings.Repeat("x", 101), "", nil, nil}, {500, "DELETE", "/v1/pauses/-", "", nil, broken}},
		"list-budgets": {{500, "GET", "/v1/budgets", "", nil, broken}},
		"get-budget":   {{404, "GET", "/v1/budgets/x", "", nil, nil}, {422, "GET", "/v1/budgets/" + strings.Repeat("x", 101), "", nil, nil}, {500, "GET", "/v1/budgets/x", "", nil, broken}},
		"put-budget": {{400, "PUT", "/v1/budgets/x", "{", nil, nil}, {409, "PUT", "/v1/budgets/of-the-file", `{"limit":1}`, nil, configBudget},
			{412, "PUT", "/v1/budgets/x", `{"limit":1}`, []string{"If-Match", `"99"`}, nil}, {413, "PUT", "/v1/budgets/x", long, nil, nil}, {415, "PUT", "/v1/budgets/x", "{}", []string{"Content-Type", "text/plain"}, nil},
			{422, "PUT", "/v1/budgets/x", `{"limit":-1}`, nil, nil}, {500, "PUT", "/v1/budgets/x", `{"limit":1}`, nil, broken}},
		"delete-budget": {{404, "DELETE", "/v1/budgets/x", "", nil, nil}, {409, "DELETE", "/v1/budgets/of-the-file", "", nil, configBudget},
			{412, "DELETE", "/v1/budgets/plain", "", []string{"If-Match", `"99"`}, plainBudget}, {422, "DELETE", "/v1/budgets/" + strings.Repeat("x", 101), "", nil, nil}, {500, "DELETE", "/v1/budgets/x", "", nil, broken}},
		"what-if": {{404, "GET", "/v1/what-if?limit=1&service=x", "", nil, foreseeing}, {422, "GET", "/v1/what-if", "", nil, foreseeing}, {501, "GET", "/v1/what-if?limit=1", "", nil, nil},
			{500, "GET", "/v1/what-if?limit=1&service=x", "", nil, func(c *Config) { foreseeing(c); broken(c) }}},
		"stream": {{503, "GET", "/v1/stream", "", nil, nil}},
		"about":  {},
	}
	ops := setup(t).operations()
	for name, op := range ops {
		promised := map[string]bool{}
		for status := range op.Responses {
			promised[status] = status >= "400" && status != "401" && status != "403"
		}
		requests, ok := wrong[op.OperationID]
		if !ok {
			t.Errorf("no requests for %s", op.OperationID)
		}
		for _, r := range requests {
			t.Run(fmt.Sprintf("%s %d", op.OperationID, r.status), func(t *testing.T) {
				f := setup(t)
				f.service("checkout")
				for _, id := range []string{"dec_01", "dec_02"} {
					f.decide(forescale.Decision{ID: id, Service: "checkout", At: monday.Add(time.Duration(len(id)) * time.Second), From: len(id), To: int(id[5]), Outcome: forescale.OutcomeDone,
						Actions: []forescale.Action{{Kind: forescale.ActionStart, Instance: id}}, Reasons: []forescale.Reason{{Code: forescale.CodeForecastRise}}})
				}
				if r.change != nil {
					cfg := f.api.cfg
					r.change(&cfg)
					f.api = New(cfg)
				}
				if op.OperationID == "stream" {
					f.api.Close()
				}
				a := f.do(r.method, r.path, r.body, r.headers...).is(r.status)
				var p Problem
				if a.read(&p); p.Code == "" || p.Detail == "" || p.Status != r.status {
					t.Errorf("not a problem: %s", a.body)
				}
				if strings.Contains(string(a.body), "fsk_never_shown") {
					t.Errorf("the cause leaks: %s", a.body)
				}
			})
			if !promised[fmt.Sprint(r.status)] {
				t.Errorf("%s answers %d, which the document does not say", name, r.status)
			}
			delete(promised, fmt.Sprint(r.status))
		}
		for status, open := range promised {
			if open && !(status == "500" && (op.OperationID == "about" || op.OperationID == "stream" || op.OperationID == "list-schedules")) { // these read nothing that could fail
				t.Errorf("%s promises %s, no request here gives it", name, status)
			}
		}
	}
}

func broken(c *Config) { c.Store = brokenStore{c.Store} }

// configNode puts a protected node as the config file would.
func configNode(c *Config) {
	_ = c.Store.(interface {
		PutNode(context.Context, forescale.Node) error
	}).PutNode(context.Background(), forescale.Node{Name: "of-the-file", State: forescale.NodeReady, Protected: true, Origin: forescale.OriginConfig})
}

// configEvent puts an event as the config file would.
func configEvent(c *Config) {
	e := forescale.Event{Name: "of-the-file", From: monday, Until: monday.Add(time.Hour), Factor: 2, Origin: forescale.OriginConfig}
	if err := c.Store.PutEvent(context.Background(), e); err != nil {
		panic(err)
	}
}

// configBudget puts a budget as the config file would, plainBudget one of the API.
func configBudget(c *Config) { aBudget(c, "of-the-file", forescale.OriginConfig) }
func plainBudget(c *Config)  { aBudget(c, "plain", forescale.OriginAPI) }

func aBudget(c *Config, name string, origin forescale.Origin) {
	b := forescale.Budget{Name: name, Limit: forescale.Unit, Origin: origin}.WithDefaults()
	if _, err := c.Store.PutBudget(context.Background(), b, 0); err != nil {
		panic(err)
	}
}

// foreseeing gives the API somebody who foresees what a limit buys.
func foreseeing(c *Config) {
	c.WhatIf = func(context.Context, forescale.Budget) (forescale.WhatIf, error) { return forescale.WhatIf{}, nil }
}

func TestProblemsAreWhatTheDocumentSays(t *testing.T) {
	f := setup(t)
	var m map[string]any
	f.do("PUT", "/v1/services/checkout", `{"mode":"on"}`).is(422).read(&m)
	for _, k := range []string{"type", "title", "status", "detail", "code", "help", "errors"} {
		if m[k] == nil {
			t.Errorf("a problem has no %s: %v", k, m)
		}
	}
	b, err := json.Marshal(m["errors"])
	if want := `[{"code":"service_invalid","help":"use off, forecast-only or active","location":"body.mode","message":"\"on\" is not a mode"}]`; err != nil || string(b) != want {
		t.Errorf("errors are %s, want %s", b, want)
	}
}
