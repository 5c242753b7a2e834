package timescale

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/forescale/forescale"
)

// Append implements [store.Samples].
func (s *Store) Append(ctx context.Context, samples []forescale.Sample) error {
	if len(samples) == 0 {
		return ctx.Err()
	}
	return s.write(ctx, "append samples", func(ctx context.Context, t *tx) error { return t.append(ctx, samples) })
}

// ImportProgress implements [store.Samples].
func (s *Store) ImportProgress(ctx context.Context, fingerprint string) (int64, error) {
	return first(ctx, s, "read the import's progress", nil, scanInt,
		"SELECT done FROM import WHERE fingerprint = $1", fingerprint)
}

// AppendImport implements [store.Samples].
func (s *Store) AppendImport(ctx context.Context, fingerprint string, rows int64, samples []forescale.Sample) error {
	return s.write(ctx, "import samples", func(ctx context.Context, t *tx) error {
		if err := t.append(ctx, samples); err != nil {
			return err
		}
		return t.exec(ctx, "INSERT INTO import VALUES ($1, $2) ON CONFLICT (fingerprint) DO UPDATE SET done = excluded.done", fingerprint, rows)
	})
}

// sampleRow is a sample as stored.
type sampleRow struct {
	series int64
	ms     int64 // since 1970
	value  float64
	place  int // among those given
}

func (r sampleRow) at() time.Time { return time.UnixMilli(r.ms).UTC() }

// insertSamples takes whole columns: one statement of three arrays, whatever the
// number of rows. See BenchmarkWays for what it was measured against.
const insertSamples = `INSERT INTO sample (series, at, value)
	SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::float8[])
	ON CONFLICT (series, at) DO UPDATE SET value = excluded.value`

const insertDirty = `INSERT INTO dirty (minute, service, mark)
	SELECT minute, service, $3 FROM unnest($1::timestamptz[], $2::text[]) AS given (minute, service)
	ON CONFLICT (minute, service) DO UPDATE SET mark = excluded.mark`

// append writes samples in the order of their index, which touches each page
// once and never deadlocks with another append, and marks their cells.
func (t *tx) append(ctx context.Context, samples []forescale.Sample) error {
	for i, s := range samples {
		if math.IsNaN(s.Value) {
			return fmt.Errorf("sample %d of %s has no value", i, s.Subject.Name)
		}
	}
	epoch, err := t.shareNames(ctx)
	if err != nil || len(samples) == 0 {
		return err
	}
	keys := map[seriesKey]struct{}{}
	for i, s := range samples {
		if i == 0 || s.Subject != samples[i-1].Subject || s.Metric != samples[i-1].Metric {
			keys[seriesKey{s.Subject, s.Metric}] = struct{}{}
		}
	}
	ids, err := t.seriesIDs(ctx, epoch, keys)
	if err != nil {
		return err
	}
	rows := sampleRows(samples, ids)
	b := &pgx.Batch{}
	b.Queue(insertSamples, column(rows, func(r sampleRow) int64 { return r.series }),
		column(rows, sampleRow.at), column(rows, func(r sampleRow) float64 { return r.value }))
	if cells := cellsOf(samples); len(cells) > 0 {
		b.Queue(insertDirty, column(cells, func(c forescale.Cell) time.Time { return c.Time }),
			column(cells, func(c forescale.Cell) string { return c.Service }), rand.Int64()) // two commits share a mark once in 10^18
	}
	return t.SendBatch(ctx, b).Close()
}

// shareNames keeps series and lines from being deleted until the commit, and
// gives the epoch of the ids.
func (t *tx) shareNames(ctx context.Context) (epoch string, err error) {
	b := &pgx.Batch{}
	b.Queue("SELECT pg_advisory_xact_lock_shared($1::int, "+lockKey+")", lockNames)
	b.Queue("SELECT value FROM meta WHERE key = 'series_epoch'").QueryRow(func(r pgx.Row) error { return r.Scan(&epoch) })
	return epoch, t.SendBatch(ctx, b).Close()
}

// sampleRows are the samples as stored, one for each series and time: of
// several, the last one given.
func sampleRows(samples []forescale.Sample, ids map[seriesKey]int64) []sampleRow {
	rows := make([]sampleRow, len(samples))
	var last seriesKey // samples of one series often stand together
	var id int64
	for i, s := range samples {
		if key := (seriesKey{s.Subject, s.Metric}); i == 0 || key != last {
			last, id = key, ids[key]
		}
		rows[i] = sampleRow{id, utc(s.Time).UnixMilli(), s.Value, i}
	}
	// Numbers alone, and no stable sort, which took a third of an append.
	slices.SortFunc(rows, func(a, b sampleRow) int {
		switch {
		case a.series != b.series:
			return cmp.Compare(a.series, b.series)
		case a.ms != b.ms:
			return cmp.Compare(a.ms, b.ms)
		}
		return a.place - b.place
	})
	n := 0
	for i, r := range rows {
		if i+1 < len(rows) && rows[i+1].series == r.series && rows[i+1].ms == r.ms {
			continue
		}
		rows[n] = r
		n++
	}
	return rows[:n]
}

// cellsOf are the cells that the samples mark, by time and service.
func cellsOf(samples []forescale.Sample) []forescale.Cell {
	in := map[forescale.Cell]struct{}{}
	var last forescale.Cell
	for _, s := range samples {
		if !marksCell(s) {
			continue
		}
		if c := (forescale.Cell{Service: s.Subject.Service, Time: minuteOf(s.Time)}); c != last {
			last = c
			in[c] = struct{}{}
		}
	}
	cells := make([]forescale.Cell, 0, len(in))
	for c := range in {
		cells = append(cells, c)
	}
	slices.SortFunc(cells, func(a, b forescale.Cell) int {
		return cmp.Or(a.Time.Compare(b.Time), strings.Compare(a.Service, b.Service))
	})
	return cells
}

// marksCell reports whether demand has to be worked out anew for the sample.
func marksCell(s forescale.Sample) bool {
	if s.Subject.Service == "" || s.Subject.Kind == forescale.KindNode {
		return false
	}
	return s.Metric == forescale.MetricDemand || slices.Contains(forescale.ServiceMetrics, s.Metric)
}

// Samples implements [store.Samples]. It walks the series and enters each at the
// time asked for; OFFSET 0 keeps this order: left to itself, PostgreSQL reads
// every sample there is when the question names times alone, as that of each
// round does.
func (s *Store) Samples(ctx context.Context, q forescale.SampleQuery) ([]forescale.Sample, error) {
	var w, during where
	w.equal("kind", string(q.Kind))
	w.equal("name", q.Name)
	w.equal("service", q.Service)
	w.equal("metric", string(q.Metric))
	during.args = w.args
	during.add("series = s.id")
	during.from("at", q.From)
	during.to("at", q.To)
	query := `SELECT kind, name, service, metric, at, value FROM series AS s
		CROSS JOIN LATERAL (SELECT at, value FROM sample` + during.String() + ` OFFSET 0) AS v` +
		w.String() + ` ORDER BY at, kind, name, service, metric` + during.limit(q.Limit)
	return list(ctx, s, "read samples", scanSample, query, during.args...)
}

func scanSample(r row) (s forescale.Sample, err error) {
	err = r.Scan(&s.Subject.Kind, &s.Subject.Name, &s.Subject.Service, &s.Metric, &s.Time, &s.Value)
	s.Time = s.Time.UTC()
	return s, err
}

// LastSamples implements [store.Samples]. The newest sample of a series is one
// step down its index, so this costs by the number of series, not of samples. It is
// planned anew each time: a plan that was kept from when the table was empty reads
// all samples for each series, which took 40 s for ten thousand.
func (s *Store) LastSamples(ctx context.Context, services ...string) (map[string]time.Time, error) {
	var w where
	if w.among("service", services); len(services) > 0 {
		w.add("kind <> 'node'")
	} else {
		w.add("(kind = 'node' OR service <> '')")
	}
	type last struct {
		name string
		at   time.Time
	}
	ls, err := list(ctx, s, "read the newest samples", func(r row) (l last, err error) {
		return l, r.Scan(&l.name, &l.at)
	}, `SELECT CASE kind WHEN 'node' THEN 'node/' || name ELSE service END AS who, max(newest)
		FROM series AS s CROSS JOIN LATERAL (SELECT at AS newest FROM sample WHERE series = s.id ORDER BY at DESC LIMIT 1) AS v`+
		w.String()+" GROUP BY 1", append([]any{pgx.QueryExecModeExec}, w.args...)...)
	if err != nil {
		return nil, err
	}
	m := make(map[string]time.Time, len(ls))
	for _, l := range ls {
		m[l.name] = l.at.UTC()
	}
	return m, nil
}
