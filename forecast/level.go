package forecast

import (
	"math"
	"slices"
)

// Level forecasts a level that returns, damped, from the newest smoothed value
// to the mean of the history: for histories of minutes, without any pattern.
type Level struct{}

// Name implements [Model].
func (Level) Name() string { return "damped level" }

var _ Model = Level{}

// Settings of the level.
const (
	levelWeight = 0.3  // of the newest value in the smoothed level
	levelReturn = 24.0 // steps after which half of the way to the mean is gone
	thinSpread  = 0.25 // relative spread assumed of a history of one value
)

// Forecast implements [Model].
func (l Level) Forecast(in Input) (Prediction, error) {
	return predict(l, in)
}

// learn has nothing to learn: the few values are looked at each time.
func (l Level) learn(*view, []float64) (lesson, error) { return l, nil }

func (l Level) tell(v *view, levels []float64) Prediction {
	p := v.p
	now, mean, step1, all := l.fit(p)
	n := float64(p.filled)
	// What few values cannot tell is assumed: a spread that fades with 1/n.
	assumed := thinSpread * max(now, mean) / n
	horizon := p.ahead - p.gap
	values := table(horizon, len(levels))
	for h := range values {
		lead := float64(p.gap + h + 1)
		keep := math.Exp2(-lead / levelReturn)
		centre := mean + (now-mean)*keep
		// One-step errors add up until they reach the spread of the whole.
		sd := math.Sqrt(min(step1*step1*(1+0.5*(lead-1)), max(step1*step1, 1.5*all*all)))
		sd = (sd + assumed) * (1 + 2/n)
		for k, q := range levels {
			values[h][k] = p.unscaled(max(0, centre+sd*normalQuantile(q)))
		}
		rising(values[h])
	}
	return Prediction{Model: l.Name(), Values: values}
}

// fit gives the smoothed newest value, the mean, and the spreads of one-step
// errors and of the whole, the latter two as standard deviations.
func (l Level) fit(p *past) (now, mean, step1, all float64) {
	var total, square running
	errs := make([]float64, 0, p.filled)
	started := false
	for i, v := range p.y {
		if math.IsNaN(v) || (started && p.censored(i) && v < now) {
			continue
		}
		if !started {
			now, started = v, true
		} else {
			errs = append(errs, math.Abs(v-now))
			square.add((v - now) * (v - now))
			now += levelWeight * (v - now)
		}
		total.add(v)
	}
	var spread running
	for _, v := range p.y {
		if !math.IsNaN(v) {
			spread.add((v - total.mean) * (v - total.mean))
		}
	}
	if len(errs) > 0 {
		slices.Sort(errs)
		// The median is calm, the mean square knows the outliers; both count.
		step1 = math.Sqrt(0.5*sq(1.4826*errs[len(errs)/2]) + 0.5*square.mean)
	}
	return now, total.mean, step1, math.Sqrt(spread.mean)
}

func sq(x float64) float64 { return x * x }

// normalQuantile is the quantile function of the standard normal distribution.
func normalQuantile(q float64) float64 { return math.Sqrt2 * math.Erfinv(2*q-1) }
