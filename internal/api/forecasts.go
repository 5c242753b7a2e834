package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/forescale/forescale"
)

func (a *API) forecastRoutes() {
	tags := []string{"forecasts"}
	route(a, forescale.RoleRead, huma.Operation{OperationID: "get-forecast", Method: http.MethodGet, Path: "/v1/services/{name}/forecast",
		Summary: "The newest forecast of a service, as quantiles", Tags: tags}, []int{404}, a.getForecast)
	route(a, forescale.RoleOperate, huma.Operation{OperationID: "make-forecast", Method: http.MethodPost, Path: "/v1/services/{name}/forecast",
		Summary: "Make a forecast now", Tags: tags}, []int{404, 409, 501}, a.makeForecast)
}

// ForecastView is demand ahead, in busy instances.
type ForecastView struct {
	Service  string           `json:"service"`
	Metric   forescale.Metric `json:"metric"`
	Model    string           `json:"model"`
	Issued   time.Time        `json:"issued"`
	Step     string           `json:"step" example:"5m0s"`
	Levels   []float64        `json:"levels" nullable:"false" doc:"Quantile levels, rising"`
	Times    []time.Time      `json:"times" nullable:"false" doc:"Beginnings of the steps"`
	Values   []column         `json:"values" nullable:"false" doc:"For each level one value for each of times"`
	Warnings []string         `json:"warnings" nullable:"false"`
	Score    ScoreView        `json:"score"`
}

type forecastInput struct {
	NameInput
	From      time.Time `query:"from" doc:"First step; default: the forecast's first"`
	To        time.Time `query:"to" doc:"Up to here; default: the forecast's end"`
	Step      string    `query:"step" example:"1h" doc:"A multiple of the forecast's own, which is the default; values are means"`
	Quantiles []float64 `query:"quantiles" example:"[0.5, 0.9]" doc:"Levels between 0 and 1; default: the forecast's own"`
}

type forecastOutput struct{ Body ForecastView }

func (a *API) getForecast(ctx context.Context, in *forecastInput) (*forecastOutput, error) {
	s, err := a.service(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	return a.forecastAnswer(ctx, s, *in)
}

func (a *API) forecastAnswer(ctx context.Context, s forescale.Service, in forecastInput) (*forecastOutput, error) {
	f, err := a.primaryForecast(ctx, s)
	if err != nil {
		return nil, err
	}
	if f == nil {
		return nil, &forescale.Fault{Code: "forecast_unknown", What: fmt.Sprintf("there is no forecast of %s yet", s.Name), Where: "services/" + s.Name,
			Help: "send samples, or import history; then POST to this path makes one"}
	}
	v, err := viewForecast(*f, in)
	if err != nil {
		return nil, err
	}
	return &forecastOutput{Body: v}, nil
}

func viewForecast(f forescale.Forecast, in forecastInput) (ForecastView, error) {
	var fs forescale.Faults
	step := f.Step
	if in.Step != "" {
		d, err := time.ParseDuration(in.Step)
		if err != nil || d < f.Step || d%f.Step != 0 {
			fs = append(fs, &forescale.Fault{Code: "step_invalid", Where: "query.step", What: fmt.Sprintf("%q is not a multiple of %s", in.Step, f.Step),
				Help: "the forecast was issued in steps of " + f.Step.String()})
		} else {
			step = d
		}
	}
	levels := f.Levels
	if len(in.Quantiles) > 0 {
		levels = in.Quantiles
		for _, q := range levels {
			if !(q > 0 && q < 1) {
				fs = append(fs, &forescale.Fault{Code: "quantile_invalid", Where: "query.quantiles", What: fmt.Sprintf("%g is not between 0 and 1", q), Help: "use levels such as 0.5,0.9"})
			}
		}
	}
	if len(levels) > maxLevels {
		fs = append(fs, &forescale.Fault{Code: "quantile_invalid", Where: "query.quantiles", What: fmt.Sprintf("%d levels are too many", len(levels)), Help: fmt.Sprintf("use at most %d", maxLevels)})
	}
	if !in.From.IsZero() && !in.To.IsZero() && !in.From.Before(in.To) {
		fs = append(fs, &forescale.Fault{Code: "range_invalid", Where: "query.to", What: "to is not after from", Help: "leave one of them out, or give a later to"})
	}
	if len(fs) > 0 {
		return ForecastView{}, fs
	}
	v := ForecastView{Service: f.Service, Metric: f.Metric, Model: f.Model, Issued: f.Issued.UTC(), Step: step.String(), Levels: slices.Clone(levels),
		Times: []time.Time{}, Values: make([]column, len(levels)), Warnings: append(slices.Clip(warnings(f)), beyond(f, in, step, levels)...), Score: viewScore(f.Score)}
	for i := range v.Values {
		v.Values[i] = column{}
	}
	for t := f.Start; t.Before(f.End()); t = t.Add(step) {
		if !in.From.IsZero() && t.Before(in.From) || !in.To.IsZero() && !t.Before(in.To) {
			continue
		}
		v.Times = append(v.Times, t.UTC())
		for i, q := range levels {
			v.Values[i] = append(v.Values[i], meanOf(f, t, t.Add(step), q))
		}
	}
	return v, nil
}

// beyond tells where more was asked for than the forecast holds, and what is answered
// instead.
func beyond(f forescale.Forecast, in forecastInput, step time.Duration, levels []float64) (ws []string) {
	if low, high := f.Levels[0], f.Levels[len(f.Levels)-1]; slices.Min(levels) < low || slices.Max(levels) > high {
		ws = append(ws, fmt.Sprintf("the forecast was issued for quantiles from %g to %g: beyond them the nearest is told", low, high))
	}
	if end := f.End(); in.To.After(end) || step > end.Sub(f.Start) {
		ws = append(ws, fmt.Sprintf("the forecast ends at %s: nothing is told of what comes after", end.UTC().Format(time.RFC3339)))
	}
	if in.From.Before(f.Start) && !in.From.IsZero() {
		ws = append(ws, fmt.Sprintf("the forecast begins at %s: nothing is told of what was before", f.Start.UTC().Format(time.RFC3339)))
	}
	return ws
}

const maxLevels = 20

// meanOf is the mean of the demand quantile over [from, to), as far as f reaches.
func meanOf(f forescale.Forecast, from, to time.Time, q float64) float64 {
	sum, n := 0.0, 0
	for t := from; t.Before(to); t = t.Add(f.Step) {
		if d, ok := f.At(t, q); ok {
			sum += d
			n++
		}
	}
	return sum / float64(n) // NaN outside the forecast
}

// primaryForecast is the newest forecast of the service's primary metric, or of
// the next one that has any; nil when there is none.
func (a *API) primaryForecast(ctx context.Context, s forescale.Service) (*forescale.Forecast, error) {
	for _, m := range metricsOf(s) {
		f, err := a.newestForecast(ctx, s.Name, m, a.now())
		if f != nil || err != nil {
			return f, err
		}
	}
	return nil, nil
}

// newestForecast is the newest one of a service and metric issued up to now, nil
// when there is none. It looks at the last hour first, since all that were issued
// in a window are read whole.
func (a *API) newestForecast(ctx context.Context, service string, m forescale.Metric, now time.Time) (*forescale.Forecast, error) {
	to := now.Add(time.Millisecond)
	for _, back := range []time.Duration{20 * time.Minute, 2 * time.Hour, maxHorizon} {
		from := now.Add(-back)
		fs, err := a.store.LedgerForecasts(ctx, service, m, from, to)
		if err != nil {
			return nil, fmt.Errorf("read forecasts: %w", err)
		}
		if len(fs) > 0 {
			return &fs[len(fs)-1], nil
		}
		to = from
	}
	return nil, nil
}

func (a *API) makeForecast(ctx context.Context, in *NameInput) (*forecastOutput, error) {
	s, err := a.service(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	if a.cfg.Refresh == nil {
		return nil, newProblem(http.StatusNotImplemented, "not_here", "this server makes no forecasts", "ask the one that leads")
	}
	if err := a.cfg.Refresh(ctx, s.Name); err != nil {
		var f *forescale.Fault
		if errors.As(err, &f) || ctx.Err() != nil {
			return nil, err
		}
		a.log.Warn("forecast on demand failed", "service", s.Name, "error", err)
		return nil, &forescale.Fault{Code: "forecast_failed", What: fmt.Sprintf("no forecast of %s could be made", s.Name), Where: "services/" + s.Name,
			Help: "GET /v1/runs?kind=forecast tells why; the last forecast stays", Err: err}
	}
	return a.forecastAnswer(ctx, s, forecastInput{})
}
