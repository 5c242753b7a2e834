package api

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/forescale/forescale"
)

// What is answered is what the document says: no key more, none less, no null
// where the document knows none.
func TestAnswersFitTheDocument(t *testing.T) {
	f := setup(t, func(c *Config) { c.Refresh, c.Schedules = refreshNothing, nightly })
	empty := func(f *fixture) {}
	full := func(f *fixture) {
		f.demand("checkout", 2.6)
		f.ready("checkout", 4)
		f.forecast("checkout", monday.Add(-10*time.Minute), func(time.Time, float64) float64 { return 4.7 })
		f.decide(forescale.Decision{ID: "dec_1", Service: "checkout", At: monday.Add(-time.Hour), From: 2, To: 4, Outcome: forescale.OutcomeDone, EndedAt: monday,
			Reasons: []forescale.Reason{{Code: forescale.CodeForecastRise}}, Actions: []forescale.Action{{Kind: forescale.ActionStart, Instance: "x"}}})
		f.plan("checkout", 4, 7)
		f.accuracy("checkout")
		f.do("POST", "/v1/events", `{"name":"spot","service":"checkout","from":"2026-11-23T18:00:00Z","until":"2026-11-23T19:00:00Z","factor":1.6}`).is(201)
		f.do("POST", "/v1/pauses", `{"service":"checkout","for":"1h"}`).is(201)
		for _, err := range []error{
			f.store.PutNode(t.Context(), forescale.Node{Name: "n-01", State: forescale.NodeReady, UpdatedAt: monday}),
			f.store.PutNodeType(t.Context(), forescale.NodeType{Name: "large", UpdatedAt: monday}),
			f.store.SaveWarmup(t.Context(), forescale.Warmup{Service: "checkout", Instance: "a", At: monday, Duration: time.Minute, AtOnce: 1}),
			f.store.SaveLearned(t.Context(), []forescale.LearnedTimes{learnedByAtOnce("checkout")}),
			f.store.SaveCapacities(t.Context(), servesMore("checkout")),
			f.store.SaveRun(t.Context(), forescale.Run{ID: "r1", Kind: "forecast", StartedAt: monday}),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	f.service("checkout")
	for _, state := range []struct {
		name string
		fill func(*fixture)
	}{{"an empty store", empty}, {"a full store", full}} {
		state.fill(f)
		for _, path := range []string{"/v1/services", "/v1/services/{name}", "/v1/services/{name}/capacity", "/v1/services/{name}/plan", "/v1/services/{name}/warmups", "/v1/services/{name}/instance-capacity", "/v1/services/{name}/forecast", "/v1/services/{name}/accuracy", "/v1/services/{name}/elasticity", "/v1/instances",
			"/v1/nodes", "/v1/node-types", "/v1/agents", "/v1/join-tokens", "/v1/plans", "/v1/decisions", "/v1/services/{name}/decisions", "/v1/decisions/{id}", "/v1/warmups", "/v1/runs", "/v1/schedules", "/v1/pauses", "/v1/events", "/v1/about"} {
			a := f.do("GET", strings.NewReplacer("{name}", "checkout", "{id}", "dec_1").Replace(path), "")
			if a.status == 404 && state.name == "an empty store" {
				continue
			}
			a.is(200)
			doc := f.api.huma.OpenAPI()
			var v any
			if err := json.Unmarshal(a.body, &v); err != nil {
				t.Fatal(err)
			}
			res := &huma.ValidateResult{}
			huma.Validate(doc.Components.Schemas, doc.Paths[path].Get.Responses["200"].Content["application/json"].Schema, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, v, res)
			for _, err := range res.Errors {
				t.Errorf("%s of %s: %v", path, state.name, err)
			}
		}
	}
}
