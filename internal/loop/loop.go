// Package loop joins the house: it observes, keeps, forecasts, plans, records
// and acts, in this order, and owns the life of every instance.
//
// One round, as [Loop.Step] reads:
//
//	observe the world → append samples → bring instances up to date → work out
//	demand → plan → record → act
//
// Every read of the world is at the left end and every effect at the right; an
// effect happens only after the decision for it is durable, under a name that
// the world refuses a second time. So a crash between any two steps is healed
// by the next round.
package loop

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/forecast"
	"github.com/forescale/forescale/internal/pace"
	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/planner"
)

// Source reads a part of the world. What could not be read is in the
// observation's Failed; it is never taken as absent.
type Source interface {
	Observe(ctx context.Context) forescale.Observation
}

// Target carries out single effects. Both are safe to repeat.
type Target interface {
	// Start makes the instance exist and run, under its ID. It does not wait
	// until it is ready.
	Start(ctx context.Context, s forescale.Service, i forescale.Instance) error
	// Stop stops and removes the instance; one that is gone is no error.
	Stop(ctx context.Context, s forescale.Service, i forescale.Instance) error
}

// Fencer is a Target that itself refuses what is asked under a lower fence, also
// by a leader that was paused and does not know yet that another took over.
type Fencer interface {
	// Fence makes the target refuse lower fences than this Target's from now on.
	// It returns forescale.ErrFenced, wrapped, if it knows a higher one. Start and
	// Stop return a Fault fence_missing until it was called, and again when what it
	// left in the target is gone.
	Fence(ctx context.Context) error
}

// Store is what the loop remembers by.
type Store interface {
	store.Samples
	store.Services
	store.Fleet
	store.Lives
	store.Forecasts
	store.Scores
	store.Money
	store.Plans
	store.Runs
	// Agents and RemoveAgent are as in store.Agents.
	Agents(ctx context.Context) ([]forescale.Agent, error)
	RemoveAgent(ctx context.Context, node string) error
}

// Options are the loop's paces and bounds. Zero fields take the default.
type Options struct {
	Collect  time.Duration // between reads of the world; 10 s
	Interval time.Duration // between planning rounds; 30 s
	Pulse    time.Duration // between reads while instances start or drain; 1 s
	Refresh  time.Duration // between forecasts; 15 min
	Horizon  time.Duration // how far forecasts reach; 24 h
	Step     time.Duration // of forecasts and of the history they learn from; 5 min
	History  time.Duration // how much they learn from; 28 days

	ObserveTimeout time.Duration // for one read of one source; 10 s
	ActTimeout     time.Duration // for one effect; 1 min
	ActPatience    time.Duration // how long a round waits for its effects; 2 s
	Attempts       int           // to start one instance before giving up; 5
	Patience       time.Duration // with the forecast of one service, by the machine's clock; 10 s

	Planner planner.Options // its Interval and Refresh are always these
}

func (o Options) withDefaults() Options {
	for _, d := range []struct {
		v   *time.Duration
		def time.Duration
	}{
		{&o.Collect, 10 * time.Second}, {&o.Interval, 30 * time.Second}, {&o.Pulse, time.Second},
		{&o.Refresh, 15 * time.Minute}, {&o.Horizon, 24 * time.Hour}, {&o.Step, 5 * time.Minute},
		{&o.History, 28 * 24 * time.Hour}, {&o.ObserveTimeout, 10 * time.Second},
		{&o.ActTimeout, time.Minute}, {&o.ActPatience, 2 * time.Second}, {&o.Patience, 10 * time.Second},
	} {
		if *d.v == 0 {
			*d.v = d.def
		}
	}
	if o.Attempts == 0 {
		o.Attempts = 5
	}
	o.Planner.Interval, o.Planner.Refresh = o.Interval, o.Refresh
	return o
}

// Config is what a loop is made from. Target may be nil: nothing is acted on then.
type Config struct {
	Store   Store
	Sources []Source
	Target  Target
	Nodes   Provider // nil: no nodes are ordered
	Clock   forescale.Clock
	Log     *slog.Logger
	Options Options
	OnStep  func(Report) // called after each planning round, or nil
	// Forecast makes a forecast; nil: package forecast does, with what it learned
	// earlier where that serves.
	Forecast func(forecast.Request) (forescale.Forecast, error)
	// Leads asks the store whether the leader that this loop runs for still leads:
	// forescale.ErrFenced, wrapped, if not. nil: there is but one server.
	Leads func(context.Context) error
}

// Report tells what one round did.
type Report struct {
	At        time.Time
	Took      time.Duration        // of the loop's clock
	Decisions []forescale.Decision // those that are news: not folded into an earlier one
	Failed    map[string]string    // part of the world → why it could not be read
}

// Loop is the running product. Make it with New.
type Loop struct {
	store    Store
	sources  []Source
	target   Target
	provider Provider
	clock    forescale.Clock
	log      *slog.Logger
	opt      Options
	onStep   func(Report)
	leads    func(context.Context) error
	model    func(forecast.Request) (forescale.Forecast, error)

	mu         sync.Mutex // one round at a time
	forecasts  forecastCache
	window     demandWindow
	learned    learnedCache
	effects    effects // of holidays, as last learned
	models     models
	outlooks   pace.Reader
	capacities capacityCache
	acts       acts
	nodeActs   nodeActs
	aliases    aliases
	rollouts   rollouts
	pulls      pulls
	watch      clockWatch
	alarm      alarm
	silences   silences
	fenced     bool          // the target refuses older leaders
	busy       bool          // an instance starts or drains
	asked      chan struct{} // holds one for each forecast that is being made
}

// New makes a loop; Run or Step start it.
func New(c Config) *Loop {
	opt := c.Options.withDefaults()
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.OnStep == nil {
		c.OnStep = func(Report) {}
	}
	return &Loop{
		outlooks: pace.Reader{Options: opt.Planner}, store: c.Store, sources: c.Sources, target: c.Target, provider: c.Nodes, clock: c.Clock,
		log: c.Log, opt: opt, onStep: c.OnStep, leads: c.Leads, model: c.Forecast, acts: newActs(), alarm: newAlarm(), nodeActs: newNodeActs(), pulls: newPulls(), asked: make(chan struct{}, hangingForecasts),
	}
}

// Step is one whole round at time now. An error means that the store failed;
// no effect was started after it.
func (l *Loop) Step(ctx context.Context, now time.Time) (Report, error) {
	r, _, err := l.round(ctx, now, func(*world) bool { return true })
	return r, err
}

// Collect is a round that plans only if a service turns out to be short: it reads the
// world, brings instances up to date and goes on with what was decided.
func (l *Loop) Collect(ctx context.Context, now time.Time) (planned bool, err error) {
	_, planned, err = l.round(ctx, now, func(w *world) bool { return l.short(now, w) })
	return planned, err
}

// round collects, plans if what was seen asks for it, and acts.
func (l *Loop) round(ctx context.Context, now time.Time, asks func(*world) bool) (r Report, planned bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	began := l.clock.Elapsed()
	w, err := l.collect(ctx, now)
	if err != nil {
		return r, false, err
	}
	if planned = asks(w); planned {
		if r.Decisions, err = l.plan(ctx, now, w); err != nil {
			return Report{}, false, fmt.Errorf("plan: %w", err)
		}
	}
	if err := l.act(ctx, now, w); err != nil {
		return Report{}, planned, fmt.Errorf("act: %w", err)
	}
	if err := l.actNodes(ctx, now, w); err != nil {
		return Report{}, planned, fmt.Errorf("act on nodes: %w", err)
	}
	if planned {
		r.At, r.Took, r.Failed = now, l.clock.Elapsed()-began, w.failed
		l.onStep(r)
	}
	return r, planned, nil
}

// collect does all of a round that is not planning or acting.
func (l *Loop) collect(ctx context.Context, now time.Time) (*world, error) {
	// Taken before the read: a result that comes in during it may be newer than
	// what it shows, and a new container would count as vanished.
	l.takeResults()
	open, err := l.fence(ctx) // before the read: what is seen then, no older leader changes any more
	if err != nil {
		return nil, fmt.Errorf("keep older leaders out: %w", err)
	}
	obs := l.observe(ctx)
	l.aliases.see(obs)
	if open != "" {
		obs.Complete, obs.Failed["fence"] = false, open
		for node, p := range obs.Parts {
			obs.Parts[node] = forescale.Part{Silent: p.Silent}
		}
	}
	if err := l.register(ctx, obs); err != nil {
		return nil, fmt.Errorf("register what was seen: %w", err)
	}
	w, err := l.recall(ctx, now, obs)
	if err != nil {
		return nil, fmt.Errorf("read back: %w", err)
	}
	steady := l.clock.Elapsed()
	l.silences.note(obs.Parts, steady)
	w.gone = l.silences.gone(obs.Parts, obs.Complete, lostAfter(l.clock), steady)
	if len(obs.Samples) > 0 {
		if err := l.store.Append(ctx, keepKnown(obs.Samples, w, now)); err != nil {
			return nil, fmt.Errorf("append samples: %w", err)
		}
		l.alarm.hear(l.clock, obs.Samples)
	}
	if err := l.rollouts.read(ctx, l.store); err != nil {
		return nil, fmt.Errorf("read roll-outs: %w", err)
	}
	if err := l.live(ctx, now, w); err != nil {
		return nil, fmt.Errorf("bring instances up to date: %w", err)
	}
	if err := l.liveNodes(ctx, now, w); err != nil {
		return nil, fmt.Errorf("bring nodes up to date: %w", err)
	}
	w.rung = l.alarm.take(l.clock.Elapsed())
	if err := l.demand(ctx, now, w); err != nil {
		return nil, fmt.Errorf("work out demand: %w", err)
	}
	if err := l.saveFleet(ctx, w); err != nil {
		return nil, fmt.Errorf("keep instances: %w", err)
	}
	if err := l.finishDecisions(ctx, now, w); err != nil {
		return nil, fmt.Errorf("end decisions: %w", err)
	}
	l.busy = w.underWay()
	return w, nil
}
