package timescale

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/forescale/forescale"
)

const (
	batchInstances = 100
	batchTimes     = 10
)

var benchStart = time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)

// ingestBatch is batch n of an endless stream: 100 instances of 10 services
// report 10 times, a second apart.
func ingestBatch(n int) []forescale.Sample { return ingestBatchOf(n, batchInstances) }

func ingestBatchOf(n, instances int) []forescale.Sample {
	samples := make([]forescale.Sample, 0, instances*batchTimes)
	for k := range batchTimes {
		at := benchStart.Add(time.Duration(n*batchTimes+k) * time.Second)
		for i := range instances {
			service := fmt.Sprintf("service-%d", i%10)
			samples = append(samples, forescale.Sample{
				Subject: forescale.Subject{Kind: forescale.KindInstance, Name: fmt.Sprintf("%s-%02d", service, i), Service: service},
				Metric:  forescale.MetricUtilization,
				Time:    at,
				Value:   float64((i*7919+n*104729+k*31)%10000) / 100,
			})
		}
	}
	return samples
}

// way is one durable and idempotent way to insert rows, each call a commit.
type way func(ctx context.Context, c *pgx.Conn, rows []sampleRow) error

func byUnnest(ctx context.Context, c *pgx.Conn, rows []sampleRow) error {
	_, err := c.Exec(ctx, insertSamples, column(rows, func(r sampleRow) int64 { return r.series }),
		column(rows, sampleRow.at), column(rows, func(r sampleRow) float64 { return r.value }))
	return err
}

func byCopy(ctx context.Context, c *pgx.Conn, rows []sampleRow) error {
	return pgx.BeginFunc(ctx, c, func(t pgx.Tx) error {
		if _, err := t.Exec(ctx, "CREATE TEMPORARY TABLE IF NOT EXISTS staging (series bigint, at timestamptz, value float8) ON COMMIT DELETE ROWS"); err != nil {
			return err
		}
		if _, err := t.CopyFrom(ctx, pgx.Identifier{"staging"}, []string{"series", "at", "value"}, pgx.CopyFromSlice(len(rows), func(i int) ([]any, error) {
			return []any{rows[i].series, rows[i].at(), rows[i].value}, nil
		})); err != nil {
			return err
		}
		_, err := t.Exec(ctx, "INSERT INTO sample SELECT * FROM staging ON CONFLICT (series, at) DO UPDATE SET value = excluded.value")
		return err
	})
}

func byRows(ctx context.Context, c *pgx.Conn, rows []sampleRow) error {
	return pgx.BeginFunc(ctx, c, func(t pgx.Tx) error {
		for chunk := range slices.Chunk(rows, 1000) {
			var q strings.Builder
			q.WriteString("INSERT INTO sample VALUES ")
			var args []any
			for i, r := range chunk {
				if i > 0 {
					q.WriteByte(',')
				}
				fmt.Fprintf(&q, "($%d,$%d,$%d)", 3*i+1, 3*i+2, 3*i+3)
				args = append(args, r.series, r.at(), r.value)
			}
			q.WriteString(" ON CONFLICT (series, at) DO UPDATE SET value = excluded.value")
			if _, err := t.Exec(ctx, q.String(), args...); err != nil {
				return err
			}
		}
		return nil
	})
}

// byBatch sends one statement a row, all in one message.
func byBatch(ctx context.Context, c *pgx.Conn, rows []sampleRow) error {
	return pgx.BeginFunc(ctx, c, func(t pgx.Tx) error {
		b := &pgx.Batch{}
		for _, r := range rows {
			b.Queue("INSERT INTO sample VALUES ($1, $2, $3) ON CONFLICT (series, at) DO UPDATE SET value = excluded.value", r.series, r.at(), r.value)
		}
		return t.SendBatch(ctx, b).Close()
	})
}

// benchServer is a server that syncs, as a real one does.
func benchServer(b *testing.B) *server {
	b.Helper()
	if v := named(b); v != nil {
		if v.single {
			b.Skip("the server of " + testPostgres + " takes one connection")
		}
		return v
	}
	return &server{dsn: startCluster(b).dsn("postgres")}
}

func benchRows(n, instances int) []sampleRow {
	samples := ingestBatchOf(n, instances)
	ids := map[seriesKey]int64{}
	for _, s := range samples {
		if k := (seriesKey{s.Subject, s.Metric}); ids[k] == 0 {
			ids[k] = int64(len(ids) + 1)
		}
	}
	return sampleRows(samples, ids)
}

// batchSizes are numbers of instances that report batchTimes times.
var batchSizes = []int{50, 100, 500, 1000, 2000}

// BenchmarkWays compares bare ways to insert, by the size of the batch. The ways
// of one size take turns, so that what else the machine does falls on all.
func BenchmarkWays(b *testing.B) {
	v := benchServer(b)
	ways := []struct {
		name string
		way
		c    *pgx.Conn
		took time.Duration
	}{{name: "unnest", way: byUnnest}, {name: "copy", way: byCopy}, {name: "values", way: byRows}, {name: "batch", way: byBatch}}
	for _, instances := range batchSizes {
		b.Run(fmt.Sprint(instances*batchTimes), func(b *testing.B) {
			for k := range ways {
				ways[k].c, ways[k].took = bareConn(b, v), 0
			}
			n := 0
			for i := 0; b.Loop(); i++ {
				rows := benchRows(i, instances)
				for k := range ways {
					start := time.Now()
					if err := ways[k].way(b.Context(), ways[k].c, rows); err != nil {
						b.Fatal(err)
					}
					ways[k].took += time.Since(start)
				}
				n += len(rows)
			}
			for _, w := range ways {
				b.ReportMetric(float64(n)/w.took.Seconds(), w.name+"-rows/s")
			}
		})
	}
}

// bareConn is a connection to a schema with nothing but the table of samples.
func bareConn(b *testing.B, v *server) *pgx.Conn {
	b.Helper()
	c, err := pgx.Connect(b.Context(), v.fresh(b))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close(context.Background()) })
	if _, err := c.Exec(b.Context(), "CREATE TABLE sample (series bigint NOT NULL, at timestamptz NOT NULL, value float8 NOT NULL, PRIMARY KEY (series, at))"); err != nil {
		b.Fatal(err)
	}
	return c
}

// BenchmarkIngest measures the store against the two best bare ways, turn by turn,
// so that what else the machine does falls on all: 1 is as fast as the better.
func BenchmarkIngest(b *testing.B) {
	v := benchServer(b)
	for _, instances := range batchSizes {
		b.Run(fmt.Sprint(instances*batchTimes), func(b *testing.B) {
			s := openAt(b, v.fresh(b))
			unnest, staged := bareConn(b, v), bareConn(b, v)
			var mine, byArrays, byStaging time.Duration
			clock := func(sum *time.Duration, do func() error) {
				start := time.Now()
				if err := do(); err != nil {
					b.Fatal(err)
				}
				*sum += time.Since(start)
			}
			n := 0
			for i := 0; b.Loop(); i++ {
				samples, rows := ingestBatchOf(i, instances), benchRows(i, instances)
				clock(&mine, func() error { return s.Append(b.Context(), samples) })
				clock(&byArrays, func() error { return byUnnest(b.Context(), unnest, rows) })
				clock(&byStaging, func() error { return byCopy(b.Context(), staged, rows) })
				n += len(rows)
			}
			b.ReportMetric(min(byArrays, byStaging).Seconds()/mine.Seconds(), "store/best")
			b.ReportMetric(float64(n)/mine.Seconds(), "rows/s")
			b.ReportMetric(float64(n)/byArrays.Seconds(), "unnest-rows/s")
			b.ReportMetric(float64(n)/byStaging.Seconds(), "copy-rows/s")
		})
	}
}
