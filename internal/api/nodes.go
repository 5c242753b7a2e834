package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/forescale/forescale"
)

func (a *API) nodeRoutes() {
	tags := []string{"fleet"}
	route(a, forescale.RoleRead, huma.Operation{OperationID: "list-nodes", Method: http.MethodGet, Path: "/v1/nodes",
		Summary: "Machines with their newest utilization", Tags: tags}, nil, a.listNodes)
	route(a, forescale.RoleRead, huma.Operation{OperationID: "list-node-types", Method: http.MethodGet, Path: "/v1/node-types",
		Summary: "What machines can be ordered", Tags: tags}, nil, a.listNodeTypes)
}

// NodeView is a machine with its newest utilization in %.
type NodeView struct {
	Name       string              `json:"name"`
	Type       string              `json:"type"`
	Address    string              `json:"address"`
	State      forescale.NodeState `json:"state"`
	Protected  bool                `json:"protected" doc:"Must not be shut down"`
	Managed    bool                `json:"managed" doc:"May be emptied and stopped when it is not needed; else it is its owner's"`
	Labels     map[string]string   `json:"labels,omitempty" doc:"Beside those of its type"`
	Cores      float64             `json:"cores"`
	Memory     int64               `json:"memory_bytes"`
	CPU        *float64            `json:"cpu" doc:"% in use"`
	MemoryUsed *float64            `json:"memory" doc:"% in use"`
	Bandwidth  *float64            `json:"bandwidth" doc:"% of the link"`
	Disk       *float64            `json:"disk" doc:"% in use"`
	LastSample *time.Time          `json:"last_sample"`
	UpdatedAt  *time.Time          `json:"updated_at"`
}

// recent is how old a sample may be to be shown as the present one.
const recent = 5 * time.Minute

func (a *API) listNodes(ctx context.Context, _ *struct{}) (*listOutput[NodeView], error) {
	nodes, err := a.store.Nodes(ctx)
	if err != nil {
		return nil, fmt.Errorf("read nodes: %w", err)
	}
	last, err := a.store.LastSamples(ctx)
	if err != nil {
		return nil, fmt.Errorf("read last samples: %w", err)
	}
	samples, err := a.store.Samples(ctx, forescale.SampleQuery{Kind: forescale.KindNode, From: a.now().Add(-recent)})
	if err != nil {
		return nil, fmt.Errorf("read node samples: %w", err)
	}
	newest := newestValues(samples)
	views := make([]NodeView, len(nodes))
	for i, n := range nodes {
		views[i] = NodeView{Name: n.Name, Type: n.Type, Address: n.Address, State: n.State, Protected: n.Protected, Managed: n.Managed, Labels: n.Labels, Cores: n.Cores, Memory: n.Memory,
			CPU: newest.of(n.Name, forescale.MetricCPU), MemoryUsed: newest.of(n.Name, forescale.MetricMemory),
			Bandwidth: newest.of(n.Name, forescale.MetricBandwidth), Disk: newest.of(n.Name, forescale.MetricDisk),
			LastSample: some(last["node/"+n.Name]), UpdatedAt: some(n.UpdatedAt)}
	}
	return pageOf(views, ""), nil
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
