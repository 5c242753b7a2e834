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
)

// forecastsAtOnce bounds the services whose history is read at once, and whose
// forecasts are kept in one commit.
const forecastsAtOnce = 50

// leastHistory is how long demand must have been known before it is forecast.
// Of the first minutes no error can be measured: an interval made of them asks
// for instances that nobody needs. Until then live demand alone decides.
const leastHistory = time.Hour

// hangingForecasts bounds the forecasts that were given up and have not come
// back yet. When there are as many, no others are begun.
const hangingForecasts = 16

// Refresh makes new forecasts of the named services, or of all that are not off,
// because somebody asked, and records the run. What they are made with is learned
// anew.
func (l *Loop) Refresh(ctx context.Context, now time.Time, services ...string) error {
	run := forescale.Run{ID: fmt.Sprintf("%s-asked-%d", ForecastJob, now.UnixMilli()), Kind: ForecastJob, StartedAt: now, State: forescale.RunRunning, Attempt: 1}
	if err := l.store.SaveRun(ctx, run); err != nil {
		return fmt.Errorf("record run: %w", err)
	}
	r, err := l.refresh(ctx, now, services, true)
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

// Worked is what became of work on services.
type Worked struct {
	Done, Failed int   // services; the failed ones are among the done
	Fault        error // why they failed
}

// RefreshServices makes new forecasts of the named services, or of all, but for
// those that are off, and keeps them in the ledger. A service whose forecast fails,
// or hangs, keeps its old one and is counted; it stops nobody else. An error means
// that the store failed. It works from the store alone: any server may do it.
func (l *Loop) RefreshServices(ctx context.Context, now time.Time, names []string) (r Worked, err error) {
	return l.refresh(ctx, now, names, false)
}

// refresh is RefreshServices; anew tells to learn from the whole history again.
func (l *Loop) refresh(ctx context.Context, now time.Time, names []string, anew bool) (r Worked, err error) {
	services, err := l.forecastable(ctx, names)
	if err != nil {
		return r, err
	}
	events, err := l.store.Events(ctx, now.Add(-l.opt.History))
	if err != nil {
		return r, fmt.Errorf("read events: %w", err)
	}
	for batch := range slices.Chunk(services, forecastsAtOnce) {
		made, err := l.refreshBatch(ctx, now, batch, events, anew, &r)
		if err != nil {
			return r, err
		}
		if err := l.keep(ctx, made); err != nil {
			return r, err
		}
	}
	return r, nil
}

// forecastable are the named services, or all, but for those that are off.
func (l *Loop) forecastable(ctx context.Context, names []string) ([]forescale.Service, error) {
	services, err := l.store.FindServices(ctx, forescale.ServiceQuery{Names: names})
	if err != nil {
		return nil, fmt.Errorf("read services: %w", err)
	}
	return slices.DeleteFunc(services, func(s forescale.Service) bool { return s.Mode == forescale.ModeOff }), nil
}

// refreshBatch makes the forecasts of some services and counts what became of them.
func (l *Loop) refreshBatch(ctx context.Context, now time.Time, services []forescale.Service, events []forescale.Event, anew bool, r *Worked) (made []forescale.Forecast, err error) {
	histories, err := l.histories(ctx, now, services)
	if err != nil {
		return nil, err
	}
	tracks, err := l.tracks(ctx, forescale.ServiceNames(services))
	if err != nil {
		return nil, err
	}
	was, err := l.lately(ctx, now, forescale.ServiceNames(services))
	if err != nil {
		return nil, err
	}
	for _, s := range services {
		mine := histories[s.Name] // a forecast that hangs may look at it much later
		fs, err := l.forecastInTime(ctx, func(ctx context.Context) ([]forescale.Forecast, error) {
			return l.forecastService(ctx, now, s, mine, events, tracks, anew)
		})
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
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
		was.learn(s, mine, fs)
		made = append(made, fs...)
		delete(histories, s.Name)
	}
	return made, nil
}

// keep keeps forecasts as issued, and what they were mixed from.
func (l *Loop) keep(ctx context.Context, fs []forescale.Forecast) error {
	if len(fs) == 0 {
		return nil
	}
	if err := l.store.SaveForecasts(ctx, fs); err != nil {
		return fmt.Errorf("keep forecasts: %w", err)
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

// importsLookedAt bounds the imports among which the newest that brought something is sought.
const importsLookedAt = 20

// ImportedAt is when history was imported that forecasts are to know soon: the
// end of the newest import, once its demand is worked out. It is zero when there
// is nothing new, as one pace later, when the schedule has seen to it.
func (l *Loop) ImportedAt(ctx context.Context, now time.Time) (time.Time, error) {
	runs, err := l.store.ListRuns(ctx, forescale.RunQuery{Kind: "import", Until: now, Limit: importsLookedAt})
	if err != nil {
		return time.Time{}, err
	}
	// One that brought nothing, such as a mistyped try afterwards, hides none.
	k := slices.IndexFunc(runs, func(r forescale.Run) bool { return r.Done > 0 && !r.EndedAt.IsZero() })
	if k < 0 || now.Sub(runs[k].EndedAt) > l.opt.Refresh {
		return time.Time{}, nil
	}
	ended := runs[k].EndedAt
	oldest, err := l.store.DirtyCells(ctx, 1)
	if err != nil || len(oldest) > 0 && oldest[0].Time.Before(ended.Truncate(forescale.DemandStep)) {
		return time.Time{}, err
	}
	return ended, nil
}

// forecastInTime makes forecasts, and gives up when that takes too long. A
// forecast cannot be cut off: the one that hangs is left to itself, and what it
// brings in the end is dropped.
func (l *Loop) forecastInTime(ctx context.Context, do func(context.Context) ([]forescale.Forecast, error)) ([]forescale.Forecast, error) {
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
		fs, err := do(ctx)
		out <- result{fs, err}
	}()
	select {
	case r := <-out:
		return r.fs, r.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// forecastService makes one forecast of each history.
func (l *Loop) forecastService(ctx context.Context, now time.Time, s forescale.Service, histories []history, events []forescale.Event, tracks map[lineOf]forescale.Track, anew bool) ([]forescale.Forecast, error) {
	var made []forescale.Forecast
	var faults error
	for _, h := range histories {
		f, err := l.forecastMetric(ctx, now, s, h, events, tracks[lineOf{s.Name, h.metric}].Drift, anew)
		if err != nil {
			faults = errors.Join(faults, fmt.Errorf("%s: %w", h.metric, err))
			continue
		}
		made = append(made, f)
	}
	return made, faults
}

func (l *Loop) forecastMetric(ctx context.Context, now time.Time, s forescale.Service, h history, events []forescale.Event, drift forescale.Drift, anew bool) (f forescale.Forecast, err error) {
	defer func() { // the loop outlives a bad model
		if p := recover(); p != nil {
			err = fmt.Errorf("model panicked: %v", p)
		}
	}()
	special, err := l.special(ctx, now, s, h.metric, h.from, events)
	if err != nil {
		return f, err
	}
	series, censored := h.grid.Series()
	return l.forecastFrom(forecast.Request{
		Service: s, Metric: h.metric, Issued: now, History: series, Censored: censored,
		Step: l.opt.Step, Horizon: int(math.Ceil(float64(l.opt.Horizon) / float64(l.opt.Step))),
		Levels: forecast.DefaultLevels(), Special: special,
	}, drift, anew)
}
