package loop

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/forecast"
)

// ScoreJob is the kind of the runs that score issued forecasts.
const ScoreJob = "score"

const (
	// settle is how long the truth is waited for: what comes later is not scored again.
	settle = 10 * time.Minute
	// firstScored is how much is scored of a service that was not scored before, and
	// scoredAtOnce how much after a pause; what lies before is left out.
	firstScored  = 24 * time.Hour
	scoredAtOnce = 48 * time.Hour
	// scoredHour is how much is judged at once.
	scoredHour = time.Hour
)

// ScoreServices holds the issued forecasts of the named services, or of all, against
// the demand that came since it was last done, and keeps the sums. Forecasts that
// have drifted are told of once and made anew at once. It works from the store alone:
// any server may do it, and of two that do one is taken.
func (l *Loop) ScoreServices(ctx context.Context, now time.Time, names []string) (r Worked, err error) {
	services, err := l.forecastable(ctx, names)
	if err != nil {
		return r, err
	}
	spans, err := l.store.DemandSpans(ctx, names...)
	if err != nil {
		return r, fmt.Errorf("read spans: %w", err)
	}
	tracks, err := l.tracks(ctx, names)
	if err != nil {
		return r, err
	}
	if err := l.capacities.update(ctx, l.store); err != nil {
		return r, fmt.Errorf("read capacities: %w", err)
	}
	known := make(map[string]forescale.Service, len(services))
	for _, s := range services {
		known[s.Name] = s
	}
	var scorings []forescale.Scoring
	counted := ""
	for _, span := range spans {
		s, there := known[span.Service]
		if !there || !s.Uses(span.Metric) {
			continue
		}
		if counted != s.Name {
			r.Done++
		}
		x, err := l.score(ctx, now, s, span, tracks[lineOf{s.Name, span.Metric}])
		if ctx.Err() != nil {
			return r, context.Cause(ctx)
		}
		if err != nil {
			if r.Fault = errors.Join(r.Fault, fmt.Errorf("%s: %w", s.Name, err)); counted != s.Name {
				r.Failed++
			}
		} else if x != nil {
			scorings = append(scorings, *x)
		}
		counted = s.Name
	}
	taken, err := l.store.SaveScores(ctx, scorings)
	if err != nil {
		return r, fmt.Errorf("keep scores: %w", err)
	}
	var anew []string
	for i, x := range scorings {
		if taken[i] && l.tellDrift(x, tracks[lineOf{x.Service, x.Metric}].Drift) {
			anew = append(anew, x.Service)
		}
	}
	if len(anew) == 0 {
		return r, nil
	}
	made, err := l.refresh(ctx, now, anew, true)
	r.Fault = errors.Join(r.Fault, made.Fault)
	return r, err
}

// tellDrift logs when an alarm begins and ends. It reports whether one began.
func (l *Loop) tellDrift(x forescale.Scoring, before forescale.Drift) (began bool) {
	d := x.Drift
	switch {
	case d.Times > before.Times:
		l.log.Warn("forecasts have drifted; making them anew", "service", x.Service, "metric", x.Metric, "alarm", d.Last)
		return true
	case d.Alarm == forescale.AlarmNone && before.Alarm != forescale.AlarmNone:
		l.log.Info("forecasts hold again", "service", x.Service, "metric", x.Metric, "alarm", before.Alarm, "since", before.Since)
	}
	return false
}

// lineOf is what forecasts are of.
type lineOf struct {
	service string
	metric  forescale.Metric
}

func (l *Loop) tracks(ctx context.Context, names []string) (map[lineOf]forescale.Track, error) {
	ts, err := l.store.Tracks(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("read how far forecasts are scored: %w", err)
	}
	by := make(map[lineOf]forescale.Track, len(ts))
	for _, t := range ts {
		by[lineOf{t.Service, t.Metric}] = t
	}
	return by, nil
}

// score is what has to be added for one service and metric; nil when no hour has
// ended since.
func (l *Loop) score(ctx context.Context, now time.Time, s forescale.Service, span forescale.DemandSpan, track forescale.Track) (*forescale.Scoring, error) {
	unit := scoredHour // whole hours, where steps fit into them
	if unit%l.opt.Step != 0 {
		unit = l.opt.Step
	}
	to := now.Add(-settle)
	if end := span.Last.Add(forescale.DemandStep); end.Before(to) {
		to = end // while a service is silent, or demand is not worked out yet
	}
	to = to.UTC().Truncate(unit)
	x := forescale.Scoring{Track: track, From: track.Until}
	x.Service, x.Metric = s.Name, span.Metric
	from := track.Until
	if from.IsZero() {
		from = to.Add(-firstScored)
	}
	if oldest := to.Add(-scoredAtOnce); from.Before(oldest) {
		from = oldest
	}
	if !to.After(from) {
		return nil, nil
	}
	truths, err := l.truths(ctx, s, span.Metric, from, to)
	if err != nil {
		return nil, err
	}
	fs, err := l.issued(ctx, s.Name, span.Metric, from, to)
	if err != nil {
		return nil, err
	}
	l.recount(to, s.Name, fs)
	n := max(1, int(scoredHour/l.opt.Step))
	for at := 0; at < len(truths.Values); at += n {
		end := min(at+n, len(truths.Values))
		hour := forecast.ScoreIssued(fs, forecast.Truths{Start: truths.Start.Add(time.Duration(at) * truths.Step), Step: truths.Step,
			Values: truths.Values[at:end], LastWeek: truths.LastWeek[at:end]})
		x.Drift = forecast.Drifted(x.Drift, hour, now)
		x.Tallies = append(x.Tallies, hour...)
	}
	x.Until = to
	return &x, nil
}

// truths are the demand of [from, to), and that of the week before.
func (l *Loop) truths(ctx context.Context, s forescale.Service, m forescale.Metric, from, to time.Time) (forecast.Truths, error) {
	points, err := l.store.Demand(ctx, s.Name, m, from, to)
	if err != nil {
		return forecast.Truths{}, fmt.Errorf("read demand: %w", err)
	}
	loc := s.Location()
	before, err := l.store.Demand(ctx, s.Name, m, forecast.WeekBefore(from, loc), forecast.WeekBefore(to, loc).Add(time.Hour))
	if err != nil {
		return forecast.Truths{}, fmt.Errorf("read last week's demand: %w", err)
	}
	points = append(points, before...)
	counts := l.capacities.ofMetric(s.Name, m)
	for i := range points {
		points[i].Value *= counts.Factor(points[i].Time, to)
	}
	return forecast.TruthsOf(points, from, to, l.opt.Step, loc), nil
}

// issued are the forecasts that steps of [from, to) may be scored by. Of each lead
// only those of one pace are read: all that reach there would be a hundred times as
// many.
func (l *Loop) issued(ctx context.Context, service string, m forescale.Metric, from, to time.Time) ([]forescale.Forecast, error) {
	var all []forescale.Forecast
	seen := map[int64]bool{}
	above := time.Duration(0)
	for _, lead := range forescale.Leads {
		begin, end := from.Add(l.opt.Step-lead), to.Add(-lead+l.opt.Refresh+l.opt.Step)
		if last := to.Add(-above); end.After(last) {
			end = last
		}
		fs, err := l.store.LedgerForecasts(ctx, service, m, begin, end)
		if err != nil {
			return nil, fmt.Errorf("read forecasts: %w", err)
		}
		for _, f := range fs {
			if k := f.Issued.UnixMilli(); !seen[k] {
				seen[k] = true
				all = append(all, f)
			}
		}
		above = lead
	}
	return all, nil
}
