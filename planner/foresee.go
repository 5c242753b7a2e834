package planner

import (
	"math"
	"time"

	"github.com/forescale/forescale"
)

// ForeseenStep is a step of what a service's forecasts ask for.
type ForeseenStep struct {
	At    time.Time
	Width time.Duration
	Needs []float64 // instances by the band, one for each quantile asked for, before min and max
}

// Foresee is what the fit forecasts of a service ask for from now on, for each of the
// quantiles of demand, with what was learned of single minutes. Of several metrics the
// one decides that needs most at the first quantile. Nothing is returned where there is
// no fit forecast.
func Foresee(now time.Time, o Options, s forescale.Service, forecasts []forescale.Forecast, quantiles []float64) (steps []ForeseenStep) {
	o, s = o.withDefaults(), s.WithDefaults()
	unknown := func(int) float64 { return math.NaN() }
	for i := range forecasts {
		f := &forecasts[i]
		if !fits(now, o, f) {
			continue
		}
		look := lookAhead(f, s.Objective, now, s.Warmup, unknown)
		first := max(0, int(now.Sub(f.Start)/f.Step))
		for k := first; k < len(f.Values); k++ {
			x := ForeseenStep{At: f.Start.Add(time.Duration(k) * f.Step), Width: f.Step, Needs: look.needs(s.Band, f.Start.Add(time.Duration(k)*f.Step), quantiles)}
			switch n := k - first; {
			case n >= len(steps):
				steps = append(steps, x)
			case x.Needs[0] > steps[n].Needs[0]:
				steps[n] = x
			}
		}
	}
	return steps
}

// needs is what the band asks for at t, for each quantile of demand.
func (o outlook) needs(band forescale.Band, t time.Time, quantiles []float64) []float64 {
	needs := make([]float64, len(quantiles))
	for k, q := range quantiles {
		o.q = q
		if m := &o.f.Minutes; m.Known() {
			// Whole instances leave room at any quantile: that is a shift below zero. One above
			// is for the tail beyond the objective.
			o.by(m.Width, min(m.Shift, 0))
		}
		if v, ok := o.high(t); ok && isNumber(v) {
			needs[k] = float64(band.Required(max(0, v)))
		}
	}
	return needs
}
