package forecast

import "math"

// SeasonalNaive repeats the last week, or the last day where there is no week:
// what every other model has to beat. Its quantiles are those of its own errors.
type SeasonalNaive struct{ Daily bool }

// Name implements [Model].
func (s SeasonalNaive) Name() string {
	if s.Daily {
		return "seasonal naive (day)"
	}
	return "seasonal naive (week)"
}

var _ Model = SeasonalNaive{}

// naiveErrors is how many of its past errors a naive forecast looks at.
const naiveErrors = 4000

// Forecast implements [Model]. It fails with less than a day of history.
func (s SeasonalNaive) Forecast(in Input) (Prediction, error) {
	p, err := newPast(in, 0)
	if err != nil {
		return Prediction{}, err
	}
	days := 7
	if s.Daily || p.days() < 8 {
		days, s.Daily = 1, true
	}
	errs := s.errors(p, days)
	if len(errs) == 0 {
		return Prediction{}, errThin
	}
	offsets := make([]float64, len(in.Levels))
	quantilesOf(errs, float64(len(errs)), in.Levels, offsets)
	values := table(in.Horizon, len(in.Levels))
	last := p.y[len(p.y)-1]
	for h := range values {
		base := p.repeat(p.y, len(p.y)+p.gap+h, len(p.y)-1, days)
		if math.IsNaN(base) {
			base = last
		}
		for k, o := range offsets {
			values[h][k] = p.unscaled(max(0, base+o))
		}
	}
	return Prediction{Model: s.Name(), Values: values}, nil
}

// errors are the errors of repeating the value of some days earlier.
func (s SeasonalNaive) errors(p *past, days int) []float64 {
	n := len(p.y)
	stride := max(1, n/naiveErrors)
	errs := make([]float64, 0, n/stride+1)
	for i := 0; i < n; i += stride {
		if j := p.cal.back(i, days); j >= 0 && j < i && !p.censored(i) {
			if d := p.y[i] - p.y[j]; !math.IsNaN(d) {
				errs = append(errs, d)
			}
		}
	}
	return errs
}

// season is the days that the seasonal naive forecast looks back: a week, or a
// day where there is hardly more than a week.
func (p *past) season() int {
	if p.days() < 9 {
		return 1
	}
	return 7
}

// repeat is the seasonal naive forecast of step i as seen from an origin: the
// value of y some days earlier, or of as many days before that where it is
// missing; NaN when there is none.
func (p *past) repeat(y []float64, i, origin, days int) float64 {
	for k := days; ; k += days {
		j := p.cal.back(i, k)
		if j < 0 {
			return math.NaN()
		}
		if j <= origin && !math.IsNaN(y[j]) {
			return y[j]
		}
	}
}
