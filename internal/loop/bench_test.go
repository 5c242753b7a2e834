package loop_test

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/forecast"
	"github.com/forescale/forescale/internal/loop"
	"github.com/forescale/forescale/internal/sim"
	"github.com/forescale/forescale/internal/store/sqlite"
)

// BenchmarkTick is one planning round, from reading the world to acting, over
// services that have two instances each, five-minute history and forecasts.
//
//	go test -run '^$' -bench Tick -benchtime 20x -cpu 1 ./internal/loop
//
// A round must cost less than 1 s for 1,000 services, and ten times the services
// at most eleven times as much: compare cpu-ns/service, which other load on the
// machine sways less. The largest size has one day
// of history instead of four weeks, as writing more takes longer than measuring.
func BenchmarkTick(b *testing.B) {
	for _, size := range []struct{ services, days int }{{100, 28}, {1000, 28}, {10000, 1}} {
		b.Run(fmt.Sprintf("services=%d", size.services), func(b *testing.B) {
			clock := sim.NewClock(monday)
			s, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "forescale.db"))
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			w := newCrowd(b, s, clock, size.services, size.days)
			l := loop.New(loop.Config{Store: s, Sources: []loop.Source{w}, Target: w, Clock: clock})
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
			each := float64(b.N) * float64(size.services)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/each, "ns/service")
			b.ReportMetric(float64((cpuTime(b)-before).Nanoseconds())/each, "cpu-ns/service")
		})
	}
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

// crowd is a world of many services, each with two steady instances.
type crowd struct {
	clock *sim.Clock
	seen  forescale.Observation
}

func newCrowd(b *testing.B, s *sqlite.Store, clock *sim.Clock, services, days int) *crowd {
	b.Helper()
	ctx, now := b.Context(), clock.Now()
	start := now.Add(-time.Duration(days) * 24 * time.Hour)
	w := &crowd{clock: clock, seen: forescale.Observation{Complete: true}}
	for k := range services {
		name := fmt.Sprintf("service-%05d", k)
		svc := forescale.Service{Name: name, Mode: forescale.ModeActive, Metrics: []forescale.Metric{forescale.MetricCPU}}.WithDefaults()
		if _, err := s.PutService(ctx, svc, 0); err != nil {
			b.Fatal(err)
		}
		for i := range 2 {
			w.seen.Instances = append(w.seen.Instances, forescale.Sighting{
				ID: fmt.Sprintf("%s-%d", name, i), Service: name, Node: "n", Running: true, Ready: true,
			})
		}
		var points []forescale.DemandPoint
		var cells []forescale.Cell
		for t := start; t.Before(now); t = t.Add(5 * time.Minute) {
			cells = append(cells, forescale.Cell{Service: name, Time: t})
			points = append(points, forescale.DemandPoint{
				Service: name, Metric: forescale.MetricCPU, Time: t, Reporting: 2, Ready: 2,
				Value: 1.1 + 0.1*math.Sin(float64(t.Unix())/86400*2*math.Pi),
			})
		}
		if err := s.SaveDemand(ctx, cells, points); err != nil {
			b.Fatal(err)
		}
		if err := s.SaveForecasts(ctx, []forescale.Forecast{steady(name, now)}); err != nil {
			b.Fatal(err)
		}
	}
	return w
}

// steady is a forecast of a day ahead at five-minute steps.
func steady(service string, now time.Time) forescale.Forecast {
	f := forescale.Forecast{Service: service, Metric: forescale.MetricCPU, Issued: now, Start: now, Step: 5 * time.Minute,
		Model: "benchmark", Levels: forecast.DefaultLevels()}
	for range 288 {
		v := make([]float64, len(f.Levels))
		for k, q := range f.Levels {
			v[k] = 1.1 + 0.1*q
		}
		f.Values = append(f.Values, v)
	}
	return f
}

// Observe shows every instance, with a new sample each.
func (w *crowd) Observe(context.Context) forescale.Observation {
	o := w.seen
	o.Time = w.clock.Now()
	o.Samples = make([]forescale.Sample, len(o.Instances))
	for k, i := range o.Instances {
		o.Samples[k] = forescale.Sample{
			Subject: forescale.Subject{Kind: forescale.KindInstance, Name: i.ID, Service: i.Service},
			Metric:  forescale.MetricCPU, Time: o.Time, Value: 55,
		}
	}
	return o
}

func (w *crowd) Start(context.Context, forescale.Service, forescale.Instance) error { return nil }
func (w *crowd) Stop(context.Context, forescale.Service, forescale.Instance) error  { return nil }
