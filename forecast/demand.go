package forecast

import (
	"math"
	"time"

	"github.com/forescale/forescale"
)

// saturated is the utilization in % from which on an instance may be asked for
// more than it can show.
const saturated = 95

// Primary is the metric whose demand is forecast and imported history belongs
// to: the first of the service's metrics. With none it is the load if the
// capacity is known, else the utilization.
func Primary(s forescale.Service) forescale.Metric {
	switch {
	case len(s.Metrics) > 0:
		return s.Metrics[0]
	case s.Capacity > 0:
		return forescale.MetricLoad
	default:
		return forescale.MetricUtilization
	}
}

// Demand works out one cell of one service, [cell, cell+DemandStep): at most
// one point per metric of the service, in the order of its metrics, in busy
// instances. A metric that tells too little has no point: a gap is never a zero.
//
// An instance belongs to the cell when it was ready in the middle of it, and
// its samples count while it was ready, so that start-up and draining are not
// taken for load. One that reports but is not in instances counts as ready. The
// ready but silent count with the mean of those that reported; when fewer than
// half reported there is no point. A point is censored when every instance that
// reported was at 95 % or more: demand is at least this.
//
// A service without metrics is read by its load, if its capacity is known, and
// by its utilization, for which cpu stands in where no utilization is pushed.
// Samples of MetricDemand are taken as they are for the [Primary] metric, unless
// the instances tell it themselves.
func Demand(s forescale.Service, cell time.Time, samples []forescale.Sample, instances []forescale.Instance) []forescale.DemandPoint {
	c := newCellReader(s, cell, samples, instances)
	metrics := s.Metrics
	if len(metrics) == 0 {
		metrics = []forescale.Metric{forescale.MetricUtilization}
		if s.Capacity > 0 {
			metrics = []forescale.Metric{forescale.MetricLoad, forescale.MetricUtilization}
		}
	}
	var points []forescale.DemandPoint
	for _, m := range metrics {
		p, ok := c.point(m)
		if !ok && len(s.Metrics) == 0 && m == forescale.MetricUtilization {
			p, ok = c.point(forescale.MetricCPU)
		}
		if !ok && m == Primary(s) {
			p, ok = c.imported()
		}
		if ok {
			p.Service, p.Metric, p.Time = s.Name, m, cell.UTC()
			points = append(points, p)
		}
	}
	return points
}

// cellReader reads the samples of one service in one cell.
type cellReader struct {
	service forescale.Service
	cell    time.Time
	samples []forescale.Sample
	known   map[string]forescale.Instance
}

func newCellReader(s forescale.Service, cell time.Time, samples []forescale.Sample, instances []forescale.Instance) *cellReader {
	known := make(map[string]forescale.Instance, len(instances))
	for _, i := range instances {
		if i.Service == s.Name {
			known[i.ID] = i
		}
	}
	return &cellReader{service: s, cell: cell, samples: samples, known: known}
}

// middle is the moment that decides whether an instance belongs to the cell.
func (c *cellReader) middle() time.Time { return c.cell.Add(forescale.DemandStep / 2) }

// usable reports whether a sample of metric m lies in the cell and is a number.
func (c *cellReader) usable(x forescale.Sample, m forescale.Metric) bool {
	return x.Metric == m && x.Value >= 0 && !math.IsInf(x.Value, 0) &&
		!x.Time.Before(c.cell) && x.Time.Before(c.cell.Add(forescale.DemandStep))
}

// counts reports whether a sample of an instance is one of a ready instance.
func (c *cellReader) counts(x forescale.Sample) bool {
	if x.Subject.Kind != forescale.KindInstance || x.Subject.Service != c.service.Name {
		return false
	}
	i, ok := c.known[x.Subject.Name]
	return !ok || (i.ReadyDuring(c.middle()) && i.ReadyDuring(x.Time))
}

// serviceMean is the mean of the service's own samples of metric m.
func (c *cellReader) serviceMean(m forescale.Metric) (mean float64, ok bool) {
	var v running
	for _, x := range c.samples {
		if x.Subject.Kind == forescale.KindService && x.Subject.Name == c.service.Name && c.usable(x, m) {
			v.add(x.Value)
		}
	}
	return v.mean, v.n > 0
}

// imported is the point that samples of MetricDemand give.
func (c *cellReader) imported() (forescale.DemandPoint, bool) {
	v, ok := c.serviceMean(forescale.MetricDemand)
	return forescale.DemandPoint{Value: v}, ok
}

// point is the demand that metric m tells.
func (c *cellReader) point(m forescale.Metric) (p forescale.DemandPoint, ok bool) {
	unit := 100.0 // of one busy instance
	if m == forescale.MetricLoad {
		if c.service.Capacity <= 0 {
			return p, false
		}
		unit = c.service.Capacity
		if v, ok := c.serviceMean(m); ok {
			return forescale.DemandPoint{Value: v / unit}, true
		}
	}
	mean, reporting, ready, allSaturated := c.instances(m)
	if reporting == 0 || 2*reporting < ready {
		return p, false
	}
	return forescale.DemandPoint{
		Value:     mean * float64(ready) / unit,
		Censored:  m != forescale.MetricLoad && allSaturated,
		Reporting: reporting,
		Ready:     ready,
	}, true
}

// instances sums up metric m over the ready instances: the mean of the
// instances' means, how many reported, how many were ready, and whether each
// that reported was saturated.
func (c *cellReader) instances(m forescale.Metric) (mean float64, reporting, ready int, allSaturated bool) {
	means := make(map[string]*running)
	var order []string // of first appearance, so that sums do not depend on the map
	for _, x := range c.samples {
		if !c.usable(x, m) || !c.counts(x) {
			continue
		}
		v := means[x.Subject.Name]
		if v == nil {
			v = new(running)
			means[x.Subject.Name] = v
			order = append(order, x.Subject.Name)
		}
		v.add(x.Value)
	}
	for id, i := range c.known {
		if means[id] == nil && i.ReadyDuring(c.middle()) {
			ready++
		}
	}
	var over running
	allSaturated = true
	for _, id := range order {
		over.add(means[id].mean)
		allSaturated = allSaturated && means[id].mean >= saturated
	}
	return over.mean, len(order), ready + len(order), allSaturated
}

// running is a mean built value by value; it does not overflow.
type running struct {
	n    int
	mean float64
}

func (r *running) add(v float64) {
	r.n++
	r.mean += (v - r.mean) / float64(r.n)
}
