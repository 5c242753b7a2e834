package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/forescale/forescale"
)

func (a *API) budgetRoutes() {
	tags := []string{"budgets"}
	route(a, forescale.RoleRead, huma.Operation{OperationID: "list-budgets", Method: http.MethodGet, Path: "/v1/budgets",
		Summary: "Budgets by name: what is spent, bound and left, and how their months are foreseen to end", Tags: tags}, nil, a.listBudgets)
	route(a, forescale.RoleRead, huma.Operation{OperationID: "get-budget", Method: http.MethodGet, Path: "/v1/budgets/{name}",
		Summary: "One budget", Tags: tags, Description: "The ETag is the version of what is set."}, []int{404}, a.getBudget)
	route(a, forescale.RoleOperate, huma.Operation{OperationID: "put-budget", Method: http.MethodPut, Path: "/v1/budgets/{name}",
		Summary: "Set a budget", Tags: tags, MaxBodyBytes: smallBody,
		Description: "Its limit is hard from the next planning step on. What GET returns may be sent back. " +
			`"If-Match" with the ETag refuses the change when somebody else was faster, "If-None-Match: *" when the budget exists. A budget of the config file is changed there.`},
		[]int{400, 409, 412, 413, 415}, a.putBudget)
	route(a, forescale.RoleOperate, huma.Operation{OperationID: "delete-budget", Method: http.MethodDelete, Path: "/v1/budgets/{name}",
		Summary: "Forget a budget", Tags: tags, Description: "Nothing is bounded by it from the next planning step on. What was spent stays known."}, []int{404, 409, 412}, a.deleteBudget)
	route(a, forescale.RoleRead, huma.Operation{OperationID: "what-if", Method: http.MethodGet, Path: "/v1/what-if",
		Summary: "What a limit would buy for the rest of the month", Tags: tags,
		Description: "The trade between money and the share of time in band, as if this were the only budget. Nothing is set or done."}, []int{404, 422, 501}, a.getWhatIf)
}

// BudgetBody is what can be set of a budget.
type BudgetBody struct {
	Scope    forescale.BudgetScope `json:"scope,omitempty" enum:"all,service,node_type" doc:"What it is for; default all"`
	Of       string                `json:"of,omitempty" doc:"The service or node type that it is for"`
	Limit    float64               `json:"limit" minimum:"0" example:"500" doc:"Money of a calendar month, with at most six decimals"`
	TimeZone string                `json:"time_zone,omitempty" example:"Europe/Berlin" doc:"IANA name; months begin at its midnight; default UTC"`

	// What GET shows and a change ignores.
	Name      any `json:"name,omitempty" doc:"Ignored in a change"`
	Origin    any `json:"origin,omitempty" doc:"Ignored in a change"`
	Version   any `json:"version,omitempty" doc:"Ignored in a change; use If-Match"`
	UpdatedAt any `json:"updated_at,omitempty" doc:"Ignored in a change"`
	Status    any `json:"status,omitempty" doc:"Ignored in a change"`
}

// BudgetView is a budget and how it stands.
type BudgetView struct {
	Name      string                `json:"name"`
	Scope     forescale.BudgetScope `json:"scope" enum:"all,service,node_type"`
	Of        string                `json:"of"`
	Limit     float64               `json:"limit"`
	TimeZone  string                `json:"time_zone"`
	Origin    forescale.Origin      `json:"origin" enum:"config,api"`
	Version   int64                 `json:"version"`
	UpdatedAt time.Time             `json:"updated_at"`
	Status    BudgetStatusView      `json:"status"`
}

// BudgetStatusView is how a budget stands and how its month is foreseen to end.
type BudgetStatusView struct {
	From      time.Time              `json:"from" doc:"When the month began"`
	Until     time.Time              `json:"until" doc:"When it ends"`
	Spent     float64                `json:"spent" doc:"This month, started billing steps included"`
	Reserved  float64                `json:"reserved" doc:"Bound on top: min until the month's end, and what runs until it could be stopped"`
	Left      float64                `json:"left" doc:"Limit less both; below 0 when more is bound than there is"`
	Projected float64                `json:"projected" doc:"What the month would cost with no objective lowered"`
	Low       float64                `json:"projected_low" doc:"The same when demand stays at its 10 % quantile"`
	High      float64                `json:"projected_high" doc:"The same when demand stays at its 90 % quantile"`
	Paced     float64                `json:"paced" doc:"What the month will cost as objectives are lowered now"`
	MetAt     *time.Time             `json:"met_at" doc:"When projected spending passes the limit, to a day; null: not in this month"`
	Lowered   []LoweredObjectiveView `json:"lowered" nullable:"false" doc:"Services whose objectives are lowered so that the budget lasts"`
}

// LoweredObjectiveView is how far the objective of a service is lowered.
type LoweredObjectiveView struct {
	Service   string  `json:"service"`
	Stated    float64 `json:"stated" doc:"The objective as it is set"`
	Objective float64 `json:"objective" doc:"Share of the time to come in which demand is to fit the band"`
	Quantile  float64 `json:"quantile" doc:"Of demand, that hours which are not given up have room for, in their mean"`
	GivenUp   float64 `json:"given_up" doc:"Share of the time, the dearest hours first, that is not planned for"`
}

func viewBudget(o forescale.BudgetOutlook) BudgetView {
	b := o.Budget
	return BudgetView{Name: b.Name, Scope: b.Scope, Of: b.Of, Limit: b.Limit.Float(), TimeZone: b.TimeZone, Origin: b.Origin, Version: b.Version, UpdatedAt: b.UpdatedAt.UTC(),
		Status: BudgetStatusView{From: o.From.UTC(), Until: o.Until.UTC(), Spent: o.Spent.Float(), Reserved: o.Reserved.Float(), Left: o.Left().Float(),
			Projected: o.Projected.Float(), Low: o.Low.Float(), High: o.High.Float(), Paced: o.Paced.Float(), MetAt: some(o.MetAt), Lowered: viewLowered(o.Lowered)}}
}

func viewLowered(ls []forescale.LoweredObjective) []LoweredObjectiveView {
	return all(ls, func(l forescale.LoweredObjective) LoweredObjectiveView {
		return LoweredObjectiveView{l.Service, l.Stated, rounded(l.Objective), l.Quantile, rounded(l.GivenUp)}
	})
}

// budgets are all as they stand. Without somebody who foresees, they stand alone.
func (a *API) budgets(ctx context.Context) ([]forescale.BudgetOutlook, error) {
	if a.cfg.Budgets != nil {
		return a.cfg.Budgets(ctx)
	}
	bs, err := a.store.Budgets(ctx)
	if err != nil {
		return nil, fmt.Errorf("read budgets: %w", err)
	}
	out := make([]forescale.BudgetOutlook, len(bs))
	for k, b := range bs {
		out[k].Budget = b
	}
	return out, nil
}

func (a *API) listBudgets(ctx context.Context, _ *struct{}) (*listOutput[BudgetView], error) {
	bs, err := a.budgets(ctx)
	if err != nil {
		return nil, err
	}
	return pageOf(all(bs, viewBudget), ""), nil
}

// BudgetInput is the path of one budget.
type BudgetInput struct {
	Name string `path:"name" maxLength:"100" doc:"Name of the budget"`
}

type budgetOutput struct {
	Status int
	ETag   string `header:"ETag"`
	Body   BudgetView
}

func (a *API) getBudget(ctx context.Context, in *BudgetInput) (*budgetOutput, error) {
	return a.budgetAnswer(ctx, in.Name, http.StatusOK)
}

func (a *API) budgetAnswer(ctx context.Context, name string, status int) (*budgetOutput, error) {
	bs, err := a.budgets(ctx)
	if err != nil {
		return nil, err
	}
	for _, b := range bs {
		if b.Name == name {
			return &budgetOutput{Status: status, ETag: etag(b.Version), Body: viewBudget(b)}, nil
		}
	}
	return nil, unknownBudget(name)
}

func unknownBudget(name string) error {
	return &forescale.Fault{Code: "budget_unknown", What: fmt.Sprintf("there is no budget %q", name), Where: "budgets/" + name, Help: "GET /v1/budgets lists them"}
}

type putBudgetInput struct {
	BudgetInput
	IfMatch     string `header:"If-Match" doc:"Only if this is still the version"`
	IfNoneMatch string `header:"If-None-Match" doc:"*: only if there is none"`
	Body        BudgetBody
}

func (a *API) putBudget(ctx context.Context, in *putBudgetInput) (*budgetOutput, error) {
	ifVersion, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	if in.IfNoneMatch == "*" {
		ifVersion = 0
	}
	all, old, err := a.budget(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	switch {
	case old == nil && ifVersion > 0:
		return nil, budgetChanged(in.Name)
	case old != nil && ifVersion == 0:
		return nil, &forescale.Fault{Code: "budget_exists", What: fmt.Sprintf("there is a budget %q already", in.Name), Where: "budgets/" + in.Name, Help: "leave If-None-Match out to replace it; nothing was changed"}
	}
	b := forescale.Budget{Name: in.Name, Scope: in.Body.Scope, Of: in.Body.Of, Limit: forescale.Amount(in.Body.Limit), TimeZone: in.Body.TimeZone, Origin: forescale.OriginAPI, UpdatedAt: a.now()}.WithDefaults()
	if err := a.checkBudget(ctx, all, b); err != nil {
		return nil, err
	}
	_, err = a.store.PutBudget(ctx, b, ifVersion)
	if errors.Is(err, forescale.ErrConflict) {
		return nil, budgetChanged(in.Name)
	}
	if err != nil {
		return nil, fmt.Errorf("store budget: %w", err)
	}
	status := http.StatusOK
	if old == nil {
		status = http.StatusCreated
	}
	return a.budgetAnswer(ctx, in.Name, status)
}

// budget reads all and the one of that name, nil if there is none; one of the config
// file is refused, as the file would bring it back.
func (a *API) budget(ctx context.Context, name string) (all []forescale.Budget, one *forescale.Budget, err error) {
	if all, err = a.store.Budgets(ctx); err != nil {
		return nil, nil, fmt.Errorf("read budgets: %w", err)
	}
	for k := range all {
		if all[k].Name == name {
			one = &all[k]
		}
	}
	if one != nil && one.Origin == forescale.OriginConfig {
		return nil, nil, &forescale.Fault{Code: "budget_of_config", Where: "budgets/" + name, What: name + " is a budget of the config file", Help: "change it there; nothing was changed"}
	}
	return all, one, nil
}

// checkBudget finds what is wrong with a budget, alone and beside what there is.
func (a *API) checkBudget(ctx context.Context, all []forescale.Budget, b forescale.Budget) error {
	var fs forescale.Faults
	if errors.As(b.Validate(), &fs) {
		for _, f := range fs {
			f.Where = "body." + f.Where
		}
		return fs
	}
	services, err := a.store.ListServices(ctx)
	if err != nil {
		return fmt.Errorf("read services: %w", err)
	}
	types, err := a.store.NodeTypes(ctx)
	if err != nil {
		return fmt.Errorf("read node types: %w", err)
	}
	rest := slices.DeleteFunc(slices.Clone(all), func(x forescale.Budget) bool { return x.Name == b.Name })
	if !errors.As(forescale.CheckBudgets(append(rest, b), services, types), &fs) {
		return nil
	}
	var own forescale.Faults
	for _, f := range fs {
		if field, ok := strings.CutPrefix(f.Where, b.Name+"."); ok { // those of others were there before
			f.Where = "body." + field
			own = append(own, f)
		}
	}
	return own.OrNil()
}

func budgetChanged(name string) error {
	return &forescale.Fault{Code: "changed_meanwhile", Where: "budgets/" + name, What: name + " was changed after you read it",
		Help: "read it again and repeat the change with its new ETag; nothing was changed", Err: forescale.ErrConflict}
}

type deleteBudgetInput struct {
	BudgetInput
	IfMatch string `header:"If-Match" doc:"Only if this is still the version"`
}

func (a *API) deleteBudget(ctx context.Context, in *deleteBudgetInput) (*struct{}, error) {
	ifVersion, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	_, old, err := a.budget(ctx, in.Name)
	switch {
	case err != nil:
		return nil, err
	case old == nil:
		return nil, unknownBudget(in.Name)
	case ifVersion > 0 && ifVersion != old.Version:
		return nil, budgetChanged(in.Name)
	}
	if err := a.store.DeleteBudget(ctx, in.Name); err != nil {
		return nil, fmt.Errorf("delete budget: %w", err)
	}
	return nil, nil
}
