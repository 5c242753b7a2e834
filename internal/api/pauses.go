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

func (a *API) pauseRoutes() {
	tags := []string{"services"}
	route(a, forescale.RoleRead, huma.Operation{OperationID: "list-pauses", Method: http.MethodGet, Path: "/v1/pauses",
		Summary: "Pauses that have not ended", Tags: tags}, nil, a.listPauses)
	route(a, forescale.RoleOperate, huma.Operation{OperationID: "pause", Method: http.MethodPost, Path: "/v1/pauses",
		Summary: "Stop all effects on a service, or on all, for a while", Tags: tags, DefaultStatus: http.StatusCreated, MaxBodyBytes: smallBody}, []int{400, 404, 413, 415}, a.pause)
	route(a, forescale.RoleOperate, huma.Operation{OperationID: "resume", Method: http.MethodDelete, Path: "/v1/pauses/{service}",
		Summary: "End a pause", Description: `"-" ends the pause of all services.`, Tags: tags}, []int{404}, a.resume)
}

// smallBody bounds the body of everything but a push.
const smallBody = 256 << 10

// PauseView is a pause.
type PauseView struct {
	Service string    `json:"service" doc:"Empty: all services"`
	By      string    `json:"by"`
	Note    string    `json:"note"`
	Since   time.Time `json:"since"`
	Until   time.Time `json:"until"`
}

func viewPause(p forescale.Pause) PauseView {
	return PauseView{Service: p.Service, By: p.By, Note: p.Note, Since: p.Since.UTC(), Until: p.Until.UTC()}
}

func (a *API) listPauses(ctx context.Context, _ *struct{}) (*listOutput[PauseView], error) {
	ps, err := a.store.Pauses(ctx, a.now())
	if err != nil {
		return nil, fmt.Errorf("read pauses: %w", err)
	}
	views := make([]PauseView, len(ps))
	for i, p := range ps {
		views[i] = viewPause(p)
	}
	return pageOf(views, ""), nil
}

type pauseInput struct {
	Body struct {
		Service string    `json:"service,omitempty" doc:"Empty: all services"`
		For     string    `json:"for,omitempty" example:"2h" doc:"How long; this or until"`
		Until   time.Time `json:"until,omitzero" doc:"Until when; this or for"`
		Note    string    `json:"note,omitempty" maxLength:"500" doc:"Why, for the others"`
		By      string    `json:"by,omitempty" maxLength:"100" doc:"Who; with a key its name is used"`
	}
}

type pauseOutput struct{ Body PauseView }

// maxPause keeps a pause from being a switch that everybody forgot.
const maxPause = 90 * 24 * time.Hour

func (a *API) pause(ctx context.Context, in *pauseInput) (*pauseOutput, error) {
	now, b := a.now(), in.Body
	until, err := pauseEnd(now, b.For, b.Until)
	if err != nil {
		return nil, err
	}
	if b.Service != "" {
		if _, err := a.service(ctx, b.Service); err != nil {
			return nil, err
		}
	}
	p := forescale.Pause{Service: b.Service, By: a.asker(ctx, b.By), Note: b.Note, Since: now, Until: until}
	if err := a.store.PutPause(ctx, p); err != nil {
		return nil, fmt.Errorf("store pause: %w", err)
	}
	return &pauseOutput{Body: viewPause(p)}, nil
}

// asker is who asks: the name of the key, or without keys whoever is said.
func (a *API) asker(ctx context.Context, said string) string {
	if !a.cfg.RequireKeys && said != "" {
		return said
	}
	return keyOf(ctx).Name
}

func pauseEnd(now time.Time, length string, until time.Time) (time.Time, error) {
	bad := func(where, what string) (time.Time, error) {
		return time.Time{}, &forescale.Fault{Code: "pause_invalid", Where: where, What: what,
			Help: `give "for", such as "2h", or "until", a time ahead; at most 90 days. Nothing was paused`}
	}
	where := "body.until"
	switch {
	case length != "" && !until.IsZero():
		return bad("body", "both for and until are given")
	case length == "" && until.IsZero():
		return bad("body", "a pause needs an end")
	case length != "":
		d, err := time.ParseDuration(length)
		if err != nil {
			return bad("body.for", fmt.Sprintf("%q is not a duration", length))
		}
		until, where = now.Add(d), "body.for"
	}
	switch {
	case !until.After(now):
		return bad(where, "the pause would end before it begins")
	case until.Sub(now) > maxPause:
		return bad(where, "the pause would last longer than 90 days")
	}
	return until.UTC(), nil
}

type resumeInput struct {
	Service string `path:"service" maxLength:"100"`
}

func (a *API) resume(ctx context.Context, in *resumeInput) (*struct{}, error) {
	service := in.Service
	if service == "-" {
		service = ""
	}
	err := a.store.EndPause(ctx, service)
	if errors.Is(err, forescale.ErrNotFound) {
		return nil, &forescale.Fault{Code: "pause_unknown", What: "it is not paused", Where: "path.service", Help: "GET /v1/pauses lists what is"}
	}
	if err != nil {
		return nil, fmt.Errorf("end pause: %w", err)
	}
	return nil, nil
}
