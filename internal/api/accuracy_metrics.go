package api

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/forescale/forescale"
)

// accuracyDays is how many days the figures of forecasts are of.
const accuracyDays = 7

// accuracyKept is how long what was read is told again: it changes once an hour.
const accuracyKept = 5 * time.Minute

// metricLeads are the lead times that are told of, by their labels: two, so that a
// service has eight series and no more.
var metricLeads = map[time.Duration]string{30 * time.Minute: "30m", 24 * time.Hour: "24h"}

// accuracyCollector tells how issued forecasts did, how well instances followed the
// need, and what instances were learned to serve. It is apart from the collector of
// the present state, since it reads sums over days, and what changes once an hour.
type accuracyCollector struct {
	a                                *API
	err, lastWeek, coverage, drifted *prometheus.Desc
	serves, learned                  *prometheus.Desc
	elasticity                       []elasticityMetric

	mu   sync.Mutex
	at   time.Time
	told []prometheus.Metric
}

func newAccuracyCollector(a *API) *accuracyCollector {
	byLead := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("forescale_forecast_"+name, help+" Over 7 days, up to \"lead\" ahead. Absent until something was scored.", []string{"service", "lead"}, nil)
	}
	return &accuracyCollector{a: a,
		err:      byLead("error_ratio", "Absolute errors of issued medians over demand."),
		lastWeek: byLead("error_against_last_week", "Error as a multiple of that of last week's value; above 1 that would have been better."),
		coverage: byLead("coverage_ratio", "Share of demand inside the 90 % interval; 0.9 is promised."),
		drifted:  prometheus.NewDesc("forescale_forecast_drifted", "1 while this drift alarm holds.", []string{"service", "alarm"}, nil),
		serves:   prometheus.NewDesc("forescale_instance_capacity", "Load that one instance counts as serving at 100 %. Absent where load is not used.", []string{"service"}, nil),
		learned: prometheus.NewDesc("forescale_instance_capacity_learned", "The same as learned from load and utilization, with its uncertainty. Absent while nothing could be learned.",
			[]string{"service", "quantile"}, nil),
		elasticity: []elasticityMetric{
			perDays("time_under_ratio", "Share of time with fewer instances than needed.", forescale.Elasticity.TimeUnder),
			perDays("time_over_ratio", "Share of time with more instances than needed.", forescale.Elasticity.TimeOver),
			perDays("under_ratio", "Mean shortage of instances as a share of the need.", forescale.Elasticity.ThetaUnder),
			perDays("over_ratio", "Mean surplus of instances as a share of the need.", forescale.Elasticity.ThetaOver),
			perDays("instability_ratio", "Share of time in which instances and need move differently.", forescale.Elasticity.Instability),
			perDays("not_served_ratio", "Share of demand above what the ready instances can do.", forescale.Elasticity.NotServed),
			perDays("instance_hours", "Hours of ready instances.", func(e forescale.Elasticity) float64 { return e.InstanceHours(forescale.DemandStep) }),
		}}
}

// elasticityMetric is one measure of how well instances followed the need.
type elasticityMetric struct {
	desc *prometheus.Desc
	of   func(forescale.Elasticity) float64
}

func perDays(name, help string, of func(forescale.Elasticity) float64) elasticityMetric {
	return elasticityMetric{prometheus.NewDesc("forescale_elasticity_"+name, help+" Over 7 days, today included. Absent until something was measured.", []string{"service"}, nil), of}
}

// Describe implements prometheus.Collector.
func (c *accuracyCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.err, c.lastWeek, c.coverage, c.drifted, c.serves, c.learned} {
		ch <- d
	}
	for _, m := range c.elasticity {
		ch <- m.desc
	}
}

// Collect implements prometheus.Collector.
func (c *accuracyCollector) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.a.now(); c.at.IsZero() || now.Sub(c.at).Abs() >= accuracyKept {
		ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
		defer cancel()
		told, err := c.read(ctx, now)
		if err != nil {
			c.a.log.Warn("read for metrics", "error", err)
			return
		}
		c.told, c.at = told, now
	}
	for _, m := range c.told {
		ch <- m
	}
}

func (c *accuracyCollector) read(ctx context.Context, now time.Time) (told []prometheus.Metric, err error) {
	services, err := c.a.store.ListServices(ctx)
	if err != nil {
		return nil, fmt.Errorf("read services: %w", err)
	}
	tallies, err := c.a.store.Tallies(ctx, forescale.TallyQuery{From: firstDay(now, accuracyDays)})
	if err != nil {
		return nil, fmt.Errorf("read scores: %w", err)
	}
	tracks, err := c.a.store.Tracks(ctx)
	if err != nil {
		return nil, fmt.Errorf("read how far forecasts are scored: %w", err)
	}
	days, err := c.a.store.Elasticities(ctx, forescale.TallyQuery{From: firstDay(now, accuracyDays)})
	if err != nil {
		return nil, fmt.Errorf("read elasticity: %w", err)
	}
	followed := map[string]forescale.Elasticity{}
	for _, d := range days {
		sum := followed[d.Service]
		sum.Add(d.Elasticity)
		followed[d.Service] = sum
	}
	scores, drift := map[string][]forescale.Tally{}, map[string][]forescale.Track{}
	for _, t := range tallies {
		scores[t.Service] = append(scores[t.Service], t)
	}
	for _, t := range tracks {
		drift[t.Service] = append(drift[t.Service], t)
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		told = append(told, prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...))
	}
	capacities, err := c.a.store.Capacities(ctx, "", time.Time{})
	if err != nil {
		return nil, fmt.Errorf("read capacities: %w", err)
	}
	serves := map[string]forescale.Capacities{}
	for _, x := range capacities {
		serves[x.Service] = append(serves[x.Service], x)
	}
	for _, s := range services {
		if e := followed[s.Name]; e.Steps > 0 {
			for _, m := range c.elasticity {
				gauge(m.desc, m.of(e), s.Name)
			}
		}
		c.serving(s, now, serves[s.Name], gauge)
		for _, m := range metricsOf(s) { // the first that anything is known of
			k := slices.IndexFunc(drift[s.Name], func(t forescale.Track) bool { return t.Metric == m })
			if k < 0 {
				continue
			}
			for _, alarm := range []forescale.Alarm{forescale.AlarmCoverage, forescale.AlarmError} {
				holds := 0.0
				if drift[s.Name][k].Drift.Alarm == alarm {
					holds = 1
				}
				gauge(c.drifted, holds, s.Name, string(alarm))
			}
			c.leads(s.Name, m, scores[s.Name], gauge)
			break
		}
	}
	return told, nil
}

func (c *accuracyCollector) serving(s forescale.Service, now time.Time, cs forescale.Capacities, gauge func(*prometheus.Desc, float64, ...string)) {
	if !(s.Capacity > 0) {
		return
	}
	gauge(c.serves, cs.At(now, s.Capacity), s.Name)
	if len(cs) == 0 || !(cs[len(cs)-1].Learned.Value > 0) {
		return
	}
	e := cs[len(cs)-1].Learned
	gauge(c.learned, e.Low, s.Name, "0.05")
	gauge(c.learned, e.Value, s.Name, "0.5")
	gauge(c.learned, e.High, s.Name, "0.95")
}

func (c *accuracyCollector) leads(service string, m forescale.Metric, tallies []forescale.Tally, gauge func(*prometheus.Desc, float64, ...string)) {
	for lead, label := range metricLeads {
		var x forescale.Tally
		for _, t := range tallies {
			if t.Lead == lead && t.Metric == m {
				x.Add(t)
			}
		}
		if v, ok := x.RelativeError(); ok {
			gauge(c.err, v, service, label)
		}
		if v, ok := x.AgainstLastWeek(); ok {
			gauge(c.lastWeek, v, service, label)
		}
		if v, ok := x.Coverage(); ok {
			gauge(c.coverage, v, service, label)
		}
	}
}

var _ prometheus.Collector = (*accuracyCollector)(nil)
