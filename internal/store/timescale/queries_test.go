package timescale

import (
	"context"
	"fmt"
	"math"
	"slices"
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
	var names []string
	for i := range services {
		name := fmt.Sprintf("service-%04d", i)
		names = append(names, name)
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
		{"rolling up the hours of all", 8, func() error { return s.RollUp(ctx) }},
		{"demand of named services, one by one", 2, func() error {
			n := 0
			err := s.EachDemand(ctx, benchStart, benchStart.Add(time.Hour), names, func(*forescale.DemandPoint) error { n++; return nil })
			return read(n, err)
		}},
		{"hours of named services", 1, func() error {
			hs, err := s.HoursOf(ctx, benchStart, benchStart.Add(time.Hour), names)
			return read(len(hs), err)
		}},
		{"recent demand of named services", 1, func() error { ps, err := s.RecentDemand(ctx, benchStart, names...); return read(len(ps), err) }},
		{"latest forecasts of named services", 1, func() error { fs, err := s.LatestForecasts(ctx, time.Time{}, names...); return read(len(fs), err) }},
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

// A query mode of pgx that sends texts, as some proxies need, reads the same.
func TestDemandReadsTheSameAsText(t *testing.T) {
	dsn := sharedCluster(t).fresh(t)
	s := openAt(t, dsn)
	var cells []forescale.Cell
	var want []forescale.DemandPoint
	for i, v := range []float64{0, math.Pi, 1e15, math.SmallestNonzeroFloat64} {
		at := time.Date(1985+10*i, 2, 28, 23, 59-i, 0, 0, time.UTC)
		cells = append(cells, forescale.Cell{Service: "a", Time: at})
		want = append(want, forescale.DemandPoint{Service: "a", Metric: forescale.MetricLoad, Time: at, Value: v, Censored: i%2 == 1, Reporting: i, Ready: math.MaxInt32 - i})
	}
	if err := s.SaveDemand(t.Context(), cells, want); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{"cache_statement", "cache_describe", "exec", "simple_protocol"} {
		got, err := openAt(t, with(dsn, "default_query_exec_mode", mode)).Demand(t.Context(), "a", forescale.MetricLoad, cells[0].Time, cells[3].Time.Add(time.Minute))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %+v, %v", mode, got, err)
		}
	}
}

const fourWeeks = 28 * 24 * 60 // minutes

// BenchmarkDemandOfFourWeeks reads one service's demand by the minute, and by the
// hour, out of that of many: of a thousand services' 4.3 million rows on PostgreSQL, of
// twenty services' 0.8 million on TimescaleDB as WebAssembly, as they come in and
// compressed. It reads turn by turn with a bare loop: 1 is as fast.
//
//	go test -run - -bench FourWeeks ./internal/store/timescale
func BenchmarkDemandOfFourWeeks(b *testing.B) {
	b.Run("postgres", func(b *testing.B) {
		s := openAt(b, benchServer(b).fresh(b))
		// All services of the last three days, minute by minute as they come in, and
		// four weeks of one.
		fill(b, s, 1000, fourWeeks-3*24*60)
		if _, err := s.pool.Exec(b.Context(), "VACUUM ANALYZE line, demand, hours"); err != nil { // as a server does by itself in time
			b.Fatal(err)
		}
		readFourWeeks(b, s)
	})
	b.Run("timescaledb", func(b *testing.B) {
		s := openAt(b, withExtension(b).fresh(b))
		fill(b, s, 20, 0)
		readFourWeeks(b, s)
		b.Run("compressed", func(b *testing.B) {
			if _, err := s.pool.Exec(b.Context(), "SELECT compress_chunk(c) FROM show_chunks('demand') AS c", pgx.QueryExecModeExec); err != nil {
				b.Fatal(err)
			}
			readFourWeeks(b, s)
		})
	})
}

// fill writes demand of service-0 from the first minute on and of the others from
// minute others on.
func fill(b *testing.B, s *Store, services, others int) {
	b.Helper()
	for _, st := range []struct {
		query string
		args  []any
	}{
		{"INSERT INTO line (service, metric, points) SELECT 'service-' || i, 'load', 1 FROM generate_series(0, $1::int - 1) AS i", []any{services}},
		{`INSERT INTO demand SELECT id, $1::timestamptz + i * INTERVAL '1 minute', (i * 7919 + id * 31) % 1000 / 16.0, false, 3, 3
			FROM generate_series(0, $2::int - 1) AS i, line WHERE i >= $3 OR service = 'service-0'`, []any{benchStart, fourWeeks, others}},
		{"INSERT INTO hours_due SELECT DISTINCT line, date_trunc('hour', minute) FROM demand", nil},
	} {
		if _, err := s.pool.Exec(b.Context(), st.query, st.args...); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.RollUp(b.Context()); err != nil {
		b.Fatal(err)
	}
}

func readFourWeeks(b *testing.B, s *Store) {
	b.Helper()
	from, to := benchStart, benchStart.Add(fourWeeks*time.Minute)
	b.Run("minutes", func(b *testing.B) {
		var mine, bare time.Duration
		for b.Loop() {
			start := time.Now()
			ps, err := s.Demand(b.Context(), "service-0", forescale.MetricLoad, from, to)
			if err != nil || len(ps) != fourWeeks {
				b.Fatal(len(ps), err)
			}
			mid := time.Now()
			if n, err := bareDemand(b.Context(), s.pool, from, to); err != nil || n != fourWeeks {
				b.Fatal(n, err)
			}
			mine, bare = mine+mid.Sub(start), bare+time.Since(mid)
		}
		b.ReportMetric(bare.Seconds()/mine.Seconds(), "store/bare")
		b.ReportMetric(1000*mine.Seconds()/float64(b.N), "ms/read")
		b.ReportMetric(1000*bare.Seconds()/float64(b.N), "bare-ms/read")
	})
	b.Run("hours", func(b *testing.B) {
		for b.Loop() {
			hs, err := s.DemandHours(b.Context(), "service-0", forescale.MetricLoad, from, to)
			if err != nil || len(hs) != fourWeeks/60 {
				b.Fatal(len(hs), err)
			}
		}
		b.ReportMetric(1000*b.Elapsed().Seconds()/float64(b.N), "ms/read")
	})
}

// bareDemand reads the same rows as Demand in the way of pgx's manual.
func bareDemand(ctx context.Context, q querier, from, to time.Time) (n int, err error) {
	rows, err := q.Query(ctx, `SELECT minute, value, censored, reporting, ready FROM demand
		WHERE line = `+lineID+` AND minute >= $3 AND minute < $4 ORDER BY minute`, "service-0", "load", from, to)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for ; rows.Next(); n++ {
		var at time.Time
		var value float64
		var censored bool
		var reporting, ready int32
		if err := rows.Scan(&at, &value, &censored, &reporting, &ready); err != nil {
			return n, err
		}
	}
	return n, rows.Err()
}
