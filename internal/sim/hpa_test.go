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
		{70, 180 * time.Second, time.Minute, 3, 0, false, Elasticity{0.818185994, 11.534492, 3.49537037, 52.9166667, 46.3070155, 0.013275219, 451.720833, 1.10490216, 34}},
		{60, 180 * time.Second, time.Minute, 3, 0, false, Elasticity{0.12024177, 27.2757957, 0.486111111, 84.7916667, 46.376476, 0.000349938, 520.9, 1.27411333, 39}},
		{70, 420 * time.Second, time.Minute, 3, 0, false, Elasticity{1.03593474, 11.1468891, 4.18981482, 51.6435185, 46.9321602, 0.0281682, 449.454167, 1.09935793, 34}},
		{80, 60 * time.Second, time.Minute, 3, 0, false, Elasticity{4.51399139, 2.66723619, 25.0925926, 8.26388889, 46.191248, 0.026427171, 396.958333, 0.970953934, 27}},
		{70, 180 * time.Second, 5 * time.Minute, 1, 288, false, Elasticity{6.91695602, 5.23148148, 28.125, 14.5833333, 60.9756098, 0, 75.525, 0.964148936, 52}},
		{70, 180 * time.Second, time.Minute, 9, 0, true, Elasticity{0.620955198, 13.8130051, 2.69290123, 58.7037037, 46.6162513, 0.009410286, 1381.95417, 1.12673085, 104}},
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
