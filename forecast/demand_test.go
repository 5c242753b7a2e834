package forecast_test

import (
	"math"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/forecast"
)

var cell = time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)

// ready is an instance that has been ready for an hour.
func ready(id string) forescale.Instance {
	return forescale.Instance{ID: id, Service: "shop", State: forescale.InstanceReady, ReadyAt: cell.Add(-time.Hour)}
}

func withReady(i forescale.Instance, at time.Duration) forescale.Instance {
	i.ReadyAt = cell.Add(at)
	return i
}

func withDraining(i forescale.Instance, at time.Duration) forescale.Instance {
	i.DrainingAt = cell.Add(at)
	return i
}

// of is a sample of an instance at a second of the cell.
func of(id string, m forescale.Metric, second int, v float64) forescale.Sample {
	return forescale.Sample{Subject: forescale.Subject{Kind: forescale.KindInstance, Name: id, Service: "shop"},
		Metric: m, Time: cell.Add(time.Duration(second) * time.Second), Value: v}
}

// ofService is a sample of the service itself.
func ofService(m forescale.Metric, second int, v float64) forescale.Sample {
	return forescale.Sample{Subject: forescale.Subject{Kind: forescale.KindService, Name: "shop", Service: "shop"},
		Metric: m, Time: cell.Add(time.Duration(second) * time.Second), Value: v}
}

func TestDemand(t *testing.T) {
	const (
		util   = forescale.MetricUtilization
		cpu    = forescale.MetricCPU
		memory = forescale.MetricMemory
		load   = forescale.MetricLoad
		demand = forescale.MetricDemand
	)
	type want struct {
		metric    forescale.Metric
		value     float64
		censored  bool
		reporting int
		ready     int
	}
	two := []forescale.Instance{ready("a"), ready("b")}
	for _, c := range []struct {
		sentence  string
		metrics   []forescale.Metric
		capacity  float64
		samples   []forescale.Sample
		instances []forescale.Instance
		want      []want
	}{
		{"the utilizations of ready instances add up to busy instances", nil, 0,
			[]forescale.Sample{of("a", util, 5, 60), of("b", util, 5, 80)}, two, []want{{util, 1.4, false, 2, 2}}},
		{"an instance counts with its mean, however often it reports", nil, 0,
			[]forescale.Sample{of("a", util, 5, 20), of("a", util, 15, 40), of("b", util, 5, 80)}, two, []want{{util, 1.1, false, 2, 2}}},
		{"a ready but silent instance counts as the mean of the others", nil, 0,
			[]forescale.Sample{of("a", util, 5, 60)}, two, []want{{util, 1.2, false, 1, 2}}},
		{"when fewer than half report there is a gap", nil, 0,
			[]forescale.Sample{of("a", util, 5, 60)}, append(two, ready("c")), nil},
		{"when nobody reports there is a gap and never a zero", nil, 0, nil, two, nil},
		{"a measured zero is a zero", nil, 0,
			[]forescale.Sample{of("a", util, 5, 0), of("b", util, 5, 0)}, two, []want{{util, 0, false, 2, 2}}},
		{"a starting instance is left out", nil, 0,
			[]forescale.Sample{of("a", util, 5, 60), of("b", util, 5, 100)},
			[]forescale.Instance{ready("a"), {ID: "b", Service: "shop", State: forescale.InstanceStarting}}, []want{{util, 0.6, false, 1, 1}}},
		{"what an instance reports before it is ready is left out", nil, 0,
			[]forescale.Sample{of("a", util, 5, 60), of("b", util, 10, 100)},
			[]forescale.Instance{ready("a"), withReady(ready("b"), 40*time.Second)}, []want{{util, 0.6, false, 1, 1}}},
		{"one that becomes ready within the cell counts from its first sample then", nil, 0,
			[]forescale.Sample{of("a", util, 5, 80), of("a", util, 50, 40), of("b", util, 50, 40)},
			[]forescale.Instance{ready("a"), withReady(ready("b"), 40*time.Second)}, []want{{util, 0.8, false, 2, 2}}},
		{"a draining instance is left out", nil, 0,
			[]forescale.Sample{of("a", util, 5, 60), of("b", util, 5, 5)},
			[]forescale.Instance{ready("a"), withDraining(ready("b"), -time.Minute)}, []want{{util, 0.6, false, 1, 1}}},
		{"a drained instance does not count as silent", nil, 0,
			[]forescale.Sample{of("a", util, 5, 60)},
			[]forescale.Instance{ready("a"), withDraining(ready("b"), -time.Minute), withDraining(ready("c"), -time.Minute)}, []want{{util, 0.6, false, 1, 1}}},
		{"an unknown instance that reports counts as ready", nil, 0,
			[]forescale.Sample{of("x", util, 5, 60), of("y", util, 5, 70)}, nil, []want{{util, 1.3, false, 2, 2}}},
		{"demand is censored when every instance is saturated", nil, 0,
			[]forescale.Sample{of("a", util, 5, 95), of("b", util, 5, 100)}, two, []want{{util, 1.95, true, 2, 2}}},
		{"demand is not censored when one has room", nil, 0,
			[]forescale.Sample{of("a", util, 5, 100), of("b", util, 5, 94)}, two, []want{{util, 1.94, false, 2, 2}}},
		{"load is divided by the capacity and never censored", []forescale.Metric{load}, 200,
			[]forescale.Sample{of("a", load, 5, 200), of("b", load, 5, 200)}, two, []want{{load, 2, false, 2, 2}}},
		{"the silent count in load too", []forescale.Metric{load}, 100,
			[]forescale.Sample{of("a", load, 5, 70)}, two, []want{{load, 1.4, false, 1, 2}}},
		{"a load of the service as a whole wins over those of its instances", []forescale.Metric{load}, 100,
			[]forescale.Sample{of("a", load, 5, 70), ofService(load, 5, 300), ofService(load, 25, 310)}, two, []want{{load, 3.05, false, 0, 0}}},
		{"utilization is kept beside load, so that it can be told what an instance serves", []forescale.Metric{load}, 100,
			[]forescale.Sample{of("a", load, 5, 70), of("a", util, 5, 80)}, []forescale.Instance{ready("a")}, []want{{load, 0.7, false, 1, 1}, {util, 0.8, false, 1, 1}}},
		{"cpu stands in for it", []forescale.Metric{load}, 100,
			[]forescale.Sample{of("a", load, 5, 70), of("a", cpu, 5, 60)}, []forescale.Instance{ready("a")}, []want{{load, 0.7, false, 1, 1}, {util, 0.6, false, 1, 1}}},
		{"where cpu is a metric of its own it is enough", []forescale.Metric{load, cpu}, 100,
			[]forescale.Sample{of("a", load, 5, 70), of("a", cpu, 5, 60), of("a", util, 5, 80)}, []forescale.Instance{ready("a")}, []want{{load, 0.7, false, 1, 1}, {cpu, 0.6, false, 1, 1}}},
		{"without a capacity there is no demand by load", []forescale.Metric{load}, 0,
			[]forescale.Sample{of("a", load, 5, 70)}, two, nil},
		{"each metric has its point, in the order of the service's metrics", []forescale.Metric{memory, cpu}, 0,
			[]forescale.Sample{of("a", cpu, 5, 30), of("a", memory, 5, 50)}, []forescale.Instance{ready("a")},
			[]want{{memory, 0.5, false, 1, 1}, {cpu, 0.3, false, 1, 1}}},
		{"without metrics cpu stands in for utilization", nil, 0,
			[]forescale.Sample{of("a", cpu, 5, 30)}, []forescale.Instance{ready("a")}, []want{{util, 0.3, false, 1, 1}}},
		{"pushed utilization wins over cpu", nil, 0,
			[]forescale.Sample{of("a", cpu, 5, 30), of("a", util, 5, 50)}, []forescale.Instance{ready("a")}, []want{{util, 0.5, false, 1, 1}}},
		{"without metrics but with a capacity, load comes first", nil, 100,
			[]forescale.Sample{of("a", util, 5, 50), of("a", load, 5, 60)}, []forescale.Instance{ready("a")},
			[]want{{load, 0.6, false, 1, 1}, {util, 0.5, false, 1, 1}}},
		{"imported demand is taken as it is for the primary metric", []forescale.Metric{cpu, memory}, 0,
			[]forescale.Sample{ofService(demand, 0, 3.7)}, nil, []want{{cpu, 3.7, false, 0, 0}}},
		{"what instances tell wins over imported demand", nil, 0,
			[]forescale.Sample{ofService(demand, 0, 3.7), of("a", util, 5, 60)}, []forescale.Instance{ready("a")}, []want{{util, 0.6, false, 1, 1}}},
		{"samples outside the cell do not count", nil, 0,
			[]forescale.Sample{of("a", util, -1, 60), of("a", util, 60, 70)}, []forescale.Instance{ready("a")}, nil},
		{"values that are no numbers do not count", nil, 0,
			[]forescale.Sample{of("a", util, 1, math.NaN()), of("a", util, 2, math.Inf(1)), of("a", util, 3, -1)}, []forescale.Instance{ready("a")}, nil},
		{"instances of another service do not count", nil, 0,
			[]forescale.Sample{of("a", util, 5, 60)}, []forescale.Instance{ready("a"), {ID: "o", Service: "other", ReadyAt: cell.Add(-time.Hour)}},
			[]want{{util, 0.6, false, 1, 1}}},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			s := forescale.Service{Name: "shop", Metrics: c.metrics, Capacity: c.capacity}
			got := forecast.Demand(s, cell, c.samples, c.instances)
			if len(got) != len(c.want) {
				t.Fatalf("%d points %+v, want %+v", len(got), got, c.want)
			}
			for i, w := range c.want {
				g := got[i]
				if g.Service != "shop" || !g.Time.Equal(cell) || g.Metric != w.metric || math.Abs(g.Value-w.value) > 1e-12 ||
					g.Censored != w.censored || g.Reporting != w.reporting || g.Ready != w.ready {
					t.Errorf("point %d is %+v, want %+v", i, g, w)
				}
			}
		})
	}
}

// A point tells at how many moments something was reported, whoever did.
func TestDemandTellsHowMuchOfAMinuteWasHeard(t *testing.T) {
	const util, load, demand = forescale.MetricUtilization, forescale.MetricLoad, forescale.MetricDemand
	two := []forescale.Instance{ready("a"), ready("b")}
	for sentence, c := range map[string]struct {
		metric  forescale.Metric
		samples []forescale.Sample
		want    int
	}{
		"one sample":                      {util, []forescale.Sample{of("a", util, 59, 60)}, 1},
		"two instances at one moment":     {util, []forescale.Sample{of("a", util, 5, 60), of("b", util, 7, 60)}, 1},
		"two instances at two":            {util, []forescale.Sample{of("b", util, 31, 60), of("a", util, 5, 60)}, 2},
		"loads of the service as a whole": {load, []forescale.Sample{ofService(load, 0, 60), ofService(load, 20, 60), ofService(load, 21, 60), ofService(load, 40, 60)}, 3},
		"imported demand":                 {util, []forescale.Sample{ofService(demand, 0, 3.7)}, 1},
	} {
		t.Run(sentence, func(t *testing.T) {
			s := forescale.Service{Name: "shop", Metrics: []forescale.Metric{c.metric}, Capacity: 100}
			got := forecast.Demand(s, cell, c.samples, two)
			if len(got) == 0 || got[0].Moments != c.want {
				t.Errorf("%+v, want %d moments", got, c.want)
			}
		})
	}
}

func TestPrimary(t *testing.T) {
	for _, c := range []struct {
		sentence string
		s        forescale.Service
		want     forescale.Metric
	}{
		{"the first metric is the primary one", forescale.Service{Metrics: []forescale.Metric{"memory", "load"}, Capacity: 5}, forescale.MetricMemory},
		{"with a capacity it is the load", forescale.Service{Capacity: 5}, forescale.MetricLoad},
		{"else it is the utilization", forescale.Service{}, forescale.MetricUtilization},
	} {
		if got := forecast.Primary(c.s); got != c.want {
			t.Errorf("%s: %q, want %q", c.sentence, got, c.want)
		}
	}
}
