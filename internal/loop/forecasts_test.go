package loop

import (
	"context"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/sqlite"
)

// counting counts reads of forecasts, those that gave any, and looks at when they were issued.
type counting struct {
	store.Forecasts
	reads, full, looks int
}

func (c *counting) LatestForecasts(ctx context.Context, since time.Time, services ...string) ([]forescale.Forecast, error) {
	fs, err := c.Forecasts.LatestForecasts(ctx, since, services...)
	if c.reads++; len(fs) > 0 {
		c.full++
	}
	return fs, err
}

func (c *counting) LatestIssued(ctx context.Context, since time.Time, services ...string) ([]store.Issued, error) {
	c.looks++
	return c.Forecasts.LatestIssued(ctx, since, services...)
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
		reads, looks := counted.reads, counted.looks
		if err := c.update(t.Context(), counted, names, now, pace); err != nil {
			t.Fatal(err)
		}
		if counted.reads > reads+1 || counted.looks > looks+1 || counted.reads+counted.looks == reads+looks {
			t.Errorf("%d reads and %d looks in one round", counted.reads-reads, counted.looks-looks)
		}
		now = now.Add(round)
	}
	want := func(model string, metric forescale.Metric, services ...string) {
		t.Helper()
		missing := 0
		for _, name := range services {
			found := false
			for _, f := range c.of(name, &room{}) {
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
	// In a quiet while few rounds look for late ones, and none reads what is at hand.
	read()
	full, looks := counted.full, counted.looks
	for range int(pace / round) {
		read()
	}
	if got := counted.looks - looks; got < 1 || got > lateLooks+1 {
		t.Errorf("in a quiet pace %d of %d rounds looked for late forecasts", got, int(pace/round))
	}
	if got := counted.full - full; got > 0 {
		t.Errorf("in a quiet pace %d rounds read forecasts that are at hand", got)
	}
	// The clock is set back: late ones are looked for soon even so.
	now = now.Add(-3 * time.Hour)
	keep("back", newest, forescale.MetricDemand, names[10])
	read()
	want("back", forescale.MetricDemand, names[10])
}

// reading counts what forecasts ask of the store.
type reading struct {
	Store
	asked map[string]int
}

func (r *reading) FindServices(ctx context.Context, q forescale.ServiceQuery) ([]forescale.Service, error) {
	r.asked["services"]++
	return r.Store.FindServices(ctx, q)
}

func (r *reading) ListServices(ctx context.Context) ([]forescale.Service, error) {
	r.asked["all services"]++
	return r.Store.ListServices(ctx)
}

func (r *reading) DemandSpans(ctx context.Context, services ...string) ([]forescale.DemandSpan, error) {
	r.asked["spans"]++
	return r.Store.DemandSpans(ctx, services...)
}

func (r *reading) HoursOf(ctx context.Context, from, to time.Time, services []string) ([]forescale.DemandHour, error) {
	r.asked["hours"]++
	return r.Store.HoursOf(ctx, from, to, services)
}

func (r *reading) EachDemand(ctx context.Context, from, to time.Time, services []string, do func(*forescale.DemandPoint) error) error {
	r.asked["demand"]++
	return r.Store.EachDemand(ctx, from, to, services, do)
}

func (r *reading) Demand(ctx context.Context, service string, m forescale.Metric, from, to time.Time) ([]forescale.DemandPoint, error) {
	r.asked["demand of one"]++
	return r.Store.Demand(ctx, service, m, from, to)
}

func (r *reading) DemandHours(ctx context.Context, service string, m forescale.Metric, from, to time.Time) ([]forescale.DemandHour, error) {
	r.asked["hours of one"]++
	return r.Store.DemandHours(ctx, service, m, from, to)
}

func (r *reading) SaveForecasts(ctx context.Context, fs []forescale.Forecast) error {
	r.asked["saves"]++
	return r.Store.SaveForecasts(ctx, fs)
}

// What forecasts ask of the store grows by the batch, not by the service.
func TestABatchOfForecastsTakesAsManyQueriesAsOne(t *testing.T) {
	st, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "forescale.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.Close() }()
	now := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	const services = 2*forecastsAtOnce + 1
	var names []string
	var cells []forescale.Cell
	var points []forescale.DemandPoint
	for n := range services {
		names = append(names, fmt.Sprintf("s%03d", n))
		s := forescale.Service{Name: names[n], Mode: forescale.ModeActive, Metrics: []forescale.Metric{forescale.MetricLoad}}.WithDefaults()
		if _, err := st.PutService(t.Context(), s, 0); err != nil {
			t.Fatal(err)
		}
		for at := now.Add(-3 * time.Hour); at.Before(now); at = at.Add(5 * time.Minute) {
			cells = append(cells, forescale.Cell{Service: names[n], Time: at})
			points = append(points, forescale.DemandPoint{Service: names[n], Metric: forescale.MetricLoad, Time: at, Value: float64(n)})
		}
	}
	if err := st.SaveDemand(t.Context(), cells, points); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		names            []string
		batches, service int
	}{{names[7:8], 1, 1}, {names[:forecastsAtOnce], 1, forecastsAtOnce}, {nil, 3, services}} {
		counted := &reading{Store: st, asked: map[string]int{}}
		l := New(Config{Store: counted, Clock: forescale.NewSystemClock()})
		r, err := l.RefreshServices(t.Context(), now, c.names)
		if err != nil || r.Done != c.service || r.Failed != 0 {
			t.Fatalf("%+v, %v", r, err)
		}
		want := map[string]int{"services": 1, "spans": c.batches, "hours": c.batches, "demand": c.batches, "saves": c.batches}
		if !maps.Equal(counted.asked, want) {
			t.Errorf("forecasts of %d services asked %v, want %v", c.service, counted.asked, want)
		}
	}
	fs, err := st.LatestForecasts(t.Context(), time.Time{})
	if err != nil || len(fs) != services {
		t.Fatalf("%d forecasts, %v", len(fs), err)
	}
	for n, f := range fs {
		if v, ok := f.At(now.Add(time.Minute), 0.5); !ok || math.Abs(v-float64(n)) > 0.5+0.05*float64(n) {
			t.Errorf("the forecast of %s is %g, of a history of %d", f.Service, v, n)
		}
	}
}
