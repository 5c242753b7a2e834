package storetest

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/forescale/forescale"
)

// hours are all hours of a service's demand, once they are rolled up.
func (f *fixture) hours(service string, m forescale.Metric) []forescale.DemandHour {
	f.Helper()
	f.ok(f.RollUp(f.ctx))
	return f.hoursNow(service, m)
}

func (f *fixture) hoursNow(service string, m forescale.Metric) []forescale.DemandHour {
	f.Helper()
	return must[[]forescale.DemandHour](f)(f.DemandHours(f.ctx, service, m, minute(-9999), minute(9999)))
}

// hourOf is the hour that minute n lies in, of the given points. Their mean is
// exact as long as few small whole numbers are added up.
func hourOf(service string, m forescale.Metric, n int, values ...float64) forescale.DemandHour {
	h := forescale.DemandHour{Service: service, Metric: m, Time: minute(n).Truncate(time.Hour), Least: math.Inf(1), Most: math.Inf(-1), Points: len(values)}
	for _, v := range values {
		h.Mean += v / float64(len(values))
		h.Least, h.Most = min(h.Least, v), max(h.Most, v)
	}
	return h
}

var hourCases = []testCase{
	{"an hour tells mean, least, most, points and the share that is censored", func(f *fixture) {
		ps := []forescale.DemandPoint{point("a", util, 0, 1), point("a", util, 1, 2), point("a", util, 58, 4), point("a", util, 59, 5), point("a", util, 60, 7)}
		ps[3].Censored = true
		cells := []forescale.Cell{cell("a", 0), cell("a", 1), cell("a", 58), cell("a", 59), cell("a", 60)}
		f.ok(f.SaveDemand(f.ctx, cells, append(ps, point("a", load, 1, 100))))
		f.ok(f.SaveDemand(f.ctx, []forescale.Cell{cell("b", 0)}, []forescale.DemandPoint{point("b", util, 0, 50)}))
		want := []forescale.DemandHour{hourOf("a", util, 0, 1, 2, 4, 5), hourOf("a", util, 60, 7)}
		want[0].Saturated = 0.25
		f.equal(f.hoursNow("a", util), want) // new hours show at once
		f.equal(f.hours("a", util), want)
		f.equal(f.hours("a", load), []forescale.DemandHour{hourOf("a", load, 0, 100)})
		f.equal(f.hours("b", load), []forescale.DemandHour{})
		f.equal(f.hours("nobody", util), []forescale.DemandHour{})
		f.reopen()
		f.equal(f.hoursNow("a", util), want)
	}},
	{"late and corrected minutes reach hours that were rolled up", func(f *fixture) {
		f.ok(f.SaveDemand(f.ctx, []forescale.Cell{cell("a", 0), cell("a", 60)}, []forescale.DemandPoint{point("a", util, 0, 1), point("a", util, 60, 2)}))
		f.equal(f.hours("a", util), []forescale.DemandHour{hourOf("a", util, 0, 1), hourOf("a", util, 60, 2)})
		f.ok(f.SaveDemand(f.ctx, []forescale.Cell{cell("a", 30), cell("a", 60), cell("a", -60)},
			[]forescale.DemandPoint{point("a", util, 30, 3), point("a", util, 60, 8), point("a", util, -60, 6)}))
		want := []forescale.DemandHour{hourOf("a", util, -60, 6), hourOf("a", util, 0, 1, 3), hourOf("a", util, 60, 8)}
		f.equal(f.hours("a", util), want)
		f.equal(f.hours("a", util), want) // nothing is due: nothing changes
	}},
	{"an hour with gaps counts the minutes that have a point, and one without any is a gap", func(f *fixture) {
		f.ok(f.SaveDemand(f.ctx, []forescale.Cell{cell("a", 0), cell("a", 1), cell("a", 2), cell("a", 120)},
			[]forescale.DemandPoint{point("a", util, 0, 2), point("a", util, 2, 4), point("a", util, 120, 1)}))
		f.equal(f.hours("a", util), []forescale.DemandHour{hourOf("a", util, 0, 2, 4), hourOf("a", util, 120, 1)})
		f.ok(f.SaveDemand(f.ctx, []forescale.Cell{cell("a", 2), cell("a", 120)}, nil))
		f.equal(f.hours("a", util), []forescale.DemandHour{hourOf("a", util, 0, 2)})
	}},
	{"From is inclusive and To is exclusive, by the begin of the hour", func(f *fixture) {
		f.ok(f.SaveDemand(f.ctx, []forescale.Cell{cell("a", 0), cell("a", 60), cell("a", 120)},
			[]forescale.DemandPoint{point("a", util, 0, 0), point("a", util, 60, 1), point("a", util, 120, 2)}))
		read := must[[]forescale.DemandHour](f)
		for range 2 {
			f.equal(read(f.DemandHours(f.ctx, "a", util, minute(60), minute(120))), []forescale.DemandHour{hourOf("a", util, 60, 1)})
			f.equal(read(f.DemandHours(f.ctx, "a", util, minute(1), minute(120).Add(time.Millisecond))),
				[]forescale.DemandHour{hourOf("a", util, 60, 1), hourOf("a", util, 120, 2)})
			f.ok(f.RollUp(f.ctx))
		}
	}},
	{"a cancelled context stops the roll-up", func(f *fixture) {
		f.ok(f.SaveDemand(f.ctx, []forescale.Cell{cell("a", 0)}, []forescale.DemandPoint{point("a", util, 0, 1)}))
		ctx, cancel := context.WithCancel(f.ctx)
		cancel()
		if err := f.RollUp(ctx); !errors.Is(err, context.Canceled) {
			f.Fatalf("got %v", err)
		}
		f.equal(f.hours("a", util), []forescale.DemandHour{hourOf("a", util, 0, 1)})
	}},
}
