package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/forescale/forescale"
)

func (a *API) runRoutes() {
	route(a, forescale.RoleRead, huma.Operation{OperationID: "list-runs", Method: http.MethodGet, Path: "/v1/runs",
		Summary: "Executions of scheduled jobs, newest first", Tags: []string{"server"}}, []int{422}, a.listRuns)
}

// RunView is one execution of a job.
type RunView struct {
	ID        string     `json:"id"`
	Kind      string     `json:"kind" example:"forecast"`
	StartedAt time.Time  `json:"started_at"`
	EndedAt   *time.Time `json:"ended_at" doc:"null: still running, or cut off"`
	Done      int        `json:"done" doc:"Services or rows"`
	Failed    int        `json:"failed" doc:"Of these"`
	Error     string     `json:"error"`
}

type runsInput struct {
	Kind  string `query:"kind" maxLength:"50" doc:"Only of this kind: forecast, import, retention"`
	Limit int    `query:"limit" default:"50" minimum:"1" maximum:"500"`
}

func (a *API) listRuns(ctx context.Context, in *runsInput) (*listOutput[RunView], error) {
	rs, err := a.store.ListRuns(ctx, in.Kind, in.Limit)
	if err != nil {
		return nil, fmt.Errorf("read runs: %w", err)
	}
	views := make([]RunView, len(rs))
	for i, r := range rs {
		views[i] = RunView{ID: r.ID, Kind: r.Kind, StartedAt: r.StartedAt.UTC(), EndedAt: some(r.EndedAt), Done: r.Done, Failed: r.Failed, Error: r.Error}
	}
	return pageOf(views, ""), nil
}
