package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

const (
	batchInstances = 100
	batchTimes     = 10
)

var benchStart = time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)

// ingestBatch is batch n of an endless stream: 100 instances of 10 services
// report 10 times, a second apart.
func ingestBatch(n int) []forescale.Sample {
	samples := make([]forescale.Sample, 0, batchInstances*batchTimes)
	for k := range batchTimes {
		at := benchStart.Add(time.Duration(n*batchTimes+k) * time.Second)
		for i := range batchInstances {
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

func batches(n int) [][]forescale.Sample {
	bs := make([][]forescale.Sample, n)
	for i := range bs {
		bs[i] = ingestBatch(i)
	}
	return bs
}

// bareLoop is what the store is measured against: nothing but prepared inserts
// of many rows into the same table, in transactions of a batch each, with the
// same durability. The rows are at hand, with ids and in the order of the tree.
type bareLoop struct {
	db   *sql.DB
	conn *sql.Conn
	stmt *sql.Stmt
	args []any
}

const bareRows = 20 // to a statement: the fastest of 8, 20, 40, 60, 100, 250 and 1000

func openBare(tb testing.TB, path string) *bareLoop {
	tb.Helper()
	ctx := context.Background()
	s := &Store{path: path, options: options{driver: defaultDriver(), durable: true}}
	c := s.connector(writing)
	c.dsn = strings.Replace(c.dsn, "mode=rw", "mode=rwc", 1)
	b := &bareLoop{db: sql.OpenDB(c)}
	b.db.SetMaxOpenConns(1)
	var err error
	if b.conn, err = b.db.Conn(ctx); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { b.conn.Close(); b.db.Close() })
	if _, err := b.conn.ExecContext(ctx, "CREATE TABLE sample (series INTEGER NOT NULL, at INTEGER NOT NULL, value REAL NOT NULL, PRIMARY KEY (series, at)) STRICT, WITHOUT ROWID"); err != nil {
		tb.Fatal(err)
	}
	if b.stmt, err = b.conn.PrepareContext(ctx, "INSERT INTO sample VALUES (?,?,?)"+strings.Repeat(",(?,?,?)", bareRows-1)); err != nil {
		tb.Fatal(err)
	}
	return b
}

func (b *bareLoop) append(rows []sampleRow) error {
	ctx := context.Background()
	tx, err := b.conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	st := tx.StmtContext(ctx, b.stmt)
	for chunk := range slices.Chunk(rows, bareRows) {
		b.args = b.args[:0]
		for _, r := range chunk {
			b.args = append(b.args, r.series, r.at, r.value)
		}
		if _, err := st.ExecContext(ctx, b.args...); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func bareRowsOf(samples []forescale.Sample, ids map[forescale.Subject]int64) []sampleRow {
	rows := make([]sampleRow, len(samples))
	for i, s := range samples {
		id, ok := ids[s.Subject]
		if !ok {
			id = int64(len(ids) + 1)
			ids[s.Subject] = id
		}
		rows[i] = sampleRow{id, ms(s.Time), s.Value}
	}
	slices.SortFunc(rows, func(a, b sampleRow) int {
		return cmp.Or(cmp.Compare(a.series, b.series), cmp.Compare(a.at, b.at))
	})
	return rows
}

// BenchmarkIngest measures durable batches of 1,000 samples.
func BenchmarkIngest(b *testing.B) {
	perRow := func(b *testing.B) {
		b.ReportMetric(float64(b.N*batchInstances*batchTimes)/b.Elapsed().Seconds(), "rows/s")
	}
	b.Run("store", func(b *testing.B) {
		s := openIn(b, b.TempDir())
		work := batches(b.N)
		b.ResetTimer()
		for _, w := range work {
			if err := s.Append(b.Context(), w); err != nil {
				b.Fatal(err)
			}
		}
		perRow(b)
	})
	b.Run("bare", func(b *testing.B) {
		loop := openBare(b, filepath.Join(b.TempDir(), "bare.db"))
		ids := map[forescale.Subject]int64{}
		var work [][]sampleRow
		for _, w := range batches(b.N) {
			work = append(work, bareRowsOf(w, ids))
		}
		b.ResetTimer()
		for _, w := range work {
			if err := loop.append(w); err != nil {
				b.Fatal(err)
			}
		}
		perRow(b)
	})
	b.Run("ratio", benchmarkRatio)
}

// benchmarkRatio runs both side by side, turn by turn, so that what else the
// machine does falls on both, and reports how fast the store is against the
// bare loop: 1 is as fast.
func benchmarkRatio(b *testing.B) {
	dir := b.TempDir()
	s := openIn(b, dir)
	loop := openBare(b, filepath.Join(dir, "bare.db"))
	ids := map[forescale.Subject]int64{}
	var mine, bare []time.Duration
	for i := 0; b.Loop(); i++ {
		samples := ingestBatch(i)
		rows := bareRowsOf(samples, ids)
		start := time.Now()
		if err := s.Append(b.Context(), samples); err != nil {
			b.Fatal(err)
		}
		mid := time.Now()
		if err := loop.append(rows); err != nil {
			b.Fatal(err)
		}
		mine, bare = append(mine, mid.Sub(start)), append(bare, time.Since(mid))
	}
	b.ReportMetric(total(bare)/total(mine), "store/bare")
	b.ReportMetric(median(bare)/median(mine), "store/bare-median")
}

func total(ds []time.Duration) (sum float64) {
	for _, d := range ds {
		sum += d.Seconds()
	}
	return sum
}

func median(ds []time.Duration) float64 {
	ds = slices.Sorted(slices.Values(ds))
	return ds[len(ds)/2].Seconds()
}
