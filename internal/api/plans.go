package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/forescale/forescale"
)

func (a *API) planRoutes() {
	tags := []string{"plans"}
	route(a, forescale.RoleRead, huma.Operation{OperationID: "list-plans", Method: http.MethodGet, Path: "/v1/plans",
		Summary: "The newest plan of each service", Tags: tags}, []int{422}, a.listPlans)
	route(a, forescale.RoleRead, huma.Operation{OperationID: "get-plan", Method: http.MethodGet, Path: "/v1/services/{name}/plan",
		Summary: "The newest plan of one service", Tags: tags}, []int{404}, a.getPlan)
}

// PlanView is what is wanted of one service from now on.
type PlanView struct {
	Service string       `json:"service"`
	MadeAt  time.Time    `json:"made_at"`
	Lead    string       `json:"lead" example:"4m40s" doc:"From ordering an instance until it is ready, and one planning step"`
	Until   *time.Time   `json:"until" doc:"How far the forecast reaches"`
	Acting  bool         `json:"acting" doc:"false: this is what it would do"`
	Changes []ChangeView `json:"changes" nullable:"false" doc:"By time; the first is now"`
}

// ChangeView is one step of the wanted count.
type ChangeView struct {
	At       time.Time      `json:"at" doc:"When the order goes out"`
	Wanted   int            `json:"wanted" doc:"From then on"`
	Required int            `json:"required" doc:"At the demand it is for"`
	Demand   *float64       `json:"demand" doc:"The objective's quantile, in busy instances"`
	Code     forescale.Code `json:"code"`
	Message  string         `json:"message"`
}

func viewPlan(p forescale.ServicePlan, loc *time.Location) PlanView {
	v := PlanView{Service: p.Service, MadeAt: p.MadeAt.UTC(), Lead: p.Lead.String(), Until: some(p.Until), Acting: p.Acting, Changes: make([]ChangeView, len(p.Changes))}
	for i, c := range p.Changes {
		v.Changes[i] = ChangeView{At: c.At.UTC(), Wanted: c.Wanted, Required: c.Required, Demand: number(c.Demand), Code: c.Code, Message: p.ChangeSentence(i, loc)}
	}
	return v
}

type plansInput struct {
	Limit  int    `query:"limit" default:"1000" minimum:"1" maximum:"10000"`
	Cursor string `query:"cursor" maxLength:"200"`
}

func (a *API) listPlans(ctx context.Context, in *plansInput) (*listOutput[PlanView], error) {
	ps, err := a.store.LatestPlans(ctx)
	if err != nil {
		return nil, fmt.Errorf("read plans: %w", err)
	}
	ps, next, err := cut(ps, func(p forescale.ServicePlan) string { return p.Service }, in.Cursor, in.Limit)
	if err != nil {
		return nil, err
	}
	zones, err := a.zones(ctx, "")
	if err != nil {
		return nil, err
	}
	views := make([]PlanView, len(ps))
	for i, p := range ps {
		views[i] = viewPlan(p, zones.of(p.Service))
	}
	return pageOf(views, next), nil
}

type planOutput struct{ Body PlanView }

func (a *API) getPlan(ctx context.Context, in *NameInput) (*planOutput, error) {
	s, err := a.service(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	p, err := a.plan(ctx, s.Name)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return nil, &forescale.Fault{Code: "plan_unknown", What: fmt.Sprintf("there is no plan of %s yet", s.Name), Where: "path.name",
			Help: "a plan is made every planning step unless the mode is off"}
	}
	return &planOutput{Body: viewPlan(*p, s.Location())}, nil
}

// plan is the newest plan of a service, nil when there is none.
func (a *API) plan(ctx context.Context, service string) (*forescale.ServicePlan, error) {
	ps, err := a.store.LatestPlans(ctx, service)
	if err != nil {
		return nil, fmt.Errorf("read plans: %w", err)
	}
	if len(ps) == 0 {
		return nil, nil
	}
	return &ps[0], nil
}
