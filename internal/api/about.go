package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/forescale/forescale"
)

func (a *API) aboutRoutes() {
	route(a, forescale.RoleRead, huma.Operation{OperationID: "about", Method: http.MethodGet, Path: "/v1/about",
		Summary: "This server: its version, clock and world", Tags: []string{"server"}}, nil, a.about)
}

// AboutView is what the server says of itself.
type AboutView struct {
	Version string    `json:"version"`
	Clock   ClockView `json:"clock"`
	Zone    string    `json:"zone" doc:"IANA zone of the server"`
	World   string    `json:"world" example:"Docker Engine"`
	Mode    string    `json:"mode" doc:"open: no keys are asked for; keys: they are"`
	Server  string    `json:"server" doc:"Name of this server"`
	Leader  bool      `json:"leader" doc:"This server plans and acts"`
	Leads   LeadView  `json:"leads" doc:"The server that plans and acts"`
}

// LeadView is who leads, as far as the server asked knows.
type LeadView struct {
	Server string     `json:"server" doc:"Empty while nobody leads"`
	Fence  int64      `json:"fence" doc:"Grows with each take-over; 0 where there is but one server"`
	Since  *time.Time `json:"since" doc:"Of the take-over, by the clock of the store"`
}

// ClockView is the server's clock.
type ClockView struct {
	Now   time.Time `json:"now"`
	Speed float64   `json:"speed" doc:"Against real time; a demonstration runs faster"`
}

type aboutOutput struct{ Body AboutView }

func (a *API) about(context.Context, *struct{}) (*aboutOutput, error) {
	mode := "open"
	if a.cfg.RequireKeys {
		mode = "keys"
	}
	t, leading := a.cfg.Lead()
	return &aboutOutput{Body: AboutView{Version: a.cfg.Version, Clock: ClockView{Now: a.now(), Speed: a.cfg.Speed},
		Zone: a.zone, World: a.cfg.World, Mode: mode,
		Server: a.cfg.Server, Leader: leading, Leads: LeadView{Server: t.Holder, Fence: t.Fence, Since: some(t.Since)}}}, nil
}
