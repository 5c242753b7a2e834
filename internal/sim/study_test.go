package sim

import (
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/datasets"
	"github.com/forescale/forescale/internal/loop"
	"github.com/forescale/forescale/internal/store/memory"
)

// study is n steps of five minutes of the shop's load, the first day to learn from.
func study(n int, seed uint64) Study {
	load := datasets.DefaultPattern(seed, 5*40, time.UTC)
	s := Study{Service: forescale.Service{Name: "shop", Min: 1, Max: 20, Objective: 0.95, Warmup: 5 * time.Minute, Capacity: 40}.WithDefaults(),
		Load: forescale.Series{Start: monday, Step: 5 * time.Minute, Values: make([]float64, n)}, Train: monday.Add(24 * time.Hour), Seed: seed,
		Options: loop.Options{Interval: 5 * time.Minute, Refresh: time.Hour}}
	for i := range s.Load.Values {
		s.Load.Values[i] = load.At(s.Load.At(i))
	}
	s.From, s.To = s.Train, s.Load.End()
	return s
}

// rows measures a policy with a store of its own.
func (s Study) rows(t *testing.T, p Policy) []Row {
	t.Helper()
	rows, err := s.Run(t.Context(), p, memory.New(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func TestWhatComesLaterInATraceNeverChangesWhatWasDoneBefore(t *testing.T) {
	t.Parallel()
	const steps = 288 + 72
	for _, p := range Policies() {
		if p == Oracle {
			continue
		}
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			whole := study(steps, 3)
			all := whole.rows(t, p)
			if len(all) != 72 {
				t.Fatalf("%d rows, want 72", len(all))
			}
			for _, keep := range []int{1, 29, 60} {
				cut := whole
				cut.Load.Values = whole.Load.Values[:288+keep]
				cut.To = cut.Load.End()
				rows := cut.rows(t, p)
				if len(rows) != keep {
					t.Fatalf("%d rows, want %d", len(rows), keep)
				}
				for i := range rows {
					if rows[i] != all[i] {
						t.Fatalf("cut after %d steps, row %d is %+v, was %+v", keep, i, rows[i], all[i])
					}
				}
			}
		})
	}
}

func TestTheOracleIsReadyInTimeAndNeverHasTooMany(t *testing.T) {
	t.Parallel()
	s := study(288*3, 7)
	rows := s.rows(t, Oracle)
	e := Measure(rows, s.Load.Step)
	if e.TimeUnder != 0 || e.TimeOver != 0 || e.OracleRatio != 1 {
		t.Errorf("the physical limit is below need %g %% of the time, above %g %%, costs %g of itself", e.TimeUnder, e.TimeOver, e.OracleRatio)
	}
	for i := 1; i < len(rows); i++ {
		if rows[i].Ready > rows[i-1].Ready && float64(rows[i-1].Wanted) < rows[i].Ready {
			t.Fatalf("row %d has %g ready, and a warm-up before only %d were wanted", i, rows[i].Ready, rows[i-1].Wanted)
		}
	}
}

func TestStaticPoliciesHoldWhatTheTrainingPartNeeded(t *testing.T) {
	t.Parallel()
	s := study(288*2, 1)
	highest, sum := 0.0, 0.0
	for _, v := range s.Load.Values[:288] {
		highest, sum = math.Max(highest, v/40), sum+v/40
	}
	for p, demand := range map[Policy]float64{StaticMax: highest, StaticMean: sum / 288} {
		want := float64(s.Service.Band.Required(demand))
		for i, r := range s.rows(t, p) {
			if r.Ready != want || r.Starts != 0 {
				t.Fatalf("%s, row %d: %+v, want %g ready all the time", p, i, r, want)
			}
		}
	}
}

// Rules of the user guide: three minutes above the target, fifteen below nine
// tenths of it, in proportion, and not while something warms up.
func TestTargetTrackingScalesByItsAlarms(t *testing.T) {
	t.Parallel()
	flat := func(parts ...[2]float64) (demand []float64) {
		for _, p := range parts {
			for range int(p[0]) {
				demand = append(demand, p[1])
			}
		}
		return demand
	}
	for _, c := range []struct {
		name   string
		demand []float64
		wanted map[int]int // minute → count wanted at its end
	}{
		{"two minutes above the target are no alarm", flat([2]float64{10, 2}, [2]float64{2, 3.6}, [2]float64{10, 2.6}), map[int]int{9: 4, 15: 4}},
		{"the third minute is, a minute late, in proportion", flat([2]float64{10, 2.6}, [2]float64{20, 3.6}), map[int]int{12: 4, 13: 6, 29: 6}},
		{"fourteen minutes of less are no alarm", flat([2]float64{14, 1}, [2]float64{20, 2.6}), map[int]int{16: 4}},
		{"the fifteenth is", flat([2]float64{40, 1.3}), map[int]int{14: 4, 15: 2}},
		{"what is just below the target is left alone", flat([2]float64{60, 2.6}), map[int]int{59: 4}},
	} {
		rows := DefaultTracking(70, 2*time.Minute).Replay(c.demand, time.Minute, 4)
		for minute, want := range c.wanted {
			if rows[minute].Wanted != want {
				t.Errorf("%s: minute %d wants %d, want %d", c.name, minute, rows[minute].Wanted, want)
			}
		}
	}
}

func TestRecordAveragesOntoAnEvenGridWithGaps(t *testing.T) {
	t.Parallel()
	at := func(s int) time.Time { return monday.Add(time.Duration(s) * time.Second) }
	got, ok := Record([]time.Time{at(130), at(20), at(10)}, []float64{7, 4, 2}, time.Minute, 3)
	if want := "[3 NaN 7]"; !ok || fmt.Sprint(got.Values) != want || !got.Start.Equal(monday) {
		t.Errorf("got %v from %v, %v; want %s", got.Values, got.Start, ok, want)
	}
	if _, ok := Record([]time.Time{at(0), at(180)}, []float64{1, 1}, time.Minute, 3); ok {
		t.Error("a grid of 4 steps is within a bound of 3")
	}
}

// Whatever the demand, a rival stays within its limits and readies nothing that
// it did not start a warm-up before.
func TestRivalsObeyTheWorld(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		demand := rapid.SliceOfN(rapid.Float64Range(0, 40), 1, 200).Draw(t, "demand")
		low := rapid.IntRange(1, 5).Draw(t, "min")
		high := rapid.IntRange(low, 30).Draw(t, "max")
		warmup := time.Duration(rapid.IntRange(0, 9).Draw(t, "warm-up")) * time.Minute
		n0 := rapid.IntRange(low, high).Draw(t, "n0")
		hpa, tracking := DefaultHPA(70, warmup), DefaultTracking(70, warmup)
		hpa.Min, hpa.Max, tracking.Min, tracking.Max = low, high, low, high
		for name, rows := range map[string][]Row{"hpa": hpa.Replay(demand, time.Minute, n0), "tracking": tracking.Replay(demand, time.Minute, n0)} {
			ready, started := n0, 0
			for i, r := range rows {
				if r.Wanted < low || r.Wanted > high || r.Ready < 0 || r.Starting < 0 {
					t.Fatalf("%s, minute %d: %+v, allowed are %d to %d", name, i, r, low, high)
				}
				if early := i - int(warmup/time.Minute); early >= 0 {
					started += rows[early].Starts
				}
				if r.Ready > float64(ready+started)+1e-9 {
					t.Fatalf("%s, minute %d: %g are ready, and only %d can be", name, i, r.Ready, ready+started)
				}
			}
		}
	})
}
