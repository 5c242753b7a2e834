package loop

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/money"
	"github.com/forescale/forescale/internal/store/memory"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// nodesBench is a loop that has a store with a static node of 4 cores, one node type
// of 8 and one service whose instances take one core.
type nodesBench struct {
	*testing.T
	l *Loop
	w *world
}

func newNodesBench(t *testing.T) *nodesBench {
	s := memory.New()
	t.Cleanup(func() { _ = s.Close() })
	b := &nodesBench{T: t, l: New(Config{Store: s, Clock: forescale.NewSystemClock(), Log: slog.New(slog.DiscardHandler)})}
	b.ok(s.PutNodeType(t.Context(), forescale.NodeType{Name: "large", Cores: 8, Speed: 1, Memory: 32 << 30, PricePerHour: 0.4, BootTime: 3 * time.Minute, MaxCount: 2}))
	b.ok(s.PutNode(t.Context(), forescale.Node{Name: "rack", State: forescale.NodeReady, Cores: 4, Memory: 16 << 30}))
	b.w = &world{services: map[string]forescale.Service{
		"web":  forescale.Service{Name: "web", Mode: forescale.ModeActive, Resources: forescale.Resources{Cores: 1}}.WithDefaults(),
		"mail": forescale.Service{Name: "mail", Mode: forescale.ModeOff}.WithDefaults(),
	}}
	return b
}

func (b *nodesBench) ok(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// runs puts n instances of a service on a node.
func (b *nodesBench) runs(service, node string, n int) {
	for range n {
		b.w.instances = append(b.w.instances, forescale.Instance{ID: service + "-" + node + string(rune('a'+len(b.w.instances))), Service: service, Node: node, State: forescale.InstanceReady})
	}
}

// plan is the plan of nodes when web wants now, and later after some time.
func (b *nodesBench) plan(now, later int, after time.Duration) *forescale.NodePlan {
	b.Helper()
	p, _ := b.l.planNodes(b.Context(), noon, b.w, []forescale.ServicePlan{{Service: "mail"},
		{Service: "web", MadeAt: noon, Changes: []forescale.PlanChange{{At: noon, Wanted: now}, {At: noon.Add(after), Wanted: later}}}}, &money.Book{})
	return p
}

func TestANodeIsOrderedAsLongBeforeTheStartAsItBoots(t *testing.T) {
	b := newNodesBench(t)
	b.runs("web", "rack", 4)
	p := b.plan(4, 6, 40*time.Minute)
	if len(p.Orders) != 1 || len(p.Unmet) != 0 || len(p.Starts) != 0 {
		t.Fatalf("orders %+v, unmet %+v, starts %+v", p.Orders, p.Unmet, p.Starts)
	}
	o := p.Orders[0]
	if o.Type != "large" || !o.NeedAt.Equal(noon.Add(40*time.Minute)) || !o.OrderAt.Equal(noon.Add(37*time.Minute)) || o.Due || o.Holds[0] != (forescale.NodeShare{Service: "web", Count: 2}) {
		t.Errorf("order is %+v", o)
	}
	if p.Cost.Now != 0 || p.Cost.Planned != 0 || p.Cost.Peak != 0.4 || p.NodesPlanned() != 1 {
		t.Errorf("cost is %+v, %d nodes", p.Cost, p.NodesPlanned())
	}
	if low := 0.4 * 4 / 8; p.Cost.Least < 0.99*low || p.Cost.Least > 1.0001*low { // half a node of the type holds the four
		t.Errorf("the least cost is %g, want %g", p.Cost.Least, low)
	}
	if p := b.plan(6, 6, time.Hour); len(p.Orders) != 1 || !p.Orders[0].Due || p.Orders[0].Reason.Numbers["late_s"] != 180 || p.Cost.Planned != 0.4 {
		t.Errorf("for what is missing now: %+v, %+v", p.Orders, p.Cost)
	}
}

func TestWhatHasNoPlaceIsTold(t *testing.T) {
	b := newNodesBench(t)
	p := b.plan(4+8+8+3, 30, 40*time.Minute)
	if len(p.Orders) != 2 || p.UnmetNow(noon) != 3 || p.Unmet[0].Reason.Code != forescale.CodeMaxBound {
		t.Errorf("%d orders, unmet %+v", len(p.Orders), p.Unmet)
	}
	if p.UnmetNow(noon.Add(time.Hour)) != 10 {
		t.Errorf("an hour later: %+v", p.Unmet)
	}
}

func TestInstancesOnUnknownNodesAreNotPlacedAgain(t *testing.T) {
	b := newNodesBench(t)
	b.runs("web", "laptop", 3)
	b.runs("mail", "rack", 1)
	p := b.plan(7, 7, time.Hour)
	if len(p.Orders) != 0 || len(p.Unmet) != 0 || len(p.Starts) != 1 || p.Starts[0].Count != 4 {
		t.Errorf("orders %+v, unmet %+v, starts %+v", p.Orders, p.Unmet, p.Starts)
	}
	codes := map[string]forescale.Code{}
	for _, n := range p.Notes {
		codes[n.Subject] = n.Reason.Code
	}
	if codes["services/web"] != codeElsewhere || codes["services/mail"] != codeUseUnknown || len(codes) != 2 {
		t.Errorf("notes are %v", codes)
	}
}

func TestWhatInstancesUseGoesBeforeWhatIsDeclaredAndGrowsOld(t *testing.T) {
	b := newNodesBench(t)
	use := forescale.InstanceUse{Service: "web", Type: "large", At: noon.Add(-time.Hour), Cores: 2, Samples: 1000}
	b.ok(b.l.store.SaveUses(t.Context(), []forescale.InstanceUse{use}))
	b.runs("web", "rack", 4)
	if p := b.plan(4+8, 4+8, time.Hour); len(p.Orders) != 2 { // eight of them take two nodes
		t.Errorf("orders are %+v", p.Orders)
	}
	use.At = noon.Add(-useHolds - time.Hour)
	b.ok(b.l.store.SaveUses(t.Context(), []forescale.InstanceUse{use}))
	if p := b.plan(4+8, 4+8, time.Hour); len(p.Orders) != 1 {
		t.Errorf("orders are %+v", p.Orders)
	}
}

func TestWithoutNodeTypesNothingIsPlanned(t *testing.T) {
	b := newNodesBench(t)
	b.ok(b.l.store.DeleteNodeType(t.Context(), "large"))
	if p := b.plan(9, 9, time.Hour); p != nil {
		t.Errorf("planned %+v", p)
	}
	if _, err := b.l.store.NodePlan(t.Context()); !errors.Is(err, forescale.ErrNotFound) {
		t.Errorf("a plan is kept: %v", err)
	}
}

func TestAStaticOrProtectedNodeIsNeverToBeStopped(t *testing.T) {
	b := newNodesBench(t)
	for _, n := range []forescale.Node{{Name: "own", Type: "large", State: forescale.NodeReady}, {Name: "safe", Type: "large", Managed: true, Protected: true, State: forescale.NodeReady},
		{Name: "spare", Type: "large", Managed: true, State: forescale.NodeReady}} {
		b.ok(b.l.store.PutNode(t.Context(), n))
	}
	b.runs("web", "rack", 1)
	p := b.plan(1, 1, time.Hour)
	if len(p.Drains) != 1 || p.Drains[0].Node != "spare" {
		t.Errorf("drains are %+v", p.Drains)
	}
	kept := map[string]forescale.Code{}
	for _, k := range p.Kept {
		kept[k.Node] = k.Reason.Code
	}
	if kept["own"] != "node_static" || kept["safe"] != "node_protected" {
		t.Errorf("kept are %v", kept)
	}
}
