package api

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/forescale/forescale"
)

func (a *API) instanceRoutes() {
	route(a, forescale.RoleRead, huma.Operation{OperationID: "list-instances", Method: http.MethodGet, Path: "/v1/instances",
		Summary: "Instances that run, or that ended within the hour", Tags: []string{"fleet"},
		Description: "With sort=load the least utilized comes first, for load balancers; instances without a fresh sample come last."}, []int{422}, a.listInstances)
}

// InstanceView is one running copy of a service.
type InstanceView struct {
	ID          string                  `json:"id"`
	Service     string                  `json:"service"`
	Node        string                  `json:"node"`
	State       forescale.InstanceState `json:"state"`
	Origin      forescale.Origin        `json:"origin"`
	Address     string                  `json:"address" doc:"host:port; empty while not known"`
	Utilization *float64                `json:"utilization" doc:"Newest, in %; null without a sample in the last 5 minutes. CPU where none is pushed"`
	Load        *float64                `json:"load" doc:"Newest, in its own unit"`
	OrderedAt   *time.Time              `json:"ordered_at"`
	StartedAt   *time.Time              `json:"started_at"`
	ReadyAt     *time.Time              `json:"ready_at"`
	Unready     *time.Time              `json:"unready_since" doc:"Since when a ready one takes no load, as its readiness probe or health check fails; null: it takes load"`
	DrainingAt  *time.Time              `json:"draining_at"`
	StoppedAt   *time.Time              `json:"stopped_at"`
	Failure     string                  `json:"failure"`
	Revision    string                  `json:"revision" doc:"Of the template that it was made from; empty where there are no roll-outs"`
}

type instancesInput struct {
	Service string `query:"service" doc:"Only of this service"`
	State   string `query:"state" enum:"starting,ready,draining,stopped,failed" doc:"Only in this state; ready: only those that take load"`
	Sort    string `query:"sort" enum:"name,load" default:"name" doc:"load: least utilized first"`
	Limit   int    `query:"limit" default:"1000" minimum:"1" maximum:"10000"`
	Cursor  string `query:"cursor" maxLength:"400"`
}

func (a *API) listInstances(ctx context.Context, in *instancesInput) (*listOutput[InstanceView], error) {
	now := a.now()
	state := forescale.InstanceState(in.State)
	q := forescale.InstanceQuery{Service: in.Service, Live: state.Live()}
	if !q.Live {
		q.Since = now.Add(-time.Hour)
	}
	is, err := a.store.Instances(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("read instances: %w", err)
	}
	samples, err := a.store.Samples(ctx, forescale.SampleQuery{Kind: forescale.KindInstance, Service: in.Service, From: now.Add(-recent)})
	if err != nil {
		return nil, fmt.Errorf("read instance samples: %w", err)
	}
	newest := newestValues(samples)
	views := make([]InstanceView, 0, len(is))
	for _, i := range is {
		if state == "" || i.State == state && (state != forescale.InstanceReady || i.Supply(now)) {
			views = append(views, viewInstance(i, newest))
		}
	}
	key := func(v InstanceView) string { return v.Service + "/" + v.ID }
	if in.Sort == "load" {
		key = func(v InstanceView) string { return loadKey(v) + "/" + v.ID }
	}
	slices.SortFunc(views, func(x, y InstanceView) int { return cmp.Compare(key(x), key(y)) })
	views, next, err := cut(views, key, in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	return pageOf(views, next), nil
}

// loadKey sorts by utilization as text: fixed width, unknown last.
func loadKey(v InstanceView) string {
	if v.Utilization == nil {
		return "~"
	}
	return fmt.Sprintf("%12.4f", *v.Utilization)
}

func viewInstance(i forescale.Instance, newest values) InstanceView {
	utilization := newest.of(i.ID, forescale.MetricUtilization)
	if utilization == nil {
		utilization = newest.of(i.ID, forescale.MetricCPU)
	}
	return InstanceView{ID: i.ID, Service: i.Service, Node: i.Node, State: i.State, Origin: i.Origin, Address: i.Address,
		Utilization: utilization, Load: newest.of(i.ID, forescale.MetricLoad),
		OrderedAt: some(i.OrderedAt), StartedAt: some(i.StartedAt), ReadyAt: some(i.ReadyAt), Unready: some(i.UnreadySince), DrainingAt: some(i.DrainingAt), StoppedAt: some(i.StoppedAt),
		Failure: i.Failure, Revision: i.Revision}
}
