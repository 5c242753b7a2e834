package sim

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

// sawtooth is a demand that is easy to write in any language: a triangle a day,
// a jump in the morning, and a scatter of whole numbers.
func sawtooth(n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		m := i % 1440
		out[i] = 0.3 + 6*float64(min(m, 1440-m))/720 + float64((i*7919)%97)/97*0.8
		if 480 <= m && m < 600 {
			out[i] += 2.5
		}
	}
	return out
}

// The expected figures were computed by another program, in another language, on
// the same demand.
func TestHPAGivesTheFiguresOfAnotherProgram(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		target   float64
		warmup   time.Duration
		step     time.Duration
		days     int // of 1440 steps
		steps    int // used of them; 0: all
		lastWeek bool
		want     Elasticity
	}{
		{70, 180 * time.Second, time.Minute, 3, 0, false, Elasticity{0.818185994, 11.507721477, 3.49537037, 52.430555556, 46.214401482, 0.013275219, 449.925, 1.10050958, 56}},
		{60, 180 * time.Second, time.Minute, 3, 0, false, Elasticity{0.12024177, 27.569943816, 0.486111111, 84.884259259, 46.399629544, 0.000349938, 521.308333333, 1.275112108, 70}},
		{70, 420 * time.Second, time.Minute, 3, 0, false, Elasticity{1.035934744, 11.03282035, 4.189814815, 51.180555556, 46.885853207, 0.0281682, 448.4, 1.096779454, 43}},
		{80, 60 * time.Second, time.Minute, 3, 0, false, Elasticity{4.443348415, 2.654794055, 24.722222222, 7.824074074, 46.098633943, 0.026427171, 397.233333333, 0.97162658, 30}},
		{70, 180 * time.Second, 5 * time.Minute, 1, 288, false, Elasticity{3.537615741, 6.776041667, 14.236111111, 19.097222222, 47.386759582, 0, 79.05, 1.009148936, 28}},
		{70, 180 * time.Second, time.Minute, 9, 0, true, Elasticity{0.620312194, 13.801985352, 2.692901235, 58.294753086, 46.546801451, 0.009410286, 1378.283333333, 1.123737957, 160}},
	} {
		t.Run(fmt.Sprintf("target %g, warm-up %v, step %v, last week %v", c.target, c.warmup, c.step, c.lastWeek), func(t *testing.T) {
			demand := sawtooth(c.days * 1440)
			if c.steps > 0 {
				demand = demand[:c.steps]
			}
			need := Need(forescale.DefaultBand(), demand, 1)
			h := DefaultHPA(c.target, c.warmup)
			if c.lastWeek {
				h.Forecast = LastWeek(demand, c.step)
			}
			same(t, Measure(needed(h.Replay(demand, c.step, need[0]), need), c.step), c.want)
		})
	}
}

// needed fills in what each row required.
func needed(rows []Row, need []int) []Row {
	for i := range rows {
		rows[i].Required = need[i]
	}
	return rows
}

func same(t *testing.T, got, want Elasticity) {
	t.Helper()
	g, w := numbers(got), numbers(want)
	for i := range g {
		if math.Abs(g[i]-w[i]) > 1e-8*max(1, math.Abs(w[i])) {
			t.Errorf("got  %+v\nwant %+v", got, want)
			return
		}
	}
}

func numbers(e Elasticity) []float64 {
	return []float64{e.Under, e.Over, e.TimeUnder, e.TimeOver, e.Instability, e.Lost, e.Hours, e.OracleRatio, float64(e.Starts)}
}

func TestHPAStaysWithinItsLimits(t *testing.T) {
	t.Parallel()
	h := DefaultHPA(70, time.Minute)
	h.Min, h.Max = 2, 5
	for i, r := range h.Replay(sawtooth(1440), time.Minute, 2) {
		if r.Ready < 2 || r.Ready > 5 {
			t.Fatalf("%g pods at minute %d, allowed are 2 to 5", r.Ready, i)
		}
	}
}
