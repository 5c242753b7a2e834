package sim

import (
	"math"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/datasets"
	"github.com/forescale/forescale/forecast"
	"github.com/forescale/forescale/internal/loop"
	"github.com/forescale/forescale/internal/store/memory"
)

// BenchmarkSimulate is four weeks of one service of up to 30 instances, in rounds of a
// minute over a trace of minutes, that has learned from two weeks before.
//
//	go test -run '^$' -bench Simulate -benchtime 1x -cpu 1 ./internal/sim
//
// It must cost less than 15 s of the processor: see cpu-s. rounds leaves forecasts out,
// yardstick is a fixed computation of the standard library: the machine of the day.
func BenchmarkSimulate(b *testing.B) {
	load := datasets.DefaultPattern(3, 20*40, time.UTC)
	s := Study{Service: forescale.Service{Name: "shop", Min: 1, Max: 100, Objective: 0.99, Warmup: 3 * time.Minute, Capacity: 40}.WithDefaults(),
		Load: forescale.Series{Start: monday, Step: time.Minute, Values: make([]float64, 6*7*24*60)}, Seed: 3,
		Options: loop.Options{Interval: time.Minute, Refresh: 15 * time.Minute}}
	for i := range s.Load.Values {
		s.Load.Values[i] = load.At(s.Load.At(i))
	}
	s.Train = s.Load.Start.AddDate(0, 0, 14)
	s.From, s.To = s.Train, s.Load.End()
	rare := s
	rare.Options.Refresh = 7 * 24 * time.Hour
	for _, c := range []struct {
		name string
		do   func() error
	}{
		{"yardstick", func() error { yardstick(); return nil }},
		{"rounds", func() error { _, err := rare.Run(b.Context(), Predictive, memory.New(), nil); return err }},
		{"four weeks", func() error { _, err := s.Run(b.Context(), Predictive, memory.New(), nil); return err }},
		{"four weeks of the HPA", func() error { _, err := s.Run(b.Context(), KubernetesHPA, memory.New(), nil); return err }},
	} {
		b.Run(c.name, func(b *testing.B) {
			before := cpuTime(b)
			for b.Loop() {
				if err := c.do(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric((cpuTime(b)-before).Seconds()/float64(b.N), "cpu-s")
		})
	}
}

// yardstick is a fixed amount of computing.
func yardstick() {
	sum := 0.0
	for i := range 20_000_000 {
		sum += math.Exp(-float64(i%1000) / 1000)
	}
	runtime.KeepAlive(sum)
}

// cpuTime is what this process has used of the processor so far.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A round costs the same and as much is kept after two weeks as after one, though
// hundreds of instances came and went.
func TestASimulatedRoundDoesNotGrowWithTime(t *testing.T) { // not in parallel: allocations are counted
	svc := forescale.Service{Name: "shop", Mode: forescale.ModeActive, Min: 1, Max: 30, Objective: 0.95, Warmup: time.Minute,
		Metrics: []forescale.Metric{forescale.MetricLoad}, Capacity: 10}.WithDefaults()
	day := TraceFunc(func(at time.Time) float64 { return 60 - 40*math.Cos(2*math.Pi*at.Sub(monday).Hours()/6) })
	mem := memory.New()
	// The model costs little: what is measured is all but forecasting.
	model := func(r forecast.Request) (forescale.Forecast, error) {
		f := forescale.Forecast{Service: r.Service.Name, Metric: r.Metric, Issued: r.Issued, Model: "flat", Start: r.Issued.Truncate(r.Step), Step: r.Step, Levels: []float64{0.5, 0.99}}
		for i := range r.Horizon {
			v := day.At(f.Start.Add(time.Duration(i)*r.Step)) / 10
			f.Values = append(f.Values, []float64{v, v + 0.5})
		}
		return f, nil
	}
	sim, err := NewSimulation(t.Context(), Setup{Store: mem, Start: monday, Seed: 1, Forecast: model,
		Options: loop.Options{Interval: 2 * time.Minute, Refresh: 6 * time.Hour}}, Workload{Service: svc, Load: day, Capacity: 10,
		Warmup: Spread{Median: time.Minute}, Initial: 4})
	if err != nil {
		t.Fatal(err)
	}
	if err := sim.Import(t.Context(), Samples(day, "shop", monday.AddDate(0, 0, -1), monday, 5*time.Minute)); err != nil {
		t.Fatal(err)
	}
	run := func(d time.Duration) {
		t.Helper()
		if err := sim.Run(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	measure := func() (allocs float64, kept map[string]int) {
		// The same hours of the day each time, so that as much is done.
		allocs = testing.AllocsPerRun(1, func() { run(6 * time.Hour) })
		kept = map[string]int{}
		count := func(what string, n int, err error) {
			if err != nil {
				t.Fatal(err)
			}
			kept[what] = n
		}
		now := sim.Clock.Now()
		samples, err := mem.Samples(t.Context(), forescale.SampleQuery{})
		count("samples", len(samples), err)
		instances, err := mem.Instances(t.Context(), forescale.InstanceQuery{})
		count("instances", len(instances), err)
		decisions, err := mem.Decisions(t.Context(), forescale.DecisionQuery{Limit: 1e6})
		count("decisions", len(decisions), err)
		forecasts, err := mem.LedgerForecasts(t.Context(), "shop", forescale.MetricLoad, monday, now)
		count("forecasts", len(forecasts), err)
		warmups, err := mem.Warmups(t.Context(), "", 0)
		count("warm-ups", len(warmups), err)
		return allocs, kept
	}
	run(8 * 24 * time.Hour) // AllocsPerRun runs once more before it counts
	early, keptEarly := measure()
	run(7*24*time.Hour - 12*time.Hour)
	late, keptLate := measure()
	starts, _ := sim.World.Effects("shop")
	t.Logf("%d starts; allocations of 6 h: %g, then %g; kept %v, then %v", starts, early, late, keptEarly, keptLate)
	if starts < 200 {
		t.Errorf("%d starts in two weeks tell nothing", starts)
	}
	if late > 1.1*early {
		t.Errorf("six hours of rounds make %g allocations after eight days and %g after fifteen", early, late)
	}
	for what, n := range keptLate {
		if n == 0 || float64(n) > 1.15*float64(keptEarly[what])+5 {
			t.Errorf("%d %s are kept after eight days and %d after fifteen", keptEarly[what], what, n)
		}
	}
}
