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
		Summary: "Executions of jobs, newest first", Tags: []string{"server"}}, []int{422}, a.listRuns)
	route(a, forescale.RoleRead, huma.Operation{OperationID: "list-schedules", Method: http.MethodGet, Path: "/v1/schedules",
		Summary: "The jobs that come due again and again, and when next", Tags: []string{"server"}}, nil, a.listSchedules)
}

// RunView is one execution of a job, or of one batch of its services.
type RunView struct {
	ID        string             `json:"id"`
	Kind      string             `json:"kind" example:"forecast"`
	State     forescale.RunState `json:"state" enum:"running,retrying,done,failed"`
	Server    string             `json:"server" doc:"Who runs it; of the last attempt"`
	DueAt     *time.Time         `json:"due_at" doc:"When its schedule wanted it; null: asked for by hand"`
	StartedAt time.Time          `json:"started_at" doc:"Of the first attempt"`
	EndedAt   *time.Time         `json:"ended_at" doc:"null: still running, or cut off"`
	Attempt   int                `json:"attempt" doc:"The first is 1; 0: not counted"`
	Done      int                `json:"done" doc:"Services or rows"`
	Failed    int                `json:"failed" doc:"Of these"`
	Error     string             `json:"error"`
}

type runsInput struct {
	Kind   string `query:"kind" maxLength:"50" doc:"Only of this kind: forecast, import, retention"`
	Limit  int    `query:"limit" default:"50" minimum:"1" maximum:"500"`
	Cursor string `query:"cursor" maxLength:"200"`
}

func (a *API) listRuns(ctx context.Context, in *runsInput) (*listOutput[RunView], error) {
	before, err := decodeCursor(in.Cursor)
	if err != nil {
		return nil, err
	}
	// One more than asked for tells whether there is another page.
	rs, err := a.store.ListRuns(ctx, forescale.RunQuery{Kind: in.Kind, Before: before, Limit: in.Limit + 1})
	if err != nil {
		return nil, fmt.Errorf("read runs: %w", err)
	}
	next := ""
	if len(rs) > in.Limit {
		rs = rs[:in.Limit]
		next = encodeCursor(rs[in.Limit-1].ID)
	}
	views := make([]RunView, len(rs))
	for i, r := range rs {
		views[i] = RunView{ID: r.ID, Kind: r.Kind, State: r.State, Server: r.Server, DueAt: some(r.DueAt), StartedAt: r.StartedAt.UTC(),
			EndedAt: some(r.EndedAt), Attempt: r.Attempt, Done: r.Done, Failed: r.Failed, Error: r.Error}
	}
	return pageOf(views, next), nil
}

// Schedule is a job that comes due again and again.
type Schedule struct {
	Job      string    `json:"job" example:"forecast"`
	Schedule string    `json:"schedule" example:"*/15 * * * *" doc:"A cron expression, or an even pace such as \"every 15m0s\""`
	TimeZone string    `json:"time_zone" doc:"Of the cron expression"`
	NextAt   time.Time `json:"next_at"`
}

func (a *API) listSchedules(context.Context, *struct{}) (*listOutput[Schedule], error) {
	if a.cfg.Schedules == nil {
		return pageOf[Schedule](nil, ""), nil
	}
	return pageOf(a.cfg.Schedules(a.now()), ""), nil
}
