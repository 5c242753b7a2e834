package loop

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/forecast"
	"github.com/forescale/forescale/internal/store"
)

// forecastsAtOnce bounds the forecasts that are kept in one commit.
const forecastsAtOnce = 50

// leastHistory is how long demand must have been known before it is forecast.
// Of the first minutes no error can be measured: an interval made of them asks
// for instances that nobody needs. Until then live demand alone decides.
const leastHistory = time.Hour

// hangingForecasts bounds the forecasts that were given up and have not come
// back yet. When there are as many, no others are begun.
const hangingForecasts = 16

// Refresh makes new forecasts of the named services, or of all that are not off,
// because somebody asked, and records the run.
func (l *Loop) Refresh(ctx context.Context, now time.Time, services ...string) error {
	run := forescale.Run{ID: fmt.Sprintf("%s-asked-%d", ForecastJob, now.UnixMilli()), Kind: ForecastJob, StartedAt: now, State: forescale.RunRunning, Attempt: 1}
	if err := l.store.SaveRun(ctx, run); err != nil {
		return fmt.Errorf("record run: %w", err)
	}
	r, err := l.RefreshServices(ctx, now, services)
	run.Done, run.Failed, run.EndedAt, run.State = r.Done, r.Failed, l.clock.Now(), forescale.RunDone
	if err != nil {
		run.State = forescale.RunFailed
	}
	if err = errors.Join(err, r.Fault); err != nil {
		run.Error = err.Error()
	}
	if ctx.Err() != nil { // the end of the run is worth keeping even so
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
	}
	return errors.Join(err, l.store.SaveRun(ctx, run))
}

// ForecastJob is the kind of the runs that make forecasts.
const ForecastJob = "forecast"

// Refreshed is what became of forecasts.
type Refreshed struct {
	Done, Failed int   // services; the failed ones are among the done
	Fault        error // why they failed
}

// RefreshServices makes new forecasts of the named services, or of all, but for
// those that are off, and keeps them in the ledger. A service whose forecast fails,
// or hangs, keeps its old one and is counted; it stops nobody else. An error means
// that the store failed. It works from the store alone: any server may do it.
func (l *Loop) RefreshServices(ctx context.Context, now time.Time, names []string) (r Refreshed, err error) {
	spans, err := l.store.DemandSpans(ctx, names...)
	if err != nil {
		return r, fmt.Errorf("read spans: %w", err)
	}
	all, err := l.store.ListServices(ctx)
	if err != nil {
		return r, fmt.Errorf("read services: %w", err)
	}
	tracks, err := l.tracks(ctx, names)
	if err != nil {
		return r, err
	}
	events, err := l.store.Events(ctx, now.Add(-l.opt.History))
	if err != nil {
		return r, fmt.Errorf("read events: %w", err)
	}
	names = slices.Sorted(slices.Values(names))
	known := make(map[string][]forescale.DemandSpan, len(all)) // looking through all spans for each service grows with its square
	for _, span := range spans {
		known[span.Service] = append(known[span.Service], span)
	}
	var made []forescale.Forecast
	for _, s := range all {
		if _, named := slices.BinarySearch(names, s.Name); s.Mode == forescale.ModeOff || len(names) > 0 && !named {
			continue
		}
		fs, err := l.forecastInTime(ctx, now, s, known[s.Name], events)
		if ctx.Err() != nil {
			return r, context.Cause(ctx)
		}
		if err != nil {
			r.Failed++
			r.Fault = errors.Join(r.Fault, fmt.Errorf("%s: %w", s.Name, err))
			l.log.Warn("forecast failed", "service", s.Name, "error", err)
		}
		r.Done++
		for i := range fs {
			widen(&fs[i], tracks[lineOf{s.Name, fs[i].Metric}].Drift)
		}
		if made = append(made, fs...); len(made) >= forecastsAtOnce {
			if err := l.keep(ctx, made); err != nil {
				return r, err
			}
			made = nil
		}
	}
	return r, l.keep(ctx, made)
}

// keep keeps forecasts as issued, and what they were mixed from.
func (l *Loop) keep(ctx context.Context, fs []forescale.Forecast) error {
	if len(fs) == 0 {
		return nil
	}
	if err := l.store.SaveForecasts(ctx, fs); err != nil {
		return fmt.Errorf("keep forecasts: %w", err)
	}
	for _, f := range fs {
		for _, c := range f.Choice {
			for i, s := range c.Shares {
				if math.IsNaN(s.Error) || math.IsInf(s.Error, 0) {
					c.Shares[i].Error = 0 // not known, as in a band that was not tested
				}
			}
		}
	}
	if err := l.store.SaveChoices(ctx, fs); err != nil {
		return fmt.Errorf("keep what forecasts were mixed from: %w", err)
	}
	return nil
}

// widen spreads a forecast of a service whose intervals have held too seldom.
func widen(f *forescale.Forecast, d forescale.Drift) {
	if d.Wider <= 1.05 {
		return
	}
	forecast.Widen(*f, d.Wider)
	f.Warnings = append(slices.Clip(f.Warnings), fmt.Sprintf("the intervals held too seldom of late and are widened by %.1f", d.Wider))
}

// ImportedAt is when history was imported that forecasts are to know soon: the
// end of the newest import, once its demand is worked out. It is zero when there
// is nothing new, as one pace later, when the schedule has seen to it.
func (l *Loop) ImportedAt(ctx context.Context, now time.Time) (time.Time, error) {
	runs, err := l.store.ListRuns(ctx, forescale.RunQuery{Kind: "import", Until: now, Limit: 1})
	if err != nil || len(runs) == 0 || runs[0].Done == 0 || runs[0].EndedAt.IsZero() || now.Sub(runs[0].EndedAt) > l.opt.Refresh {
		return time.Time{}, err
	}
	ended := runs[0].EndedAt
	oldest, err := l.store.DirtyCells(ctx, 1)
	if err != nil || len(oldest) > 0 && oldest[0].Time.Before(ended.Truncate(forescale.DemandStep)) {
		return time.Time{}, err
	}
	return ended, nil
}

// forecastInTime is forecastService that is given up when it takes too long. A
// forecast cannot be cut off: the one that hangs is left to itself, and what it
// brings in the end is dropped.
func (l *Loop) forecastInTime(ctx context.Context, now time.Time, s forescale.Service, spans []forescale.DemandSpan, events []forescale.Event) ([]forescale.Forecast, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, l.opt.Patience, fmt.Errorf("the forecast took longer than %v and was given up", l.opt.Patience))
	defer cancel()
	select {
	case l.asked <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("other forecasts hang: %w", context.Cause(ctx))
	}
	type result struct {
		fs  []forescale.Forecast
		err error
	}
	out := make(chan result, 1)
	go func() {
		defer func() { <-l.asked }()
		fs, err := l.forecastService(ctx, now, s, spans, events)
		out <- result{fs, err}
	}()
	select {
	case r := <-out:
		return r.fs, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// forecastService makes one forecast for each metric that the service's demand
// is known in.
func (l *Loop) forecastService(ctx context.Context, now time.Time, s forescale.Service, spans []forescale.DemandSpan, events []forescale.Event) ([]forescale.Forecast, error) {
	var made []forescale.Forecast
	var faults error
	for _, span := range spans {
		if now.Sub(span.Last) > l.opt.History || !usesMetric(s, span.Metric) || span.Last.Sub(span.First) < leastHistory {
			continue
		}
		f, err := l.forecastMetric(ctx, now, s, span, events)
		if err != nil {
			faults = errors.Join(faults, fmt.Errorf("%s: %w", span.Metric, err))
			continue
		}
		made = append(made, f)
	}
	return made, faults
}

// usesMetric reports whether the service is planned by this metric; one that
// names none is planned by all there are.
func usesMetric(s forescale.Service, m forescale.Metric) bool {
	return len(s.Metrics) == 0 || slices.Contains(s.Metrics, m)
}

func (l *Loop) forecastMetric(ctx context.Context, now time.Time, s forescale.Service, span forescale.DemandSpan, events []forescale.Event) (f forescale.Forecast, err error) {
	defer func() { // the loop outlives a bad model
		if p := recover(); p != nil {
			err = fmt.Errorf("model panicked: %v", p)
		}
	}()
	to := now.Truncate(forescale.DemandStep)
	points, from, err := l.history(ctx, s.Name, span, to)
	if err != nil {
		return f, err
	}
	special, err := l.special(ctx, now, s, span.Metric, from, events)
	if err != nil {
		return f, err
	}
	history, censored := forecast.Grid(points, from, to, l.opt.Step)
	return forecast.Make(forecast.Request{
		Service: s, Metric: span.Metric, Issued: now, History: history, Censored: censored,
		Step: l.opt.Step, Horizon: int(math.Ceil(float64(l.opt.Horizon) / float64(l.opt.Step))),
		Levels: forecast.DefaultLevels(), Special: special,
	})
}

// history is the demand to learn from, and where it begins: minutes, and the hours
// before the first minute that is kept, laid out in steps.
func (l *Loop) history(ctx context.Context, service string, span forescale.DemandSpan, to time.Time) ([]forescale.DemandPoint, time.Time, error) {
	from := to.Add(-l.opt.History).Truncate(l.opt.Step)
	var points []forescale.DemandPoint
	if span.First.After(from) {
		hours, err := l.store.DemandHours(ctx, service, span.Metric, from, span.First.Truncate(forescale.HourStep))
		if err != nil {
			return nil, from, fmt.Errorf("read demand by the hour: %w", err)
		}
		from = span.First
		if points = forecast.Spread(hours, l.opt.Step); len(points) > 0 {
			from = points[0].Time
		}
		from = from.Truncate(l.opt.Step)
	}
	minutes, err := l.store.Demand(ctx, service, span.Metric, from, to)
	if err != nil {
		return nil, from, fmt.Errorf("read demand: %w", err)
	}
	return append(points, minutes...), from, nil
}

// forecastCache holds the newest forecasts of the services there are, so that a
// round reads only those that are new since the last.
type forecastCache struct {
	names []string // of the services, sorted
	upTo  time.Time
	late  time.Time                       // when to look for late ones
	by    map[string][]forescale.Forecast // service → one per metric
}

// lateLooks is how often in a refresh pace late forecasts are looked for.
const lateLooks = 5

// update reads what is new; everything when services came or went, as one that
// is back has the forecasts it had. Not all that is new was issued after all that
// was read: the forecasts of one refresh are kept bit by bit and were issued at
// one time, and another server's clock may be behind. So it also looks back by two
// paces: after each news until there are no more, and now and then.
func (c *forecastCache) update(ctx context.Context, s store.Forecasts, names []string, now time.Time, pace time.Duration) error {
	since := c.upTo
	all := since.IsZero() || !slices.Equal(c.names, names)
	look := all || !now.Before(c.late) || c.late.Sub(now) > pace // the clock was set back
	switch {
	case all:
		since = time.Time{}
	case look:
		since = since.Add(-2 * pace)
	}
	fresh, err := s.LatestForecasts(ctx, since)
	if err != nil {
		return err
	}
	if all {
		*c = forecastCache{names: slices.Clone(names), by: map[string][]forescale.Forecast{}}
	}
	news := false
	for _, f := range fresh {
		if _, there := slices.BinarySearch(names, f.Service); there {
			news = c.take(f) || news
		}
	}
	if news {
		c.late = now
	} else if look {
		c.late = now.Add(pace / lateLooks)
	}
	return nil
}

// take keeps a forecast unless it is older than that at hand, and reports whether
// it is newer.
func (c *forecastCache) take(f forescale.Forecast) (news bool) {
	if f.Issued.After(c.upTo) {
		c.upTo = f.Issued
	}
	list := c.by[f.Service]
	k := slices.IndexFunc(list, func(o forescale.Forecast) bool { return o.Metric == f.Metric })
	switch {
	case k < 0:
		c.by[f.Service] = append(slices.Clip(list), f)
		return true
	case f.Issued.Before(list[k].Issued):
		return false
	}
	news = f.Issued.After(list[k].Issued)
	list = slices.Clone(list) // a planner may still hold the old list
	list[k] = f
	c.by[f.Service] = list
	return news
}

func (c *forecastCache) of(service string) []forescale.Forecast { return c.by[service] }
