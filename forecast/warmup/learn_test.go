package warmup

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

var now = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

// starts are measured starts, one an hour, of a length that how decides.
func starts(n int, how func(i int, w *forescale.Warmup, r *rand.Rand) time.Duration) []forescale.Warmup {
	r := rand.New(rand.NewPCG(7, 7))
	ws := make([]forescale.Warmup, n)
	for i := range ws {
		ws[i] = forescale.Warmup{Service: "a", Node: "n-01", Image: "x:1", At: now.Add(time.Duration(i-n) * time.Hour), AtOnce: 1 + r.IntN(6)}
		ws[i].Duration = how(i, &ws[i], r)
	}
	slices.Reverse(ws) // as a store gives them
	return ws
}

func learn(t *testing.T, ws []forescale.Warmup) forescale.LearnedTimes {
	t.Helper()
	l, err := OfService(forescale.Service{Name: "a", TimeZone: "UTC"}, forescale.LapseWarmup, now, ws)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Valid(); err != nil {
		t.Fatal(err)
	}
	return l
}

func jitter(r *rand.Rand, d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.9 + 0.2*r.Float64()))
}

func TestWhatAStartDependsOnIsFound(t *testing.T) {
	t.Parallel()
	base := forescale.LapseContext{AtOnce: 2, Hour: 12, Node: "n-01", Image: "x:1"}
	with := func(change func(c *forescale.LapseContext)) forescale.LapseContext {
		c := base
		change(&c)
		return c
	}
	for _, c := range []struct {
		name       string
		how        func(i int, w *forescale.Warmup, r *rand.Rand) time.Duration
		fast, slow forescale.LapseContext
	}{
		{"how many start at once", func(_ int, w *forescale.Warmup, r *rand.Rand) time.Duration {
			return jitter(r, time.Duration(20+20*(w.AtOnce/4))*time.Second)
		}, base, with(func(c *forescale.LapseContext) { c.AtOnce = 6 })},
		{"the node", func(_ int, w *forescale.Warmup, r *rand.Rand) time.Duration {
			if r.IntN(2) == 0 {
				w.Node = "n-02"
				return jitter(r, 40*time.Second)
			}
			return jitter(r, 20*time.Second)
		}, base, with(func(c *forescale.LapseContext) { c.Node = "n-02" })},
		{"how busy the node is", func(_ int, w *forescale.Warmup, r *rand.Rand) time.Duration {
			if w.NodeCPU = 100 * r.Float64(); w.NodeCPU > 60 {
				return jitter(r, 40*time.Second)
			}
			return jitter(r, 20*time.Second)
		}, with(func(c *forescale.LapseContext) { c.NodeCPU = 20 }), with(func(c *forescale.LapseContext) { c.NodeCPU = 90 })},
		{"an image that has to be fetched", func(i int, w *forescale.Warmup, r *rand.Rand) time.Duration {
			if w.Image = "x:" + string(rune('a'+i/10%26)) + string(rune('a'+i/260)); i%10 == 0 {
				return jitter(r, 90*time.Second)
			}
			return jitter(r, 20*time.Second)
		}, base, with(func(c *forescale.LapseContext) { c.NewImage = true })},
		{"a version that starts faster", func(i int, _ *forescale.Warmup, r *rand.Rand) time.Duration {
			if i < 150 {
				return jitter(r, 40*time.Second)
			}
			return jitter(r, 20*time.Second)
		}, base, with(func(c *forescale.LapseContext) { c.Age = 250 * time.Hour })},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := learn(t, starts(300, c.how))
			fast, slow := l.Quantile(c.fast, 0.9), l.Quantile(c.slow, 0.9)
			if fast > 26*time.Second || slow < 34*time.Second || l.Gain < leastGain {
				t.Errorf("9 of 10 take %v and %v, want about 22 s and 44 s or more; gain %.2f", fast, slow, l.Gain)
			}
		})
	}
}

func TestChanceIsNoCondition(t *testing.T) {
	t.Parallel()
	l := learn(t, starts(400, func(_ int, w *forescale.Warmup, r *rand.Rand) time.Duration {
		w.NodeCPU = 100 * r.Float64()
		return time.Duration(r.ExpFloat64() * float64(20*time.Second))
	}))
	if len(l.Nodes) != 1 || l.Gain != 0 {
		t.Errorf("conditions are made of chance: %+v", l.Nodes)
	}
}

// Of times that were not learned from, as many lie below a quantile as should.
func TestQuantilesHoldOnTimesNotSeen(t *testing.T) {
	t.Parallel()
	how := func(_ int, w *forescale.Warmup, r *rand.Rand) time.Duration {
		return time.Duration(float64(w.AtOnce) * (10 + 5*r.ExpFloat64()) * float64(time.Second))
	}
	all := starts(5500, how)
	l, later := learn(t, all[5000:]), all[:5000]
	for _, q := range []float64{0.5, 0.9, 0.99} {
		below := 0
		for _, w := range later {
			if w.Duration <= l.Quantile(forescale.LapseContext{AtOnce: w.AtOnce, Hour: float64(w.At.Hour()), Node: w.Node, Image: w.Image}, q) {
				below++
			}
		}
		if got := float64(below) / float64(len(later)); got < q-0.05 || got > q+0.04 {
			t.Errorf("%.3f lie below the quantile %.2f", got, q)
		}
	}
}

func TestFewOrOddTimesAreLearnedFrom(t *testing.T) {
	t.Parallel()
	same := func(int, *forescale.Warmup, *rand.Rand) time.Duration { return 30 * time.Second }
	for n := range 80 {
		l, err := OfService(forescale.Service{Name: "a"}, forescale.LapseWarmup, now, starts(n, same))
		if err != nil || l.Measured != n {
			t.Fatalf("of %d: %+v, %v", n, l, err)
		}
		if n > 0 && l.Quantile(forescale.LapseContext{}, 0.9) != 30*time.Second {
			t.Fatalf("of %d alike: %v", n, l.Quantile(forescale.LapseContext{}, 0.9))
		}
	}
	odd := starts(60, same)
	odd[3].Duration, odd[4].Duration, odd[5].Duration = -time.Hour, 0, 48*time.Hour
	if l := learn(t, odd); l.Measured != 57 || l.Longest != 30*time.Second {
		t.Errorf("what cannot be was learned from: %+v", l)
	}
}

func TestTheSameIsLearnedFromTheSame(t *testing.T) {
	t.Parallel()
	ws := starts(300, func(_ int, w *forescale.Warmup, r *rand.Rand) time.Duration {
		w.Node = []string{"n-01", "n-02", "n-03"}[r.IntN(3)]
		return jitter(r, time.Duration(10*w.AtOnce)*time.Second)
	})
	a := learn(t, ws)
	slices.Reverse(ws)
	if b := learn(t, ws); !reflect.DeepEqual(a, b) {
		t.Errorf("%+v, then %+v", a, b)
	}
}

func BenchmarkLearn(b *testing.B) {
	ws := starts(MostTimes, func(_ int, w *forescale.Warmup, r *rand.Rand) time.Duration {
		w.NodeCPU = 100 * r.Float64()
		return jitter(r, time.Duration(10*w.AtOnce)*time.Second)
	})
	for b.Loop() {
		if _, err := OfService(forescale.Service{Name: "a"}, forescale.LapseWarmup, now, ws); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkQuantile(b *testing.B) {
	l, err := OfService(forescale.Service{Name: "a"}, forescale.LapseWarmup, now, starts(MostTimes, func(_ int, w *forescale.Warmup, r *rand.Rand) time.Duration {
		return jitter(r, time.Duration(10*w.AtOnce)*time.Second)
	}))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		l.Quantile(forescale.LapseContext{AtOnce: 4, Hour: 9}, 0.9)
	}
}

// A level that the times resolve is between them, one that they do not is the outermost.
func TestThePlainQuantile(t *testing.T) {
	t.Parallel()
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(i)
	}
	for _, c := range []struct {
		sorted      []float64
		level, want float64
	}{
		{hundred, 0.5, 49.5}, {hundred, 0.9, 89.1}, {hundred, 0.99, 98.01}, {hundred, 0.01, 0.99},
		{hundred[:99], 0.99, 98}, {hundred[:99], 0.01, 0}, {hundred[:99], 0.5, 49},
		{hundred[:1], 0.5, 0}, {hundred[:2], 0.5, 0.5}, {hundred[:2], 0.75, 1},
	} {
		if got := quantile(c.sorted, c.level); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("of %d values, level %g: %g, want %g", len(c.sorted), c.level, got, c.want)
		}
	}
}
