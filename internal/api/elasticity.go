package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/forescale/forescale"
)

func (a *API) elasticityRoutes() {
	route(a, forescale.RoleRead, huma.Operation{OperationID: "list-elasticity", Method: http.MethodGet, Path: "/v1/services/{name}/elasticity",
		Summary: "How well a service's instances followed its need, day by day", Tags: []string{"services"}}, []int{404, 422}, a.listElasticity)
}

// ElasticityDayView is one day in the service's time zone.
type ElasticityDayView struct {
	Day     string `json:"day" format:"date" doc:"In the service's time zone"`
	Minutes int64  `json:"minutes" doc:"That are measured: demand and instances are known"`
	ElasticityView
}

type elasticityInput struct {
	NameInput
	Days int `query:"days" default:"7" minimum:"1" maximum:"400" doc:"Days to look back over, today included"`
}

type elasticityOutput struct{ Body List[ElasticityDayView] }

func (a *API) listElasticity(ctx context.Context, in *elasticityInput) (*elasticityOutput, error) {
	s, err := a.service(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	y, m, d := a.now().In(s.Location()).Date()
	days, err := a.store.Elasticities(ctx, forescale.TallyQuery{Services: []string{s.Name}, From: firstDay(time.Date(y, m, d, 0, 0, 0, 0, time.UTC), in.Days)})
	if err != nil {
		return nil, fmt.Errorf("read elasticity: %w", err)
	}
	out := elasticityOutput{}
	out.Body.Items = []ElasticityDayView{}
	for _, d := range days {
		out.Body.Items = append(out.Body.Items, ElasticityDayView{Day: d.Day.Format("2006-01-02"), Minutes: d.Steps, ElasticityView: viewElasticity(d.Elasticity, forescale.DemandStep)})
	}
	return &out, nil
}
