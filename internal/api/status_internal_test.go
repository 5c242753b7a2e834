package api

import (
	"testing"
	"time"

	"github.com/forescale/forescale"
)

// Where rounds are far apart, as in a demo that runs fast, the newest point is as old.
func TestDemandIsLiveForSomeRounds(t *testing.T) {
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	s := forescale.Service{Name: "shop"}
	for _, c := range []struct {
		interval, old time.Duration
		live          bool
	}{
		{30 * time.Second, 4 * time.Minute, true},
		{30 * time.Second, 5 * time.Minute, false},
		{3 * time.Minute, 10 * time.Minute, true},
		{3 * time.Minute, 11 * time.Minute, false},
	} {
		w := &world{now: now, interval: c.interval, demand: map[string][]forescale.DemandPoint{
			"shop": {{Service: "shop", Metric: forescale.MetricUtilization, Time: now.Add(-c.old), Value: 2}}}}
		if _, live := w.busy(s); live != c.live {
			t.Errorf("rounds every %v, a point %v old: live is %v", c.interval, c.old, live)
		}
	}
}
