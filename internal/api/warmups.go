package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/forescale/forescale"
)

func (a *API) warmupRoutes() {
	route(a, forescale.RoleRead, huma.Operation{OperationID: "list-warmups", Method: http.MethodGet, Path: "/v1/warmups",
		Summary: "Measured starts, newest first within a service", Tags: []string{"fleet"}}, []int{422}, a.listWarmups)
}

// WarmupView is one measured start.
type WarmupView struct {
	Service  string    `json:"service"`
	Instance string    `json:"instance"`
	Node     string    `json:"node"`
	Image    string    `json:"image"`
	At       time.Time `json:"at" doc:"When the start was ordered"`
	Duration string    `json:"duration" example:"1m12s" doc:"From the engine's start until ready"`
	AtOnce   int       `json:"at_once" doc:"Starts under way at the same time, this one included"`
	NodeCPU  float64   `json:"node_cpu" doc:"How busy the node was when the start was ordered, in %; 0: not known"`
}

type warmupsInput struct {
	Service string `query:"service" doc:"Only of this service"`
	Limit   int    `query:"limit" default:"50" minimum:"1" maximum:"500" doc:"The newest of each service"`
}

func (a *API) listWarmups(ctx context.Context, in *warmupsInput) (*listOutput[WarmupView], error) {
	ws, err := a.store.Warmups(ctx, in.Service, in.Limit)
	if err != nil {
		return nil, fmt.Errorf("read warm-ups: %w", err)
	}
	views := make([]WarmupView, len(ws))
	for i, w := range ws {
		views[i] = WarmupView{Service: w.Service, Instance: w.Instance, Node: w.Node, Image: w.Image, At: w.At.UTC(), Duration: w.Duration.String(), AtOnce: w.AtOnce, NodeCPU: w.NodeCPU}
	}
	return pageOf(views, ""), nil
}
