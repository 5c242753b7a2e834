package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/forescale/forescale"
)

func (a *API) decisionRoutes() {
	route(a, forescale.RoleRead, huma.Operation{OperationID: "list-decisions", Method: http.MethodGet, Path: "/v1/decisions",
		Summary: "Decisions, newest first", Tags: []string{"plans"}}, []int{422}, a.listDecisions)
	route(a, forescale.RoleRead, huma.Operation{OperationID: "list-decisions-of-service", Method: http.MethodGet, Path: "/v1/services/{name}/decisions",
		Summary: "Decisions of one service, newest first, with what each bound wanted", Tags: []string{"plans"}}, []int{404, 422}, a.listServiceDecisions)
	route(a, forescale.RoleRead, huma.Operation{OperationID: "get-decision", Method: http.MethodGet, Path: "/v1/decisions/{id}",
		Summary: "One decision, by its id or a unique prefix", Tags: []string{"plans"}}, []int{404, 409}, a.getDecision)
}

// DecisionView is a decision with its reasons in words.
type DecisionView struct {
	ID       string             `json:"id" example:"dec_01jd7k0q0rf3v9wx"`
	Service  string             `json:"service"`
	At       time.Time          `json:"at"`
	Mode     forescale.Mode     `json:"mode"`
	From     int                `json:"from" doc:"Supply before: ready and starting"`
	To       int                `json:"to" doc:"Wanted now"`
	Required int                `json:"required" doc:"What the demand asks for, before limits"`
	Metric   forescale.Metric   `json:"metric"`
	Code     forescale.Code     `json:"code" doc:"The reason that decided"`
	Message  string             `json:"message" doc:"The decision in one sentence"`
	Reasons  []ReasonView       `json:"reasons" nullable:"false"`
	Actions  []forescale.Action `json:"actions" nullable:"false"`
	Outcome  forescale.Outcome  `json:"outcome"`
	Error    string             `json:"error"`
	EndedAt  *time.Time         `json:"ended_at"`
	Repeats  int                `json:"repeats" doc:"How often the same was decided again"`
	LastAt   *time.Time         `json:"last_at" doc:"When last"`
	Fence    int64              `json:"fence" doc:"Of the leader that recorded it; 0 where there is but one server"`
	InWords  *DecisionWords     `json:"in_words,omitempty" doc:"From the need to the count, in words; where weighed is told"`
	Weighed  *WeighedView       `json:"weighed,omitempty" doc:"What it was weighed by; absent in lists of all services and in the status of one, and where nothing was weighed"`
}

// DecisionWords tell a decision from the need before limits to the count in the end;
// the limits between are the reasons after the first.
type DecisionWords struct {
	Required string `json:"required" example:"7: 5.2 / 7 = 74 %, limit 75 %"`
	Final    string `json:"final" example:"7 instances"`
	LeadTime string `json:"lead_time" doc:"Empty where it did not matter"`
	Cost     string `json:"cost" example:"+0.375 an hour (3 × 0.125)" doc:"Empty where nothing changes, or no price is known"`
}

// ReasonView is one reason with its numbers and in words.
type ReasonView struct {
	Code    forescale.Code       `json:"code"`
	Message string               `json:"message"`
	Numbers map[string]float64   `json:"numbers"`
	Times   map[string]time.Time `json:"times"`
	Words   map[string]string    `json:"words"`
}

// viewDecision writes a decision in the local time of its service.
func viewDecision(d forescale.Decision, loc *time.Location) DecisionView {
	v := DecisionView{ID: d.ID, Service: d.Service, At: d.At.UTC(), Mode: d.Mode, From: d.From, To: d.To, Required: d.Required,
		Metric: d.Metric, Code: d.Code(), Message: d.Sentence(loc), Reasons: []ReasonView{}, Actions: d.Actions,
		Outcome: d.Outcome, Error: d.Error, EndedAt: some(d.EndedAt), Repeats: d.Repeats, LastAt: some(d.LastAt), Fence: d.Fence, Weighed: viewWeighed(d, loc)}
	if v.Actions == nil {
		v.Actions = []forescale.Action{}
	}
	for i, r := range d.Reasons {
		v.Reasons = append(v.Reasons, ReasonView{Code: r.Code, Message: d.ReasonSentence(i, loc), Numbers: finite(r.Numbers), Times: notNil(r.Times), Words: notNil(r.Words)})
	}
	return v
}

// viewWhole is a decision as it is told by itself: in words, from the need to the count.
func viewWhole(d forescale.Decision, z zones) DecisionView {
	v := viewDecision(d, z.of(d.Service))
	v.InWords = &DecisionWords{Required: d.RequiredWords(z[d.Service].band), Final: d.FinalWords(), LeadTime: d.LeadWords(), Cost: d.CostWords()}
	return v
}

// finite leaves out what JSON cannot write.
func finite(ns map[string]float64) map[string]float64 {
	out := make(map[string]float64, len(ns))
	for k, v := range ns {
		if p := number(v); p != nil {
			out[k] = *p
		}
	}
	return out
}

func notNil[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	return m
}

// DecisionsPage picks decisions of a list.
type DecisionsPage struct {
	From   time.Time `query:"from" doc:"Only those made at or after this time"`
	To     time.Time `query:"to" doc:"Only those made before this time"`
	Acted  bool      `query:"acted" doc:"Only those with actions"`
	Limit  int       `query:"limit" default:"50" minimum:"1" maximum:"500"`
	Cursor string    `query:"cursor" maxLength:"200"`
}

type decisionsInput struct {
	Service string `query:"service" doc:"Only of this service"`
	DecisionsPage
}

func (a *API) listDecisions(ctx context.Context, in *decisionsInput) (*listOutput[DecisionView], error) {
	return a.pageOfDecisions(ctx, in.Service, in.DecisionsPage, false)
}

type serviceDecisionsInput struct {
	NameInput
	DecisionsPage
}

func (a *API) listServiceDecisions(ctx context.Context, in *serviceDecisionsInput) (*listOutput[DecisionView], error) {
	if _, err := a.service(ctx, in.Name); err != nil {
		return nil, err
	}
	return a.pageOfDecisions(ctx, in.Name, in.DecisionsPage, true)
}

func (a *API) pageOfDecisions(ctx context.Context, service string, in DecisionsPage, weighed bool) (*listOutput[DecisionView], error) {
	before, err := decodeCursor(in.Cursor)
	if err != nil {
		return nil, err
	}
	// One more than asked for tells whether there is another page.
	ds, err := a.store.Decisions(ctx, forescale.DecisionQuery{Service: service, From: in.From, To: in.To, Before: before, Acted: in.Acted, Weighed: weighed, Limit: in.Limit + 1})
	if err != nil {
		return nil, fmt.Errorf("read decisions: %w", err)
	}
	next := ""
	if len(ds) > in.Limit {
		ds = ds[:in.Limit]
		next = encodeCursor(ds[in.Limit-1].ID)
	}
	zones, err := a.zones(ctx, service)
	if err != nil {
		return nil, err
	}
	views := make([]DecisionView, len(ds))
	for i, d := range ds {
		if weighed {
			views[i] = viewWhole(d, zones)
		} else {
			views[i] = viewDecision(d, zones.of(d.Service))
		}
	}
	return pageOf(views, next), nil
}

type decisionInput struct {
	ID string `path:"id" maxLength:"100" doc:"A whole id or a unique prefix; \"dec_\" may be left out"`
}

type decisionOutput struct{ Body DecisionView }

func (a *API) getDecision(ctx context.Context, in *decisionInput) (*decisionOutput, error) {
	id := in.ID
	if !strings.HasPrefix(id, "dec_") {
		id = "dec_" + id
	}
	ds, err := a.store.Decisions(ctx, forescale.DecisionQuery{ID: strings.ToLower(id), Weighed: true, Limit: 1})
	if err != nil && !errors.Is(err, forescale.ErrNotFound) {
		return nil, fmt.Errorf("read decision: %w", err)
	}
	if len(ds) == 0 {
		return nil, &forescale.Fault{Code: "decision_unknown", What: fmt.Sprintf("no decision begins with %q", in.ID), Where: "path.id", Help: "GET /v1/decisions lists them"}
	}
	zones, err := a.zones(ctx, ds[0].Service)
	if err != nil {
		return nil, err
	}
	return &decisionOutput{Body: viewWhole(ds[0], zones)}, nil
}

// zones are what decisions are told with, by service.
type zones map[string]zoned

// zoned is the time zone of a service, and its band.
type zoned struct {
	loc  *time.Location
	band forescale.Band
}

func (z zones) of(service string) *time.Location {
	if s, ok := z[service]; ok {
		return s.loc
	}
	return time.UTC // a service that was deleted
}

// zones reads the zone of one service, or of all when service is "".
func (a *API) zones(ctx context.Context, service string) (zones, error) {
	if service != "" {
		s, err := a.store.Service(ctx, service)
		if errors.Is(err, forescale.ErrNotFound) {
			return zones{}, nil // its history stays readable
		}
		if err != nil {
			return nil, fmt.Errorf("read service: %w", err)
		}
		return zones{service: {s.Location(), s.Band}}, nil
	}
	ss, err := a.store.ListServices(ctx)
	if err != nil {
		return nil, fmt.Errorf("read services: %w", err)
	}
	z := make(zones, len(ss))
	for _, s := range ss {
		z[s.Name] = zoned{s.Location(), s.Band}
	}
	return z, nil
}
