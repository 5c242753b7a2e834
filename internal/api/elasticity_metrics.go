package api

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/forescale/forescale"
)

// elasticityFigures tell how well instances followed the need.
type elasticityFigures []elasticityMetric

// elasticityMetric is one measure of it.
type elasticityMetric struct {
	desc *prometheus.Desc
	of   func(forescale.Elasticity) float64
}

func newElasticityFigures() elasticityFigures {
	measure := func(name, help string, of func(forescale.Elasticity) float64) elasticityMetric {
		return elasticityMetric{prometheus.NewDesc("forescale_elasticity_"+name, help+" Over 7 days, today included. Absent until something was measured.", []string{"service"}, nil), of}
	}
	return elasticityFigures{
		measure("time_under_ratio", "Share of time with fewer instances than needed.", forescale.Elasticity.TimeUnder),
		measure("time_over_ratio", "Share of time with more instances than needed.", forescale.Elasticity.TimeOver),
		measure("under_ratio", "Mean shortage of instances as a share of the need.", forescale.Elasticity.ThetaUnder),
		measure("over_ratio", "Mean surplus of instances as a share of the need.", forescale.Elasticity.ThetaOver),
		measure("instability_ratio", "Share of time in which instances and need move differently.", forescale.Elasticity.Instability),
		measure("not_served_ratio", "Share of demand above what the ready instances can do.", forescale.Elasticity.NotServed),
		measure("instance_hours", "Hours of ready instances.", func(e forescale.Elasticity) float64 { return e.InstanceHours(forescale.DemandStep) }),
	}
}

func (f elasticityFigures) describe() []*prometheus.Desc {
	ds := make([]*prometheus.Desc, len(f))
	for i, m := range f {
		ds[i] = m.desc
	}
	return ds
}

func (f elasticityFigures) read(ctx context.Context, a *API, now time.Time, services []forescale.Service, tell func(prometheus.Metric)) error {
	days, err := a.store.Elasticities(ctx, forescale.TallyQuery{From: firstDay(now, accuracyDays)})
	if err != nil {
		return fmt.Errorf("read elasticity: %w", err)
	}
	followed := map[string]forescale.Elasticity{}
	for _, d := range days {
		sum := followed[d.Service]
		sum.Add(d.Elasticity)
		followed[d.Service] = sum
	}
	for _, s := range services {
		if e := followed[s.Name]; e.Steps > 0 {
			for _, m := range f {
				tell(gauge(m.desc, m.of(e), s.Name))
			}
		}
	}
	return nil
}
