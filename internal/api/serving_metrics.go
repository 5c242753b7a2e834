package api

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/forescale/forescale"
)

// capacityFigures tell what an instance serves.
type capacityFigures struct{ serves, learned *prometheus.Desc }

func newCapacityFigures() *capacityFigures {
	return &capacityFigures{
		serves: prometheus.NewDesc("forescale_instance_capacity", "Load that one instance counts as serving at 100 %. Absent where load is not used.", []string{"service"}, nil),
		learned: prometheus.NewDesc("forescale_instance_capacity_learned", "The same as learned from load and utilization, with its uncertainty. Absent while nothing could be learned.",
			[]string{"service", "quantile"}, nil),
	}
}

func (f *capacityFigures) describe() []*prometheus.Desc {
	return []*prometheus.Desc{f.serves, f.learned}
}

func (f *capacityFigures) read(ctx context.Context, a *API, now time.Time, services []forescale.Service, tell func(prometheus.Metric)) error {
	all, err := a.store.Capacities(ctx, "", time.Time{})
	if err != nil {
		return fmt.Errorf("read capacities: %w", err)
	}
	by := map[string]forescale.Capacities{}
	for _, x := range all {
		by[x.Service] = append(by[x.Service], x)
	}
	for _, s := range services {
		if !(s.Capacity > 0) {
			continue
		}
		cs := by[s.Name]
		tell(gauge(f.serves, cs.At(now, s.Capacity), s.Name))
		if len(cs) == 0 || !(cs[len(cs)-1].Learned.Value > 0) {
			continue
		}
		e := cs[len(cs)-1].Learned
		tell(gauge(f.learned, e.Low, s.Name, "0.05"))
		tell(gauge(f.learned, e.Value, s.Name, "0.5"))
		tell(gauge(f.learned, e.High, s.Name, "0.95"))
	}
	return nil
}
