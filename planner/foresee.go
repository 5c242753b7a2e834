package planner

import (
	"slices"
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
// quantiles of demand. Of several metrics the one decides that needs most at any of
// them. Nothing is returned where there is no fit forecast.
func Foresee(now time.Time, o Options, s forescale.Service, forecasts []forescale.Forecast, quantiles []float64) (steps []ForeseenStep) {
	o, s = o.withDefaults(), s.WithDefaults()
	for i := range forecasts {
		f := &forecasts[i]
		if !fits(now, o, f) {
			continue
		}
		first := max(0, int(now.Sub(f.Start)/f.Step))
		ahead := max(0, len(f.Values)-first)
		places, room := make([]forescale.Place, len(quantiles)), make([]float64, ahead*len(quantiles))
		for i, q := range quantiles {
			places[i] = f.Place(q)
		}
		steps = slices.Grow(steps, max(0, ahead-len(steps)))
		for k := first; k < len(f.Values); k++ {
			x := ForeseenStep{At: f.Start.Add(time.Duration(k) * f.Step), Width: f.Step}
			x.Needs, room = room[:len(quantiles):len(quantiles)], room[len(quantiles):]
			for i, p := range places {
				if v := p.In(f.Values[k]); isNumber(v) {
					x.Needs[i] = float64(s.Band.Required(max(0, v)))
				}
			}
			switch n := k - first; {
			case n >= len(steps):
				steps = append(steps, x)
			case slices.Max(x.Needs) > slices.Max(steps[n].Needs):
				steps[n] = x
			}
		}
	}
	return steps
}
