package storetest

import (
	"errors"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
)

// nodePlan is a plan of nodes that has something in every list.
func nodePlan(seconds float64) *forescale.NodePlan {
	r := forescale.Reason{Code: "node_needed", Numbers: map[string]float64{"without": 2}}
	return &forescale.NodePlan{MadeAt: at(seconds), Horizon: at(seconds + 3600),
		Orders: []forescale.NodeOrder{{Name: "large+1", Type: "large", OrderAt: at(60), NeedAt: at(120), ReadyBy: at(120), PricePerHour: 0.2,
			Holds: []forescale.NodeShare{{Service: "a", Count: 2}}, Reason: r, Beside: &r}},
		Starts: []forescale.NodeStart{{Service: "a", Node: "n", Count: 1}},
		Drains: []forescale.NodeDrain{{Node: "n", Moves: []forescale.NodeMove{{Service: "a", To: "m", Count: 1}}, Saves: 0.1, Reason: r}},
		Stops:  []forescale.NodeReason{{Node: "x", Reason: r}},
		Kept:   []forescale.NodeReason{{Node: "y", Reason: r}},
		Unmet:  []forescale.NodeUnmet{{Service: "a", Count: 3, At: at(60), Reason: r}},
		Notes:  []forescale.NodeNote{{Subject: "nodes/n", Reason: r}},
		Steps:  []forescale.NodeStep{{At: at(seconds), Nodes: []forescale.NodeCount{{Type: "large", Count: 2}}, PerHour: 0.4}},
		Cost:   forescale.NodeCost{Now: 0.2, Planned: 0.4, Peak: 0.6, Least: 0.1}}
}

func (f *fixture) nodePlan() *forescale.NodePlan {
	f.Helper()
	p, err := f.NodePlan(f.ctx)
	if errors.Is(err, forescale.ErrNotFound) {
		return nil
	}
	f.ok(err)
	return p
}

func (f *fixture) uses() []forescale.InstanceUse {
	f.Helper()
	return must[[]forescale.InstanceUse](f)(f.Uses(f.ctx))
}

var nodePlanCases = []testCase{
	{"labels, owner and origin of nodes come back, and labels of node types", func(f *fixture) {
		n := forescale.Node{Name: "n", State: forescale.NodeReady, Managed: true, Labels: map[string]string{"zone": "a", "disk": "ssd"},
			Origin: forescale.OriginConfig, UpdatedAt: at(0)}
		f.ok(f.PutNode(f.ctx, n))
		t := forescale.NodeType{Name: "t", Labels: map[string]string{"zone": "b"}, UpdatedAt: at(0)}
		f.ok(f.PutNodeType(f.ctx, t))
		f.reopen()
		f.equal(must[[]forescale.Node](f)(f.Nodes(f.ctx)), []forescale.Node{n})
		f.equal(must[[]forescale.NodeType](f)(f.NodeTypes(f.ctx)), []forescale.NodeType{t})
		n.Managed, n.Labels = false, nil
		f.ok(f.PutNode(f.ctx, n))
		f.equal(must[[]forescale.Node](f)(f.Nodes(f.ctx)), []forescale.Node{n})
	}},
	{"a node and a node type can be forgotten, once", func(f *fixture) {
		f.ok(f.PutNode(f.ctx, forescale.Node{Name: "n", UpdatedAt: at(0)}))
		f.ok(f.PutNodeType(f.ctx, forescale.NodeType{Name: "t", UpdatedAt: at(0)}))
		f.ok(f.DeleteNode(f.ctx, "n"))
		f.ok(f.DeleteNodeType(f.ctx, "t"))
		f.equal(len(must[[]forescale.Node](f)(f.Nodes(f.ctx))), 0)
		f.equal(len(must[[]forescale.NodeType](f)(f.NodeTypes(f.ctx))), 0)
		for _, err := range []error{f.DeleteNode(f.ctx, "n"), f.DeleteNodeType(f.ctx, "t")} {
			if !errors.Is(err, forescale.ErrNotFound) {
				f.Errorf("forgetting again gives %v", err)
			}
		}
	}},
	{"the newest plan of nodes comes back whole; a round without one leaves it", func(f *fixture) {
		f.equal(f.nodePlan(), (*forescale.NodePlan)(nil))
		f.ok(f.RecordPlan(f.ctx, forescale.Plan{At: at(0), Nodes: nodePlan(0)}, nil))
		f.ok(f.RecordPlan(f.ctx, forescale.Plan{At: at(30), Nodes: nodePlan(30)}, nil))
		f.ok(f.RecordPlan(f.ctx, forescale.Plan{At: at(60)}, nil))
		f.reopen()
		f.equal(f.nodePlan(), nodePlan(30))
		f.prune(at(30))
		f.equal(f.nodePlan(), nodePlan(30))
		f.prune(at(31))
		f.equal(f.nodePlan(), (*forescale.NodePlan)(nil))
	}},
	{"what instances use is kept by service and type, and goes when it is old", func(f *fixture) {
		a := forescale.InstanceUse{Service: "a", Type: "large", At: at(0), Cores: 0.5, Memory: 1 << 30, Samples: 9}
		b := forescale.InstanceUse{Service: "b", Type: "large", At: at(100), Cores: 1, Samples: 1}
		small := forescale.InstanceUse{Service: "a", Type: "small", At: at(100), Cores: 0.7}
		f.ok(f.SaveUses(f.ctx, []forescale.InstanceUse{b, a}))
		f.ok(f.SaveUses(f.ctx, []forescale.InstanceUse{small}))
		f.ok(f.SaveUses(f.ctx, nil))
		f.reopen()
		f.equal(f.uses(), []forescale.InstanceUse{a, small, b})
		a.Cores, a.At = 0.6, at(50)
		f.ok(f.SaveUses(f.ctx, []forescale.InstanceUse{a}))
		f.equal(f.uses(), []forescale.InstanceUse{a, small, b})
		_, err := f.Prune(f.ctx, store.Cutoffs{Decisions: at(60)})
		f.ok(err)
		f.equal(f.uses(), []forescale.InstanceUse{small, b})
	}},
}
