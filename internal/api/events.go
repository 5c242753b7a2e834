package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/forescale/forescale"
)

func (a *API) eventRoutes() {
	tags := []string{"forecasts"}
	route(a, forescale.RoleRead, huma.Operation{OperationID: "list-events", Method: http.MethodGet, Path: "/v1/events",
		Summary: "Times that are unlike others, by their begin", Tags: tags}, []int{422}, a.listEvents)
	route(a, forescale.RoleOperate, huma.Operation{OperationID: "put-event", Method: http.MethodPost, Path: "/v1/events",
		Summary: "Tell of a time that is, was or will be unlike others", Tags: tags, DefaultStatus: http.StatusCreated, MaxBodyBytes: smallBody,
		Description: "One of the same name is replaced. Forecasts count it from the next one on."}, []int{400, 404, 409, 413, 415}, a.putEvent)
	route(a, forescale.RoleOperate, huma.Operation{OperationID: "delete-event", Method: http.MethodDelete, Path: "/v1/events/{name}",
		Summary: "Forget an event", Tags: tags}, []int{404, 409}, a.deleteEvent)
}

// EventView is a time that is unlike others.
type EventView struct {
	Name     string           `json:"name"`
	Service  string           `json:"service" doc:"Empty: all services"`
	From     time.Time        `json:"from"`
	Until    time.Time        `json:"until"`
	Factor   float64          `json:"factor" doc:"How many times the usual demand is asked for"`
	LeaveOut bool             `json:"leave_out" doc:"What was measured then is no example and is not learned from"`
	Origin   forescale.Origin `json:"origin" enum:"config,api"`
}

func viewEvent(e forescale.Event) EventView {
	return EventView{Name: e.Name, Service: e.Service, From: e.From.UTC(), Until: e.Until.UTC(), Factor: e.Factor, LeaveOut: e.LeaveOut, Origin: e.Origin}
}

// recentEvents is how long an event that is over is listed: forecasts learn from as long.
const recentEvents = 28 * day

type eventsInput struct {
	All bool `query:"all" doc:"Also those that ended more than 28 days ago"`
}

func (a *API) listEvents(ctx context.Context, in *eventsInput) (*listOutput[EventView], error) {
	since := a.now().Add(-recentEvents)
	if in.All {
		since = time.Time{}
	}
	es, err := a.store.Events(ctx, since)
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	views := make([]EventView, len(es))
	for i, e := range es {
		views[i] = viewEvent(e)
	}
	return pageOf(views, ""), nil
}

type eventInput struct {
	Body struct {
		Name     string    `json:"name" example:"tv-spot" doc:"Unique; lower-case letters, digits and inner hyphens"`
		Service  string    `json:"service,omitempty" doc:"Empty: all services"`
		From     time.Time `json:"from"`
		Until    time.Time `json:"until" doc:"At most 92 days later"`
		Factor   *float64  `json:"factor,omitempty" example:"1.6" doc:"How many times the usual demand, 0 to 100; default 1"`
		LeaveOut bool      `json:"leave_out,omitempty" doc:"Do not learn from what was measured then; factor means nothing"`
	}
}

type eventOutput struct{ Body EventView }

func (a *API) putEvent(ctx context.Context, in *eventInput) (*eventOutput, error) {
	b := in.Body
	e := forescale.Event{Name: b.Name, Service: b.Service, From: b.From.UTC(), Until: b.Until.UTC(), Factor: 1, LeaveOut: b.LeaveOut, Origin: forescale.OriginAPI}
	if b.Factor != nil {
		e.Factor = *b.Factor
	}
	var fs forescale.Faults
	if errors.As(e.Validate(), &fs) {
		for _, f := range fs {
			f.Where = "body." + f.Where
		}
		return nil, fs
	}
	if e.Service != "" {
		if _, err := a.service(ctx, e.Service); err != nil {
			return nil, err
		}
	}
	if err := a.notOfConfig(ctx, e.Name); err != nil {
		return nil, err
	}
	if err := a.store.PutEvent(ctx, e); err != nil {
		return nil, fmt.Errorf("store event: %w", err)
	}
	return &eventOutput{Body: viewEvent(e)}, nil
}

// notOfConfig refuses what the config file would bring back.
func (a *API) notOfConfig(ctx context.Context, name string) error {
	es, err := a.store.Events(ctx, time.Time{})
	if err != nil {
		return fmt.Errorf("read events: %w", err)
	}
	for _, e := range es {
		if e.Name == name && e.Origin == forescale.OriginConfig {
			return &forescale.Fault{Code: "event_of_config", Where: "events/" + name, What: name + " is an event of the config file", Help: "change it there; nothing was changed"}
		}
	}
	return nil
}

type eventNameInput struct {
	Name string `path:"name" maxLength:"100"`
}

func (a *API) deleteEvent(ctx context.Context, in *eventNameInput) (*struct{}, error) {
	if err := a.notOfConfig(ctx, in.Name); err != nil {
		return nil, err
	}
	err := a.store.DeleteEvent(ctx, in.Name)
	if errors.Is(err, forescale.ErrNotFound) {
		return nil, &forescale.Fault{Code: "event_unknown", What: "there is no event " + in.Name, Where: "path.name", Help: "GET /v1/events lists them"}
	}
	if err != nil {
		return nil, fmt.Errorf("delete event: %w", err)
	}
	return nil, nil
}
