package datasets

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// monday is the first day of a working week.
var monday = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

func TestTheLoadIsTheSameAtEveryCallAndNeverNegative(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		at := monday.Add(time.Duration(rapid.Int64Range(-1e6, 1e6).Draw(t, "second")) * time.Second)
		p, q := DefaultPattern(seed, 250, time.UTC), DefaultPattern(seed, 250, time.UTC)
		if v := p.At(at); v != q.At(at.In(time.FixedZone("x", 7200))) || v < 0 || math.IsNaN(v) || v > 250*2.5 {
			t.Fatalf("load %g at %v", v, at)
		}
	})
}

func TestThePatternIsAWorkingWeek(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zones here:", err)
	}
	p := DefaultPattern(1, 100, berlin)
	p.Bursts = 0
	mean := func(day, hour int) float64 {
		sum := 0.0
		for m := range 60 {
			sum += p.At(time.Date(2026, 3, day, hour, m, 0, 0, berlin))
		}
		return sum / 60
	}
	for _, c := range []struct {
		name       string
		low, high  float64
		atLeastGap float64
	}{
		{"a night is quieter than a weekday's morning", mean(2, 3), mean(2, 10), 60},
		{"the morning rises within two hours", mean(2, 6), mean(2, 9), 60},
		{"lunch is quieter than the morning", mean(2, 12), mean(2, 10), 10},
		{"the evening has a peak of its own", mean(2, 18), mean(2, 20), 15},
		{"a Sunday is quieter than a Monday", mean(8, 15), mean(2, 15), 30},
		{"the rise is in local time on both sides of the clock change", mean(30, 6), mean(30, 9), 60},
	} {
		if c.high-c.low < c.atLeastGap {
			t.Errorf("%s: %.1f and %.1f", c.name, c.low, c.high)
		}
	}
}

func TestCountingNoiseIsThatOfCounting(t *testing.T) {
	t.Parallel()
	p := Pattern{Seed: 3, Night: 50, Peak: 50, Counting: 1}
	var sum, squares float64
	const n = 10_000
	for i := range n {
		v := p.At(monday.Add(time.Duration(i) * time.Minute))
		sum += v
		squares += v * v
	}
	mean := sum / n
	deviation := math.Sqrt(squares/n - mean*mean)
	if want := math.Sqrt(50.0 / 60); math.Abs(mean-50) > 0.1 || math.Abs(deviation-want) > 0.05*want {
		t.Errorf("mean %.3f, deviation %.3f, want 50 and %.3f", mean, deviation, want)
	}
}
