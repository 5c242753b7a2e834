package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/forescale/forescale"
)

func (a *API) capacityRoutes() {
	route(a, forescale.RoleRead, huma.Operation{OperationID: "get-capacity", Method: http.MethodGet, Path: "/v1/services/{name}/capacity",
		Summary: "Planned against actual, as columns on one x", Tags: []string{"forecasts"},
		Description: "The default range is 2 days back and as far ahead as the forecast reaches. The step follows the range; a finer one than 1,500 points allow is widened. " +
			"Within a step demand is the mean beside its lowest and highest, ready is the lowest, starting, draining and required are the highest, wanted and planned are the last. " +
			"Steps of whole hours are read from demand by the hour, which is kept for longer than the minutes; samples that came late reach it within a quarter of an hour, and of several metrics each of mean, lowest and highest is the largest of the hour. " +
			"In the past the forecast is the one that was acted on: the newest that had been issued one lead time before the step."}, []int{404}, a.getCapacity)
}

// CapacityView is planned against actual. All columns have one value for each of Times.
type CapacityView struct {
	Service   string           `json:"service"`
	TimeZone  string           `json:"time_zone"`
	Metric    forescale.Metric `json:"metric" doc:"The primary one that demand is read from"`
	Now       time.Time        `json:"now"`
	From      time.Time        `json:"from"`
	To        time.Time        `json:"to"`
	Step      string           `json:"step" example:"1m0s"`
	Objective float64          `json:"objective"`
	Min       int              `json:"min"`
	Max       int              `json:"max"`
	Band      forescale.Band   `json:"band" nullable:"false"`
	Lead      string           `json:"lead" example:"4m40s"`
	Acting    bool             `json:"acting" doc:"false: planned is what it would do"`
	Forecast  *SummaryView     `json:"latest_forecast" doc:"The one that is drawn ahead of now"`
	Times     []int64          `json:"times" nullable:"false" doc:"Beginnings of the steps, Unix seconds"`
	Demand    column           `json:"demand" doc:"Mean, busy instances"`
	Low       column           `json:"demand_low" doc:"Lowest within the step"`
	High      column           `json:"demand_high" doc:"Highest within the step"`
	Saturated []bool           `json:"saturated" nullable:"false" doc:"Demand is at least this"`
	Median    column           `json:"forecast" doc:"Median, busy instances"`
	FLow      column           `json:"forecast_low" doc:"The objective's quantile mirrored below"`
	FHigh     column           `json:"forecast_high" doc:"The objective's quantile"`
	Ready     column           `json:"ready" doc:"Lowest within the step"`
	Starting  column           `json:"starting"`
	Draining  column           `json:"draining"`
	Wanted    column           `json:"wanted" doc:"What decisions asked for, up to now"`
	Planned   column           `json:"planned" doc:"What the plan wants, from now on"`
	Required  column           `json:"required" doc:"What the measured demand asks for; null ahead of now"`
	Decisions []DecisionView   `json:"decisions" nullable:"false" doc:"Those with actions, in the range, newest first; at most 500"`
}

type capacityInput struct {
	NameInput
	From time.Time `query:"from" doc:"Default: 2 days ago"`
	To   time.Time `query:"to" doc:"Default: as far as the forecast reaches"`
	Step string    `query:"step" example:"5m" doc:"At least 1m; default: by range"`
}

type capacityOutput struct{ Body CapacityView }

const (
	maxPoints    = 1500
	defaultPast  = 48 * time.Hour
	defaultAhead = 24 * time.Hour
	maxDecisions = 500
)

func (a *API) getCapacity(ctx context.Context, in *capacityInput) (*capacityOutput, error) {
	s, err := a.service(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	now := a.now()
	latest, err := a.primaryForecast(ctx, s)
	if err != nil {
		return nil, err
	}
	p, err := a.plan(ctx, s.Name)
	if err != nil {
		return nil, err
	}
	x, err := in.axis(now, latest)
	if err != nil {
		return nil, err
	}
	c := newChart(s, x, now, a.cfg.Interval, p)
	for _, fill := range []func(context.Context, Store) error{c.fillDemand, c.fillForecast, c.fillInstances, c.fillWanted} {
		if err := fill(ctx, a.store); err != nil {
			return nil, err
		}
	}
	c.fillPlanned(p)
	if latest != nil {
		sum := viewSummary(*latest)
		c.view.Forecast = &sum
	}
	return &capacityOutput{Body: c.view}, nil
}
