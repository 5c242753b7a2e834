package timescale

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/forescale/forescale"
)

// counter counts statements; those of a batch are counted one by one.
type counter struct{ n atomic.Int64 }

func (c *counter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.n.Add(1)
	return ctx
}
func (c *counter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
func (c *counter) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}
func (c *counter) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) { c.n.Add(1) }
func (c *counter) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

// What the loop asks and records in each round for all services must not become
// statements for each of them.
func TestARoundOfManyServicesTakesFewStatements(t *testing.T) {
	v := fastCluster(t)
	var count counter
	s := openAt(t, v.fresh(t), func(o *options) { o.tracer = &count })
	ctx := t.Context()
	const services = 1000
	var cells []forescale.Cell
	var points []forescale.DemandPoint
	var forecasts []forescale.Forecast
	plan := forescale.Plan{At: benchStart}
	for i := range services {
		name := fmt.Sprintf("service-%04d", i)
		for k := range 15 {
			at := benchStart.Add(time.Duration(k) * time.Minute)
			cells = append(cells, forescale.Cell{Service: name, Time: at})
			points = append(points, forescale.DemandPoint{Service: name, Metric: forescale.MetricLoad, Time: at, Value: float64(i + k)})
		}
		forecasts = append(forecasts, forescale.Forecast{Service: name, Metric: forescale.MetricLoad, Issued: benchStart, Start: benchStart,
			Step: time.Minute, Levels: []float64{0.5}, Values: [][]float64{{1}}})
		plan.Services = append(plan.Services, forescale.ServicePlan{Service: name, MadeAt: benchStart, Decision: forescale.Decision{
			ID: "dec_" + name, Service: name, At: benchStart, Mode: forescale.ModeActive, Outcome: forescale.OutcomeNone,
			Reasons: []forescale.Reason{{Code: forescale.CodeSteady}}}})
	}
	read := func(n int, err error) error {
		if err == nil && n < services {
			return fmt.Errorf("%d rows for %d services", n, services)
		}
		return err
	}
	for _, c := range []struct {
		what string
		most int64
		do   func() error
	}{
		{"saving the demand of all", 16, func() error { return s.SaveDemand(ctx, cells, points) }},
		{"saving the forecasts of all", 10, func() error { return s.SaveForecasts(ctx, forecasts) }},
		{"recording a round of all", 9, func() error { return s.RecordPlan(ctx, plan, nil) }},
		{"recording the same round again", 9, func() error { return s.RecordPlan(ctx, plan, nil) }},
		{"recent demand", 1, func() error { ps, err := s.RecentDemand(ctx, benchStart); return read(len(ps), err) }},
		{"latest forecasts", 1, func() error { fs, err := s.LatestForecasts(ctx, time.Time{}); return read(len(fs), err) }},
		{"latest decisions", 1, func() error { ds, err := s.LatestDecisions(ctx); return read(len(ds), err) }},
		{"latest plans", 1, func() error { ps, err := s.LatestPlans(ctx); return read(len(ps), err) }},
		{"spans", 1, func() error { ds, err := s.DemandSpans(ctx); return read(len(ds), err) }},
	} {
		before, start := count.n.Load(), time.Now()
		if err := c.do(); err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		n := count.n.Load() - before
		t.Logf("%s: %d statements, %v", c.what, n, time.Since(start).Round(time.Millisecond))
		if n > c.most+settingsOfAConnection {
			t.Errorf("%s of %d services took %d statements", c.what, services, n)
		}
	}
}

// settingsOfAConnection are the statements that a new connection begins with.
const settingsOfAConnection = 6

// BenchmarkDemandOfFourWeeks reads one service's demand by the minute out of a
// hundred services'.
func BenchmarkDemandOfFourWeeks(b *testing.B) {
	v := benchServer(b)
	s := openAt(b, v.fresh(b))
	const minutes = 28 * 24 * 60
	if _, err := s.pool.Exec(b.Context(), "INSERT INTO line (service, metric, points) SELECT 'service-' || i, 'load', $1::bigint FROM generate_series(1, 100) AS i", minutes); err != nil {
		b.Fatal(err)
	}
	if _, err := s.pool.Exec(b.Context(), `INSERT INTO demand SELECT id, $1::timestamptz + i * INTERVAL '1 minute', i % 100, false, 3, 3
		FROM line, generate_series(0, $2::int - 1) AS i`, benchStart, minutes); err != nil {
		b.Fatal(err)
	}
	if _, err := s.pool.Exec(b.Context(), "VACUUM ANALYZE line, demand"); err != nil { // as a server does by itself in time
		b.Fatal(err)
	}
	for b.Loop() {
		ps, err := s.Demand(b.Context(), "service-50", forescale.MetricLoad, benchStart, benchStart.AddDate(0, 0, 28))
		if err != nil || len(ps) != minutes {
			b.Fatal(len(ps), err)
		}
	}
}
