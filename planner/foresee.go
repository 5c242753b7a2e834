package planner

import (
	"math"
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
		stays := look.staysAt(quantiles)
		first := max(0, int(now.Sub(f.Start)/f.Step))
		ahead := max(0, len(f.Values)-first)
		room := make([]float64, ahead*len(quantiles))
		steps = slices.Grow(steps, max(0, ahead-len(steps)))
		for k := first; k < len(f.Values); k++ {
			x := ForeseenStep{At: f.Start.Add(time.Duration(k) * f.Step), Width: f.Step}
			x.Needs, room = room[:len(quantiles):len(quantiles)], room[len(quantiles):]
			look.needs(s.Band, x.At, quantiles, stays, x.Needs)
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

// staysAt is how many standard deviations above the median each quantile lies: nil where
// nothing is known of single minutes. Whole instances leave room at any quantile: that is
// a shift below zero. One above is for the tail beyond the objective, and left out.
func (o *outlook) staysAt(quantiles []float64) (stays []float64) {
	m := &o.f.Minutes
	if !m.Known() {
		return nil
	}
	for _, q := range quantiles {
		o.q = q
		o.by(m.Width, min(m.Shift, 0))
		stays = append(stays, o.stays)
	}
	return stays
}

// needs is what the band asks for at t, for each quantile of demand.
func (o *outlook) needs(band forescale.Band, t time.Time, quantiles, stays, needs []float64) {
	z, deviation, known := 0.0, 0.0, false
	if stays != nil {
		z, deviation, known = o.minute(t.Sub(o.at))
	}
	for k, q := range quantiles {
		v, ok := 0.0, known
		if stays == nil {
			v, ok = o.f.At(t, q)
		} else if known {
			v = o.unroot(z + stays[k]*deviation)
		}
		if ok && isNumber(v) {
			needs[k] = float64(band.Required(max(0, v)))
		}
	}
}
