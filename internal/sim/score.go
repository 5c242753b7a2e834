package sim

import (
	"time"

	"github.com/forescale/forescale"
)

// Elasticity says how well supply followed demand, by the measures of the SPEC
// research group, for the required instances d and the ready ones s over time.
type Elasticity struct {
	Under       float64 `json:"under"`        // θ_U: mean of max(d−s, 0)/d, in %
	Over        float64 `json:"over"`         // θ_O: mean of max(s−d, 0)/d, in %
	TimeUnder   float64 `json:"time_under"`   // τ_U: share of time with s < d, in %
	TimeOver    float64 `json:"time_over"`    // τ_O: share of time with s > d, in %
	Instability float64 `json:"instability"`  // υ: share of steps in which s and d move differently, in %
	Lost        float64 `json:"lost"`         // demand above what the ready instances can serve, in %
	Hours       float64 `json:"hours"`        // ready instances · hours
	OracleRatio float64 `json:"oracle_ratio"` // Hours as a multiple of the required instances' hours
	Starts      int     `json:"starts"`
}

// Score measures one supply against one demand. All slices are of one length:
// demand in busy instances, ready and required in instances, per step. Required
// is 1 or more. Of no steps everything is 0.
func Score(demand, ready []float64, required []int, step time.Duration, starts int) Elasticity {
	var sums forescale.Elasticity
	var before *forescale.ElasticityStep
	for i := range demand {
		x := forescale.ElasticityStep{Demand: demand[i], Required: required[i], Ready: ready[i]}
		sums.Step(x, before)
		before = &x
	}
	return elasticityOf(sums, step, starts)
}

// elasticityOf are the measures of sums over steps of that width.
func elasticityOf(s forescale.Elasticity, step time.Duration, starts int) Elasticity {
	e := Elasticity{Under: 100 * s.ThetaUnder(), Over: 100 * s.ThetaOver(), TimeUnder: 100 * s.TimeUnder(), TimeOver: 100 * s.TimeOver(),
		Instability: 100 * s.Instability(), Lost: 100 * s.NotServed(), Hours: s.InstanceHours(step), Starts: starts}
	if s.Need > 0 {
		e.OracleRatio = s.Supply / s.Need
	}
	return e
}

// Need is what each demand requires by the band, and at least lowest.
func Need(band forescale.Band, demand []float64, lowest int) []int {
	out := make([]int, len(demand))
	for i, d := range demand {
		out[i] = max(band.Required(d), lowest, 1)
	}
	return out
}
