package load

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/datasets"
)

// History is what each service has behind it.
type History struct {
	Length time.Duration
	Step   time.Duration // between minutes that are known
}

func serviceName(i int) string { return fmt.Sprintf("load-%05d", i) }

// Fill registers services and writes their history up to now. It returns how
// many minutes of demand it wrote.
func Fill(ctx context.Context, s Store, services int, h History, now time.Time) (points int64, err error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	const atOnce = 20
	for from := 0; from < services; from += atOnce {
		group.Go(func() error {
			for i := from; i < min(from+atOnce, services); i++ {
				if _, err := s.PutService(ctx, forescale.Service{Name: serviceName(i), Min: 1, Max: 50, Metrics: []forescale.Metric{forescale.MetricUtilization}}.WithDefaults(), -1); err != nil {
					return fmt.Errorf("register %s: %w", serviceName(i), err)
				}
			}
			cells, ps := history(from, min(from+atOnce, services), h, now)
			if err := s.SaveDemand(ctx, cells, ps); err != nil {
				return fmt.Errorf("write history: %w", err)
			}
			return nil
		})
	}
	return int64(services) * int64(h.Length/h.Step), group.Wait()
}

// history is the demand of some services: weekdays and hours from the generator of
// the demonstration, each service with its own size, phase and noise.
func history(from, to int, h History, now time.Time) (cells []forescale.Cell, points []forescale.DemandPoint) {
	end := now.UTC().Truncate(h.Step)
	for i := from; i < to; i++ {
		p := datasets.DefaultPattern(uint64(i), 1+float64(i%20), time.UTC)
		for at := end.Add(-h.Length); at.Before(end); at = at.Add(h.Step) {
			v := p.At(at.Add(time.Duration(i%24) * time.Hour))
			cells = append(cells, forescale.Cell{Service: serviceName(i), Time: at})
			points = append(points, forescale.DemandPoint{Service: serviceName(i), Metric: forescale.MetricUtilization, Time: at, Value: v, Reporting: 1, Ready: 1})
		}
	}
	return cells, points
}
