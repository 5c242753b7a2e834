package loop

import (
	"context"
	"fmt"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/planner"
)

// lately is what was foreseen and planned before, by which forecasts learn what
// single minutes do around them. It is read from the store, so that a restart, and
// another server, goes on where the last forecast was.
type lately struct {
	opt       Options
	forecasts map[lineOf]*forescale.Forecast
	leads     map[string]time.Duration // of the newest plans
}

func (l *Loop) lately(ctx context.Context, now time.Time, services []string) (lately, error) {
	was := lately{opt: l.opt, forecasts: map[lineOf]*forescale.Forecast{}, leads: map[string]time.Duration{}}
	fs, err := l.store.LatestForecasts(ctx, now.Add(-l.opt.History), services...)
	if err != nil {
		return was, fmt.Errorf("read what was forecast before: %w", err)
	}
	for i := range fs {
		l.recount(now, fs[i].Service, fs[i:i+1]) // they are held against demand by the capacity of now
		was.forecasts[lineOf{fs[i].Service, fs[i].Metric}] = &fs[i]
	}
	plans, err := l.store.LatestPlans(ctx, services...)
	if err != nil {
		return was, fmt.Errorf("read what was planned before: %w", err)
	}
	for _, p := range plans {
		was.leads[p.Service] = p.Lead
	}
	return was, nil
}

// learn fills in what is known of the minutes around the forecasts of a service.
func (l lately) learn(s forescale.Service, histories []history, fs []forescale.Forecast) {
	lead := l.leads[s.Name]
	if lead <= 0 {
		lead = s.Warmup + l.opt.Interval
	}
	for i := range fs {
		for _, h := range histories {
			if h.metric == fs[i].Metric {
				fs[i].Minutes = planner.LearnMinutes(s, lead, *h.recent, l.forecasts[lineOf{s.Name, h.metric}], &fs[i])
			}
		}
	}
}
