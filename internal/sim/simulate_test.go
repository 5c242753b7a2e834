package sim

import (
	"slices"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/datasets"
	"github.com/forescale/forescale/internal/loop"
	"github.com/forescale/forescale/internal/store/memory"
)

var (
	_ loop.Source = (*World)(nil)
	_ loop.Target = (*World)(nil)
)

const shopWarmup = 5 * time.Minute

// week is the shop of the demonstration with four weeks of history.
func week(t *testing.T, seed uint64, o loop.Options) (*Simulation, forescale.Service) {
	t.Helper()
	s := forescale.Service{Name: "shop", Mode: forescale.ModeActive, Min: 1, Max: 12, Objective: 0.95, Warmup: shopWarmup,
		Metrics: []forescale.Metric{forescale.MetricLoad}, Capacity: 40}.WithDefaults()
	load := datasets.DefaultPattern(seed, 5.2*40, time.UTC)
	sim, err := NewSimulation(t.Context(), Setup{Store: memory.New(), Start: monday, Seed: seed, Options: o},
		Workload{Service: s, Load: load, Capacity: 40, Warmup: Spread{Median: shopWarmup, Sigma: 0.2},
			Initial: s.Band.Required(load.At(monday) / 40)})
	if err != nil {
		t.Fatal(err)
	}
	if err := sim.Import(t.Context(), Samples(load, "shop", monday.AddDate(0, 0, -28), monday, 5*time.Minute)); err != nil {
		t.Fatal(err)
	}
	return sim, s
}

// rival replays the HPA on the rows' load from the same beginning.
func rival(rows []Row, target float64, s forescale.Service) Elasticity {
	h := DefaultHPA(target, shopWarmup)
	h.Min, h.Max = s.Min, s.Max
	demand := Demands(rows)
	return Measure(needed(h.Replay(demand, time.Minute, int(rows[0].Ready)), Need(s.Band, demand, s.Min)), time.Minute)
}

func TestADayOfTheRealLoopScalesAheadOfTheRise(t *testing.T) {
	t.Parallel()
	sim, s := week(t, 1, loop.Options{Interval: time.Minute})
	began := time.Now()
	if err := sim.Run(t.Context(), 24*time.Hour); err != nil {
		t.Fatal(err)
	}
	rows := sim.World.Timeline("shop")
	ours, usual, careful := Measure(rows, time.Minute), rival(rows, 70, s), rival(rows, 60, s)
	t.Logf("a day in %v\nforescale  %+v\nHPA at 70  %+v\nHPA at 60  %+v", time.Since(began).Round(time.Millisecond), ours, usual, careful)
	if b := sim.World.Broken(); len(b) > 0 {
		t.Errorf("broken promises: %v", b)
	}
	if ours.TimeUnder > usual.TimeUnder/2 || ours.Lost > usual.Lost {
		t.Errorf("below need %.2f %% of the time, the HPA at 70 %% %.2f %%: want at most half", ours.TimeUnder, usual.TimeUnder)
	}
	if early, steps := aheadOfRise(rows); early*4 < steps*3 {
		t.Errorf("of %d steps of the morning rise %d were ready before the need, want three of four", steps, early)
	}
}

// aheadOfRise counts the steps of the morning's rise, and those of them that
// were ready when the need came.
func aheadOfRise(rows []Row) (early, steps int) {
	highest := rows[0].Required
	for _, r := range rows {
		if h := r.Time.Hour(); h < 6 || h >= 10 || r.Required <= highest {
			continue
		}
		steps++
		if r.Ready >= float64(r.Required) {
			early++
		}
		highest = r.Required
	}
	return early, steps
}

func TestTheSameSeedGivesTheSameTimeline(t *testing.T) {
	t.Parallel()
	var first []Row
	for range 2 {
		sim, _ := week(t, 5, loop.Options{Interval: 5 * time.Minute, Refresh: time.Hour})
		if err := sim.Run(t.Context(), 4*time.Hour); err != nil {
			t.Fatal(err)
		}
		rows := sim.World.Timeline("shop")
		if first != nil && !slices.Equal(first, rows) {
			t.Fatal("two runs with one seed differ")
		}
		first = rows
	}
}
