package forecast

import (
	"math"
	"math/bits"
	"slices"
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
// Samples count while their instance was ready, so that start-up and draining
// are not taken for load. Demand is summed up moment by moment and then
// averaged, as an instance that joins takes load off the others within the
// cell. One that reports but is not in instances counts as ready. The ready but
// silent count with the mean of those that reported; when fewer than half
// reported there is no point. A point is censored when every instance that
// reported was at 95 % or more: demand is at least this.
//
// A service without metrics is read by its load, if its capacity is known, and
// by its utilization, for which cpu stands in where no utilization is pushed.
// Samples of MetricDemand are taken as they are for the [Primary] metric, unless
// the instances tell it themselves. One that is read by its load has a point of its
// utilization beside it, which tells what an instance serves.
func Demand(s forescale.Service, cell time.Time, samples []forescale.Sample, instances []forescale.Instance) []forescale.DemandPoint {
	c := newCellReader(s, cell, samples, instances)
	metrics := s.Metrics
	beside := len(metrics) == 0
	switch {
	case len(metrics) == 0 && s.Capacity > 0:
		metrics = []forescale.Metric{forescale.MetricLoad, forescale.MetricUtilization}
	case len(metrics) == 0:
		metrics = []forescale.Metric{forescale.MetricUtilization}
	case slices.Contains(metrics, forescale.MetricLoad) && !slices.Contains(metrics, forescale.MetricUtilization) && !slices.Contains(metrics, forescale.MetricCPU):
		metrics, beside = append(slices.Clip(metrics), forescale.MetricUtilization), true
	}
	var points []forescale.DemandPoint
	for _, m := range metrics {
		p, ok := c.point(m)
		if !ok && beside && m == forescale.MetricUtilization {
			p, ok = c.point(forescale.MetricCPU)
		}
		if !ok && m == Primary(s) {
			p, ok = c.ofService(forescale.MetricDemand) // imported
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
	known   map[string]*forescale.Instance
}

func newCellReader(s forescale.Service, cell time.Time, samples []forescale.Sample, instances []forescale.Instance) *cellReader {
	known := make(map[string]*forescale.Instance, len(instances))
	for k := range instances {
		if i := &instances[k]; i.Service == s.Name {
			known[i.ID] = i
		}
	}
	return &cellReader{service: s, cell: cell, samples: samples, known: known}
}

// middle is the moment at which a silent instance must have been ready to count.
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
	return !ok || i.ReadyDuring(x.Time)
}

// ofService is the mean of the service's own samples of metric m, as a point.
func (c *cellReader) ofService(m forescale.Metric) (p forescale.DemandPoint, ok bool) {
	var v running
	var heard moments
	for _, x := range c.samples {
		if x.Subject.Kind == forescale.KindService && x.Subject.Name == c.service.Name && c.usable(x, m) {
			v.add(x.Value)
			heard.add(x.Time.Sub(c.cell))
		}
	}
	return forescale.DemandPoint{Value: v.mean, Moments: heard.count()}, v.n > 0
}

// point is the demand that metric m tells.
func (c *cellReader) point(m forescale.Metric) (p forescale.DemandPoint, ok bool) {
	unit := 100.0 // of one busy instance
	if m == forescale.MetricLoad {
		if c.service.Capacity <= 0 {
			return p, false
		}
		unit = c.service.Capacity
		if p, ok := c.ofService(m); ok {
			p.Value /= unit
			return p, true
		}
	}
	reports, silent, allSaturated := c.reports(m)
	if len(reports) == 0 || len(reports) < silent {
		return p, false
	}
	sum, heard := c.sum(reports, silent)
	return forescale.DemandPoint{
		Value:     sum / unit,
		Censored:  m != forescale.MetricLoad && allSaturated,
		Reporting: len(reports),
		Ready:     len(reports) + silent,
		Moments:   heard.count(),
	}, true
}

// report is what one instance reported in the cell, by time.
type report struct {
	id      string
	samples []reading
}

type reading struct {
	at    time.Time
	value float64
}

// usualReadings are as many as an instance mostly gives in a cell.
const usualReadings = int(forescale.DemandStep / (10 * time.Second))

// reports groups the samples of metric m by instance, in the order of their
// first appearance, so that sums do not depend on a map. silent is how many
// were ready in the middle of the cell and did not report.
func (c *cellReader) reports(m forescale.Metric) (rs []report, silent int, allSaturated bool) {
	at := make(map[string]int)
	for _, x := range c.samples {
		if !c.usable(x, m) || !c.counts(x) {
			continue
		}
		k, ok := at[x.Subject.Name]
		if !ok {
			k = len(rs)
			at[x.Subject.Name] = k
			rs = append(rs, report{x.Subject.Name, make([]reading, 0, usualReadings)})
		}
		rs[k].samples = append(rs[k].samples, reading{x.Time, x.Value})
	}
	for id, i := range c.known {
		if _, ok := at[id]; !ok && i.ReadyDuring(c.middle()) {
			silent++
		}
	}
	allSaturated = true
	for k := range rs {
		slices.SortStableFunc(rs[k].samples, func(a, b reading) int { return a.at.Compare(b.at) })
		var v running
		for _, x := range rs[k].samples {
			v.add(x.value)
		}
		allSaturated = allSaturated && v.mean >= saturated
	}
	return rs, silent, allSaturated
}

// moment is how finely a cell is looked at: samples closer than this are of the
// same moment.
const moment = forescale.DemandStep / 12

// moments are those of a cell, a bit for each.
type moments uint16

func (m *moments) add(since time.Duration) { *m |= 1 << (since / moment) }

func (m moments) count() int { return bits.OnesCount16(uint16(m)) }

// sum is the metric's sum over the ready instances, averaged over the moments at
// which anything was reported. At each, an instance counts with its sample
// nearest in time, and the silent ones with the mean of the others.
func (c *cellReader) sum(reports []report, silent int) (float64, moments) {
	var times []time.Time // the last of each moment counts
	for _, r := range reports {
		for _, x := range r.samples {
			times = append(times, x.at)
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	var total running
	var heard moments
	for i, t := range times {
		heard.add(t.Sub(c.cell))
		if i+1 < len(times) && times[i+1].Truncate(moment).Equal(t.Truncate(moment)) {
			continue
		}
		var over running
		for _, r := range reports {
			if known, ok := c.known[r.id]; !ok || known.ReadyDuring(t) {
				over.add(nearest(r.samples, t))
			}
		}
		if over.n > 0 {
			total.add(over.mean * float64(over.n+silent))
		}
	}
	return total.mean, heard
}

// nearest is the value of the sample that is nearest to t; samples are by time.
func nearest(samples []reading, t time.Time) float64 {
	k, _ := slices.BinarySearchFunc(samples, t, func(x reading, t time.Time) int { return x.at.Compare(t) })
	switch {
	case k == len(samples):
		return samples[k-1].value
	case k > 0 && t.Sub(samples[k-1].at) < samples[k].at.Sub(t):
		return samples[k-1].value
	}
	return samples[k].value
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
