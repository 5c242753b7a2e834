package pace_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/pace"
)

// asked is a past that counts what is read of it.
type asked struct {
	past
	weeks, forecasts map[string]int
}

func (a asked) HoursOf(ctx context.Context, from, to time.Time, services []string) ([]forescale.DemandHour, error) {
	for _, s := range services {
		a.weeks[s]++
	}
	return a.past.HoursOf(ctx, from, to, services)
}

func (a asked) LatestForecasts(_ context.Context, _ time.Time, services ...string) ([]forescale.Forecast, error) {
	for _, s := range services {
		a.forecasts[s]++
	}
	return nil, nil
}

// All is read at first. Then each service has its turn once in a quarter of an hour, and no round
// much more than its share, not even when an hour is over. What changed is read at once.
func TestRoundsShareTheReadingOfOutlooks(t *testing.T) {
	const n, rounds = 600, 60 // of 15 s: a quarter of an hour
	a := asked{past{}, map[string]int{}, map[string]int{}}
	var services []forescale.Service
	for k := range n {
		s := service(fmt.Sprintf("s%03d", k), 0)
		a.past[s.Name], services = day, append(services, s)
	}
	r := &pace.Reader{}
	read := func(now time.Time, services ...forescale.Service) (fresh int) {
		t.Helper()
		clear(a.weeks)
		clear(a.forecasts)
		b := book(t, now, 1e9, 0, services...)
		o, err := r.Read(t.Context(), a, b, now)
		if err != nil {
			t.Fatal(err)
		}
		if len(o.Curves) != len(services) {
			t.Errorf("at %s there are %d curves of %d services", now, len(o.Curves), len(services))
		}
		return len(a.forecasts)
	}
	now := month.Add(9*time.Hour + 58*time.Minute)
	if got := read(now, services...); got != n || len(a.weeks) != n {
		t.Errorf("at first %d forecasts and %d weeks are read", got, len(a.weeks))
	}
	times, weeks := map[string]int{}, map[string]int{}
	for range rounds {
		now = now.Add(15 * time.Second)
		if got := read(now, services...); got < 1 || got > 3*n/rounds {
			t.Errorf("at %s %d of %d services are read", now, got, n)
		}
		for s, k := range a.forecasts {
			times[s] += k
		}
		for s, k := range a.weeks {
			weeks[s] += k
		}
	}
	for s, k := range times {
		if k != 1 || weeks[s] > 1 {
			t.Errorf("%s had %d turns and its week was read %d times", s, k, weeks[s])
		}
	}
	if len(times) != n || len(weeks) == 0 || len(weeks) == n { // the hour was over after two minutes
		t.Errorf("%d had a turn, the weeks of %d were read", len(times), len(weeks))
	}
	now = now.Add(time.Millisecond)
	read(now, services...)
	if got := read(now, services...); got != 0 {
		t.Errorf("%d are read again at the same moment", got)
	}
	services[7].Version++
	if got := read(now, services...); got != 1 || a.forecasts[services[7].Name] != 1 {
		t.Errorf("%v are read when one changed", slices.Collect(maps.Keys(a.forecasts)))
	}
	if got := read(now, services[:n-1]...); got != 0 {
		t.Errorf("%d are read when one went", got)
	}
	now = month.AddDate(0, 1, 0) // in the next month all costs something else
	read(now.Add(-time.Millisecond), services...)
	if got := read(now, services...); got != n {
		t.Errorf("%d are read in a new month", got)
	}
}
