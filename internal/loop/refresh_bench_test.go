package loop_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/forescale/forescale/internal/loop"
	"github.com/forescale/forescale/internal/sim"
	"github.com/forescale/forescale/internal/store/sqlite"
)

// BenchmarkRefreshServices is the forecasts that are due every quarter of an hour, from
// reading four weeks at 5 min to keeping what was made, of services that were trained
// before.
//
//	go test -run '^$' -bench RefreshServices -benchtime 3x ./internal/loop
//
// share-of-2-cores is what 10,000 services would take of two cores all the time, by the
// processor time that was used; it has to stay below 0.5.
func BenchmarkRefreshServices(b *testing.B) {
	for _, services := range []int{50, 200} {
		b.Run(fmt.Sprintf("services=%d", services), func(b *testing.B) {
			clock := sim.NewClock(monday)
			s, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "forescale.db"))
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			newCrowd(b, s, clock, services, 28)
			l := loop.New(loop.Config{Store: s, Clock: clock})
			refresh := func() {
				if r, err := l.RefreshServices(b.Context(), clock.Now(), nil); err != nil || r.Done != services || r.Failed > 0 {
					b.Fatal(r, err)
				}
				clock.Advance(refreshPace)
			}
			refresh() // trains
			before := cpuTime(b)
			for b.Loop() {
				refresh()
			}
			each := (cpuTime(b) - before).Seconds() / float64(b.N) / float64(services)
			b.ReportMetric(1e3*each, "cpu-ms/service")
			b.ReportMetric(10_000*each/(2*refreshPace.Seconds()), "share-of-2-cores")
		})
	}
}

// refreshPace is how often forecasts are made unless the config says otherwise.
const refreshPace = 15 * time.Minute
