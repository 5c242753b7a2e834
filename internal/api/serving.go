package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/forescale/forescale"
)

func (a *API) servingRoutes() {
	route(a, forescale.RoleRead, huma.Operation{OperationID: "get-instance-capacity", Method: http.MethodGet, Path: "/v1/services/{name}/instance-capacity",
		Summary: "What one instance serves at 100 %, as declared, learned and counted with", Tags: []string{"services"}}, []int{404}, a.getServing)
}

// ServingView is what one instance of a service serves at 100 %, in units of load.
type ServingView struct {
	Service  string            `json:"service"`
	Declared float64           `json:"declared" doc:"0: none, and load is not used"`
	Counted  float64           `json:"counted" doc:"What demand by load is divided by; 0: load is not used"`
	Learned  *EstimateView     `json:"learned,omitempty" doc:"Absent when nothing could be learned: doubt tells why"`
	Doubt    string            `json:"doubt,omitempty" enum:"too_little,saturated,load_flat,utilization_flat,far_off" doc:"Why it is not, or not only, counted with what was learned"`
	At       *time.Time        `json:"at,omitempty" doc:"When it was learned last; absent before the first time"`
	Steps    []ServingStepView `json:"steps" nullable:"false" doc:"What was counted with, newest first"`
}

// EstimateView is what load and utilization tell.
type EstimateView struct {
	Value   float64   `json:"value" doc:"Load at which an instance is at 100 %"`
	Low     float64   `json:"low" doc:"It lies between low and high in 9 of 10 cases"`
	High    float64   `json:"high"`
	Idle    float64   `json:"idle" doc:"Utilization without load, in %"`
	Reach   float64   `json:"reach" doc:"Utilization that was seen, in %: 95 of 100 minutes were below"`
	Minutes int       `json:"minutes" doc:"How many it was learned from"`
	Since   time.Time `json:"since" doc:"The first of them"`
}

// ServingStepView is what was counted with from a time on.
type ServingStepView struct {
	From  time.Time `json:"from"`
	Value float64   `json:"value"`
}

type servingOutput struct{ Body ServingView }

func (a *API) getServing(ctx context.Context, in *NameInput) (*servingOutput, error) {
	s, err := a.service(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	cs, err := a.store.Capacities(ctx, s.Name, time.Time{})
	if err != nil {
		return nil, fmt.Errorf("read capacities: %w", err)
	}
	v := ServingView{Service: s.Name, Declared: s.Capacity, Steps: []ServingStepView{}}
	if s.Capacity > 0 {
		v.Counted = forescale.Capacities(cs).At(a.now(), s.Capacity)
	}
	for i := len(cs) - 1; i >= 0; i-- {
		v.Steps = append(v.Steps, ServingStepView{cs[i].From.UTC(), cs[i].Value})
	}
	if len(cs) > 0 {
		last := cs[len(cs)-1]
		at := last.At.UTC()
		v.At, v.Doubt = &at, string(last.Learned.Doubt)
		if e := last.Learned; e.Value > 0 {
			v.Learned = &EstimateView{Value: e.Value, Low: e.Low, High: e.High, Idle: e.Idle, Reach: e.Reach, Minutes: e.Minutes, Since: e.Since.UTC()}
		}
	}
	return &servingOutput{Body: v}, nil
}
