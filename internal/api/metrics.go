package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/forescale/forescale"
)

func (a *API) metricRoutes(r chi.Router) {
	h := promhttp.HandlerFor(a.metrics.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second,
		ErrorHandling: promhttp.ContinueOnError})
	r.Get("/metrics", a.allowed(forescale.RoleRead, h.ServeHTTP))
}

// metrics counts what passes through, and reads the rest from the store when it
// is asked. It has its own registry: nothing global.
type metrics struct {
	registry  *prometheus.Registry
	received  prometheus.Counter
	refused   *prometheus.CounterVec
	ingest    prometheus.Histogram
	decisions *prometheus.CounterVec
	steps     prometheus.Histogram
	failures  prometheus.Counter
}

func newMetrics(a *API) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		received: prometheus.NewCounter(prometheus.CounterOpts{Name: "forescale_samples_received_total", Help: "Samples pushed and durably stored."}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "forescale_samples_refused_total",
			Help: "Rows of pushes that were refused, by code."}, []string{"code"}),
		ingest: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "forescale_ingest_seconds", Help: "Time from a push's arrival until it was durable.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2, 14)}),
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "forescale_decisions_total",
			Help: "Decisions made, by the code that decided."}, []string{"code"}),
		steps: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "forescale_step_seconds", Help: "Real time of one planning step.",
			Buckets: prometheus.ExponentialBuckets(0.005, 2, 13)}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "forescale_step_failures_total", Help: "Parts of planning steps that failed."}),
	}
	m.registry.MustRegister(m.received, m.refused, m.ingest, m.decisions, m.steps, m.failures,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), newServiceCollector(a), newHourlyCollector(a), newNodeCollector(a), newAgentCollector(a), newBudgetCollector(a))
	// Each counter is there from the start: a dashboard must not be empty because a
	// thing has not happened yet.
	for _, c := range forescale.Codes {
		m.decisions.WithLabelValues(string(c))
	}
	for _, c := range rowCodes {
		m.refused.WithLabelValues(c)
	}
	return m
}

func (m *metrics) step(s Step) {
	m.steps.Observe(s.Took.Seconds())
	m.failures.Add(float64(len(s.Failed)))
	for _, d := range s.Decisions {
		m.decisions.WithLabelValues(string(d.Code())).Inc()
	}
}

// serviceCollector reads the present state of all services when it is scraped.
type serviceCollector struct {
	a                                                               *API
	alerts, alert                                                   *prometheus.Desc
	demand, ready, starting, wanted, required                       *prometheus.Desc
	forecast, age, min, max, paused, up, size, info, leading, fence *prometheus.Desc
}

func newServiceCollector(a *API) *serviceCollector {
	perService := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("forescale_"+name, help, []string{"service"}, nil)
	}
	return &serviceCollector{a: a,
		demand:   perService("demand_busy_instances", "Live demand, in busy instances. Absent while samples are missing."),
		ready:    perService("instances_ready", "Instances that take load."),
		starting: perService("instances_starting", "Instances that were ordered and are not ready yet."),
		wanted:   perService("instances_wanted", "Instances wanted now."),
		required: perService("instances_required", "Instances that the live demand asks for, before limits."),
		forecast: perService("forecast_busy_instances", "Median of the forecast for now, in busy instances. Absent without a forecast."),
		age:      perService("last_sample_age_seconds", "Age of the newest sample. Absent before the first."),
		min:      perService("instances_min", "Never fewer by our hand."),
		max:      perService("instances_max", "Never more."),
		paused:   perService("paused", "1 while the service is paused."),
		alerts:   prometheus.NewDesc("forescale_alerts", "Services of which a reason of the newest decision needs somebody to look, by its code.", []string{"code"}, nil),
		alert:    prometheus.NewDesc("forescale_alert", "1 while such a reason is there. Absent else.", []string{"service", "code"}, nil),
		up:       prometheus.NewDesc("forescale_store_up", "1 when the store could be read for this scrape.", nil, nil),
		size:     prometheus.NewDesc("forescale_store_bytes", "Size of the store.", nil, nil),
		leading:  prometheus.NewDesc("forescale_leading", "1 while this server plans and acts.", nil, nil),
		fence:    prometheus.NewDesc("forescale_fence", "Number of take-overs so far, as this server knows it. 0 where there is but one server.", nil, nil),
		info:     prometheus.NewDesc("forescale_info", "1, with the version.", []string{"version"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *serviceCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.alerts, c.alert, c.demand, c.ready, c.starting, c.wanted, c.required, c.forecast, c.age, c.min, c.max, c.paused, c.up, c.size, c.info, c.leading, c.fence} {
		ch <- d
	}
}

// scrapeTime bounds the reads of one scrape.
const scrapeTime = 8 * time.Second

// Collect implements prometheus.Collector.
func (c *serviceCollector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	gauge(c.info, 1, c.a.cfg.Version)
	term, leading := c.a.cfg.Lead()
	leads := 0.0
	if leading {
		leads = 1
	}
	gauge(c.leading, leads)
	gauge(c.fence, float64(term.Fence))
	if c.a.cfg.StoreSize != nil {
		if n, err := c.a.cfg.StoreSize(); err == nil {
			gauge(c.size, float64(n))
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	w, err := c.a.world(ctx)
	if err != nil {
		c.a.log.Warn("read for metrics", "error", err)
		gauge(c.up, 0)
		return
	}
	gauge(c.up, 1)
	for _, s := range w.services {
		c.service(w, s, gauge)
	}
	services := map[forescale.Code]int{}
	for _, s := range w.services {
		for _, code := range w.alerts(s) {
			gauge(c.alert, 1, s.Name, string(code))
			services[code]++
		}
	}
	for _, code := range forescale.AlertCodes {
		gauge(c.alerts, float64(services[code]), string(code))
	}
}

// alerts are the codes of the alerts of the newest decision of s, each once.
func (w *world) alerts(s forescale.Service) (codes []forescale.Code) {
	if s.Mode == forescale.ModeOff {
		return nil
	}
	for _, r := range w.decisions[s.Name].Alerts() {
		if !slices.Contains(codes, r.Code) {
			codes = append(codes, r.Code)
		}
	}
	return codes
}

func (c *serviceCollector) service(w *world, s forescale.Service, gauge func(*prometheus.Desc, float64, ...string)) {
	v := w.status(s)
	gauge(c.ready, float64(v.Ready), s.Name)
	gauge(c.starting, float64(v.Starting), s.Name)
	gauge(c.wanted, float64(v.Wanted), s.Name)
	gauge(c.required, float64(v.Required), s.Name)
	gauge(c.min, float64(s.Min), s.Name)
	gauge(c.max, float64(s.Max), s.Name)
	paused := 0.0
	if v.Paused != nil {
		paused = 1
	}
	gauge(c.paused, paused, s.Name)
	if v.Busy != nil {
		gauge(c.demand, *v.Busy, s.Name)
	}
	if v.LastSample != nil {
		gauge(c.age, w.now.Sub(*v.LastSample).Seconds(), s.Name)
	}
	if f, ok := w.forecast(s); ok && f.reaches {
		gauge(c.forecast, f.median, s.Name)
	}
}

var _ prometheus.Collector = (*serviceCollector)(nil)

var _ http.Handler = (*API)(nil)
