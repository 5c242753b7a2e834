package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/forescale/forescale"
)

func (a *API) nodePlanRoutes() {
	route(a, forescale.RoleRead, huma.Operation{OperationID: "get-node-plan", Method: http.MethodGet, Path: "/v1/nodes/plan",
		Summary: "The newest plan of nodes", Tags: []string{"plans"},
		Description: "Which nodes would be ordered, emptied and stopped, and when, what has no place, and the cost. It is made in each planning step where there are node types, " +
			"as if every service were active where nodes are not ordered. Where they are, it is made for active services, and acting says whether it is carried out."}, []int{404, 422}, a.getNodePlan)
}

// NodePlanView is what is wanted of the machines from now on.
type NodePlanView struct {
	MadeAt  time.Time          `json:"made_at"`
	Horizon time.Time          `json:"horizon" doc:"How far it reaches"`
	Mode    forescale.Mode     `json:"mode" enum:"active,forecast-only" doc:"Active: orders that are due go out, and ordered nodes are emptied and stopped"`
	Nodes   int                `json:"nodes" doc:"Planned now, orders that are due among them"`
	Unmet   int                `json:"unmet_instances" doc:"Instances that have no place now"`
	Cost    forescale.NodeCost `json:"cost" doc:"An hour, in the currency of the prices: of what is there, planned when what is due is done, the dearest step ahead, and the least that nodes for all could cost"`
	Orders  []NodeOrderView    `json:"orders" nullable:"false"`
	Starts  []NodeStartView    `json:"starts" nullable:"false" doc:"Where what is missing now would go"`
	Drains  []NodeDrainView    `json:"drains" nullable:"false" doc:"Nodes that would begin to be emptied now"`
	Stops   []NodeReasonView   `json:"stops" nullable:"false" doc:"Nodes that are empty and could be switched off"`
	Kept    []NodeReasonView   `json:"kept" nullable:"false" doc:"Nodes that are not needed and stay all the same"`
	NoPlace []NodeUnmetView    `json:"unmet" nullable:"false" doc:"Instances that have no place, by time; of a service the newest step holds"`
	Notes   []NodeNoteView     `json:"notes" nullable:"false"`
	Steps   []NodeStepView     `json:"steps" nullable:"false" doc:"Nodes by type from now on"`
}

// ReasonText is a reason in a sentence beside its code and numbers.
type ReasonText struct {
	Reason  forescale.Reason `json:"reason"`
	Message string           `json:"message"`
}

// NodeOrderView is one node to order.
type NodeOrderView struct {
	Name     string                `json:"name" doc:"Of the node if the order goes out, else within this plan only"`
	Type     string                `json:"type"`
	OrderAt  time.Time             `json:"order_at"`
	NeedAt   time.Time             `json:"need_at" doc:"When its first instance is to be started"`
	ReadyBy  time.Time             `json:"ready_by"`
	Due      bool                  `json:"due" doc:"It would go out before the next plan"`
	Price    float64               `json:"price_per_hour"`
	Holds    []forescale.NodeShare `json:"holds" nullable:"false"`
	Replaces string                `json:"replaces,omitempty" doc:"The node whose place it takes"`
	ReasonText
	Beside string `json:"beside,omitempty" doc:"The next best type"`
}

// NodeStartView is instances to start on a node.
type NodeStartView struct {
	Service string     `json:"service"`
	Node    string     `json:"node" doc:"A node, or an order"`
	Count   int        `json:"count"`
	ReadyBy *time.Time `json:"ready_by" doc:"When the node is expected to be ready; null: it is"`
}

// NodeDrainView is a node to empty.
type NodeDrainView struct {
	Node  string               `json:"node"`
	Moves []forescale.NodeMove `json:"moves" nullable:"false"`
	Saves float64              `json:"saves" doc:"Within the payback time, after the cost of the moves"`
	ReasonText
}

// NodeReasonView is a node, and why.
type NodeReasonView struct {
	Node string `json:"node"`
	ReasonText
}

// NodeUnmetView is instances that have no place.
type NodeUnmetView struct {
	Service string    `json:"service"`
	Count   int       `json:"count"`
	At      time.Time `json:"at" doc:"From when on"`
	ReasonText
}

// NodeNoteView is what a person should know.
type NodeNoteView struct {
	Subject string `json:"subject" example:"nodes/rack-1"`
	ReasonText
}

// NodeStepView is the nodes from a time on.
type NodeStepView struct {
	At      time.Time             `json:"at"`
	Nodes   []forescale.NodeCount `json:"nodes" nullable:"false" doc:"Nodes without a type under an empty name"`
	PerHour float64               `json:"per_hour"`
}

// all is a list with f made of each; never nil.
func all[T, V any](in []T, f func(T) V) []V {
	out := make([]V, len(in))
	for i, x := range in {
		out[i] = f(x)
	}
	return out
}

// viewNodePlan tells a plan with the times in its sentences in the zone of loc.
func viewNodePlan(p *forescale.NodePlan, loc *time.Location) NodePlanView {
	text := func(r forescale.Reason) ReasonText { return ReasonText{r, r.Sentence(loc, p.MadeAt)} }
	same := func(s forescale.NodeShare) forescale.NodeShare { return s }
	reason := func(x forescale.NodeReason) NodeReasonView { return NodeReasonView{x.Node, text(x.Reason)} }
	mode := forescale.ModeForecastOnly
	if p.Acting {
		mode = forescale.ModeActive
	}
	return NodePlanView{MadeAt: p.MadeAt.UTC(), Horizon: p.Horizon.UTC(), Mode: mode, Nodes: p.NodesPlanned(), Unmet: p.UnmetNow(p.MadeAt), Cost: p.Cost,
		Orders: all(p.Orders, func(o forescale.NodeOrder) NodeOrderView {
			v := NodeOrderView{Name: o.Name, Type: o.Type, OrderAt: o.OrderAt.UTC(), NeedAt: o.NeedAt.UTC(), ReadyBy: o.ReadyBy.UTC(), Due: o.Due, Price: o.PricePerHour,
				Holds: all(o.Holds, same), Replaces: o.Replaces, ReasonText: text(o.Reason)}
			if o.Beside != nil {
				v.Beside = text(*o.Beside).Message
			}
			return v
		}),
		Starts: all(p.Starts, func(s forescale.NodeStart) NodeStartView {
			return NodeStartView{s.Service, s.Node, s.Count, some(s.ReadyBy)}
		}),
		Drains: all(p.Drains, func(d forescale.NodeDrain) NodeDrainView {
			return NodeDrainView{d.Node, all(d.Moves, func(m forescale.NodeMove) forescale.NodeMove { return m }), d.Saves, text(d.Reason)}
		}),
		Stops: all(p.Stops, reason), Kept: all(p.Kept, reason),
		NoPlace: all(p.Unmet, func(u forescale.NodeUnmet) NodeUnmetView {
			return NodeUnmetView{u.Service, u.Count, u.At.UTC(), text(u.Reason)}
		}),
		Notes: all(p.Notes, func(n forescale.NodeNote) NodeNoteView { return NodeNoteView{n.Subject, text(n.Reason)} }),
		Steps: all(p.Steps, func(s forescale.NodeStep) NodeStepView {
			return NodeStepView{s.At.UTC(), all(s.Nodes, func(c forescale.NodeCount) forescale.NodeCount { return c }), s.PerHour}
		})}
}

type nodePlanInput struct {
	TimeZone string `query:"time_zone" default:"UTC" maxLength:"100" doc:"IANA name of the zone that sentences tell times in"`
}

type nodePlanOutput struct{ Body NodePlanView }

func (a *API) getNodePlan(ctx context.Context, in *nodePlanInput) (*nodePlanOutput, error) {
	loc, err := time.LoadLocation(in.TimeZone)
	if err != nil || in.TimeZone == "Local" {
		return nil, &forescale.Fault{Code: "time_zone_unknown", What: fmt.Sprintf("%q is not a time zone", in.TimeZone), Where: "query.time_zone", Help: "use an IANA name such as Europe/Berlin"}
	}
	p, err := a.store.NodePlan(ctx)
	if err != nil && !errors.Is(err, forescale.ErrNotFound) {
		return nil, fmt.Errorf("read the plan of nodes: %w", err)
	}
	types, err2 := a.store.NodeTypes(ctx)
	switch {
	case err2 != nil:
		return nil, fmt.Errorf("read node types: %w", err2)
	case len(types) == 0: // what was planned before they went holds no more
		return nil, &forescale.Fault{Code: "node_plan_unknown", What: "no nodes are planned: there is no node type", Where: "nodes/plan", Help: "add node_types to the config", Err: forescale.ErrNotFound}
	case p == nil:
		return nil, &forescale.Fault{Code: "node_plan_unknown", What: "there is no plan of nodes yet", Where: "nodes/plan", Help: "one is made in each planning step", Err: forescale.ErrNotFound}
	}
	return &nodePlanOutput{Body: viewNodePlan(p, loc)}, nil
}

// nodeCollector tells of the plan of nodes when it is scraped.
type nodeCollector struct {
	a                          *API
	planned, cost, unmet, made *prometheus.Desc
	there, failed, orphans     *prometheus.Desc
}

func newNodeCollector(a *API) *nodeCollector {
	return &nodeCollector{a: a,
		planned: prometheus.NewDesc("forescale_nodes_planned", "Nodes that the plan has now. Absent where no nodes are planned.", []string{"type"}, nil),
		cost:    prometheus.NewDesc("forescale_nodes_cost_per_hour", "Cost of nodes: now, planned, peak ahead, and the least possible. Absent where no nodes are planned.", []string{"of"}, nil),
		unmet:   prometheus.NewDesc("forescale_nodes_unmet_instances", "Instances that have no place now. Absent where no nodes are planned.", nil, nil),
		there:   prometheus.NewDesc("forescale_nodes", "Nodes by state, ordered ones on their way among them.", []string{"state", "type"}, nil),
		failed:  prometheus.NewDesc("forescale_nodes_failed_last_hour", "Ordered nodes that ended within the last hour without having been of use, or by themselves.", []string{"type"}, nil),
		orphans: prometheus.NewDesc("forescale_nodes_orphaned", "Nodes that a list command names and nobody knows. Absent where no nodes are planned.", nil, nil),
		made:    prometheus.NewDesc("forescale_nodes_plan_age_seconds", "Age of the plan of nodes. Absent where no nodes are planned.", nil, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *nodeCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.planned, c.cost, c.unmet, c.made, c.there, c.failed, c.orphans} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *nodeCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	c.collectNodes(ctx, ch)
	out, err := c.a.getNodePlan(ctx, &nodePlanInput{})
	if errors.Is(err, forescale.ErrNotFound) {
		return
	}
	if err != nil {
		c.a.log.Warn("read the plan of nodes for metrics", "error", err)
		return
	}
	p := out.Body
	if len(p.Steps) > 0 {
		for _, n := range p.Steps[0].Nodes {
			ch <- gauge(c.planned, float64(n.Count), n.Type)
		}
	}
	ch <- gauge(c.cost, p.Cost.Now, "now")
	ch <- gauge(c.cost, p.Cost.Planned, "planned")
	ch <- gauge(c.cost, p.Cost.Peak, "peak")
	ch <- gauge(c.cost, p.Cost.Least, "least")
	ch <- gauge(c.unmet, float64(p.Unmet))
	ch <- gauge(c.made, c.a.now().Sub(p.MadeAt).Seconds())
	orphans := 0
	for _, n := range p.Notes {
		if n.Reason.Code == forescale.CodeNodeOrphan {
			orphans++
		}
	}
	ch <- gauge(c.orphans, float64(orphans))
}

// collectNodes counts the nodes by state and type.
func (c *nodeCollector) collectNodes(ctx context.Context, ch chan<- prometheus.Metric) {
	views, err := c.a.nodeViews(ctx)
	if err != nil {
		c.a.log.Warn("read nodes for metrics", "error", err)
		return
	}
	type of struct {
		state forescale.NodeState
		kind  string
	}
	count, failed := map[of]int{}, map[string]int{}
	for _, v := range views {
		switch v.State {
		case forescale.NodeStopped:
		case forescale.NodeFailed:
			failed[v.Type]++
		default:
			count[of{v.State, v.Type}]++
		}
	}
	for k, n := range count {
		ch <- gauge(c.there, float64(n), string(k.state), k.kind)
	}
	for kind, n := range failed {
		ch <- gauge(c.failed, float64(n), kind)
	}
}
