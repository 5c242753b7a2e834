package loop

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/sqlite"
)

// counting counts reads of forecasts, and those that gave any.
type counting struct {
	store.Forecasts
	reads, full int
}

func (c *counting) LatestForecasts(ctx context.Context, since time.Time) ([]forescale.Forecast, error) {
	fs, err := c.Forecasts.LatestForecasts(ctx, since)
	if c.reads++; len(fs) > 0 {
		c.full++
	}
	return fs, err
}

// A refresh keeps its forecasts bit by bit, all issued at one time, while rounds
// read them; and other servers issue some by clocks that are behind.
func TestForecastsThatComeLateAreFound(t *testing.T) {
	st, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "forescale.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	const pace, round = 15 * time.Minute, 30 * time.Second
	began := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	now := began
	var names []string
	for n := range 120 {
		names = append(names, fmt.Sprintf("s%03d", n))
	}
	counted := &counting{Forecasts: st}
	var c forecastCache
	keep := func(model string, issued time.Time, metric forescale.Metric, services ...string) {
		t.Helper()
		var fs []forescale.Forecast
		for _, name := range services {
			fs = append(fs, forescale.Forecast{Service: name, Metric: metric, Issued: issued, Model: model, Start: issued,
				Step: 5 * time.Minute, Levels: []float64{0.5}, Values: [][]float64{{1}}})
		}
		if err := st.SaveForecasts(t.Context(), fs); err != nil {
			t.Fatal(err)
		}
	}
	read := func() {
		t.Helper()
		before := counted.reads
		if err := c.update(t.Context(), counted, names, now, pace); err != nil {
			t.Fatal(err)
		}
		if counted.reads != before+1 {
			t.Errorf("%d reads in one round", counted.reads-before)
		}
		now = now.Add(round)
	}
	want := func(model string, metric forescale.Metric, services ...string) {
		t.Helper()
		missing := 0
		for _, name := range services {
			found := false
			for _, f := range c.of(name) {
				found = found || f.Model == model && f.Metric == metric
			}
			if !found {
				missing++
			}
		}
		if missing > 0 {
			t.Errorf("%d of %d forecasts %q are missing", missing, len(services), model)
		}
	}
	cpu := forescale.MetricUtilization
	read()
	for _, refresh := range []string{"first", "second"} { // bits of 50
		issued := now
		for at := 0; at < len(names); at += 50 {
			bit := names[at:min(at+50, len(names))]
			keep(refresh, issued, cpu, bit...)
			read()
			want(refresh, cpu, bit...)
		}
		now = now.Add(pace)
	}
	read()
	// Another server's, of the same time and before, in a quiet while.
	newest := c.upTo
	keep("same", newest, forescale.MetricDemand, names[7])
	keep("before", newest.Add(-pace), forescale.MetricDemand, names[8])
	for range int(pace/round)/lateLooks + 1 {
		read()
	}
	want("same", forescale.MetricDemand, names[7])
	want("before", forescale.MetricDemand, names[8])
	want("second", cpu, names...)
	// One that is older than what is at hand replaces nothing.
	keep("old", newest.Add(-time.Minute), cpu, names[9])
	read()
	want("second", cpu, names[9])
	// In a quiet while few rounds read anything.
	read()
	before := counted.full
	for range int(pace / round) {
		read()
	}
	if got := counted.full - before; got < 1 || got > lateLooks+1 {
		t.Errorf("in a quiet pace %d of %d rounds read forecasts", got, int(pace/round))
	}
	// The clock is set back: late ones are looked for soon even so.
	now = now.Add(-3 * time.Hour)
	keep("back", newest, forescale.MetricDemand, names[10])
	read()
	want("back", forescale.MetricDemand, names[10])
}
