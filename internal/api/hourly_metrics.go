package api

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/forescale/forescale"
)

// hourlyKept is how long what was read is told again: it changes once an hour.
const hourlyKept = 5 * time.Minute

// figures are metrics about services of one kind, read at once for all of them.
type figures interface {
	describe() []*prometheus.Desc
	// read tells what is known of the services now.
	read(ctx context.Context, a *API, now time.Time, services []forescale.Service, tell func(prometheus.Metric)) error
}

// hourlyCollector tells what changes once an hour: sums over days, and what was learned.
// It is apart from the collector of the present state, and remembers for some minutes.
type hourlyCollector struct {
	a     *API
	parts []figures

	mu   sync.Mutex
	at   time.Time
	told []prometheus.Metric
}

func newHourlyCollector(a *API) *hourlyCollector {
	return &hourlyCollector{a: a, parts: []figures{newElasticityFigures(), newCapacityFigures(), newAccuracyFigures()}}
}

// Describe implements prometheus.Collector.
func (c *hourlyCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, p := range c.parts {
		for _, d := range p.describe() {
			ch <- d
		}
	}
}

// Collect implements prometheus.Collector.
func (c *hourlyCollector) Collect(ch chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.a.now(); c.at.IsZero() || now.Sub(c.at).Abs() >= hourlyKept {
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

func (c *hourlyCollector) read(ctx context.Context, now time.Time) (told []prometheus.Metric, err error) {
	services, err := c.a.store.ListServices(ctx)
	if err != nil {
		return nil, fmt.Errorf("read services: %w", err)
	}
	for _, p := range c.parts {
		if err := p.read(ctx, c.a, now, services, func(m prometheus.Metric) { told = append(told, m) }); err != nil {
			return nil, err
		}
	}
	return told, nil
}

func gauge(d *prometheus.Desc, v float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

var _ prometheus.Collector = (*hourlyCollector)(nil)
