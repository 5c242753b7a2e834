package sim

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/forecast"
	"github.com/forescale/forescale/internal/loop"
	"github.com/forescale/forescale/internal/store"
)

// Simulation is the real loop over a fake world by a clock moved by hand: the
// product itself, as fast as the machine can compute it.
type Simulation struct {
	Clock *Clock
	World *World
	Loop  *loop.Loop

	store   loop.Store
	options loop.Options
	refresh time.Time // of the next forecasts
	pruned  time.Time
}

// Setup is what a simulation is made of.
type Setup struct {
	Store      loop.Store // what it remembers by; the caller closes it
	Start      time.Time
	Seed       uint64
	Tick       time.Duration // of the world; 0: its default
	Step       time.Duration // of the timeline; 0: its default
	Options    loop.Options
	Conditions Conditions
	Log        *slog.Logger
	// Forecast makes a forecast; nil: as the product does.
	Forecast func(forecast.Request) (forescale.Forecast, error)
}

// NewSimulation registers the services of the workloads and makes everything;
// no time goes by.
func NewSimulation(ctx context.Context, s Setup, loads ...Workload) (*Simulation, error) {
	clock := NewClock(s.Start)
	world := NewWorld(Config{Clock: clock, Seed: s.Seed, Tick: s.Tick, Step: s.Step, Conditions: s.Conditions}, loads...)
	for _, l := range loads {
		if _, err := s.Store.PutService(ctx, l.Service.WithDefaults(), -1); err != nil {
			return nil, fmt.Errorf("register %s: %w", l.Service.Name, err)
		}
	}
	sim := &Simulation{Clock: clock, World: world, store: s.Store, options: s.Options, refresh: s.Start, pruned: s.Start}
	if sim.options.Interval == 0 {
		sim.options.Interval = 30 * time.Second
	}
	if sim.options.Refresh == 0 {
		sim.options.Refresh = 15 * time.Minute
	}
	if sim.options.Patience == 0 {
		sim.options.Patience = time.Hour // of the machine's clock: how fast it is must not show
	}
	sim.Loop = loop.New(loop.Config{Store: s.Store, Sources: []loop.Source{world}, Target: world, Clock: clock, Log: s.Log,
		Options: sim.options, Forecast: s.Forecast, OnStep: func(r loop.Report) { world.Tell(r.Decisions...) }})
	return sim, nil
}

// Import puts earlier load of a service into the store and works out its demand.
func (s *Simulation) Import(ctx context.Context, samples []forescale.Sample) error {
	if err := s.store.Append(ctx, samples); err != nil {
		return err
	}
	return s.Loop.WorkOutDemand(ctx, s.Clock.Now(), func(int) {})
}

// Run lets d go by, one planning round after the other.
func (s *Simulation) Run(ctx context.Context, d time.Duration) error {
	for end := s.Clock.Elapsed() + d; s.Clock.Elapsed() < end; {
		if err := s.round(ctx); err != nil {
			return err
		}
		s.Clock.Advance(min(s.options.Interval, end-s.Clock.Elapsed()))
	}
	s.World.advanceNow()
	return nil
}

// How long samples, and what was decided and forecast, are of use to a simulation.
// Demand is learned from and stays.
const (
	samplesKept   = 24 * time.Hour
	decisionsKept = 7 * 24 * time.Hour
)

func (s *Simulation) round(ctx context.Context) error {
	now := s.Clock.Now()
	if !now.Before(s.refresh) {
		s.refresh = now.Add(s.options.Refresh)
		// A forecast that cannot be made, as with no history yet, is what the
		// planner falls back from.
		if _, err := s.Loop.RefreshServices(ctx, now, nil); err != nil && ctx.Err() != nil {
			return err
		}
	}
	if _, err := s.Loop.Step(ctx, now); err != nil {
		return err
	}
	if now.Sub(s.pruned) > samplesKept {
		s.pruned = now
		if _, err := s.store.Prune(ctx, store.Cutoffs{Samples: now.Add(-samplesKept), Decisions: now.Add(-decisionsKept)}); err != nil {
			return err
		}
	}
	return ctx.Err()
}
