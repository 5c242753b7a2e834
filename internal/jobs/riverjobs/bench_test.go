package riverjobs

import (
	"context"
	"fmt"
	"math"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/forecast"
	"github.com/forescale/forescale/internal/jobs"
	"github.com/forescale/forescale/internal/jobs/jobstest"
	"github.com/forescale/forescale/internal/postgrestest"
)

// What it costs to spread batches, against calling their function, two at a time
// in both. "empty" is the bare cost of a batch, "forecasts" has batches of 50
// forecasts from four weeks each. Waiting for the queue to be looked at, up to a
// second a run, is in the time. Processor time is that of this process, without
// the database.
func BenchmarkBatch(b *testing.B) {
	const batches = 200
	history := make([]float64, 28*24*12) // four weeks in steps of 5 min
	for i := range history {
		history[i] = 10 + 5*math.Sin(2*math.Pi*float64(i)/(24*12)) + float64(i*7919%100)/100
	}
	at := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name     string
		batches  int
		perBatch int
		do       func(names []string) error
	}{
		{"empty", batches, 50, func([]string) error { return nil }},
		{"forecasts", 6, 50, func(names []string) error {
			for _, name := range names {
				if _, err := forecast.Make(forecast.Request{Service: forescale.Service{Name: name}.WithDefaults(), Metric: forescale.MetricLoad, Issued: at,
					History: forescale.Series{Start: at.Add(-28 * 24 * time.Hour), Step: 5 * time.Minute, Values: history}, Step: 5 * time.Minute, Horizon: 288, Levels: forecast.DefaultLevels()}); err != nil {
					return err
				}
			}
			return nil
		}},
	} {
		var names []string
		for i := range c.batches * c.perBatch {
			names = append(names, fmt.Sprintf("s%05d", i))
		}
		j := jobs.Job{Name: "work", Schedule: jobs.Every(24 * 365 * time.Hour), Batch: c.perBatch, Do: func(_ context.Context, t jobs.Task) (jobs.Result, error) {
			return jobs.Result{Done: len(t.Services)}, c.do(t.Services)
		}}
		b.Run(c.name+"/direct", func(b *testing.B) {
			report := meter(b, c.batches)
			for b.Loop() {
				var group errgroup.Group
				group.SetLimit(2)
				for _, batch := range j.Split(names) {
					group.Go(func() error { _, err := j.Do(b.Context(), jobs.Task{Services: batch}); return err })
				}
				if err := group.Wait(); err != nil {
					b.Fatal(err)
				}
			}
			report()
		})
		b.Run(c.name+"/river", func(b *testing.B) {
			s := fresh(b, postgrestest.Start(b))
			for _, name := range names {
				if _, err := s.PutService(b.Context(), forescale.Service{Name: name}.WithDefaults(), -1); err != nil {
					b.Fatal(err)
				}
			}
			clock := forescale.NewSystemClock()
			r := newRunner(b, s, jobs.Config{Clock: clock, Server: "one", Jobs: []jobs.Job{j}}).(*Runner)
			ctx, cancel := context.WithCancel(b.Context())
			ended := make(chan error, 1)
			go func() { ended <- r.Run(ctx) }()
			n := 1
			wait := func() {
				(&jobstest.Bench{TB: b, Store: s}).Wait("work", n)
				n++
			}
			wait() // the one that is due already
			report := meter(b, c.batches)
			for b.Loop() {
				due := clock.Now()
				if seen, err := r.see(ctx, r.Jobs[0], due, due); err != nil || !seen {
					b.Fatal(seen, err)
				}
				wait()
			}
			report()
			cancel()
			if err := <-ended; err != nil {
				b.Error(err)
			}
		})
	}
}

// meter begins to measure; what it returns reports time and processor time a batch.
func meter(b *testing.B, batches int) (report func()) {
	cpu := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := cpu()
	return func() {
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*batches), "µs/batch")
		b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N*batches), "cpu-µs/batch")
	}
}
