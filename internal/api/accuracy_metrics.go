package api

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/forescale/forescale"
)

// accuracyDays is how many days the figures of forecasts are of.
const accuracyDays = 7

// metricLeads are the lead times that are told of, by their labels: two, so that a
// service has nine series and no more. Models are told apart over all services.
var metricLeads = map[time.Duration]string{30 * time.Minute: "30m", 24 * time.Hour: "24h"}

// accuracyFigures tell how issued forecasts did.
type accuracyFigures struct {
	err, lastWeek, coverage   *prometheus.Desc
	drifted, alarms           *prometheus.Desc
	modelErr, modelCoverage   *prometheus.Desc
	modelLastWeek, modelSteps *prometheus.Desc
}

func newAccuracyFigures() *accuracyFigures {
	over := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("forescale_forecast_"+name, help+" Over 7 days, up to \"lead\" ahead. Absent until something was scored.", labels, nil)
	}
	const (
		errHelp      = "Absolute errors of issued medians over demand."
		lastWeekHelp = "Error as a multiple of that of last week's value; above 1 that would have been better."
		coverageHelp = "Share of demand inside the 90 % interval; 0.9 is promised."
		all          = " Of all services, by the model that forecast."
	)
	return &accuracyFigures{
		err:           over("error_ratio", errHelp, "service", "lead"),
		lastWeek:      over("error_against_last_week", lastWeekHelp, "service", "lead"),
		coverage:      over("coverage_ratio", coverageHelp, "service", "lead"),
		drifted:       prometheus.NewDesc("forescale_forecast_drifted", "1 while this drift alarm holds.", []string{"service", "alarm"}, nil),
		alarms:        prometheus.NewDesc("forescale_forecast_drift_alarms_total", "Drift alarms so far; each has made the forecasts learn anew.", []string{"service"}, nil),
		modelErr:      over("model_error_ratio", errHelp+all, "model", "lead"),
		modelLastWeek: over("model_error_against_last_week", lastWeekHelp+all, "model", "lead"),
		modelCoverage: over("model_coverage_ratio", coverageHelp+all, "model", "lead"),
		modelSteps:    over("model_scored_steps", "Steps that were scored."+all, "model", "lead"),
	}
}

func (f *accuracyFigures) describe() []*prometheus.Desc {
	return []*prometheus.Desc{f.err, f.lastWeek, f.coverage, f.drifted, f.alarms, f.modelErr, f.modelLastWeek, f.modelCoverage, f.modelSteps}
}

func (f *accuracyFigures) read(ctx context.Context, a *API, now time.Time, services []forescale.Service, tell func(prometheus.Metric)) error {
	tallies, err := a.store.Tallies(ctx, forescale.TallyQuery{From: firstDay(now, accuracyDays)})
	if err != nil {
		return fmt.Errorf("read scores: %w", err)
	}
	tracks, err := a.store.Tracks(ctx)
	if err != nil {
		return fmt.Errorf("read how far forecasts are scored: %w", err)
	}
	scores, drift := map[string][]forescale.Tally{}, map[string][]forescale.Track{}
	for _, t := range tallies {
		scores[t.Service] = append(scores[t.Service], t)
	}
	for _, t := range tracks {
		drift[t.Service] = append(drift[t.Service], t)
	}
	models := map[modelLead]forescale.Tally{}
	for _, s := range services {
		for _, m := range metricsOf(s) { // the first that anything is known of
			k := slices.IndexFunc(drift[s.Name], func(t forescale.Track) bool { return t.Metric == m })
			if k < 0 {
				continue
			}
			f.drift(s.Name, drift[s.Name][k].Drift, tell)
			f.leads(s.Name, m, scores[s.Name], models, tell)
			break
		}
	}
	for of, x := range models {
		tell(gauge(f.modelSteps, float64(x.Steps), of.model, metricLeads[of.lead]))
		ratios(x, f.modelErr, f.modelLastWeek, f.modelCoverage, tell, of.model, metricLeads[of.lead])
	}
	return nil
}

// modelLead is what scores of all services are added up by.
type modelLead struct {
	model string
	lead  time.Duration
}

func (f *accuracyFigures) drift(service string, d forescale.Drift, tell func(prometheus.Metric)) {
	for _, alarm := range []forescale.Alarm{forescale.AlarmCoverage, forescale.AlarmError} {
		holds := 0.0
		if d.Alarm == alarm {
			holds = 1
		}
		tell(gauge(f.drifted, holds, service, string(alarm)))
	}
	tell(prometheus.MustNewConstMetric(f.alarms, prometheus.CounterValue, float64(d.Times), service))
}

// leads tells of one service, and adds to the sums of the models.
func (f *accuracyFigures) leads(service string, m forescale.Metric, tallies []forescale.Tally, models map[modelLead]forescale.Tally, tell func(prometheus.Metric)) {
	for lead, label := range metricLeads {
		var x forescale.Tally
		for _, t := range tallies {
			if t.Lead != lead || t.Metric != m {
				continue
			}
			x.Add(t)
			of := modelLead{t.Model, lead}
			sum := models[of]
			sum.Add(t)
			models[of] = sum
		}
		ratios(x, f.err, f.lastWeek, f.coverage, tell, service, label)
	}
}

func ratios(x forescale.Tally, err, lastWeek, coverage *prometheus.Desc, tell func(prometheus.Metric), labels ...string) {
	if v, ok := x.RelativeError(); ok {
		tell(gauge(err, v, labels...))
	}
	if v, ok := x.AgainstLastWeek(); ok {
		tell(gauge(lastWeek, v, labels...))
	}
	if v, ok := x.Coverage(); ok {
		tell(gauge(coverage, v, labels...))
	}
}
