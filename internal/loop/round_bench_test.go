package loop_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/loop"
	"github.com/forescale/forescale/internal/sim"
	"github.com/forescale/forescale/internal/store/memory"
	"github.com/forescale/forescale/internal/store/sqlite"
)

// BenchmarkRound is one planning round over services of two instances each whose
// demand moves, as Step does it, by the store that it remembers by. Nothing is asked
// of a disk: the file lies in memory.
//
//	go test -run '^$' -bench 'Round/.*/services=(1000|10000)$' -benchtime 6x -cpu 1 ./internal/loop
//	go test -run '^$' -bench 'Round/memory/services=100000' -benchtime 4x -cpu 2 ./internal/loop
//
// In a round of nodes the instances lie on 200 nodes of two types, which are planned as
// well, and budgets hold. Other load on the machine sways cpu-µs/service less than the
// time that went by.
func BenchmarkRound(b *testing.B) {
	for _, s := range []struct {
		name  string
		sizes []int
		nodes int
		open  func(testing.TB) loop.Store
	}{
		{"memory", []int{1000, 10_000, 100_000}, 0, inMemory},
		{"nodes", []int{1000, 10_000}, 200, inMemory},
		{"sqlite", []int{1000, 3000, 10_000}, 0, openInMemory},
	} {
		for _, n := range s.sizes {
			b.Run(fmt.Sprintf("%s/services=%d", s.name, n), func(b *testing.B) {
				clock := sim.NewClock(monday)
				st := s.open(b)
				w := newTown(b, st, clock, n)
				if s.nodes > 0 {
					w.settle(b, st, s.nodes)
				}
				l := loop.New(loop.Config{Store: st, Sources: []loop.Source{w}, Target: w, Clock: clock})
				round := func() {
					if _, err := l.Step(b.Context(), clock.Now()); err != nil {
						b.Fatal(err)
					}
					clock.Advance(interval)
				}
				for range 4 { // the first rounds adopt all instances
					round()
				}
				before := cpuTime(b)
				for b.Loop() {
					round()
				}
				if s.nodes > 0 {
					if _, err := st.NodePlan(b.Context()); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/float64(b.N*n), "cpu-µs/service")
			})
		}
	}
}

func inMemory(testing.TB) loop.Store { return memory.New() }

// openInMemory is a store whose file is in memory, where the system has such a place.
func openInMemory(tb testing.TB) loop.Store {
	tb.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "forescale-")
	if err != nil {
		dir = tb.TempDir()
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	s, err := sqlite.Open(tb.Context(), filepath.Join(dir, "forescale.db"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

// town is a world of many services of two steady instances each, whose use moves
// from round to round.
type town struct {
	clock *sim.Clock
	seen  forescale.Observation
}

// newTown registers n services with a forecast each.
func newTown(tb testing.TB, s loop.Store, clock *sim.Clock, n int) *town {
	tb.Helper()
	ctx, now := tb.Context(), clock.Now()
	w := &town{clock: clock, seen: forescale.Observation{Complete: true}}
	var fs []forescale.Forecast
	for k := range n {
		name := townName(k)
		svc := forescale.Service{Name: name, Mode: forescale.ModeActive, Metrics: []forescale.Metric{forescale.MetricCPU}}.WithDefaults()
		if _, err := s.PutService(ctx, svc, 0); err != nil {
			tb.Fatal(err)
		}
		for i := range 2 {
			w.seen.Instances = append(w.seen.Instances, forescale.Sighting{
				ID: fmt.Sprintf("%s-%d", name, i), Service: name, Node: "n", Running: true, Ready: true,
			})
		}
		f := steady(name, now)
		for _, row := range f.Values {
			for i := range row {
				row[i] -= 0.3
			}
		}
		f.Minutes = forescale.Minutes{Unit: 0.8, Scatter: 0.05, Before: []float64{0.8, 0.8, 0.8}, Follow: 0.6, Shift: 0.1, Seen: 5000}
		if fs = append(fs, f); len(fs) == 500 || k == n-1 {
			if err := s.SaveForecasts(ctx, fs); err != nil {
				tb.Fatal(err)
			}
			fs = fs[:0]
		}
	}
	return w
}

// settle spreads the instances of a town over n nodes of two types, more of which can be
// had, and puts it on budgets that suffice.
func (w *town) settle(tb testing.TB, s loop.Store, n int) {
	tb.Helper()
	ctx := tb.Context()
	each := float64(len(w.seen.Instances)) / float64(n) // instances on a node
	ok := func(err error) {
		if err != nil {
			tb.Fatal(err)
		}
	}
	for k, size := range []float64{1.2, 2.4} {
		ok(s.PutNodeType(ctx, forescale.NodeType{Name: fmt.Sprintf("type-%d", k), Cores: size * each, Speed: 1, Memory: int64(4 * size * each * (1 << 30)),
			PricePerHour: 0.05 * size * each, BootTime: 3 * time.Minute, MaxCount: n}))
	}
	for k := range n {
		ok(s.PutNode(ctx, forescale.Node{Name: fmt.Sprintf("node-%03d", k), Type: "type-0", State: forescale.NodeReady}))
	}
	for i := range w.seen.Instances {
		w.seen.Instances[i].Node = fmt.Sprintf("node-%03d", i%n)
	}
	services, err := s.ListServices(ctx)
	ok(err)
	for _, x := range services {
		x.Resources, x.PricePerHour = forescale.Resources{Cores: 1, Memory: 2 << 30}, forescale.Money(50_000)
		_, err := s.PutService(ctx, x, x.Version)
		ok(err)
	}
	_, err = s.PutBudget(ctx, forescale.Budget{Name: "all", Limit: forescale.Money(1e15)}.WithDefaults(), 0)
	ok(err)
}

func townName(k int) string { return fmt.Sprintf("service-%06d", k) }

// Observe shows every instance, with a new sample each.
func (w *town) Observe(context.Context) forescale.Observation {
	o := w.seen
	o.Time = w.clock.Now()
	o.Samples = make([]forescale.Sample, len(o.Instances))
	round := int(o.Time.Sub(monday) / (10 * time.Second))
	for k, i := range o.Instances {
		o.Samples[k] = forescale.Sample{
			Subject: forescale.Subject{Kind: forescale.KindInstance, Name: i.ID, Service: i.Service},
			Metric:  forescale.MetricCPU, Time: o.Time, Value: 36 + float64((k+round)%7),
		}
	}
	return o
}

func (w *town) Start(context.Context, forescale.Service, forescale.Instance) error { return nil }
func (w *town) Stop(context.Context, forescale.Service, forescale.Instance) error  { return nil }
