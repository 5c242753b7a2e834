package loop

import (
	"context"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store/memory"
	"github.com/forescale/forescale/planner"
)

// readsOfDemand counts the readings of recent demand.
type readsOfDemand struct {
	*memory.Store
	reads int
}

func (r *readsOfDemand) RecentDemand(ctx context.Context, from time.Time, services ...string) ([]forescale.DemandPoint, error) {
	r.reads++
	return r.Store.RecentDemand(ctx, from, services...)
}

// Whatever is worked out, late, ahead, again or taken back, and however the clock goes:
// what the loop has at hand is what the store would give.
func TestTheWindowIsWhatTheStoreHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &readsOfDemand{Store: memory.New()}
		var d demandWindow
		var c capacityCache
		names := []string{"a", "b", "c"}
		metrics := []forescale.Metric{forescale.MetricCPU, forescale.MetricLoad}
		now := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 59_999).Draw(t, "ms")) * time.Millisecond)
		for range rapid.IntRange(1, 40).Draw(t, "rounds") {
			step := rapid.SampledFrom([]int{1, 10, 10, 30, 30, 30, 30, 60, 400, 2000, -30, -300}).Draw(t, "step")
			now = now.Add(time.Duration(step) * time.Second)
			var cells []forescale.Cell
			var points []forescale.DemandPoint
			for range rapid.IntRange(0, 6).Draw(t, "cells") {
				ago := rapid.SampledFrom([]int{-3, -2, -1, 0, 0, 0, 0, 1, 1, 2, 5, 14, 15, 16, 40}).Draw(t, "ago")
				cell := forescale.Cell{Service: rapid.SampledFrom(names).Draw(t, "service"), Time: now.Truncate(time.Minute).Add(-time.Duration(ago) * time.Minute)}
				if slices.Contains(cells, cell) {
					continue
				}
				cells = append(cells, cell)
				for _, m := range metrics[:rapid.IntRange(0, 2).Draw(t, "metrics")] {
					points = append(points, forescale.DemandPoint{Service: cell.Service, Metric: m, Time: cell.Time, Value: rapid.Float64Range(0, 9).Draw(t, "value"),
						Censored: rapid.Bool().Draw(t, "censored"), Reporting: rapid.IntRange(0, 5).Draw(t, "reporting"), Ready: rapid.IntRange(0, 100_000).Draw(t, "ready")})
				}
			}
			if err := s.SaveDemand(context.Background(), cells, points); err != nil {
				t.Fatal(err)
			}
			d.replace(cells, points)
			if rapid.IntRange(0, 2).Draw(t, "plans") == 0 {
				continue // a round that does not plan
			}
			if err := d.update(context.Background(), s, now); err != nil {
				t.Fatal(err)
			}
			all, err := s.Store.RecentDemand(context.Background(), now.Add(-planner.History))
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range names {
				want := slices.DeleteFunc(slices.Clone(all), func(p forescale.DemandPoint) bool { return p.Service != name || p.Time.After(now) })
				if got := d.of(nil, name, now, &c); !slices.Equal(got, want) {
					t.Fatalf("at %s of %s is at hand\n%+v\nand stored is\n%+v", now, name, got, want)
				}
			}
		}
	})
}

// The window is read once and then now and then, not in each round; after a failure, or
// when the clock was set back, at once.
func TestTheWindowIsReadSeldom(t *testing.T) {
	s := &readsOfDemand{Store: memory.New()}
	var d demandWindow
	now := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	round := func(want int, why string) {
		t.Helper()
		before := s.reads
		if err := d.update(t.Context(), s, now); err != nil {
			t.Fatal(err)
		}
		if got := s.reads - before; got != want {
			t.Errorf("%s: %d readings, want %d", why, got, want)
		}
	}
	round(1, "at first")
	for range 9 {
		now = now.Add(30 * time.Second)
		round(0, "with all at hand")
	}
	now = now.Add(30 * time.Second)
	round(1, "after five minutes, should somebody else have written")
	d.forget()
	round(1, "after a failure")
	now = now.Add(-time.Second)
	round(1, "after the clock was set back")
	d.keepTo(nil)
	if len(d.by) != 0 {
		t.Error("what is gone is kept")
	}
}
