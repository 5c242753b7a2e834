package api

import (
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

func TestThePlanOfNodesIsAnsweredInSentencesAndMetrics(t *testing.T) {
	f := setup(t)
	p := &forescale.NodePlan{MadeAt: monday, Horizon: monday.Add(4 * time.Hour), Cost: forescale.NodeCost{Planned: 0.4, Least: 0.3},
		Orders: []forescale.NodeOrder{{Name: "large+1", Type: "large", OrderAt: monday, NeedAt: monday, ReadyBy: monday.Add(time.Minute), Due: true,
			Reason: forescale.Reason{Code: "node_idle"}}},
		Unmet: []forescale.NodeUnmet{{Service: "web", Count: 3, At: monday, Reason: forescale.Reason{Code: forescale.CodeMaxBound}}},
		Steps: []forescale.NodeStep{{At: monday, Nodes: []forescale.NodeCount{{Type: "large", Count: 2}}, PerHour: 0.4}}}
	if err := f.store.RecordPlan(t.Context(), forescale.Plan{At: monday, Nodes: p}, nil); err != nil {
		t.Fatal(err)
	}
	f.do("GET", "/v1/nodes/plan", "").problem(404, "node_plan_unknown") // the types went
	if strings.Contains(string(f.do("GET", "/metrics", "").is(200).body), "forescale_nodes_") {
		t.Error("there are metrics of nodes without node types")
	}
	if err := f.store.PutNodeType(t.Context(), forescale.NodeType{Name: "large"}); err != nil {
		t.Fatal(err)
	}
	var v NodePlanView
	f.do("GET", "/v1/nodes/plan", "").is(200).read(&v)
	if v.Mode != forescale.ModeForecastOnly || v.Nodes != 2 || v.Unmet != 3 || v.Cost.Planned != 0.4 || v.Orders[0].Message != "It is not needed." || v.Orders[0].Holds == nil || v.Drains == nil {
		t.Errorf("the plan is %+v", v)
	}
	p.Kept = []forescale.NodeReason{{Node: "n-01", Reason: forescale.Reason{Code: "node_paid", Times: map[string]time.Time{"until": monday.Add(time.Hour)}}}}
	if err := f.store.RecordPlan(t.Context(), forescale.Plan{At: monday, Nodes: p}, nil); err != nil {
		t.Fatal(err)
	}
	for zone, want := range map[string]string{"": "08:40", "?time_zone=Europe/Berlin": "09:40"} {
		f.do("GET", "/v1/nodes/plan"+zone, "").is(200).read(&v)
		if len(v.Kept) != 1 || v.Kept[0].Message != "It is not needed, but it is paid for until "+want+"." {
			t.Errorf("with %q: %+v, want until %s", zone, v.Kept, want)
		}
	}
	f.do("GET", "/v1/nodes/plan?time_zone=Local", "").problem(422, "time_zone_unknown")
	metrics := string(f.do("GET", "/metrics", "").is(200).body)
	for _, want := range []string{`forescale_nodes_planned{type="large"} 2`, `forescale_nodes_cost_per_hour{of="planned"} 0.4`, `forescale_nodes_cost_per_hour{of="least"} 0.3`, "forescale_nodes_unmet_instances 3"} {
		if !strings.Contains(metrics, want) {
			t.Errorf("%s is not among the metrics", want)
		}
	}
}
