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
	n := float64(len(demand))
	if n == 0 {
		return Elasticity{Starts: starts}
	}
	e := Elasticity{Starts: starts}
	var asked, lost, need float64
	for i, s := range ready {
		d := float64(required[i])
		e.Under += max(d-s, 0) / d
		e.Over += max(s-d, 0) / d
		e.TimeUnder += truth(s < d)
		e.TimeOver += truth(s > d)
		if i > 0 {
			e.Instability += truth(sign(s-ready[i-1]) != sign(d-float64(required[i-1])))
		}
		asked += demand[i]
		lost += max(demand[i]-s, 0)
		e.Hours += s * step.Hours()
		need += d * step.Hours()
	}
	for _, v := range []*float64{&e.Under, &e.Over, &e.TimeUnder, &e.TimeOver} {
		*v *= 100 / n
	}
	e.Instability *= 100 / max(n-1, 1)
	e.Lost = 100 * lost / max(asked, 1e-12)
	e.OracleRatio = e.Hours / need
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

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func sign(x float64) int {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0
}
