package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/forescale/forescale"
)

// WhatIfView is what a limit would buy, and the trade around it.
type WhatIfView struct {
	From   time.Time   `json:"from" doc:"When the month began"`
	Until  time.Time   `json:"until" doc:"When it ends"`
	Spent  float64     `json:"spent"`
	Asked  TradeView   `json:"asked" doc:"With the limit that was asked about"`
	Trades []TradeView `json:"trades" nullable:"false" doc:"By rising limits; the last one pays for all objectives"`
}

// TradeView is what one limit buys.
type TradeView struct {
	Limit   float64                `json:"limit"`
	Cost    float64                `json:"cost" doc:"Of the month"`
	InBand  float64                `json:"in_band" doc:"Share of the time to come in which demand is to fit the band, mean of the services weighed by what they cost"`
	Pays    bool                   `json:"pays" doc:"Whether it pays for that; false: the limit would cut deeper"`
	Lowered []LoweredObjectiveView `json:"lowered" nullable:"false" doc:"Services whose objectives would be lowered"`
}

func viewTrade(t forescale.Tradeoff) TradeView {
	return TradeView{Limit: t.Limit.Float(), Cost: t.Cost.Float(), InBand: rounded(t.InBand), Pays: t.Pays, Lowered: viewLowered(t.Lowered)}
}

type whatIfInput struct {
	Limit    float64 `query:"limit" required:"true" exclusiveMinimum:"0" doc:"Money of a calendar month"`
	Service  string  `query:"service" maxLength:"100" doc:"The budget is for this service; empty: for all"`
	TimeZone string  `query:"time_zone" default:"UTC" maxLength:"100" doc:"Whose midnights months begin at"`
}

type whatIfOutput struct{ Body WhatIfView }

func (a *API) getWhatIf(ctx context.Context, in *whatIfInput) (*whatIfOutput, error) {
	if a.cfg.WhatIf == nil {
		return nil, newProblem(http.StatusNotImplemented, "not_available", "this server cannot foresee costs", "ask one that plans")
	}
	b := forescale.Budget{Name: "what-if", Scope: forescale.BudgetAll, Limit: forescale.Amount(in.Limit), TimeZone: in.TimeZone}.WithDefaults()
	if in.Service != "" {
		b.Scope, b.Of = forescale.BudgetService, in.Service
		if _, err := a.service(ctx, in.Service); err != nil {
			return nil, err
		}
	}
	var fs forescale.Faults
	if errors.As(b.Validate(), &fs) {
		for _, f := range fs {
			f.Where = "query." + f.Where
		}
		return nil, fs
	}
	w, err := a.cfg.WhatIf(ctx, b)
	if err != nil {
		return nil, err
	}
	return &whatIfOutput{Body: WhatIfView{From: w.Now.From.UTC(), Until: w.Now.Until.UTC(), Spent: w.Now.Spent.Float(), Asked: viewTrade(w.Asked), Trades: all(w.Trades, viewTrade)}}, nil
}
