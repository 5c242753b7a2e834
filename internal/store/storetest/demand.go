package storetest

import (
	"fmt"
	"math"
	"time"

	"github.com/forescale/forescale"
)

func (f *fixture) dirty(limit int) []forescale.Cell {
	f.Helper()
	return must[[]forescale.Cell](f)(f.DirtyCells(f.ctx, limit))
}

func cell(service string, n int) forescale.Cell {
	return forescale.Cell{Service: service, Time: minute(n)}
}

func point(service string, m forescale.Metric, n int, v float64) forescale.DemandPoint {
	return forescale.DemandPoint{Service: service, Metric: m, Time: minute(n), Value: v, Reporting: 2, Ready: 3}
}

func (f *fixture) demand(service string, m forescale.Metric) []forescale.DemandPoint {
	f.Helper()
	return must[[]forescale.DemandPoint](f)(f.Demand(f.ctx, service, m, minute(-9999), minute(9999)))
}

var cellCases = []testCase{
	{"samples that demand can be read from mark their cell, others do not", func(f *fixture) {
		for i, c := range []struct {
			subject forescale.Subject
			metric  forescale.Metric
			marks   bool
		}{
			{instance("a", "a-1"), util, true},
			{instance("a", "a-1"), load, true},
			{instance("a", "a-1"), cpu, true},
			{instance("a", "a-1"), forescale.MetricMemory, true},
			{service("a"), load, true},
			{service("a"), demand, true},
			{instance("a", "a-1"), demand, true},
			{instance("a", "a-1"), forescale.MetricBandwidth, false},
			{instance("a", "a-1"), disk, false},
			{node("a"), cpu, false},
			{node("a"), forescale.MetricMemory, false},
		} {
			f.append(sample(c.subject, c.metric, minute(i).Add(59*time.Second+999*time.Millisecond), 1))
			var want []forescale.Cell
			if c.marks {
				want = []forescale.Cell{cell("a", i)}
			}
			f.equal(f.dirty(9), want)
			f.ok(f.SaveDemand(f.ctx, want, nil))
		}
	}},
	{"cells come oldest first, then by service, up to the limit", func(f *fixture) {
		f.append(
			sample(service("b"), load, minute(2), 1),
			sample(service("a"), load, minute(2), 1),
			sample(service("c"), load, minute(1), 1),
			sample(service("a"), load, minute(3), 1))
		all := []forescale.Cell{cell("c", 1), cell("a", 2), cell("b", 2), cell("a", 3)}
		f.equal(f.dirty(99), all)
		f.equal(f.dirty(2), all[:2])
		f.equal(f.dirty(0), []forescale.Cell{})
	}},
	{"a cell is marked once however many samples it has", func(f *fixture) {
		for i := range 50 {
			f.append(sample(instance("a", fmt.Sprint("a-", i)), util, at(float64(i)), 1))
		}
		f.equal(f.dirty(99), []forescale.Cell{cell("a", 0)})
	}},
	{"a cell that was worked out is clean until another sample comes", func(f *fixture) {
		f.append(sample(service("a"), load, minute(0), 1), sample(service("a"), load, minute(1), 1))
		f.ok(f.SaveDemand(f.ctx, f.dirty(1), nil))
		f.equal(f.dirty(9), []forescale.Cell{cell("a", 1)})
		f.append(sample(service("a"), load, minute(0), 2))
		f.equal(f.dirty(9), []forescale.Cell{cell("a", 0), cell("a", 1)})
	}},
	{"a cell that got a sample while it was worked out stays dirty", func(f *fixture) {
		f.append(sample(service("a"), load, at(0), 1), sample(service("b"), load, at(0), 1))
		cells := f.dirty(9)
		f.append(sample(service("a"), load, at(30), 2))
		f.ok(f.SaveDemand(f.ctx, cells, []forescale.DemandPoint{point("a", load, 0, 1)}))
		f.equal(f.dirty(9), []forescale.Cell{cell("a", 0)})
		f.ok(f.SaveDemand(f.ctx, f.dirty(9), []forescale.DemandPoint{point("a", load, 0, 1.5)}))
		f.equal(f.dirty(9), []forescale.Cell{})
		f.equal(f.demand("a", load), []forescale.DemandPoint{point("a", load, 0, 1.5)})
	}},
}

var demandCases = []testCase{
	{"points come back as they were given, by time", func(f *fixture) {
		want := []forescale.DemandPoint{
			{Service: "a", Metric: util, Time: minute(0), Value: math.Pi, Censored: true, Reporting: 3, Ready: 3},
			{Service: "a", Metric: util, Time: minute(2), Value: 0, Reporting: 1, Ready: 2},
		}
		f.ok(f.SaveDemand(f.ctx, []forescale.Cell{cell("a", 2), cell("a", 1), cell("a", 0)}, []forescale.DemandPoint{want[1], want[0]}))
		f.equal(f.demand("a", util), want)
		f.equal(f.demand("a", cpu), []forescale.DemandPoint{})
		f.equal(f.demand("b", util), []forescale.DemandPoint{})
	}},
	{"From is inclusive and To is exclusive", func(f *fixture) {
		f.ok(f.SaveDemand(f.ctx, []forescale.Cell{cell("a", 0), cell("a", 1), cell("a", 2)},
			[]forescale.DemandPoint{point("a", util, 0, 0), point("a", util, 1, 1), point("a", util, 2, 2)}))
		read := must[[]forescale.DemandPoint](f)
		f.equal(read(f.Demand(f.ctx, "a", util, minute(1), minute(2))), []forescale.DemandPoint{point("a", util, 1, 1)})
		f.equal(read(f.Demand(f.ctx, "a", util, minute(0).Add(time.Millisecond), minute(1).Add(time.Millisecond))), []forescale.DemandPoint{point("a", util, 1, 1)})
	}},
	{"a cell is replaced in all metrics, and becomes a gap without a point", func(f *fixture) {
		cells := []forescale.Cell{cell("a", 0), cell("a", 1)}
		f.ok(f.SaveDemand(f.ctx, cells, []forescale.DemandPoint{
			point("a", util, 0, 1), point("a", util, 1, 2), point("a", load, 0, 3), point("a", load, 1, 4)}))
		f.ok(f.SaveDemand(f.ctx, cells[1:], []forescale.DemandPoint{point("a", util, 1, 5)}))
		f.equal(f.demand("a", util), []forescale.DemandPoint{point("a", util, 0, 1), point("a", util, 1, 5)})
		f.equal(f.demand("a", load), []forescale.DemandPoint{point("a", load, 0, 3)})
		f.ok(f.SaveDemand(f.ctx, cells, nil))
		f.equal(f.demand("a", util), []forescale.DemandPoint{})
		f.equal(f.demand("a", load), []forescale.DemandPoint{})
	}},
	{"other services and cells are left alone", func(f *fixture) {
		f.ok(f.SaveDemand(f.ctx, []forescale.Cell{cell("a", 0), cell("b", 0), cell("a", 1)},
			[]forescale.DemandPoint{point("a", util, 0, 1), point("b", util, 0, 2), point("a", util, 1, 3)}))
		f.ok(f.SaveDemand(f.ctx, []forescale.Cell{cell("a", 0)}, nil))
		f.equal(f.demand("a", util), []forescale.DemandPoint{point("a", util, 1, 3)})
		f.equal(f.demand("b", util), []forescale.DemandPoint{point("b", util, 0, 2)})
	}},
	{"a point outside of the cells is refused and nothing is kept", func(f *fixture) {
		f.append(sample(service("a"), load, minute(0), 1))
		for _, bad := range []forescale.DemandPoint{
			point("a", util, 1, 1), point("b", util, 0, 1),
			{Service: "a", Metric: util, Time: at(1), Value: 1},
			{Service: "a", Metric: util, Time: at(0), Value: math.NaN()},
		} {
			err := f.SaveDemand(f.ctx, []forescale.Cell{cell("a", 0)}, []forescale.DemandPoint{point("a", util, 0, 7), bad})
			if err == nil {
				f.Fatalf("%+v was accepted", bad)
			}
		}
		f.equal(f.demand("a", util), []forescale.DemandPoint{})
		f.equal(f.dirty(9), []forescale.Cell{cell("a", 0)})
	}},
	{"recent demand is that of all services, by service, metric and time", func(f *fixture) {
		want := []forescale.DemandPoint{
			point("a", load, 1, 1), point("a", util, 1, 2), point("a", util, 2, 3), point("b", util, 5, 4)}
		old := []forescale.DemandPoint{point("a", util, 0, 9), point("c", util, 0, 9)}
		f.ok(f.SaveDemand(f.ctx, []forescale.Cell{cell("a", 0), cell("a", 1), cell("a", 2), cell("b", 5), cell("c", 0)}, append(old, want...)))
		f.equal(must[[]forescale.DemandPoint](f)(f.RecentDemand(f.ctx, minute(1))), want)
		f.equal(must[[]forescale.DemandPoint](f)(f.RecentDemand(f.ctx, minute(0).Add(time.Millisecond))), want)
	}},
	{"spans tell the first and last point and how many there are", func(f *fixture) {
		spans := func() []forescale.DemandSpan { return must[[]forescale.DemandSpan](f)(f.DemandSpans(f.ctx)) }
		f.equal(spans(), []forescale.DemandSpan{})
		f.ok(f.SaveDemand(f.ctx, []forescale.Cell{cell("a", 0), cell("a", 7), cell("a", 9), cell("b", 5)}, []forescale.DemandPoint{
			point("b", util, 5, 1), point("a", util, 0, 1), point("a", util, 7, 1), point("a", util, 9, 1), point("a", cpu, 7, 1)}))
		f.equal(spans(), []forescale.DemandSpan{
			{Service: "a", Metric: cpu, First: minute(7), Last: minute(7), Points: 1},
			{Service: "a", Metric: util, First: minute(0), Last: minute(9), Points: 3},
			{Service: "b", Metric: util, First: minute(5), Last: minute(5), Points: 1}})
		some := must[[]forescale.DemandSpan](f)(f.DemandSpans(f.ctx, "b", "nobody", "b"))
		f.equal(some, []forescale.DemandSpan{{Service: "b", Metric: util, First: minute(5), Last: minute(5), Points: 1}})
		f.ok(f.SaveDemand(f.ctx, []forescale.Cell{cell("a", 9), cell("b", 5), cell("a", 7)}, []forescale.DemandPoint{point("a", util, 7, 2)}))
		f.equal(spans(), []forescale.DemandSpan{{Service: "a", Metric: util, First: minute(0), Last: minute(7), Points: 2}})
	}},
	{"of two points of one cell and metric the later one counts, once", func(f *fixture) {
		f.ok(f.SaveDemand(f.ctx, []forescale.Cell{cell("a", 0), cell("a", 0)}, []forescale.DemandPoint{point("a", util, 0, 1), point("a", util, 0, 2)}))
		f.equal(f.demand("a", util), []forescale.DemandPoint{point("a", util, 0, 2)})
		f.equal(must[[]forescale.DemandSpan](f)(f.DemandSpans(f.ctx))[0].Points, int64(1))
	}},
}
