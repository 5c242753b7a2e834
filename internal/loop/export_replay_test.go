package loop

import (
	"context"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/planner"
)

// StepSeen is Step that also hands out what the planner saw of each service.
func (l *Loop) StepSeen(ctx context.Context, now time.Time) ([]planner.State, planner.Options, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w, err := l.collect(ctx, now)
	if err != nil {
		return nil, l.opt.Planner, err
	}
	states, err := l.states(ctx, now, w)
	if err != nil {
		return nil, l.opt.Planner, err
	}
	for k := range states {
		l.layOut(now, &states[k], &room{})
	}
	if _, err := l.plan(ctx, now, w); err != nil {
		return nil, l.opt.Planner, err
	}
	return states, l.opt.Planner, l.act(ctx, now, w)
}

// Remembered is how many entries the loop keeps in memory from round to round.
func (l *Loop) Remembered() (retries, under, results, forecasts int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, fs := range l.forecasts.by {
		forecasts += len(fs)
	}
	return len(l.acts.retries), len(l.acts.under), len(l.acts.came), forecasts
}

// NextTry is when an effect may be tried again after it failed for the nth time at now.
func (l *Loop) NextTry(now time.Time, id string, nth int) time.Time {
	l.acts.retries[id] = retry{failed: nth - 1}
	i := forescale.Instance{ID: id, State: forescale.InstanceDraining}
	l.meetFailure(now, &i, result{id: id, kind: forescale.ActionStop})
	return l.acts.retries[id].next
}
