package demo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/datasets"
	"github.com/forescale/forescale/internal/sim"
)

// simulated is the stage without an engine.
type simulated struct {
	compared

	load  datasets.Pattern
	seed  uint64
	pace  pace
	world *sim.World
}

func newSimulated(load datasets.Pattern, seed uint64, p pace) *simulated {
	return &simulated{load: load, seed: seed, pace: p}
}

// shop is the service of both stages.
func shop(zone *time.Location) forescale.Service {
	s := forescale.Service{Name: service, Mode: forescale.ModeActive, Min: 1, Max: 10, Objective: 0.95,
		Metrics: []forescale.Metric{forescale.MetricLoad}, Capacity: capacity, Origin: forescale.OriginConfig}
	if zone != time.UTC {
		s.TimeZone = zone.String()
	}
	return s.WithDefaults()
}

func (s *simulated) service() forescale.Service {
	svc := shop(s.load.Zone)
	svc.Warmup = 5 * time.Minute
	svc.Missing.Hold = max(svc.Missing.Hold, 3*s.pace.times(simulatedRound).Interval)
	return svc
}

// simulatedRound is how long a planning round of the simulated world takes at least.
const simulatedRound = 50 * time.Millisecond

func (s *simulated) wire(w *Wiring) {
	svc := s.service()
	s.world = sim.NewWorld(sim.Config{Clock: w.Clock, Seed: s.seed, Sample: time.Minute}, sim.Workload{Service: svc, Load: s.load, Capacity: capacity,
		Warmup: sim.Spread{Median: 5 * time.Minute, Sigma: 0.25}, Initial: svc.Band.Required(s.load.At(w.Clock.Now()) / capacity)})
	w.World, w.Source, w.Target, w.Times = "simulated world", s.world, s.world, s.pace.times(simulatedRound)
}

func (s *simulated) play(ctx context.Context, _ Server) error {
	<-ctx.Done()
	return nil
}

func (s *simulated) tell(ds []forescale.Decision) { s.world.Tell(ds...) }
func (s *simulated) rows() []sim.Row              { return s.world.Timeline(service) }
func (s *simulated) close(context.Context) error  { return nil }

func (s *simulated) remark() string {
	if b := s.world.Broken(); len(b) > 0 {
		return fmt.Sprintf("Broken promises, please report them:\n  %s", strings.Join(b, "\n  "))
	}
	return "No promise was broken: never below min, above max, or two containers of one name."
}
