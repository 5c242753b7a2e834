package loop

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/forecast"
	"github.com/forescale/forescale/planner"
)

// history is the demand of a service in one metric, laid out in steps to learn from:
// minutes, and the hours before the first minute that is kept.
type history struct {
	metric forescale.Metric
	from   time.Time // the first minute to read
	grid   *forecast.Gridder
	counts forescale.Capacities // nil: of another metric than load
	recent *planner.Recent      // the newest minutes as they are
}

// add puts a point into its step, as it would have been worked out with the capacity
// of now.
func (h *history) add(p *forescale.DemandPoint, now time.Time) {
	v := p.Value * h.counts.Factor(p.Time, now)
	h.grid.AddValue(p.Time, v, p.Censored)
	h.note(p.Time, v)
}

// recentMinutes is how far back single minutes are looked at.
const recentMinutes = 2 * 24 * 60

func newRecent(to time.Time) *planner.Recent {
	r := &planner.Recent{End: to, Values: make([]float32, recentMinutes)}
	for i := range r.Values {
		r.Values[i] = float32(math.NaN())
	}
	return r
}

// note puts a minute where it belongs, if it is one of the newest.
func (h *history) note(t time.Time, v float64) {
	if i := int64(len(h.recent.Values)) + minuteOf(t) - minuteOf(h.recent.End); i >= 0 && i < int64(len(h.recent.Values)) {
		h.recent.Values[i] = float32(v)
	}
}

// histories reads what the services' forecasts learn from, by service, in a number of
// queries that does not depend on theirs. Points go into grids as they come: all
// minutes of a batch at once would take more room than all else together.
func (l *Loop) histories(ctx context.Context, now time.Time, services []forescale.Service) (map[string][]history, error) {
	spans, err := l.wantedSpans(ctx, now, services)
	if err != nil || len(spans) == 0 {
		return nil, err
	}
	to := now.Truncate(forescale.DemandStep)
	begin := to.Add(-l.opt.History).Truncate(l.opt.Step)
	hours, err := l.hoursBefore(ctx, begin, spans)
	if err != nil {
		return nil, err
	}
	if err := l.capacities.update(ctx, l.store); err != nil {
		return nil, fmt.Errorf("read capacities: %w", err)
	}
	all := make(map[string][]history, len(services))
	names := make([]string, 0, len(services))
	earliest := to
	for _, span := range spans {
		h := history{metric: span.Metric, from: begin, counts: l.capacities.ofMetric(span.Service, span.Metric), recent: newRecent(to)}
		points := forecast.Spread(hours[lineOf{span.Service, span.Metric}], l.opt.Step)
		if span.First.After(begin) {
			h.from = span.First.Truncate(l.opt.Step)
			if len(points) > 0 {
				h.from = points[0].Time.Truncate(l.opt.Step)
			}
		}
		h.grid = forecast.NewGridder(h.from, to, l.opt.Step)
		for i := range points {
			h.add(&points[i], now)
		}
		if h.from.Before(earliest) {
			earliest = h.from
		}
		if len(all[span.Service]) == 0 {
			names = append(names, span.Service)
		}
		all[span.Service] = append(all[span.Service], h)
	}
	var name string
	var mine []history // of the service of that name: points come by service
	err = l.store.EachDemand(ctx, earliest, to, names, func(p *forescale.DemandPoint) error {
		if p.Service != name {
			name, mine = p.Service, all[p.Service]
		}
		for i := range mine {
			if h := &mine[i]; h.metric == p.Metric {
				h.add(p, now) // which leaves out what comes before its begin
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read demand: %w", err)
	}
	return all, nil
}

// wantedSpans are the spans of demand to forecast from: none that ended long ago,
// is not planned by, or is too short.
func (l *Loop) wantedSpans(ctx context.Context, now time.Time, services []forescale.Service) ([]forescale.DemandSpan, error) {
	if len(services) == 0 {
		return nil, nil
	}
	by := make(map[string]forescale.Service, len(services))
	for _, s := range services {
		by[s.Name] = s
	}
	spans, err := l.store.DemandSpans(ctx, forescale.ServiceNames(services)...)
	if err != nil {
		return nil, fmt.Errorf("read spans: %w", err)
	}
	return slices.DeleteFunc(spans, func(span forescale.DemandSpan) bool {
		return now.Sub(span.Last) > l.opt.History || !by[span.Service].Uses(span.Metric) || span.Last.Sub(span.First) < leastHistory
	}), nil
}

// hoursBefore are the hours from begin on and before the first minute of each span.
func (l *Loop) hoursBefore(ctx context.Context, begin time.Time, spans []forescale.DemandSpan) (map[lineOf][]forescale.DemandHour, error) {
	first := make(map[lineOf]time.Time, len(spans))
	var names []string
	newest := begin
	for _, span := range spans {
		if !span.First.After(begin) {
			continue
		}
		end := span.First.Truncate(forescale.HourStep)
		first[lineOf{span.Service, span.Metric}] = end
		if end.After(newest) {
			newest = end
		}
		if len(names) == 0 || names[len(names)-1] != span.Service { // spans come by service
			names = append(names, span.Service)
		}
	}
	if len(names) == 0 || !newest.After(begin) {
		return nil, nil
	}
	hours, err := l.store.HoursOf(ctx, begin, newest, names)
	if err != nil {
		return nil, fmt.Errorf("read demand by the hour: %w", err)
	}
	by := make(map[lineOf][]forescale.DemandHour, len(names))
	for _, h := range hours {
		if key := (lineOf{h.Service, h.Metric}); h.Time.Before(first[key]) {
			by[key] = append(by[key], h)
		}
	}
	return by, nil
}
