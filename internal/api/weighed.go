package api

import (
	"time"

	"github.com/forescale/forescale"
)

// WeighedView is what a decision was weighed by.
type WeighedView struct {
	Bounds     []BoundView `json:"bounds" nullable:"false" doc:"What each bound wanted"`
	Serves     float64     `json:"serves" doc:"Demand that as many as decided serve within the band, in busy instances"`
	FewerServe float64     `json:"fewer_serve" doc:"Demand that one fewer serve"`
	Demand     float64     `json:"demand" doc:"The highest that was asked for, live or within the lead time; 0: not known"`
	By         time.Time   `json:"by" doc:"What is needed before it is ordered now"`
	Since      time.Time   `json:"since" doc:"To stop one, live demand since then has to allow it"`
	Until      time.Time   `json:"until" doc:"And the forecast until then"`
	Price      *float64    `json:"price_per_hour" doc:"Of one instance; null: free, or not known"`
	Cost       *float64    `json:"cost_per_hour" doc:"What an hour costs more because of the decision; less if negative"`
	List       string      `json:"list" doc:"What each bound wanted, in words; an asterisk marks those that hold"`
	NotFewer   string      `json:"not_fewer" doc:"Why not one fewer"`
	NotMore    string      `json:"not_more" doc:"Why not one more, and what it would buy and cost"`
	Changes    []string    `json:"changes" nullable:"false" doc:"What would have to be so that one fewer, or one more, were decided"`
}

// BoundView is what one bound wanted.
type BoundView struct {
	Kind     forescale.BoundKind `json:"kind"`
	Side     forescale.Side      `json:"side" enum:"least,most"`
	Count    int                 `json:"count"`
	Demand   *float64            `json:"demand" doc:"That it goes by, in busy instances"`
	Quantile *float64            `json:"quantile" doc:"Of the forecast's demand"`
	Of       string              `json:"of" doc:"The metric, or the budget"`
	At       *time.Time          `json:"at" doc:"When the need arises, or when the bound ends"`
	Holds    bool                `json:"holds" doc:"It alone forbids one fewer, or one more"`
}

func viewWeighed(d forescale.Decision, loc *time.Location) *WeighedView {
	w := d.Weighed
	if w == nil {
		return nil
	}
	v := &WeighedView{Bounds: make([]BoundView, len(w.Bounds)), Serves: w.Serves, FewerServe: w.FewerServe, Demand: w.Demand,
		By: w.By.UTC(), Since: w.Since.UTC(), Until: w.Until.UTC(), List: d.BoundsSentence(loc),
		NotFewer: d.WhyNotFewer(loc), NotMore: d.WhyNotMore(loc), Changes: d.WhatWouldChange(loc)}
	if v.Changes == nil {
		v.Changes = []string{}
	}
	if w.Price > 0 {
		v.Price, v.Cost = number(w.Price.Float()), number(d.HourlyCost().Float())
	}
	for i, b := range w.Bounds {
		v.Bounds[i] = BoundView{Kind: b.Kind, Side: b.Side, Count: b.Count, Of: b.Of, At: some(b.At), Holds: b.Holds}
		if b.Demand != 0 {
			v.Bounds[i].Demand = number(b.Demand)
		}
		if b.Quantile != 0 {
			v.Bounds[i].Quantile = number(b.Quantile)
		}
	}
	return v
}
