package sim

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/loop"
	"github.com/forescale/forescale/internal/store/memory"
)

// The months of a simulation follow one another without a gap up to its end, and
// whole ones get the whole budget.
func TestTheMonthsOfASimulationEndWithIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 900*24*60).Draw(t, "from")) * time.Minute)
		s := Study{Train: from, To: from.Add(time.Duration(rapid.IntRange(1, 100*24*60).Draw(t, "minutes")) * time.Minute), Budget: 1000 * forescale.Unit}
		at := s.Train
		limits := s.Limits()
		for k, l := range limits {
			span := l.To.Sub(l.From).Hours() / 24
			if !l.From.Equal(at) || span <= 0 || span > 31 {
				t.Fatalf("%+v after %s", l, at)
			}
			if whole := l.Amount == s.Budget; k > 0 && (!whole || span < 28) || l.Amount > s.Budget || l.Amount.Float() > 1000*span/28+1e-3 {
				t.Fatalf("%+v", limits)
			}
			at = l.To
		}
		if !at.Equal(s.To) {
			t.Fatalf("they end at %s, not %s", at, s.To)
		}
	})
}

// Four fifths of the money are enough for four fifths of the cost and no more, and the
// objective is lowered for it rather than cut off at the end.
func TestABudgetLastsUntilTheEndOfASimulation(t *testing.T) {
	if testing.Short() {
		t.Skip("computes for long")
	}
	start := time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)
	load := forescale.Series{Start: start, Step: 5 * time.Minute}
	for i := range 6 * 288 {
		h := i / 12 % 24
		v := 4.0
		if h >= 9 && h < 21 {
			v = 9 + float64(min(h-9, 20-h))
		}
		load.Values = append(load.Values, v)
	}
	s := Study{Service: forescale.Service{Name: "shop", Capacity: 1, Max: 100, Warmup: 3 * time.Minute, PricePerHour: forescale.Unit, Objective: 0.99}.WithDefaults(), Load: load,
		Train: start.Add(3 * 24 * time.Hour), Seed: 1, Options: loop.Options{Interval: time.Minute, Refresh: time.Hour}}
	s.From, s.To = s.Train, load.End()
	run := func() []Row {
		st := memory.New()
		defer func() { _ = st.Close() }()
		rows, err := s.Run(t.Context(), Predictive, st, nil)
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	free := run()
	s.Budget = s.ShareOf(Cost(free, s.Service.PricePerHour, load.Step), 0.8)
	allowed := 0.0
	for _, l := range s.Limits() {
		allowed += l.Amount.Float()
	}
	if err := s.CheckBudget(); err != nil {
		t.Fatal(err)
	}
	rows := run()
	cost := Cost(rows, s.Service.PricePerHour, load.Step)
	if cost > allowed || cost < 0.93*allowed {
		t.Errorf("%g is spent of %g", cost, allowed)
	}
	lowered, capped := 0, 0
	for _, r := range rows {
		switch r.Reason {
		case forescale.CodeLowered:
			lowered++
		case forescale.CodeBudgetCapped:
			capped++
		}
	}
	if lowered == 0 || capped > lowered/4 {
		t.Errorf("lowered in %d rows, capped in %d", lowered, capped)
	}
	if e := Measure(rows[len(rows)-144:], load.Step); e.TimeUnder > 60 {
		t.Errorf("half a day before the end %g %% of the time are below need", e.TimeUnder)
	}
	s.Budget = forescale.Unit
	if s.CheckBudget() == nil {
		t.Error("a budget below the cost of min is taken")
	}
}
