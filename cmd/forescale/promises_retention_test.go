package main

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/jobs"
	"github.com/forescale/forescale/internal/loop"
	"github.com/forescale/forescale/internal/store/sqlite"
)

// setClock is the machine's clock with a wall clock that can be set.
type setClock struct {
	forescale.SystemClock
	off atomic.Int64
}

func (c *setClock) Now() time.Time { return c.SystemClock.Now().Add(time.Duration(c.off.Load())) }

// What is deleted does not come back: a clock that is ahead for some days costs
// no history, while a clock that keeps still lets old history go.
func TestAJumpOfTheClockDeletesNoHistory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "forescale.db")
	synctest.Test(t, func(t *testing.T) {
		st, err := sqlite.Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = st.Close() }()
		clock := &setClock{SystemClock: forescale.NewSystemClock()}
		keep := func() int {
			t.Helper()
			all, err := st.Samples(t.Context(), forescale.SampleQuery{})
			if err != nil {
				t.Fatal(err)
			}
			return len(all)
		}
		begin := clock.Now()
		var samples []forescale.Sample
		for day := range 20 {
			samples = append(samples, forescale.Sample{Subject: forescale.Subject{Kind: forescale.KindNode, Name: "n"}, Metric: forescale.MetricCPU,
				Time: begin.AddDate(0, 0, -day), Value: 50})
		}
		if err := st.Append(t.Context(), samples); err != nil {
			t.Fatal(err)
		}
		s := &server{cfg: serverConfig{Store: st, Clock: clock, Log: slog.New(slog.DiscardHandler), Retention: retention{Samples: 10*24*time.Hour + time.Hour}}}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		s.cfg = s.cfg.withSchedules()
		s.loop = loop.New(loop.Config{Store: st, Clock: clock})
		only := slices.DeleteFunc(s.jobs(), func(j jobs.Job) bool { return j.Name != retentionJob })
		runner := jobs.NewEmbedded(jobs.Config{Store: st, Clock: clock, Jobs: only})
		go func() { done <- runner.Run(ctx) }()
		defer func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		}()

		time.Sleep(time.Hour)
		if n := keep(); n != 11 {
			t.Errorf("%d samples are kept after the first pruning, want those of 11 days", n)
		}
		clock.off.Store(int64(365 * 24 * time.Hour))
		time.Sleep(24 * time.Hour)
		clock.off.Store(0)
		time.Sleep(24 * time.Hour)
		if n := keep(); n != 11 {
			t.Errorf("%d samples are kept after the clock was ahead for a day, want 11", n)
		}
		time.Sleep(24 * time.Hour)
		if n := keep(); n != 8 {
			t.Errorf("%d samples are kept three days later, want 8", n)
		}
	})
}
