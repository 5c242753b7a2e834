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

func (a *API) accuracyRoutes() {
	route(a, forescale.RoleRead, huma.Operation{OperationID: "get-accuracy", Method: http.MethodGet, Path: "/v1/services/{name}/accuracy",
		Summary: "How good a service's forecasts are: what they are mixed from, and how those that were issued did", Tags: []string{"forecasts"}},
		[]int{404, 422}, a.getAccuracy)
}

// AccuracyView tells what forecasts are made of, and how they did.
type AccuracyView struct {
	Service  string           `json:"service"`
	Metric   forescale.Metric `json:"metric"`
	Forecast *SummaryView     `json:"forecast" doc:"The newest one, with its back-test"`
	Choice   ChoiceView       `json:"choice" doc:"What it was mixed from"`
	Live     LiveView         `json:"live" doc:"How issued forecasts did against what came"`
	Drift    DriftView        `json:"drift"`
}

// ChoiceView is what a forecast was mixed from.
type ChoiceView struct {
	Issued *time.Time `json:"issued" doc:"Of the newest forecast that told it"`
	Bands  []BandView `json:"bands" nullable:"false"`
}

// BandView is the choice for a range of lead times.
type BandView struct {
	From   string      `json:"from" example:"5m0s" doc:"The ends of the steps, from here"`
	To     string      `json:"to" example:"30m0s" doc:"Up to here, included"`
	Tested int         `json:"tested" doc:"Past truths that errors are means of"`
	Shares []ShareView `json:"shares" nullable:"false" doc:"By falling weight; the naive forecasts also without weight"`
}

// ShareView is one model's part.
type ShareView struct {
	Model  string  `json:"model"`
	Weight float64 `json:"weight" doc:"From 0 to 1"`
	Error  float64 `json:"error" doc:"Mean absolute error in the back-test, in busy instances"`
}

// LiveView is how issued forecasts did.
type LiveView struct {
	From    time.Time        `json:"from" doc:"Midnight in UTC of the first day"`
	Until   *time.Time       `json:"until" doc:"What came before this is scored; null: nothing yet"`
	Leads   []AheadView      `json:"leads" nullable:"false" doc:"All models together"`
	ByModel []ModelScoreView `json:"by_model" nullable:"false"`
}

// AheadView is how forecasts did that were issued up to so long before. What has no
// value, as an error relative to nothing, is null.
type AheadView struct {
	Lead            string   `json:"lead" example:"30m0s" doc:"How far ahead the ends of the steps were, at most"`
	Steps           int64    `json:"steps" doc:"Scored steps"`
	Coverage        *float64 `json:"coverage" doc:"Share of truths in the 90 % interval; 0.9 is promised"`
	Error           *float64 `json:"error" doc:"Sum of absolute errors of the medians over the sum of truths"`
	LastWeekError   *float64 `json:"last_week_error" doc:"The same of last week's value"`
	AgainstLastWeek *float64 `json:"against_last_week" doc:"Error as a multiple of that of last week's value, over steps for which there was one"`
	Pinball         *float64 `json:"pinball" doc:"Mean pinball loss at 5, 50, 90, 95 and 99 %, in busy instances"`
}

// ModelScoreView is AheadView of one model.
type ModelScoreView struct {
	Model string      `json:"model"`
	Leads []AheadView `json:"leads" nullable:"false"`
}

// DriftView tells whether forecasts have drifted from what they promise.
type DriftView struct {
	Alarm   forescale.Alarm `json:"alarm" enum:"none,coverage,error" doc:"Which alarm holds"`
	Message string          `json:"message" doc:"In one sentence; empty when there never was an alarm"`
	Last    forescale.Alarm `json:"last" enum:"none,coverage,error" doc:"The newest alarm, also when it is over"`
	Since   *time.Time      `json:"since" doc:"When it was raised"`
	Ended   *time.Time      `json:"ended" doc:"When it ended; null while it holds"`
	Times   int             `json:"times" doc:"Alarms so far"`
	Wider   float64         `json:"wider" doc:"Factor by which new intervals are widened, 1: not"`
}

type accuracyInput struct {
	NameInput
	Days   int              `query:"days" default:"7" minimum:"1" maximum:"400" doc:"Days to look back over, today's included"`
	Metric forescale.Metric `query:"metric" doc:"Default: the one that the newest forecast is of"`
}

type accuracyOutput struct{ Body AccuracyView }

func (a *API) getAccuracy(ctx context.Context, in *accuracyInput) (*accuracyOutput, error) {
	s, err := a.service(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	metrics := metricsOf(s)
	if in.Metric != "" {
		if !slices.Contains(forescale.ServiceMetrics, in.Metric) {
			return nil, &forescale.Fault{Code: "metric_invalid", Where: "query.metric", What: fmt.Sprintf("%q is not a service metric", in.Metric), Help: "use utilization, load, cpu or memory"}
		}
		metrics = []forescale.Metric{in.Metric}
	}
	v := AccuracyView{Service: s.Name, Metric: metrics[0], Choice: ChoiceView{Bands: []BandView{}}, Live: LiveView{Leads: []AheadView{}, ByModel: []ModelScoreView{}}}
	var step time.Duration
	for _, m := range metrics {
		f, err := a.newestForecast(ctx, s.Name, m, a.now())
		if err != nil {
			return nil, err
		}
		if f != nil {
			sum := viewSummary(*f)
			v.Metric, v.Forecast, step = m, &sum, f.Step
			break
		}
	}
	if err := a.fillChoice(ctx, &v, step); err != nil {
		return nil, err
	}
	if err := a.fillLive(ctx, &v, in.Days); err != nil {
		return nil, err
	}
	return &accuracyOutput{Body: v}, a.fillDrift(ctx, &v, s)
}

func (a *API) fillChoice(ctx context.Context, v *AccuracyView, step time.Duration) error {
	issued, choice, err := a.store.Choice(ctx, v.Service, v.Metric)
	if errors.Is(err, forescale.ErrNotFound) || err == nil && step == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read what the forecast was mixed from: %w", err)
	}
	v.Choice.Issued = some(issued)
	for _, c := range choice {
		b := BandView{From: (time.Duration(c.From) * step).String(), To: (time.Duration(c.To) * step).String(), Tested: c.Tested, Shares: []ShareView{}}
		for _, s := range c.Shares {
			b.Shares = append(b.Shares, ShareView{Model: s.Model, Weight: s.Weight, Error: s.Error})
		}
		v.Choice.Bands = append(v.Choice.Bands, b)
	}
	return nil
}

func (a *API) fillLive(ctx context.Context, v *AccuracyView, days int) error {
	v.Live.From = firstDay(a.now(), days)
	tallies, err := a.store.Tallies(ctx, forescale.TallyQuery{Services: []string{v.Service}, From: v.Live.From})
	if err != nil {
		return fmt.Errorf("read scores: %w", err)
	}
	tallies = slices.DeleteFunc(tallies, func(t forescale.Tally) bool { return t.Metric != v.Metric })
	v.Live.Leads = viewLeads(tallies)
	for len(tallies) > 0 { // by model, in the order of their steps
		model := mostUsed(tallies)
		other := func(t forescale.Tally) bool { return t.Model != model }
		v.Live.ByModel = append(v.Live.ByModel, ModelScoreView{Model: model, Leads: viewLeads(slices.DeleteFunc(slices.Clone(tallies), other))})
		tallies = slices.DeleteFunc(tallies, func(t forescale.Tally) bool { return t.Model == model })
	}
	return nil
}

// firstDay is the first of some days up to now, as tallies count days.
func firstDay(now time.Time, days int) time.Time {
	return now.UTC().Truncate(day).Add(-time.Duration(days-1) * day)
}

func mostUsed(tallies []forescale.Tally) (model string) {
	steps := map[string]int64{}
	for _, t := range tallies {
		if steps[t.Model] += t.Steps; steps[t.Model] > steps[model] {
			model = t.Model
		}
	}
	if model == "" {
		return tallies[0].Model
	}
	return model
}

// viewLeads adds up what is of one lead.
func viewLeads(tallies []forescale.Tally) []AheadView {
	views := []AheadView{}
	for _, lead := range forescale.Leads {
		var x forescale.Tally
		for _, t := range tallies {
			if t.Lead == lead {
				x.Add(t)
			}
		}
		if x.Steps > 0 {
			views = append(views, AheadView{Lead: lead.String(), Steps: x.Steps, Coverage: known(x.Coverage()), Error: known(x.RelativeError()),
				LastWeekError: known(x.LastWeekError()), AgainstLastWeek: known(x.AgainstLastWeek()), Pinball: known(x.Loss/float64(x.Steps), true)})
		}
	}
	return views
}

func known(v float64, ok bool) *float64 {
	if !ok {
		return nil
	}
	return &v
}

func (a *API) fillDrift(ctx context.Context, v *AccuracyView, s forescale.Service) error {
	v.Drift = viewDrift(forescale.Drift{}, s.Location())
	tracks, err := a.store.Tracks(ctx, v.Service)
	if err != nil {
		return fmt.Errorf("read how far forecasts are scored: %w", err)
	}
	for _, t := range tracks {
		if t.Metric == v.Metric {
			v.Live.Until = some(t.Until)
			v.Drift = viewDrift(t.Drift, s.Location())
		}
	}
	return nil
}

func viewDrift(d forescale.Drift, loc *time.Location) DriftView {
	name := func(a forescale.Alarm) forescale.Alarm {
		if a == forescale.AlarmNone {
			return "none"
		}
		return a
	}
	return DriftView{Alarm: name(d.Alarm), Message: d.Sentence(loc), Last: name(d.Last), Since: some(d.Since), Ended: some(d.Ended), Times: d.Times, Wider: max(d.Wider, 1)}
}
