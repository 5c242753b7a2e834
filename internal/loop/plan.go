package loop

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/planner"
)

// plan decides for every service and records the round in one commit. It
// returns the decisions that are news.
func (l *Loop) plan(ctx context.Context, now time.Time, w *world) ([]forescale.Decision, error) {
	states, err := l.states(ctx, now, w)
	if err != nil {
		return nil, fmt.Errorf("read back: %w", err)
	}
	book, err := l.store.Book(ctx, now)
	if err != nil {
		return nil, fmt.Errorf("read what was spent: %w", err)
	}
	book.Pace = l.opt.Interval
	paces := l.paces(ctx, book, now)
	round := forescale.Plan{At: now, Services: make([]forescale.ServicePlan, len(states)), Pace: l.opt.Interval}
	var touched []forescale.Instance
	var news []forescale.Decision
	for k := range states {
		if a := book.Allow(states[k].Service.Name, now, l.opt.Interval); a != nil {
			states[k].Money = &planner.Money{Most: a.Most, Reason: a.Reason}
		}
		if p, lowered := paces[states[k].Service.Name]; lowered {
			slowDown(&states[k], p)
		}
	}
	alarms := make(map[string]growable, len(states))
	if leaving := w.leaving(); len(leaving) > 0 {
		for k := range states {
			states[k].Leaving = leaving
		}
	}
	for k, r := range l.decide(now, states) {
		round.Services[k] = r.Plan
		if g, ok := growableOf(states[k].Service, r); ok {
			alarms[states[k].Service.Name] = g
		}
		touched = append(touched, r.Instances...)
		if last := states[k].Last; last == nil || !last.Same(r.Plan.Decision) {
			news = append(news, r.Plan.Decision)
		}
	}
	round.Nodes, round.Orders = l.planNodes(ctx, now, w, round.Services, book)
	if err := l.place(ctx, w, round.Nodes, touched); err != nil {
		return nil, fmt.Errorf("choose nodes: %w", err)
	}
	if err := l.store.RecordPlan(ctx, round, touched); err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	if err := l.ordered(ctx, now, w, round.Orders, len(book.Budgets) > 0); err != nil {
		return nil, fmt.Errorf("read back which nodes were ordered: %w", err)
	}
	if len(book.Budgets) > 0 {
		if touched, err = l.asRecorded(ctx, touched); err != nil {
			return nil, fmt.Errorf("read back what was recorded: %w", err)
		}
	}
	l.rollouts.keep(round.Services)
	for _, i := range touched {
		w.kept(w.put(i))
	}
	if err := l.pullAhead(ctx, now, w, round); err != nil {
		return nil, fmt.Errorf("choose where images are needed: %w", err)
	}
	l.busy = l.busy || len(touched) > 0
	l.alarm.set(alarms)
	return news, nil
}

// asRecorded leaves out what the store refused for want of money: whoever plans at
// the same time may have been faster.
func (l *Loop) asRecorded(ctx context.Context, touched []forescale.Instance) ([]forescale.Instance, error) {
	if !slices.ContainsFunc(touched, func(i forescale.Instance) bool { return i.State == forescale.InstanceStarting }) {
		return touched, nil
	}
	latest, err := l.store.LatestDecisions(ctx)
	if err != nil {
		return nil, err
	}
	recorded := map[string]bool{}
	for _, d := range latest {
		for _, a := range d.Actions {
			recorded[a.Instance] = true
		}
	}
	return slices.DeleteFunc(touched, func(i forescale.Instance) bool {
		return i.State == forescale.InstanceStarting && !recorded[i.ID]
	}), nil
}

// states gathers what the planner sees of each service but for its forecasts and its
// demand, which are brought up to date for it. The number of queries
// does not depend on the number of services, but for one for each thousand of them
// with forecasts.
func (l *Loop) states(ctx context.Context, now time.Time, w *world) ([]planner.State, error) {
	if err := l.window.update(ctx, l.store, now); err != nil {
		return nil, err
	}
	l.window.keepTo(w.services)
	lastSamples, err := l.store.LastSamples(ctx)
	if err != nil {
		return nil, err
	}
	warmups, err := l.store.Warmups(ctx, "", 50)
	if err != nil {
		return nil, err
	}
	latest, err := l.store.LatestDecisions(ctx)
	if err != nil {
		return nil, err
	}
	acted, err := l.store.Decisions(ctx, forescale.DecisionQuery{From: now.Add(-time.Hour), Acted: true, Limit: 100_000})
	if err != nil {
		return nil, err
	}
	if err := l.forecasts.update(ctx, l.store, w.names, now, l.opt.Refresh); err != nil {
		// Reactive scaling does not wait for forecasts; those at hand grow old and the planner says so.
		l.log.Warn("forecasts cannot be read", "error", err)
	}
	if err := l.learned.update(ctx, l.store); err != nil {
		l.log.Warn("what was learned of starts cannot be read, what is at hand stays", "error", err)
	}
	states := make([]planner.State, len(w.names))
	at := make(map[string]*planner.State, len(w.names))
	for k, name := range w.names {
		states[k] = planner.State{
			Service: w.services[name], LastSample: lastSamples[name], Pauses: w.paused,
			Learned: l.learned.by[name], Rollout: l.rollouts.by[name],
		}
		if l.target != nil {
			states[k].Blind = w.blindTo(name)
		}
		if w.unsettled {
			states[k].ClockJump = l.watch.last
		}
		if is := w.of(name); len(is) > 0 {
			states[k].Foreign = foreign(now, is)
			if states[k].Heat, err = l.heat(ctx, now, states[k].Service, is); err != nil {
				return nil, err
			}
			states[k].Instances = slices.DeleteFunc(is, func(i forescale.Instance) bool {
				return !i.State.Live() && i.State != forescale.InstanceFailed
			})
		}
		at[name] = &states[k]
	}
	for name, ms := range stretches(warmups, func(m forescale.Warmup) string { return m.Service }) {
		if s := at[name]; s != nil {
			s.Warmups = ms
		}
	}
	for k := range latest {
		if s := at[latest[k].Service]; s != nil {
			s.Last = &latest[k]
		}
	}
	for _, d := range acted {
		if s := at[d.Service]; s != nil {
			s.Recent = append(s.Recent, d)
		}
	}
	return states, nil
}

// whyBlind names what could not be read.
func (w *world) whyBlind() string {
	for _, part := range slices.Sorted(maps.Keys(w.failed)) {
		return part + ": " + w.failed[part]
	}
	return "the world was not read yet"
}

// finishDecisions ends pending decisions whose instances have all arrived, or
// of which one has failed.
func (l *Loop) finishDecisions(ctx context.Context, now time.Time, w *world) error {
	pending, err := l.store.Decisions(ctx, forescale.DecisionQuery{Pending: true, Limit: 100_000})
	if err != nil {
		return err
	}
	for _, d := range pending {
		outcome, why := outcomeOf(d, now, w)
		if outcome == forescale.OutcomePending {
			continue
		}
		if err := l.store.FinishDecision(ctx, d.ID, now, outcome, why); err != nil {
			return err
		}
	}
	return nil
}

// outcomeOf is what has come of a pending decision so far.
func outcomeOf(d forescale.Decision, now time.Time, w *world) (forescale.Outcome, string) {
	for _, a := range d.Actions {
		k, ok := w.index[a.Instance]
		if !ok {
			if now.Sub(d.At) > time.Hour {
				return forescale.OutcomeFailed, "no trace of " + a.Instance + " within an hour"
			}
			return forescale.OutcomePending, ""
		}
		i := w.instances[k]
		switch {
		case a.Kind == forescale.ActionStart && i.ReadyAt.IsZero() && i.StopBy != "":
			return forescale.OutcomeSuperseded, ""
		case i.Failure != "" && (a.Kind == forescale.ActionStart || i.State == forescale.InstanceFailed):
			return forescale.OutcomeFailed, a.Instance + ": " + i.Failure
		case a.Kind == forescale.ActionStart && i.State == forescale.InstanceStarting,
			a.Kind == forescale.ActionStop && i.State.Live():
			return forescale.OutcomePending, ""
		}
	}
	return forescale.OutcomeDone, ""
}
