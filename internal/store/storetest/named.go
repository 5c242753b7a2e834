package storetest

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/forescale/forescale"
)

// ofNamed are the items whose service is named.
func ofNamed[T any](items []T, service func(T) string, names ...string) (some []T) {
	for _, i := range items {
		if slices.Contains(names, service(i)) {
			some = append(some, i)
		}
	}
	return some
}

// each is what EachDemand tells, sorted as the other reads are.
func (f *fixture) each(from, to time.Time, services ...string) (points []forescale.DemandPoint) {
	f.Helper()
	f.ok(f.EachDemand(f.ctx, from, to, services, func(p *forescale.DemandPoint) error {
		points = append(points, *p)
		return nil
	}))
	sortPoints(points)
	return points
}

var namedCases = []testCase{
	{"a read of named services gives what that of all gives of them", func(f *fixture) {
		f.fillNamed("a", "b", "c", "d")
		plans := must[[]forescale.ServicePlan](f)
		decisions := must[[]forescale.Decision](f)
		forecasts := must[[]forescale.Forecast](f)
		points := must[[]forescale.DemandPoint](f)
		last := must[map[string]time.Time](f)
		all := last(f.LastSamples(f.ctx))
		f.equal(len(all), 5) // with a node
		for _, names := range [][]string{{"b"}, {"d", "a"}, {"c", "nobody", "c"}, {"nobody"}} {
			f.equal(plans(f.LatestPlans(f.ctx, names...)),
				ofNamed(plans(f.LatestPlans(f.ctx)), func(p forescale.ServicePlan) string { return p.Service }, names...))
			f.equal(decisions(f.LatestDecisions(f.ctx, names...)),
				ofNamed(decisions(f.LatestDecisions(f.ctx)), func(d forescale.Decision) string { return d.Service }, names...))
			f.equal(forecasts(f.LatestForecasts(f.ctx, time.Time{}, names...)),
				ofNamed(forecasts(f.LatestForecasts(f.ctx, time.Time{})), func(c forescale.Forecast) string { return c.Service }, names...))
			recent := ofNamed(points(f.RecentDemand(f.ctx, minute(1))), func(p forescale.DemandPoint) string { return p.Service }, names...)
			f.equal(points(f.RecentDemand(f.ctx, minute(1), names...)), recent)
			f.equal(f.each(minute(1), minute(9), names...), recent)
			f.equal(f.instances(forescale.InstanceQuery{Services: names}),
				ofNamed(f.instances(forescale.InstanceQuery{}), func(i forescale.Instance) string { return i.Service }, names...))
			want := maps.Clone(all)
			maps.DeleteFunc(want, func(name string, _ time.Time) bool { return !slices.Contains(names, name) })
			f.equal(last(f.LastSamples(f.ctx, names...)), want)
		}
		f.equal(len(plans(f.LatestPlans(f.ctx, "d", "a"))), 2)
	}},
	{"each point of demand is told once, by time within its line, and a time range cuts", func(f *fixture) {
		f.fillNamed("a", "b")
		var times []time.Time
		f.ok(f.EachDemand(f.ctx, minute(0), minute(9), []string{"a"}, func(p *forescale.DemandPoint) error {
			if p.Metric == util {
				times = append(times, p.Time)
			}
			return nil
		}))
		f.equal(times, []time.Time{minute(0), minute(1), minute(2)})
		f.equal(len(f.each(minute(1), minute(2), "a", "b")), 4)
		f.equal(f.each(minute(0), minute(9)), []forescale.DemandPoint(nil))
		f.equal(f.each(minute(0), minute(9), "nobody"), []forescale.DemandPoint(nil))
	}},
	{"an error of who is told of demand ends it", func(f *fixture) {
		f.fillNamed("a", "b")
		stop, told := errors.New("enough"), 0
		f.is(f.EachDemand(f.ctx, minute(0), minute(9), []string{"a", "b"}, func(*forescale.DemandPoint) error {
			told++
			return stop
		}), stop)
		f.equal(told, 1)
		f.equal(len(f.each(minute(0), minute(9), "a", "b")), 12) // the store goes on
	}},
	{"hours of several services are those of each", func(f *fixture) {
		f.fillNamed("a", "b", "c")
		f.ok(f.RollUp(f.ctx))
		f.ok(f.SaveDemand(f.ctx, []forescale.Cell{cell("b", 1), cell("c", 61)}, []forescale.DemandPoint{point("b", util, 1, 40), point("c", util, 61, 2)})) // not rolled up yet
		var want []forescale.DemandHour
		for _, name := range []string{"a", "c"} {
			for _, m := range []forescale.Metric{load, util} {
				want = append(want, f.hoursNow(name, m)...)
			}
		}
		read := must[[]forescale.DemandHour](f)
		f.equal(read(f.HoursOf(f.ctx, minute(-9999), minute(9999), []string{"c", "a"})), want)
		f.equal(len(want), 5)
		f.equal(read(f.HoursOf(f.ctx, minute(0), minute(60), []string{"b"})), append(f.hoursNow("b", load), f.hoursNow("b", util)...))
		f.equal(read(f.HoursOf(f.ctx, minute(60), minute(120), []string{"c"})), []forescale.DemandHour{hourOf("c", util, 60, 2)})
		f.equal(read(f.HoursOf(f.ctx, minute(0), minute(60), nil)), []forescale.DemandHour{})
	}},
	{"services are found by name and page by page", func(f *fixture) {
		for _, name := range []string{"d", "a", "c", "b", "gone"} {
			f.put(wholeService(name), 0)
		}
		f.ok(f.DeleteService(f.ctx, "gone"))
		find := func(q forescale.ServiceQuery) (names []string) {
			f.Helper()
			for _, s := range must[[]forescale.Service](f)(f.FindServices(f.ctx, q)) {
				names = append(names, s.Name)
			}
			return names
		}
		f.equal(find(forescale.ServiceQuery{}), []string{"a", "b", "c", "d"})
		f.equal(find(forescale.ServiceQuery{Limit: 2}), []string{"a", "b"})
		f.equal(find(forescale.ServiceQuery{After: "b", Limit: 9}), []string{"c", "d"})
		f.equal(find(forescale.ServiceQuery{After: "bb", Limit: 1}), []string{"c"})
		f.equal(find(forescale.ServiceQuery{Names: []string{"d", "gone", "a", "d"}}), []string{"a", "d"})
		f.equal(find(forescale.ServiceQuery{Names: []string{"d", "a"}, After: "a"}), []string{"d"})
		f.equal(find(forescale.ServiceQuery{After: "d"}), []string(nil))
		f.equal(must[[]forescale.Service](f)(f.FindServices(f.ctx, forescale.ServiceQuery{Names: []string{"c"}})),
			[]forescale.Service{must[forescale.Service](f)(f.Service(f.ctx, "c"))})
	}},
}

// fillNamed gives each service three minutes in two metrics, samples, an instance, a
// forecast, a plan and a decision.
func (f *fixture) fillNamed(names ...string) {
	f.Helper()
	f.append(sample(node("n"), cpu, minute(3), 1))
	for k, name := range names {
		var cells []forescale.Cell
		var points []forescale.DemandPoint
		for n := range 3 {
			cells = append(cells, cell(name, n))
			points = append(points, point(name, load, n, float64(10*k+n)), point(name, util, n, float64(n)))
			f.append(sample(instance(name, name+"-1"), util, minute(n+k), 1))
		}
		f.ok(f.SaveDemand(f.ctx, cells, points))
		f.saveInstances(forescale.Instance{ID: name + "-1", Service: name, State: forescale.InstanceReady, OrderedAt: at(float64(k))})
		f.ok(f.SaveForecasts(f.ctx, []forescale.Forecast{forecast(name, util, 1, 3), forecast(name, util, 2, 3), forecast(name, load, 1, 3)}))
		f.record(decide(name, k, forescale.CodeSteady))
	}
}
