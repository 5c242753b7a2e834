package main

import (
	"context"
	"fmt"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/loop"
	"github.com/forescale/forescale/internal/sim"
	"github.com/forescale/forescale/internal/store/memory"
	"github.com/forescale/forescale/planner"
)

// learnFrom is how much history before the measured days an evaluation learns from.
const learnFrom = 28 * 24 * time.Hour

// evaluate replays the last days of a service's history. Of a short one it measures
// the newer half.
func (s *server) evaluate(ctx context.Context, svc forescale.Service, days int) (e forescale.Evaluation, err error) {
	now := s.cfg.Clock.Now()
	to := now.Add(-2 * forescale.DemandStep).UTC().Truncate(forescale.DemandStep) // the newest minutes may still be incomplete
	measured := time.Duration(days) * 24 * time.Hour
	demand, counts, err := sim.ReadDemand(ctx, s.cfg.Store, svc, to.Add(-measured-learnFrom), to)
	if err != nil {
		return e, err
	}
	if len(demand) == 0 {
		return e, &forescale.Fault{Code: "history_short", Where: "services/" + svc.Name, What: fmt.Sprintf("no demand of %s is known", svc.Name),
			Help: "send samples, or bring its history in with: forescale import"}
	}
	if half := to.Sub(demand[0].Time) / 2; measured > half {
		measured = half.Truncate(forescale.DemandStep)
	}
	warmups, err := s.cfg.Store.Warmups(ctx, svc.Name, 50)
	if err != nil {
		return e, fmt.Errorf("read warm-ups: %w", err)
	}
	learned, err := s.cfg.Store.Learned(ctx, svc.Name, time.Time{})
	if err != nil {
		return e, fmt.Errorf("read what was learned of starts: %w", err)
	}
	var times *forescale.LearnedTimes
	for i := range learned {
		if learned[i].Kind == forescale.LapseWarmup {
			times = &learned[i]
		}
	}
	return sim.Evaluate(ctx, sim.Past{Service: svc, Demand: demand, Counts: counts, Warmup: planner.LeadTime(now, svc, warmups, times, 0),
		From: to.Add(-measured), To: to, Options: loop.Options{Step: s.cfg.Options.Step, Interval: time.Minute}}, memory.New())
}
