package api

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/forescale/forescale"
)

// chart fills the columns, one kind of read after the other. Each holds only
// what one window of time needs in memory.
type chart struct {
	service forescale.Service
	x       axis
	now     time.Time
	past    int // steps that have begun by now
	lead    time.Duration
	view    CapacityView
}

func newChart(s forescale.Service, x axis, now time.Time, interval time.Duration, p *forescale.ServicePlan) *chart {
	c := &chart{service: s, x: x, now: now, past: max(0, min(x.n, x.index(now)+1)), lead: s.Warmup + interval}
	c.view = CapacityView{Service: s.Name, TimeZone: s.TimeZone, Metric: metricsOf(s)[0], Now: now, From: x.from, To: x.to(), Step: x.step.String(),
		Objective: s.Objective, Min: s.Min, Max: s.Max, Band: bandOf(s), Times: make([]int64, x.n), Saturated: make([]bool, x.n), Decisions: []DecisionView{}}
	if p != nil {
		c.lead, c.view.Acting = p.Lead, p.Acting
	}
	c.view.Lead = c.lead.String()
	for i := range c.view.Times {
		c.view.Times[i] = x.at(i).Unix()
	}
	for _, col := range []*column{&c.view.Demand, &c.view.Low, &c.view.High, &c.view.Median, &c.view.FLow, &c.view.FHigh,
		&c.view.Ready, &c.view.Starting, &c.view.Draining, &c.view.Wanted, &c.view.Planned, &c.view.Required} {
		*col = newColumn(x.n)
	}
	return c
}

// cell is demand as it is kept: a minute's or an hour's.
type cell struct {
	at              time.Time
	mean, low, high float64
	points          int
	saturated       bool
}

// level reads the cells of one metric that begin in [from, to).
type level struct {
	window time.Duration // bounds how many cells are in memory at once
	read   func(ctx context.Context, st Store, service string, m forescale.Metric, from, to time.Time) ([]cell, error)
}

// Steps of whole hours are made of hours, which are fewer and kept for longer.
var (
	minutes = level{28 * day, func(ctx context.Context, st Store, service string, m forescale.Metric, from, to time.Time) ([]cell, error) {
		ps, err := st.Demand(ctx, service, m, from, to)
		cells := make([]cell, len(ps))
		for i, p := range ps {
			cells[i] = cell{p.Time, p.Value, p.Value, p.Value, 1, p.Censored}
		}
		return cells, err
	}}
	hours = level{1500 * day, func(ctx context.Context, st Store, service string, m forescale.Metric, from, to time.Time) ([]cell, error) {
		hs, err := st.DemandHours(ctx, service, m, from, to)
		cells := make([]cell, len(hs))
		for i, h := range hs {
			cells[i] = cell{h.Time, h.Mean, h.Least, h.Most, h.Points, h.Saturated > 0}
		}
		return cells, err
	}}
)

func levelOf(step time.Duration) level {
	if step%forescale.HourStep == 0 {
		return hours
	}
	return minutes
}

// fillDemand averages the measured cells into steps and works out what they
// required. Of several metrics the largest demand counts, cell by cell, as it
// does for decisions.
func (c *chart) fillDemand(ctx context.Context, st Store) error {
	end := c.now
	if c.x.to().Before(end) {
		end = c.x.to()
	}
	var metrics []forescale.Metric
	band, lv := bandOf(c.service), levelOf(c.x.step)
	sums, counts := make([]float64, c.x.n), make([]int, c.x.n)
	for from := c.x.from; from.Before(end); from = from.Add(lv.window) {
		to := from.Add(lv.window)
		if to.After(end) {
			to = end
		}
		cells, used, err := demandCells(ctx, st, lv, c.service, metrics, from, to)
		if err != nil {
			return err
		}
		metrics = used
		for _, p := range cells {
			i := c.x.index(p.at)
			if i < 0 || i >= c.x.n {
				continue
			}
			if counts[i] == 0 || p.low < c.view.Low[i] {
				c.view.Low[i] = p.low
			}
			if counts[i] == 0 || p.high > c.view.High[i] {
				c.view.High[i] = p.high
			}
			sums[i] += p.mean * float64(p.points)
			counts[i] += p.points
			c.view.Saturated[i] = c.view.Saturated[i] || p.saturated
		}
	}
	for i, n := range counts {
		if n > 0 {
			c.view.Demand[i] = sums[i] / float64(n)
			c.view.Required[i] = float64(band.Required(c.view.High[i]))
		}
	}
	if len(metrics) > 0 {
		c.view.Metric = metrics[0]
	}
	return nil
}

// demandCells are the cells of [from, to). metrics are those to read; nil: those
// of the service, and of a service that names none the first that has any.
func demandCells(ctx context.Context, st Store, lv level, s forescale.Service, metrics []forescale.Metric, from, to time.Time) (cells []cell, used []forescale.Metric, err error) {
	candidates := metrics
	if candidates == nil {
		candidates = metricsOf(s)
	}
	for _, m := range candidates {
		cs, err := lv.read(ctx, st, s.Name, m, from, to)
		if err != nil {
			return nil, nil, fmt.Errorf("read demand: %w", err)
		}
		if len(cs) == 0 {
			continue
		}
		if len(s.Metrics) == 0 {
			return cs, []forescale.Metric{m}, nil
		}
		cells = largest(cells, cs)
	}
	if len(s.Metrics) > 0 {
		metrics = s.Metrics
	}
	return cells, metrics, nil
}

// largest merges two lists by time. Of a shared cell the one of the larger high
// counts, as instances are needed for it; where the other one's mean or low is
// larger, demand was no less than that.
func largest(a, b []cell) []cell {
	if len(a) == 0 {
		return b
	}
	out := make([]cell, 0, max(len(a), len(b)))
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].at.Before(b[0].at):
			out, a = append(out, a[0]), a[1:]
		case b[0].at.Before(a[0].at):
			out, b = append(out, b[0]), b[1:]
		default:
			p := a[0]
			if b[0].high > p.high {
				p = b[0]
			}
			p.mean, p.low = max(a[0].mean, b[0].mean), max(a[0].low, b[0].low)
			p.points = max(a[0].points, b[0].points)
			out, a, b = append(out, p), a[1:], b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// fillInstances counts instances by state. The count of a step is the worst that
// held at any time in it.
func (c *chart) fillInstances(ctx context.Context, st Store) error {
	is, err := st.Instances(ctx, forescale.InstanceQuery{Service: c.service.Name, Since: c.x.from})
	if err != nil {
		return fmt.Errorf("read instances: %w", err)
	}
	known := c.now // before the first that is known, the count is not
	for _, i := range is {
		for _, t := range []time.Time{i.OrderedAt, i.ReadyAt} {
			if !t.IsZero() && t.Before(known) {
				known = t
			}
		}
	}
	if len(is) == 0 {
		return nil
	}
	first := max(0, c.x.index(known))
	if known.After(c.x.from) && known.After(c.x.at(first)) {
		first++ // this step is known in part only
	}
	var ready, starting, draining []change
	for _, i := range is {
		gone := i.StoppedAt
		if gone.IsZero() && !i.State.Live() {
			gone = i.LastSeen
		}
		ready = span(ready, i.ReadyAt, i.DrainingAt, gone)
		starting = span(starting, i.OrderedAt, i.ReadyAt, i.DrainingAt, gone)
		draining = span(draining, i.DrainingAt, gone)
	}
	c.fillCount(c.view.Ready, ready, first, func(a, b int) int { return min(a, b) })
	c.fillCount(c.view.Starting, starting, first, func(a, b int) int { return max(a, b) })
	c.fillCount(c.view.Draining, draining, first, func(a, b int) int { return max(a, b) })
	return nil
}

// change is one up or down of a count.
type change struct {
	at time.Time
	by int
}

// span adds what an instance does to a count that it enters at begin and leaves
// at the first of ends that is set.
func span(cs []change, begin time.Time, ends ...time.Time) []change {
	if begin.IsZero() {
		return cs
	}
	var end time.Time
	for _, e := range ends {
		if !e.IsZero() && (end.IsZero() || e.Before(end)) {
			end = e
		}
	}
	if !end.IsZero() && !end.After(begin) {
		return cs
	}
	cs = append(cs, change{begin, 1})
	if !end.IsZero() {
		cs = append(cs, change{end, -1})
	}
	return cs
}

// fillCount walks the changes and writes for each past step, from first on, the
// worst of the counts that held in it.
func (c *chart) fillCount(col column, cs []change, first int, worst func(a, b int) int) {
	slices.SortFunc(cs, func(a, b change) int { return a.at.Compare(b.at) })
	count, k := 0, 0
	for i := range c.past {
		begin, end := c.x.at(i), c.x.at(i+1)
		for k < len(cs) && !cs[k].at.After(begin) {
			count += cs[k].by
			k++
		}
		w := count
		for k < len(cs) && cs[k].at.Before(end) {
			at := cs[k].at
			// What happens at one instant counts together: one that takes over leaves no dip.
			for k < len(cs) && cs[k].at.Equal(at) {
				count += cs[k].by
				k++
			}
			w = worst(w, count)
		}
		if i >= first {
			col[i] = float64(w)
		}
	}
}

// fillWanted draws what decisions asked for, and lists those with actions.
func (c *chart) fillWanted(ctx context.Context, st Store) error {
	end := c.x.to()
	if end.After(c.now) {
		end = c.now.Add(time.Millisecond)
	}
	if !c.x.from.Before(end) {
		return nil
	}
	ds, err := decisionsIn(ctx, st, c.service.Name, c.x.from, end)
	if err != nil {
		return err
	}
	before, err := st.Decisions(ctx, forescale.DecisionQuery{Service: c.service.Name, To: c.x.from, Limit: 1})
	if err != nil {
		return fmt.Errorf("read decisions: %w", err)
	}
	loc := c.service.Location()
	for _, d := range ds { // newest first
		if len(d.Actions) > 0 && len(c.view.Decisions) < maxDecisions {
			c.view.Decisions = append(c.view.Decisions, viewDecision(d, loc))
		}
	}
	ds = append(ds, before...)
	k := len(ds) - 1 // the oldest
	wanted, known := 0, false
	for i := range c.past {
		for k >= 0 && ds[k].At.Before(c.x.at(i+1)) {
			wanted, known = ds[k].To, true
			k--
		}
		if known {
			c.view.Wanted[i] = float64(wanted)
		}
	}
	return nil
}

// decisionsIn pages through the decisions of [from, to), newest first. Of more
// than most, as of a year in which every step acted, the oldest are left out.
func decisionsIn(ctx context.Context, st Store, service string, from, to time.Time) ([]forescale.Decision, error) {
	const pageSize, most = 1000, 50_000
	var all []forescale.Decision
	q := forescale.DecisionQuery{Service: service, From: from, To: to, Limit: pageSize}
	for len(all) < most {
		ds, err := st.Decisions(ctx, q)
		if err != nil {
			return nil, fmt.Errorf("read decisions: %w", err)
		}
		all = append(all, ds...)
		if len(ds) < pageSize {
			break
		}
		q.Before = ds[len(ds)-1].ID
	}
	return all, nil
}

// fillPlanned draws the newest plan from now on, as far as its forecast reaches.
func (c *chart) fillPlanned(p *forescale.ServicePlan) {
	if p == nil || len(p.Changes) == 0 {
		return
	}
	until := p.Until
	if last := p.Changes[len(p.Changes)-1].At.Add(c.x.step); until.Before(last) {
		until = last
	}
	k := 0
	for i := max(0, c.past-1); i < c.x.n && c.x.at(i).Before(until); i++ {
		for k+1 < len(p.Changes) && p.Changes[k+1].At.Before(c.x.at(i+1)) {
			k++
		}
		c.view.Planned[i] = float64(p.Changes[k].Wanted)
	}
}
