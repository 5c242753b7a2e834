package forecast

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/forescale/forescale"
)

// Model takes a series and gives quantiles of what comes after it. A Model has
// no memory and no side effects: it may be used for many series at once.
type Model interface {
	// Name is the model's name in the words shown to people.
	Name() string
	// Forecast gives quantiles for the Horizon steps that follow the series. It
	// does not change the input. The error tells why the history does not carry
	// this model.
	Forecast(in Input) (Prediction, error)
}

// Input is what a model forecasts from.
type Input struct {
	Series   forescale.Series // even grid; gaps are NaN; else finite and not negative
	Censored []bool           // nil, or per value: the truth is at least the value
	Location *time.Location   // local time of the patterns; nil is UTC
	Horizon  int              // steps ahead, at least 1
	Levels   []float64        // rising, in (0, 1)
}

// Prediction is what a model gives back.
type Prediction struct {
	Model    string             // which model made it; a choosing model names the chosen one
	Values   [][]float64        // [step][level], rising within a step, finite, not negative
	Score    forescale.Score    // of a back-test on the input; zero when not tested
	Warnings []string           // doubts, in words
	Choice   []forescale.Choice // what it was mixed from, by bands of lead times
}

// Request asks for a forecast of one metric of one service.
type Request struct {
	Service forescale.Service
	Metric  forescale.Metric
	Issued  time.Time        // what came later is not looked at
	History forescale.Series // of demand; gaps are NaN; its step must divide Step
	// Censored is nil, or tells per value of History that the truth is at least
	// the value.
	Censored []bool
	Step     time.Duration // 0: the history's
	Horizon  int           // steps ahead, counting the one that covers Issued
	Special  Special       // holidays, events and what is no example
	Levels   []float64     // nil: DefaultLevels; 0.5 is added when absent
}

// Limits of a request.
const (
	maxHorizon = 100_000
	maxStale   = 8 * 7 * 24 * time.Hour // older newest values tell nothing
)

// DefaultLevels are the quantiles of a forecast when none are asked for.
func DefaultLevels() []float64 {
	return []float64{.025, .05, .1, .25, .5, .75, .9, .95, .975, .99}
}

// Make forecasts from the history up to Issued with the best model that it
// carries, and says which in Model and what is doubtful in Warnings. The first
// step is the one that covers Issued. The error is a *[forescale.Fault]: a
// request that makes no sense, or code nothing_to_forecast when the history
// holds no value.
func Make(r Request) (forescale.Forecast, error) {
	_, f, err := Train(r)
	return f, err
}

// prepared is a request brought to what models take.
type prepared struct {
	in       Input
	special  Special
	f        forescale.Forecast // but for what a model tells
	warnings []string
}

func (r Request) prepare() (prepared, error) {
	if r.Step == 0 {
		r.Step = r.History.Step
	}
	levels := r.Levels
	if levels == nil {
		levels = DefaultLevels()
	}
	levels = withMedian(levels)
	if err := checkRequest(r.History.Step, r.Step, r.Horizon, levels); err != nil {
		return prepared{}, err
	}
	start := r.Issued.UTC().Truncate(r.Step)
	series, censored, warnings := upTo(r.History, r.Censored, start, r.Step)
	return prepared{
		in:      Input{Series: series, Censored: censored, Location: r.Service.Location(), Horizon: r.Horizon, Levels: levels},
		special: r.Special, f: forescale.Forecast{Service: r.Service.Name, Metric: r.Metric, Issued: r.Issued.UTC()}, warnings: warnings,
	}, nil
}

// learn climbs the ladder, on a history in which nothing is special.
func (x prepared) learn() (*Trained, forescale.Forecast, error) {
	v, err := newView(x.special.bend(x.in))
	if err != nil {
		return nil, forescale.Forecast{}, err
	}
	r, pr := Ladder{}.climb(v, x.in.Levels)
	return newTrained(x, v, r), x.issue(pr), nil
}

// issue fills in the forecast.
func (x prepared) issue(p Prediction) forescale.Forecast {
	x.special.unbend(x.in, &p)
	f := x.f
	f.Model, f.Start, f.Step, f.Levels = p.Model, x.in.Series.End(), x.in.Series.Step, x.in.Levels
	f.Values, f.Score, f.Choice, f.Warnings = p.Values, p.Score, p.Choice, append(x.warnings, p.Warnings...)
	known(f.Choice)
	return f
}

// checkRequest reports the first thing that makes no sense.
func checkRequest(have, step time.Duration, horizon int, levels []float64) error {
	bad := func(where, what, help string) error {
		return &forescale.Fault{Code: "forecast_request_invalid", Where: where, What: what, Help: help}
	}
	switch {
	case step <= 0 || have <= 0:
		return bad("step", fmt.Sprintf("step %v of a forecast from a history of step %v", step, have), "use a positive step")
	case step%have != 0:
		return bad("step", fmt.Sprintf("step %v is not a multiple of the history's step %v", step, have), "use a multiple of it")
	case horizon < 1 || horizon > maxHorizon:
		return bad("horizon", fmt.Sprintf("horizon is %d steps", horizon), fmt.Sprintf("use 1 to %d steps", maxHorizon))
	case len(levels) == 0:
		return bad("levels", "no quantile is asked for", "use levels between 0 and 1, such as 0.5")
	}
	for i, q := range levels {
		if !(q > 0 && q < 1) || (i > 0 && q <= levels[i-1]) {
			return bad("levels", fmt.Sprintf("quantile %g is not between 0 and 1 and above the one before", q), "use rising levels such as 0.1, 0.5, 0.9")
		}
	}
	return nil
}

// withMedian is a copy of levels that holds 0.5.
func withMedian(levels []float64) []float64 {
	i, ok := slices.BinarySearch(levels, 0.5)
	if ok {
		return slices.Clone(levels)
	}
	return slices.Insert(slices.Clone(levels), i, 0.5)
}

// upTo is the history before start on a grid of the given step that ends at
// start. Values that are no demand become gaps, with a warning.
func upTo(h forescale.Series, censored []bool, start time.Time, step time.Duration) (forescale.Series, []bool, []string) {
	first, last, strange := -1, -1, 0
	ended := min(len(h.Values), max(0, int(start.Sub(h.Start)/h.Step)))
	for i, v := range h.Values[:ended] {
		if usable(v) {
			if first < 0 {
				first = i
			}
			last = i
		} else if !math.IsNaN(v) {
			strange++
		}
	}
	var warnings []string
	if strange > 0 {
		warnings = append(warnings, fmt.Sprintf("%d values of the history are below zero or infinite and were left out", strange))
	}
	if last < 0 || start.Sub(h.At(last)) > maxStale {
		return forescale.Series{Start: start, Step: step}, nil, warnings
	}
	g := newGridder(h.At(first), start, step)
	var marks []bool
	into := h.At(first).Sub(g.start)
	for i := first; i <= last; i++ {
		if !usable(h.Values[i]) {
			continue
		}
		cell := int((into + time.Duration(i-first)*h.Step) / step)
		g.cells[cell].add(h.Values[i])
		if i < len(censored) && censored[i] {
			if marks == nil {
				marks = make([]bool, len(g.cells))
			}
			marks[cell] = true
		}
	}
	return g.series(), marks, warnings
}
