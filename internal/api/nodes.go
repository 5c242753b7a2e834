package api

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/forescale/forescale"
)

func (a *API) nodeRoutes() {
	tags := []string{"fleet"}
	route(a, forescale.RoleRead, huma.Operation{OperationID: "list-nodes", Method: http.MethodGet, Path: "/v1/nodes",
		Summary: "Machines with their newest utilization", Tags: tags,
		Description: "Those that are there, those that were ordered and are on their way, and those that were ordered and ended within the last hour."}, nil, a.listNodes)
	route(a, forescale.RoleOperate, huma.Operation{OperationID: "wish-node", Method: http.MethodPatch, Path: "/v1/nodes/{name}",
		Summary: "Cordon, drain or protect a machine", Tags: tags, MaxBodyBytes: smallBody,
		Description: "What is left out stays as it is. A machine that is drained is emptied, each instance after another is ready elsewhere; one that forescale ordered is stopped then, unless it is protected."},
		[]int{400, 404, 409, 413, 415}, a.wishNode)
	route(a, forescale.RoleRead, huma.Operation{OperationID: "list-node-types", Method: http.MethodGet, Path: "/v1/node-types",
		Summary: "What machines can be ordered", Tags: tags}, nil, a.listNodeTypes)
}

// NodeView is a machine with its newest utilization in %.
type NodeView struct {
	Name       string              `json:"name"`
	Type       string              `json:"type"`
	Address    string              `json:"address"`
	State      forescale.NodeState `json:"state" enum:"ordered,booting,ready,draining,stopping,stopped,failed" doc:"Of one that was ordered: where it is in its life"`
	Protected  bool                `json:"protected" doc:"Must not be shut down"`
	Managed    bool                `json:"managed" doc:"May be emptied and stopped when it is not needed; else it is its owner's"`
	Cordoned   bool                `json:"cordoned" doc:"Nothing new is placed on it: a person asked for it"`
	Draining   bool                `json:"draining" doc:"It is to be emptied"`
	Labels     map[string]string   `json:"labels,omitempty" doc:"Beside those of its type"`
	Cores      float64             `json:"cores"`
	Memory     int64               `json:"memory_bytes"`
	Price      float64             `json:"price_per_hour" doc:"Of its type"`
	Instances  int                 `json:"instances" doc:"That run on it"`
	CPU        *float64            `json:"cpu" doc:"% in use"`
	MemoryUsed *float64            `json:"memory" doc:"% in use"`
	Bandwidth  *float64            `json:"bandwidth" doc:"% of the link, in its busier direction"`
	In         *float64            `json:"bandwidth_in" doc:"% of the link"`
	Out        *float64            `json:"bandwidth_out" doc:"% of the link"`
	Disk       *float64            `json:"disk" doc:"% in use"`
	Inodes     *float64            `json:"inodes" doc:"% of the files that the disk can hold"`
	LastSample *time.Time          `json:"last_sample"`
	UpdatedAt  *time.Time          `json:"updated_at"`
	Order      *NodeOrderedView    `json:"order,omitempty" doc:"Of a machine that forescale ordered"`
}

// NodeOrderedView is the life of a machine that was ordered.
type NodeOrderedView struct {
	OrderedAt time.Time           `json:"ordered_at"`
	Deadline  time.Time           `json:"deadline" doc:"By then its agent must have joined"`
	ReadyAt   *time.Time          `json:"ready_at" doc:"When its agent joined"`
	Draining  *time.Time          `json:"draining_at"`
	StopBy    *time.Time          `json:"stop_by" doc:"Money does not pay for it: it goes then, empty or not"`
	EndedAt   *time.Time          `json:"ended_at"`
	DrainedBy forescale.DrainedBy `json:"drained_by,omitempty" enum:"plan,person,money"`
	Failure   string              `json:"failure,omitempty"`
	ReasonText
	Command *NodeCommandView `json:"command" doc:"The newest command for it"`
}

// NodeCommandView is one run of a command.
type NodeCommandView struct {
	Kind   string    `json:"kind" enum:"start,stop"`
	At     time.Time `json:"at"`
	Took   string    `json:"took" example:"1.5s"`
	Exit   int       `json:"exit" doc:"-1: it did not run, or was killed"`
	Output string    `json:"output" doc:"The end of what it printed"`
}

func viewOrdered(l forescale.NodeLife, now time.Time) *NodeOrderedView {
	v := &NodeOrderedView{OrderedAt: l.OrderedAt.UTC(), Deadline: l.Deadline.UTC(), ReadyAt: some(l.ReadyAt), Draining: some(l.DrainingAt), StopBy: some(l.StopBy),
		EndedAt: some(l.EndedAt), DrainedBy: l.DrainedBy, Failure: l.Failure, ReasonText: ReasonText{l.Reason, l.Reason.Sentence(time.UTC, now)}}
	if l.Last.Kind != "" {
		v.Command = &NodeCommandView{Kind: l.Last.Kind, At: l.Last.At.UTC(), Took: l.Last.Took.String(), Exit: l.Last.Exit, Output: l.Last.Output}
	}
	return v
}

const (
	// recent is how old a sample may be to be shown as the present one.
	recent = 5 * time.Minute
	// endedShown is how long a machine that was ordered and is gone is still shown.
	endedShown = time.Hour
)

func (a *API) listNodes(ctx context.Context, _ *struct{}) (*listOutput[NodeView], error) {
	views, err := a.nodeViews(ctx)
	if err != nil {
		return nil, err
	}
	last, err := a.store.LastSamples(ctx)
	if err != nil {
		return nil, fmt.Errorf("read last samples: %w", err)
	}
	samples, err := a.store.Samples(ctx, forescale.SampleQuery{Kind: forescale.KindNode, From: a.now().Add(-recent)})
	if err != nil {
		return nil, fmt.Errorf("read node samples: %w", err)
	}
	running, err := a.store.Instances(ctx, forescale.InstanceQuery{Live: true})
	if err != nil {
		return nil, fmt.Errorf("read instances: %w", err)
	}
	newest, on := newestValues(samples), map[string]int{}
	for _, i := range running {
		on[i.Node]++
	}
	for k := range views {
		v := &views[k]
		v.Instances, v.LastSample = on[v.Name], some(last["node/"+v.Name])
		for metric, value := range map[forescale.Metric]**float64{
			forescale.MetricCPU: &v.CPU, forescale.MetricMemory: &v.MemoryUsed, forescale.MetricBandwidth: &v.Bandwidth,
			forescale.MetricBandwidthIn: &v.In, forescale.MetricBandwidthOut: &v.Out, forescale.MetricDisk: &v.Disk, forescale.MetricInodes: &v.Inodes,
		} {
			*value = newest.of(v.Name, metric)
		}
	}
	return pageOf(views, ""), nil
}

// nodeViews are the machines without what they use and what runs on them, by name.
func (a *API) nodeViews(ctx context.Context) ([]NodeView, error) {
	nodes, err := a.store.Nodes(ctx)
	if err != nil {
		return nil, fmt.Errorf("read nodes: %w", err)
	}
	types, err := a.store.NodeTypes(ctx)
	if err != nil {
		return nil, fmt.Errorf("read node types: %w", err)
	}
	lives, err := a.store.NodeLives(ctx, a.now().Add(-endedShown))
	if err != nil {
		return nil, fmt.Errorf("read the lives of nodes: %w", err)
	}
	wishes, err := a.store.NodeWishes(ctx)
	if err != nil {
		return nil, fmt.Errorf("read what is wished of nodes: %w", err)
	}
	kinds := map[string]forescale.NodeType{}
	for _, t := range types {
		kinds[t.Name] = t
	}
	by := map[string]*NodeView{}
	for _, n := range nodes {
		by[n.Name] = &NodeView{Name: n.Name, Type: n.Type, Address: n.Address, State: n.State, Protected: n.Protected, Managed: n.Managed, Labels: n.Labels,
			Cores: n.Cores, Memory: n.Memory, Price: kinds[n.Type].PricePerHour, UpdatedAt: some(n.UpdatedAt)}
	}
	for _, l := range lives {
		v := by[l.Node]
		if v == nil {
			v = &NodeView{Name: l.Node, Cores: kinds[l.Type].Cores, Memory: kinds[l.Type].Memory}
			by[l.Node] = v
		}
		v.Type, v.State, v.Managed, v.Price, v.Draining = l.Type, l.State, true, l.Price.Float(), l.State == forescale.NodeDraining
		v.Order = viewOrdered(l, a.now())
	}
	for _, w := range wishes {
		if v := by[w.Node]; v != nil {
			v.Cordoned, v.Draining, v.Protected = w.Cordoned, v.Draining || w.Draining, v.Protected || w.Protected
		}
	}
	views := make([]NodeView, 0, len(by))
	for _, name := range slices.Sorted(maps.Keys(by)) {
		views = append(views, *by[name])
	}
	return views, nil
}

type wishInput struct {
	Name string `path:"name" maxLength:"100"`
	Body struct {
		Cordoned  *bool  `json:"cordoned,omitempty" doc:"Nothing new is placed on it"`
		Draining  *bool  `json:"draining,omitempty" doc:"It is emptied, and stopped if forescale ordered it"`
		Protected *bool  `json:"protected,omitempty" doc:"It is not shut down"`
		By        string `json:"by,omitempty" maxLength:"100" doc:"Who; with a key its name is used"`
	}
}

type wishOutput struct{ Body NodeView }

func (a *API) wishNode(ctx context.Context, in *wishInput) (*wishOutput, error) {
	views, err := a.nodeViews(ctx)
	if err != nil {
		return nil, err
	}
	k := slices.IndexFunc(views, func(v NodeView) bool { return v.Name == in.Name })
	if k < 0 {
		return nil, &forescale.Fault{Code: "node_unknown", What: fmt.Sprintf("there is no node %.60q", in.Name), Where: "path.name", Help: "GET /v1/nodes lists what there is", Err: forescale.ErrNotFound}
	}
	v := &views[k]
	if s := v.State; s == forescale.NodeStopping || s == forescale.NodeStopped || s == forescale.NodeFailed {
		return nil, &forescale.Fault{Code: "node_leaves", What: fmt.Sprintf("node %s is %s, and that is not taken back", v.Name, s), Where: "path.name", Help: "nothing was changed", Err: forescale.ErrConflict}
	}
	w, err := a.wishOf(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	configured := v.Protected && !w.Protected
	if p := in.Body.Protected; p != nil && !*p && configured {
		return nil, &forescale.Fault{Code: "node_protected", What: "the config protects node " + v.Name, Where: "body.protected", Help: "take protected out of nodes." + v.Name + " there; nothing was changed", Err: forescale.ErrConflict}
	}
	for _, f := range []struct{ to, from *bool }{{&w.Cordoned, in.Body.Cordoned}, {&w.Draining, in.Body.Draining}, {&w.Protected, in.Body.Protected}} {
		if f.from != nil {
			*f.to = *f.from
		}
	}
	w.By, w.At = a.asker(ctx, in.Body.By), a.now()
	if err := a.store.PutNodeWish(ctx, w); err != nil {
		return nil, fmt.Errorf("save what is wished of a node: %w", err)
	}
	v.Cordoned, v.Draining, v.Protected = w.Cordoned, w.Draining || v.Order != nil && v.Order.DrainedBy != "" && v.Order.DrainedBy != forescale.DrainedByPerson, w.Protected || configured
	return &wishOutput{*v}, nil
}

// wishOf is what is wished of a node so far.
func (a *API) wishOf(ctx context.Context, node string) (forescale.NodeWish, error) {
	wishes, err := a.store.NodeWishes(ctx)
	if err != nil {
		return forescale.NodeWish{}, fmt.Errorf("read what is wished of nodes: %w", err)
	}
	for _, w := range wishes {
		if w.Node == node {
			return w, nil
		}
	}
	return forescale.NodeWish{Node: node}, nil
}

// values are the newest ones by subject and metric.
type values map[subjectMetric]float64

type subjectMetric struct {
	name   string
	metric forescale.Metric
}

// newestValues keeps the last value of each; samples come by time.
func newestValues(samples []forescale.Sample) values {
	vs := make(values, 64)
	for _, s := range samples {
		vs[subjectMetric{s.Subject.Name, s.Metric}] = s.Value
	}
	return vs
}

func (v values) of(name string, m forescale.Metric) *float64 {
	if x, ok := v[subjectMetric{name, m}]; ok {
		return number(x)
	}
	return nil
}

// NodeTypeView is what can be ordered.
type NodeTypeView struct {
	Name         string  `json:"name"`
	Cores        float64 `json:"cores"`
	Speed        float64 `json:"speed" doc:"Of a core, relative to the reference type"`
	Memory       int64   `json:"memory_bytes"`
	Disk         int64   `json:"disk_bytes"`
	DiskKind     string  `json:"disk_kind"`
	Bandwidth    float64 `json:"bandwidth_mbit"`
	PricePerHour float64 `json:"price_per_hour"`
	BillingStep  string  `json:"billing_step" example:"1h0m0s"`
	BootTime     string  `json:"boot_time" example:"3m0s"`
	MaxCount     int     `json:"max_count"`

	Labels map[string]string `json:"labels,omitempty" doc:"That each node of it carries"`
}

func (a *API) listNodeTypes(ctx context.Context, _ *struct{}) (*listOutput[NodeTypeView], error) {
	ts, err := a.store.NodeTypes(ctx)
	if err != nil {
		return nil, fmt.Errorf("read node types: %w", err)
	}
	views := make([]NodeTypeView, len(ts))
	for i, t := range ts {
		views[i] = NodeTypeView{Name: t.Name, Cores: t.Cores, Speed: t.Speed, Memory: t.Memory, Disk: t.Disk, DiskKind: t.DiskKind, Bandwidth: t.Bandwidth,
			PricePerHour: t.PricePerHour, BillingStep: t.BillingStep.String(), BootTime: t.BootTime.String(), MaxCount: t.MaxCount, Labels: t.Labels}
	}
	return pageOf(views, ""), nil
}
