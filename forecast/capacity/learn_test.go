package capacity

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"pgregory.net/rapid"
)

var monday = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// world makes minutes of instances with a known capacity.
type world struct {
	minutes  int
	capacity float64 // of an instance
	idle     float64 // utilization without load, in %
	peak     float64 // highest share of the capacity that is asked for
	noise    float64 // of utilization, in %
	seed     uint64
	odd      func(i int, m *Minute, r *rand.Rand)
}

// make is a daily wave of load; half of the noise stays for about an hour.
func (w world) make() []Minute {
	r := rand.New(rand.NewPCG(w.seed, 1))
	ms := make([]Minute, w.minutes)
	slow := 0.0
	for i := range ms {
		share := w.peak * (0.6 - 0.4*math.Cos(2*math.Pi*float64(i)/1440)) * (1 + 0.05*r.NormFloat64())
		slow = 0.98*slow + 0.2*w.noise/2*r.NormFloat64()
		u := w.idle + (100-w.idle)*share + slow + w.noise/2*r.NormFloat64()
		ms[i] = Minute{Time: monday.Add(time.Duration(i) * time.Minute), Load: share * w.capacity, Utilization: min(100, max(0, u))}
		if w.odd != nil {
			w.odd(i, &ms[i], r)
		}
	}
	return ms
}

const day = 1440

func TestTheCapacityIsFound(t *testing.T) {
	t.Parallel()
	base := world{minutes: 7 * day, capacity: 200, idle: 5, peak: 0.7, noise: 4}
	for _, c := range []struct {
		sentence string
		change   func(w *world)
		within   float64 // share
	}{
		{"from a week", func(*world) {}, 0.03},
		{"from a day", func(w *world) { w.minutes = day }, 0.06},
		{"from half a day", func(w *world) { w.minutes = day / 2 }, 0.1},
		{"when idling costs a third", func(w *world) { w.idle = 33 }, 0.05},
		{"when idling costs nothing", func(w *world) { w.idle = 0 }, 0.03},
		{"when it is tiny", func(w *world) { w.capacity = 1e-6 }, 0.03},
		{"when it is huge", func(w *world) { w.capacity = 1e12 }, 0.03},
		{"when a quarter of the quarters of an hour is a job without load", func(w *world) {
			w.odd = func(i int, m *Minute, _ *rand.Rand) {
				if (i/15)%4 == 1 {
					m.Utilization = min(94, m.Utilization+40)
				}
			}
		}, 0.05},
		{"when a fifth of the loads is counted five times", func(w *world) {
			w.odd = func(i int, m *Minute, _ *rand.Rand) {
				if (i/15)%5 == 1 {
					m.Load *= 5
				}
			}
		}, 0.05},
		{"when every third minute is anything", func(w *world) {
			w.odd = func(i int, m *Minute, r *rand.Rand) {
				if i%3 == 0 {
					m.Utilization = 94 * r.Float64()
				}
			}
		}, 0.06},
		{"when the peaks are hidden by saturation", func(w *world) { w.peak = 1.5 }, 0.05},
		{"when every other day is a gap", func(w *world) {
			w.odd = func(i int, m *Minute, _ *rand.Rand) {
				if i/day%2 == 1 {
					m.Utilization, m.Load = math.NaN(), math.Inf(1)
				}
			}
		}, 0.05},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			w := base
			c.change(&w)
			for w.seed = range 5 {
				e := Learn(w.make())
				if off := math.Abs(math.Log(e.Value / w.capacity)); !(off <= c.within) {
					t.Errorf("seed %d: learned %.4g of %.4g, off by %.3f: %+v", w.seed, e.Value, w.capacity, off, e)
				}
				if math.Abs(e.Idle-w.idle) > 5 {
					t.Errorf("seed %d: idling costs %.1f %%, want %.1f", w.seed, e.Idle, w.idle)
				}
			}
		})
	}
}

// A deploy that halves the cost of a request, or doubles it, is found within a day,
// at whatever hour it comes.
func TestADeployIsFoundWithinADay(t *testing.T) {
	t.Parallel()
	for _, factor := range []float64{2, 0.5, 1.3} {
		for hour := 0; hour < 24; hour += 3 {
			begin := 5*day + hour*60
			w := world{minutes: begin + day, capacity: 200, idle: 8, peak: 0.45, noise: 4, seed: uint64(hour)}
			w.odd = func(i int, m *Minute, _ *rand.Rand) {
				if i >= begin {
					m.Utilization = min(100, w.idle+(m.Utilization-w.idle)/factor)
				}
			}
			e := Learn(w.make())
			want := factor * w.capacity
			if got := Lean(&e, w.capacity, 0); !(math.Abs(got/want-1) < 0.15) {
				t.Errorf("times %.1f at %02d:00: a day later %.1f is counted with, want %.1f: %+v", factor, hour, got, want, e)
			}
		}
	}
}

func TestNoDeployIsMadeOfChance(t *testing.T) {
	t.Parallel()
	for seed := range uint64(14) {
		w := world{minutes: 7 * day, capacity: 200, idle: 8, peak: 0.6, noise: 6, seed: seed}
		if e := Learn(w.make()); e.Since.After(monday) {
			t.Errorf("seed %d: what was before %s was dropped", seed, e.Since)
		}
	}
}

// The true capacity lies within the interval in 9 of 10 cases.
func TestTheIntervalHolds(t *testing.T) {
	t.Parallel()
	for _, minutes := range []int{day / 2, day, 3 * day} {
		in := 0
		const n = 80
		for seed := range uint64(n) {
			w := world{minutes: minutes, capacity: 200, idle: 5, peak: 0.8, noise: 10, seed: seed}
			if e := Learn(w.make()); e.Low <= 200 && 200 <= e.High {
				in++
			}
		}
		if c := float64(in) / n; c < 0.86 {
			t.Errorf("of %d minutes the interval of 90 %% holds in %.2f of the cases", minutes, c)
		}
	}
}

func TestWhatCannotBeToldIsSaid(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		sentence string
		w        world
		want     forescale.CapacityDoubt
	}{
		{"nothing", world{}, forescale.CapacityTooLittle},
		{"an hour", world{minutes: 60, capacity: 1, peak: 0.5}, forescale.CapacityTooLittle},
		{"a load that does not vary", world{minutes: day, capacity: 100, peak: 0.5, noise: 2, odd: func(_ int, m *Minute, r *rand.Rand) {
			m.Load, m.Utilization = 50+r.Float64(), 50+r.Float64()
		}}, forescale.CapacityLoadFlat},
		{"no load at all", world{minutes: day, capacity: 100, odd: func(_ int, m *Minute, _ *rand.Rand) { m.Load = 0 }}, forescale.CapacityLoadFlat},
		{"a utilization that does not vary", world{minutes: day, capacity: 100, peak: 0.5, odd: func(_ int, m *Minute, _ *rand.Rand) { m.Utilization = 40 }}, forescale.CapacityUtilizationFlat},
		{"a utilization that falls with load", world{minutes: day, capacity: 100, peak: 0.5, odd: func(_ int, m *Minute, _ *rand.Rand) { m.Utilization = 90 - m.Load }}, forescale.CapacityUtilizationFlat},
		{"instances that are always saturated", world{minutes: day, capacity: 100, peak: 0.5, odd: func(_ int, m *Minute, _ *rand.Rand) { m.Utilization = 97 }}, forescale.CapacitySaturated},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			e := Learn(c.w.make())
			if e.Doubt != c.want || e.Value != 0 {
				t.Errorf("%+v, want the doubt %s", e, c.want)
			}
			if got := Lean(&e, 120, 0); got != 120 {
				t.Errorf("%.1f is counted with, want the declared 120", got)
			}
			if got := Lean(&e, 120, 150); got != 150 {
				t.Errorf("%.1f is counted with, want the 150 of before", got)
			}
		})
	}
}

func TestLittleDataLeanOnWhatIsDeclared(t *testing.T) {
	t.Parallel()
	was := 100.0
	for _, hours := range []int{3, 6, 12, 24, 72} {
		w := world{minutes: 60 * hours, capacity: 200, idle: 5, peak: 0.7, noise: 6}
		e := Learn(w.make())
		got := Lean(&e, 100, 0)
		t.Logf("%2d hours: %.0f of 200, 100 are declared; spread %.3f", hours, got, e.Spread)
		if got < was-15 || got > 215 {
			t.Errorf("%d hours: %.1f are counted with, %.1f before", hours, got, was)
		}
		was = got
	}
	if was < 190 {
		t.Errorf("three days still lean on what is declared: %.1f", was)
	}
	far := forescale.CapacityEstimate{Value: 1000, Spread: 0.01}
	if got := Lean(&far, 100, 0); got != 400 || far.Doubt != forescale.CapacityFarOff {
		t.Errorf("ten times what is declared counts as %.1f, %q", got, far.Doubt)
	}
}

// Whatever comes in: nothing but usable numbers comes out, in order, the same ones
// again, and in the same unit.
func TestAnyMinutesGiveASaneCapacity(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.Float64Range(0, 100), rapid.SampledFrom([]float64{0, 1e-300, 50, 94.9, 95, 100, 1e15, 1e300, math.NaN(), math.Inf(1), -1}))
		n := rapid.IntRange(0, 600).Draw(t, "n")
		pattern := rapid.SliceOfN(value, 2, 40).Draw(t, "pattern")
		step := rapid.IntRange(1, 7).Draw(t, "step")
		ms := make([]Minute, n)
		for i := range ms {
			ms[i] = Minute{Time: monday.Add(time.Duration(i*step) * time.Minute), Load: pattern[i%len(pattern)], Utilization: pattern[(i/3+1)%len(pattern)]}
		}
		before := slices.Clone(ms)
		e := Learn(ms)
		if again := Learn(ms); !reflect.DeepEqual(e, again) {
			t.Fatalf("%+v, then %+v", e, again)
		}
		if !slices.EqualFunc(ms, before, func(a, b Minute) bool {
			return a.Time.Equal(b.Time) && math.Float64bits(a.Load) == math.Float64bits(b.Load)
		}) {
			t.Fatal("the minutes were changed")
		}
		for _, v := range []float64{e.Value, e.Low, e.High, e.Idle, e.Reach, e.Spread} {
			if !(v >= 0) || math.IsInf(v, 0) {
				t.Fatalf("%+v", e)
			}
		}
		if (e.Value > 0) != (e.Doubt == forescale.CapacityCertain) || e.Value > 0 && !(e.Low <= e.Value && e.Value <= e.High) || e.Idle > 100 {
			t.Fatalf("%+v", e)
		}
		if v := Lean(&e, 10, 0); !(v >= 2.5 && v <= 40) {
			t.Fatalf("%.3g is counted with, 10 are declared: %+v", v, e)
		}
	})
}

func BenchmarkLearn(b *testing.B) {
	ms := world{minutes: 7 * day, capacity: 200, idle: 5, peak: 0.7, noise: 4}.make()
	b.ReportAllocs()
	for b.Loop() {
		Learn(ms)
	}
}
