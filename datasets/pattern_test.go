package datasets

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// monday is the first day of a working week.
var monday = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Skip("no time zones here:", err)
	}
	return z
}

// anyPattern is a preset with any seed and zone.
func anyPattern(t *rapid.T, zones []*time.Location) Pattern {
	preset := rapid.SampledFrom(Presets()).Draw(t, "preset")
	return preset.Make(rapid.Uint64().Draw(t, "seed"), rapid.Float64Range(0.01, 1e5).Draw(t, "peak"), rapid.SampledFrom(zones).Draw(t, "zone"))
}

func zones(t *testing.T) []*time.Location {
	return []*time.Location{time.UTC, zone(t, "Europe/Berlin"), zone(t, "America/St_Johns"), zone(t, "Asia/Kathmandu"), zone(t, "Australia/Lord_Howe")}
}

func same(a, b Point) bool {
	if math.IsNaN(a.Value) && math.IsNaN(b.Value) {
		a.Value, b.Value = 0, 0
	}
	return a == b
}

func TestTheLoadIsTheSameAtEveryCallAndNeverNegative(t *testing.T) {
	t.Parallel()
	zs := zones(t)
	rapid.Check(t, func(t *rapid.T) {
		p := anyPattern(t, zs)
		at := monday.Add(time.Duration(rapid.Int64Range(-3e9, 1e9).Draw(t, "second")) * time.Second)
		v := p.At(at)
		if v != p.At(at.In(time.FixedZone("x", 7200))) || !(v >= 0) || v > p.Peak*40+1 {
			t.Fatalf("load %g at %v", v, at)
		}
		if v != p.At(at.Truncate(time.Minute)) {
			t.Fatal("the load changes within a minute")
		}
	})
}

func TestALongerTraceBeginsWithTheShorterAndAnyTwoAgree(t *testing.T) {
	t.Parallel()
	zs := zones(t)
	rapid.Check(t, func(t *rapid.T) {
		p := anyPattern(t, zs)
		from := monday.Add(time.Duration(rapid.IntRange(-1e6, 1e6).Draw(t, "minute")) * time.Minute)
		step := rapid.SampledFrom([]time.Duration{time.Second, 10 * time.Second, time.Minute, 90 * time.Second, 5 * time.Minute, time.Hour}).Draw(t, "step")
		n, more := rapid.IntRange(1, 30).Draw(t, "steps"), rapid.IntRange(1, 30).Draw(t, "more")
		short := slices.Collect(p.Trace(from, from.Add(time.Duration(n)*step), step))
		long := slices.Collect(p.Trace(from, from.Add(time.Duration(n+more)*step), step))
		if len(short) != n || len(long) != n+more {
			t.Fatalf("%d and %d steps, want %d and %d", len(short), len(long), n, n+more)
		}
		skip := rapid.IntRange(0, n-1).Draw(t, "skip")
		later := slices.Collect(p.Trace(from.Add(time.Duration(skip)*step), from.Add(time.Duration(n)*step), step))
		for i, x := range short {
			if !same(x, long[i]) || (i >= skip && !same(x, later[i-skip])) {
				t.Fatalf("step %d is %+v, in the longer trace %+v", i, x, long[i])
			}
			if x.Value < 0 || x.Expected < 0 || !(x.Usual > 0) || x.Cost <= 0 || !x.Time.Equal(from.Add(time.Duration(i)*step)) {
				t.Fatalf("step %d: %+v", i, x)
			}
		}
	})
}

func TestAnHourIsTheMeanOfWhatWasMeasuredOfItsMinutes(t *testing.T) {
	t.Parallel()
	p := shop(1, 300, nil)
	p.Gaps = 365
	gaps := 0
	for hour := range p.Trace(monday, monday.AddDate(0, 0, 7), time.Hour) {
		sum, n := 0.0, 0.0
		for minute := range p.Trace(hour.Time, hour.Time.Add(time.Hour), time.Minute) {
			if minute.Gap != math.IsNaN(minute.Value) {
				t.Fatalf("a minute is measured or not: %+v", minute)
			}
			if !minute.Gap {
				sum, n = sum+minute.Value, n+1
			}
		}
		switch {
		case n == 0 && !math.IsNaN(hour.Value), n > 0 && math.Abs(hour.Value-sum/n) > 1e-4*hour.Value:
			t.Errorf("%v: %g, of %g minutes %g", hour.Time, hour.Value, n, sum/n)
		case hour.Gap != (n < 60):
			t.Errorf("%v: gap %v with %g minutes", hour.Time, hour.Gap, n)
		}
		if hour.Gap {
			gaps++
		}
	}
	if gaps == 0 || gaps == 7*24 {
		t.Errorf("%d hours with gaps of a week with one a day", gaps)
	}
}

// The numbers were written down on amd64. That they hold on another machine is what the test is for.
func TestTheLoadIsTheSameOnAnyMachine(t *testing.T) {
	t.Parallel()
	berlin := zone(t, "Europe/Berlin")
	for name, want := range map[string]string{
		"shop":   "90e6b0302f5a03c0",
		"office": "21fb94f044b6bf8b",
		"batch":  "ae95ed5decbbda94",
		"events": "bd41ff4da2d3ed21",
		"flat":   "b1959c173d39409b",
	} {
		preset, _ := PresetOf(name)
		sum := sha256.New()
		for x := range preset.Make(7, 120, berlin).Trace(monday, monday.AddDate(0, 0, 28), 5*time.Minute) {
			v := x.Value
			if math.IsNaN(v) {
				v = -1
			}
			if err := binary.Write(sum, binary.LittleEndian, []float64{v, x.Expected}); err != nil {
				t.Fatal(err)
			}
		}
		if got := hex.EncodeToString(sum.Sum(nil))[:16]; got != want {
			t.Errorf("%s: four weeks hash to %q, not to %q", name, got, want)
		}
	}
}

func TestThePatternIsAWorkingWeek(t *testing.T) {
	t.Parallel()
	berlin := zone(t, "Europe/Berlin")
	mean := func(p Pattern, day, hour int) float64 {
		at := time.Date(2026, 3, day, hour, 0, 0, 0, berlin)
		for x := range p.Trace(at, at.Add(time.Hour), time.Hour) {
			return x.Value
		}
		return math.NaN()
	}
	quiet := func(p Pattern) Pattern {
		p = p.Calm()
		p.Bursts = 0
		return p
	}
	shop, office, batch, events, flat := quiet(shop(1, 100, berlin)), quiet(office(1, 100, berlin)), quiet(batch(1, 100, berlin)), quiet(events(1, 100, berlin)), quiet(flat(1, 100, berlin))
	for _, c := range []struct {
		name       string
		low, high  float64
		atLeastGap float64
	}{
		{"a shop's night is quieter than a weekday's morning", mean(shop, 2, 3), mean(shop, 2, 10), 60},
		{"the morning rises within two hours", mean(shop, 2, 6), mean(shop, 2, 9), 60},
		{"lunch is quieter than the morning", mean(shop, 2, 12), mean(shop, 2, 10), 10},
		{"the evening has a peak of its own", mean(shop, 2, 18), mean(shop, 2, 20), 15},
		{"a Sunday is quieter than a Monday", mean(shop, 8, 15), mean(shop, 2, 15), 30},
		{"the rise is in local time on both sides of the clock change", mean(shop, 30, 6), mean(shop, 30, 9), 60},
		{"an office is empty on a Saturday", mean(office, 7, 11), mean(office, 3, 11), 70},
		{"and in the evening", mean(office, 3, 20), mean(office, 3, 11), 70},
		{"people go home early on Fridays", mean(office, 6, 16), mean(office, 5, 16), 30},
		{"a batch runs at night", mean(batch, 3, 12), mean(batch, 3, 2), 50},
		{"and longer on Sundays", mean(batch, 3, 4), mean(batch, 8, 4), 50},
		{"leisure is in the evening", mean(events, 3, 11), mean(events, 3, 21), 40},
		{"flat is flat", mean(flat, 3, 3), mean(flat, 3, 15) + 20, 10},
	} {
		if !(c.high-c.low >= c.atLeastGap) {
			t.Errorf("%s: %.1f and %.1f", c.name, c.low, c.high)
		}
	}
}

func TestDaysOfTheClockChangeHave23And25Hours(t *testing.T) {
	t.Parallel()
	berlin := zone(t, "Europe/Berlin")
	p := office(1, 100, berlin).Calm()
	for _, c := range []struct {
		month time.Month
		day   int
		hours int
	}{{time.March, 29, 23}, {time.October, 25, 25}, {time.October, 26, 24}} {
		from := time.Date(2026, c.month, c.day, 0, 0, 0, 0, berlin)
		hours := slices.Collect(p.Trace(from, from.AddDate(0, 0, 1), time.Hour))
		if len(hours) != c.hours {
			t.Errorf("%v has %d hours, want %d", from.Format(time.DateOnly), len(hours), c.hours)
		}
		// The next morning begins at eight by the clocks, whatever happened in between.
		next := from.AddDate(0, 0, 1)
		if c.day == 25 || c.day == 29 {
			before, after := p.At(next.Add(7*time.Hour)), p.At(next.Add(9*time.Hour))
			if after < 5*before {
				t.Errorf("on the Monday after %v the load is %g at seven and %g at nine", from.Format(time.DateOnly), before, after)
			}
		}
	}
}

func TestCountingNoiseIsThatOfCounting(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ level, counting float64 }{{50, 1}, {50, 3}, {0.05, 1}, {0.005, 1}} {
		p := Pattern{Seed: 3, Night: c.level, Peak: c.level, Counting: c.counting}
		var sum, squares float64
		const n = 20_000
		for i := range n {
			v := p.At(monday.Add(time.Duration(i) * time.Minute))
			sum += v
			squares += v * v
		}
		mean := sum / n
		deviation := math.Sqrt(squares/n - mean*mean)
		want := c.counting * math.Sqrt(c.level/60)
		if math.Abs(mean-c.level) > 5*want/math.Sqrt(n) || math.Abs(deviation-want) > 0.05*want {
			t.Errorf("level %g: mean %.4f, deviation %.4f, want %.4f", c.level, mean, deviation, want)
		}
	}
}

func TestNoiseGrowsWithTheLoad(t *testing.T) {
	t.Parallel()
	for _, preset := range Presets() {
		// spread is the standard deviation around the truth, and that as a share of it.
		spread := func(level float64) (absolute, share float64) {
			p := preset.Make(5, level, nil)
			p.Shape, p.Night, p.Weekend = Steady, level, 1
			p = p.Calm()
			p.Bursts = 0
			squares, n := 0.0, 0.0
			for x := range p.Trace(monday, monday.AddDate(0, 0, 14), time.Minute) {
				squares += (x.Value - x.Expected) * (x.Value - x.Expected)
				n++
			}
			absolute = math.Sqrt(squares / n)
			return absolute, absolute / level
		}
		last, lastShare := 0.0, math.Inf(1)
		for _, level := range []float64{0.1, 1, 10, 100, 1000} {
			absolute, share := spread(level)
			if absolute < 1.5*last || share > lastShare {
				t.Errorf("%s at %g: noise of %g, which is %g of it; at a tenth it was %g and %g", preset.Name, level, absolute, share, last, lastShare)
			}
			last, lastShare = absolute, share
		}
		if lastShare < 0.02 {
			t.Errorf("%s: the noise of a large service is only %g of it, no more than counting", preset.Name, lastShare)
		}
	}
}

func TestTrendGrowsByAYearsShare(t *testing.T) {
	t.Parallel()
	p := Pattern{Night: 100, Peak: 100, Trend: 0.5, Origin: monday}
	if a, b := p.At(monday), p.At(monday.Add(year)); a != 100 || b != 150 {
		t.Errorf("%g becomes %g, want 100 and 150", a, b)
	}
	p.Trend = -3
	if got := p.At(monday.Add(2 * year)); got != 5 {
		t.Errorf("a load that shrinks without end is %g, want a twentieth of 100", got)
	}
}
