package planner

import (
	"math"
	"time"

	"github.com/forescale/forescale"
)

const (
	// liveCells is how many complete cells live demand is the highest of: one that
	// is low by chance does not hide the one before.
	liveCells = 2
	// RunningShare is how much of the running minute must have passed before it counts,
	// unless half of what a minute usually tells was heard before: less may be chance.
	RunningShare = forescale.DemandStep / 2
)

// need is how many instances a demand asks for, before min and max.
type need struct {
	count  int
	demand float64 // busy instances, at the quantile asked for
	metric forescale.Metric
	at     time.Time // when it arises, or of a look back when it will have left the window
	ahead  bool      // it is the forecast's
	known  bool
}

// larger is the larger of two needs; the first one on a tie.
func larger(a, b need) need {
	if !a.known || b.known && b.count > a.count {
		return b
	}
	return a
}

// longer is the larger of two needs, by demand on a tie.
func longer(a, b need) need {
	if a.known && b.known && a.count == b.count && b.demand > a.demand {
		return b
	}
	return larger(a, b)
}

// signal is what one metric of the service tells.
type signal struct {
	metric   forescale.Metric
	points   []forescale.DemandPoint // of this metric, by time
	forecast *forescale.Forecast     // the newest, nil if none
	fit      bool                    // forecast may be used
	outlook  outlook                 // the forecast as it is read now, if it is fit

	usual  int       // at how many moments of a minute something is reported; 0: not known
	newest time.Time // end of the newest usable point; zero: none
	fresh  bool      // there is live demand
	live   need      // of live demand
	tail   *forescale.DemandPoint
}

// signals are the metrics that count for the service: the configured ones, else
// those that are seen, where cpu stands in for utilization that nobody pushes.
func signals(now time.Time, o Options, s forescale.Service, lead time.Duration, st *State, dst []signal) []signal {
	metrics := s.Metrics
	if len(metrics) == 0 {
		metrics = seenMetrics(st)
	}
	for _, m := range metrics {
		g := signal{metric: m, points: ofMetric(st.Demand, m)}
		for i := range st.Forecasts {
			if f := &st.Forecasts[i]; f.Metric == m && (g.forecast == nil || f.Issued.After(g.forecast.Issued)) {
				g.forecast = f
			}
		}
		g.fit = g.forecast != nil && fits(now, o, g.forecast)
		if g.fit {
			g.outlook = lookAhead(g.forecast, s.Objective, now, lead, g.minutes(now))
			g.outlook.lower(st.Lower)
		}
		g.readLive(now, s.Band)
		dst = append(dst, g)
	}
	return dst
}

var defaultMetrics = [...]forescale.Metric{forescale.MetricLoad, forescale.MetricUtilization, forescale.MetricCPU, forescale.MetricDemand}

func seenMetrics(st *State) []forescale.Metric {
	var ms []forescale.Metric
	for _, m := range defaultMetrics {
		if m == forescale.MetricCPU && len(ms) > 0 && ms[len(ms)-1] == forescale.MetricUtilization {
			continue
		}
		if len(ofMetric(st.Demand, m)) > 0 || hasForecast(st.Forecasts, m) {
			ms = append(ms, m)
		}
	}
	return ms
}

func hasForecast(fs []forescale.Forecast, m forescale.Metric) bool {
	for i := range fs {
		if fs[i].Metric == m {
			return true
		}
	}
	return false
}

// ofMetric is the part of points, which are sorted by metric, that is of m.
func ofMetric(points []forescale.DemandPoint, m forescale.Metric) []forescale.DemandPoint {
	i := 0
	for i < len(points) && points[i].Metric != m {
		i++
	}
	j := i
	for j < len(points) && points[j].Metric == m {
		j++
	}
	return points[i:j]
}

// usable reports whether a point tells anything at now. A zero that nobody
// reported is an absence, not a measurement.
func usable(p *forescale.DemandPoint, now time.Time) bool {
	if p.Time.After(now) || !isNumber(p.Value) || p.Value < 0 {
		return false
	}
	return p.Value > 0 || p.Reporting > 0 || p.Ready == 0
}

func isNumber(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// readLive takes the highest of the newest complete cells, and of the running one
// once it counts.
func (g *signal) readLive(now time.Time, b forescale.Band) {
	running := now.Truncate(forescale.DemandStep)
	from := running.Add(-liveCells * forescale.DemandStep)
	for i := range g.points {
		p := &g.points[i]
		if p.Time.Before(running) {
			g.usual = max(g.usual, p.Moments)
		}
		if !usable(p, now) || !g.counts(p, now) {
			continue
		}
		if end := p.Time.Add(forescale.DemandStep); end.After(g.newest) {
			g.newest, g.tail = end, p
		}
		if p.Time.Before(from) {
			continue
		}
		g.fresh = true
		g.live = larger(g.live, need{count: b.Required(p.Value), demand: p.Value, metric: g.metric, at: p.Time, known: true})
		if p.Value > g.live.demand { // same need, higher demand
			g.live.demand, g.live.at = p.Value, p.Time
		}
	}
	if g.newest.After(now) {
		g.newest = now
	}
}

// counts reports whether enough of a point's minute is over, or was heard.
func (g *signal) counts(p *forescale.DemandPoint, now time.Time) bool {
	return now.Sub(p.Time) >= RunningShare || g.usual > 0 && p.Moments >= halfOf(g.usual)
}

func halfOf(moments int) int { return (moments + 1) / 2 }

// countsAfter is how much of a minute is over, at the earliest, when it counts: when half
// of what is usually heard has come.
func (g *signal) countsAfter() time.Duration {
	if g.usual == 0 {
		return RunningShare
	}
	return time.Duration(halfOf(g.usual)-1) * forescale.DemandStep / time.Duration(g.usual)
}

// countsAfter is the soonest of the signals'.
func (r *round) countsAfter() time.Duration {
	soonest := RunningShare
	for i := range r.signals {
		soonest = min(soonest, r.signals[i].countsAfter())
	}
	return soonest
}

// Live is how many instances live demand of a service asks for at now, as a decision reads
// it from points, which are sorted by metric, then time; known is false where there is none.
func Live(now time.Time, s forescale.Service, points []forescale.DemandPoint) (count int, known bool) {
	var n need
	for _, g := range signals(now, Options{}, s, 0, &State{Demand: points}, nil) {
		n = larger(n, g.live)
	}
	return n.count, n.known
}

// minutes gives the demand of a complete minute by how many it lies before now, NaN
// where none is known.
func (g *signal) minutes(now time.Time) func(ago int) float64 {
	newest := now.Truncate(forescale.DemandStep)
	return func(ago int) float64 {
		at := newest.Add(-time.Duration(ago) * forescale.DemandStep)
		for i := len(g.points) - 1; i >= 0; i-- {
			if p := &g.points[i]; p.Time.Equal(at) && usable(p, now) {
				return p.Value
			}
		}
		return math.NaN()
	}
}

// fits reports whether a forecast may be used at now: young enough, begun (or
// about to, within its first step), not over, and free of nonsense.
func fits(now time.Time, o Options, f *forescale.Forecast) bool {
	if f.Step <= 0 || len(f.Levels) == 0 || len(f.Values) == 0 {
		return false
	}
	return now.Sub(f.Issued) <= o.ForecastAge && !f.Start.After(now.Add(f.Step)) && f.End().After(now)
}

// ahead is what the forecast needs for the objective over [from, to). It is not known
// when the forecast is not a number there; whole asks that it reaches to.
func (g *signal) ahead(b forescale.Band, from, to time.Time, whole bool) need {
	if !g.fit || whole && g.forecast.End().Before(to) {
		return need{}
	}
	f := g.forecast
	first := max(0, int(from.Sub(f.Start)/f.Step))
	n := need{metric: g.metric, ahead: true}
	for i := first; i < len(f.Values); i++ {
		t := f.Start.Add(time.Duration(i) * f.Step)
		if !t.Before(to) {
			break
		}
		v, ok := g.outlook.high(t)
		if !ok || !isNumber(v) {
			return need{}
		}
		if !n.known || v > n.demand {
			n.demand, n.at, n.known = max(0, v), t, true
		}
	}
	if n.known {
		n.count = b.Required(n.demand)
	}
	if n.at.Before(from) {
		n.at = from
	}
	return n
}

// behind is the largest need of the points since from, and the end of the last
// one that has it. gap reports that the points do not cover [seen, now] without a
// hole longer than hole: then nothing may be concluded from their being low.
func (g *signal) behind(now time.Time, b forescale.Band, from, seen time.Time, hole time.Duration) (n need, gap bool) {
	covered := seen
	for i := range g.points {
		p := &g.points[i]
		end := p.Time.Add(forescale.DemandStep)
		if !usable(p, now) || !end.After(seen) {
			continue
		}
		gap = gap || p.Time.Sub(covered) > hole
		if covered = end; !end.After(from) {
			continue
		}
		c := b.Required(p.Value)
		if p.Censored { // at least this: what was there did not suffice
			c = max(c, p.Ready)
		}
		if !n.known || c >= n.count {
			n = need{count: c, demand: max(p.Value, n.demand), metric: g.metric, at: end, known: true}
		}
	}
	return n, gap || now.Sub(covered) > hole || !n.known
}
