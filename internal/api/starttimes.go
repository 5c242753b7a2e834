package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/forescale/forescale"
)

func (a *API) startTimeRoutes() {
	route(a, forescale.RoleRead, huma.Operation{OperationID: "get-warmups", Method: http.MethodGet, Path: "/v1/services/{name}/warmups",
		Summary: "How long starts and cool-downs take, as learned", Tags: []string{"services"}}, []int{404}, a.getStartTimes)
}

// StartTimesView is what was learned of one service.
type StartTimesView struct {
	Service  string     `json:"service"`
	Warmup   LapsesView `json:"warmup" doc:"From the engine's start until ready"`
	Cooldown LapsesView `json:"cooldown" doc:"From the drain until stopped and removed"`
}

// LapsesView is how long one thing takes.
type LapsesView struct {
	Declared  string     `json:"declared" example:"1m30s"`
	Measured  int        `json:"measured" doc:"How many it was learned from; 0 while nothing was learned"`
	LearnedAt *time.Time `json:"learned_at,omitempty"`
	Shortest  string     `json:"shortest,omitempty" doc:"Ever measured"`
	Longest   string     `json:"longest,omitempty" doc:"Ever measured"`
	Gain      float64    `json:"gain" doc:"How much smaller the loss of the quantiles is with the conditions than without; 0: there are none"`
	Cases     []CaseView `json:"cases" nullable:"false" doc:"What it depends on: one case without conditions when nothing was found"`
}

// CaseView is a leaf of the tree.
type CaseView struct {
	When      []ConditionView `json:"when" nullable:"false" doc:"All of these hold"`
	Count     int             `json:"count" doc:"How many were measured in this case"`
	Quantiles []QuantileView  `json:"quantiles" nullable:"false"`
}

// ConditionView is one condition of a case.
type ConditionView struct {
	Feature string  `json:"feature" example:"at_once"`
	Is      string  `json:"is" enum:"below,at_least"`
	Value   float64 `json:"value"`
}

// QuantileView is what a share of all keeps.
type QuantileView struct {
	Quantile float64 `json:"quantile" example:"0.9"`
	Duration string  `json:"duration" example:"1m12s"`
}

type startTimesOutput struct{ Body StartTimesView }

func (a *API) getStartTimes(ctx context.Context, in *NameInput) (*startTimesOutput, error) {
	s, err := a.service(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	all, err := a.store.Learned(ctx, s.Name, time.Time{})
	if err != nil {
		return nil, fmt.Errorf("read what was learned: %w", err)
	}
	v := StartTimesView{Service: s.Name, Warmup: LapsesView{Declared: s.Warmup.String(), Cases: []CaseView{}}, Cooldown: LapsesView{Declared: s.Cooldown.String(), Cases: []CaseView{}}}
	for _, l := range all {
		switch l.Kind {
		case forescale.LapseWarmup:
			v.Warmup = viewLapses(v.Warmup.Declared, l)
		case forescale.LapseCooldown:
			v.Cooldown = viewLapses(v.Cooldown.Declared, l)
		}
	}
	return &startTimesOutput{Body: v}, nil
}

func viewLapses(declared string, l forescale.LearnedTimes) LapsesView {
	at := l.At.UTC()
	v := LapsesView{Declared: declared, Measured: l.Measured, LearnedAt: &at, Shortest: l.Shortest.String(), Longest: l.Longest.String(), Gain: l.Gain, Cases: []CaseView{}}
	var walk func(i int, when []ConditionView)
	walk = func(i int, when []ConditionView) {
		n := l.Nodes[i]
		if n.Feature >= 0 {
			name := l.Features[n.Feature]
			walk(n.Left, append(slices.Clip(when), ConditionView{name, "below", n.Below}))
			walk(n.Right, append(slices.Clip(when), ConditionView{name, "at_least", n.Below}))
			return
		}
		c := CaseView{When: append([]ConditionView{}, when...), Count: n.Count, Quantiles: []QuantileView{}}
		for k, q := range l.Levels {
			c.Quantiles = append(c.Quantiles, QuantileView{q, n.Values[k].String()})
		}
		v.Cases = append(v.Cases, c)
	}
	walk(0, nil)
	return v
}
