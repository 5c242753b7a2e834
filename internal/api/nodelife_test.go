package api

import (
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

// ordered puts a static node, and one that was ordered and has failed its first start.
func ordered(t *testing.T) *fixture {
	t.Helper()
	f := setup(t)
	for _, err := range []error{
		f.store.PutNode(t.Context(), forescale.Node{Name: "rack", State: forescale.NodeReady, Cores: 4, UpdatedAt: monday}),
		f.store.PutNodeType(t.Context(), forescale.NodeType{Name: "large", Cores: 8, Memory: 32 << 30, PricePerHour: 0.4}),
		f.store.SaveNodeLives(t.Context(), []forescale.NodeLife{
			{Node: "large-1", Type: "large", State: forescale.NodeOrdered, Price: forescale.Amount(0.4), OrderedAt: monday, Deadline: monday.Add(10 * time.Minute),
				Reason: forescale.Reason{Code: "node_asked"}, Last: forescale.CommandRun{Kind: "start", At: monday, Took: time.Second, Exit: 7, Output: "quota exceeded"}},
			{Node: "large-0", Type: "large", State: forescale.NodeFailed, OrderedAt: monday.Add(-time.Hour), EndedAt: monday.Add(-time.Minute), Failure: "no agent joined"},
		}),
		f.store.RecordPlan(t.Context(), forescale.Plan{At: monday, Nodes: &forescale.NodePlan{MadeAt: monday, Acting: true, Notes: []forescale.NodeNote{
			{Subject: "nodes/stray", Reason: forescale.Reason{Code: forescale.CodeNodeOrphan, Words: map[string]string{"type": "large"}}}}}}, nil),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func TestOrderedNodesAreListedWithTheirLives(t *testing.T) {
	f := ordered(t)
	var l List[NodeView]
	f.do("GET", "/v1/nodes", "").is(200).read(&l)
	if len(l.Items) != 3 || l.Items[2].Name != "rack" || l.Items[2].Order != nil {
		t.Fatalf("nodes are %s", marshal(t, l))
	}
	n := l.Items[1]
	if n.State != forescale.NodeOrdered || n.Cores != 8 || n.Price != 0.4 || !n.Managed || n.Order.Command.Exit != 7 || n.Order.Command.Output != "quota exceeded" || n.Order.Message != "A person asked for it." {
		t.Errorf("the order is %s", marshal(t, n))
	}
	metrics := string(f.do("GET", "/metrics", "").is(200).body)
	for _, want := range []string{`forescale_nodes{state="ordered",type="large"} 1`, `forescale_nodes{state="ready",type=""} 1`, `forescale_nodes_failed_last_hour{type="large"} 1`, "forescale_nodes_orphaned 1"} {
		if !strings.Contains(metrics, want+"\n") {
			t.Errorf("%s is not among the metrics", want)
		}
	}
	var p NodePlanView
	f.do("GET", "/v1/nodes/plan", "").is(200).read(&p)
	if p.Mode != forescale.ModeActive || !strings.Contains(p.Notes[0].Message, "nobody knows it") {
		t.Errorf("the plan is %s", marshal(t, p))
	}
}

func TestAWishForANodeChangesWhatItNamesAlone(t *testing.T) {
	f := ordered(t)
	var v NodeView
	f.do("PATCH", "/v1/nodes/rack", `{"cordoned":true,"by":"ops"}`).is(200).read(&v)
	f.do("PATCH", "/v1/nodes/rack", `{"protected":true}`).is(200).read(&v)
	if !v.Cordoned || !v.Protected || v.Draining {
		t.Errorf("the node is %s", marshal(t, v))
	}
	f.do("PATCH", "/v1/nodes/rack", `{"cordoned":false,"draining":true}`).is(200).read(&v)
	wishes, err := f.store.NodeWishes(t.Context())
	if err != nil || len(wishes) != 1 || wishes[0].Cordoned || !wishes[0].Draining || !wishes[0].Protected {
		t.Errorf("kept is %+v, %v", wishes, err)
	}
	f.do("PATCH", "/v1/nodes/nobody", `{}`).problem(404, "node_unknown")
	f.do("PATCH", "/v1/nodes/large-0", `{"protected":true}`).problem(409, "node_leaves")
}
