package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/forescale/forescale"
)

// Append implements [store.Samples].
func (s *Store) Append(ctx context.Context, samples []forescale.Sample) error {
	if len(samples) == 0 {
		return ctx.Err()
	}
	return s.write(ctx, "append samples", func(t *tx) error { return t.append(samples) })
}

// ImportProgress implements [store.Samples].
func (s *Store) ImportProgress(ctx context.Context, fingerprint string) (int64, error) {
	return first(ctx, s, "read the import's progress", nil, scanInt,
		"SELECT done FROM import WHERE fingerprint = ?", fingerprint)
}

// AppendImport implements [store.Samples].
func (s *Store) AppendImport(ctx context.Context, fingerprint string, rows int64, samples []forescale.Sample) error {
	return s.write(ctx, "import samples", func(t *tx) error {
		if err := t.append(samples); err != nil {
			return err
		}
		return t.exec("INSERT INTO import VALUES (?, ?) ON CONFLICT (fingerprint) DO UPDATE SET done = excluded.done", fingerprint, rows)
	})
}

func scanInt(r row) (n int64, err error) { return n, r.Scan(&n) }

// sampleRow is a sample as stored.
type sampleRow struct {
	series, at int64
	value      float64
}

var insertSamples = &bulk{
	head:    "INSERT INTO sample (series, at, value)",
	columns: 3,
	tail:    "ON CONFLICT (series, at) DO UPDATE SET value = excluded.value",
}

// append writes samples in the order of the tree that they go to, which touches
// each page once, and marks their cells.
func (t *tx) append(samples []forescale.Sample) error {
	rows := make([]sampleRow, len(samples))
	cells := map[cellKey]struct{}{}
	var last struct { // samples of one series often stand together
		key  seriesKey
		id   int64
		cell cellKey
	}
	for i, sample := range samples {
		if math.IsNaN(sample.Value) {
			return fmt.Errorf("sample %d of %s has no value", i, sample.Subject.Name)
		}
		key := seriesKey{sample.Subject, sample.Metric}
		if i == 0 || key != last.key {
			id, err := t.seriesID(key)
			if err != nil {
				return err
			}
			last.key, last.id = key, id
		}
		rows[i] = sampleRow{last.id, ms(sample.Time), sample.Value}
		if marksCell(sample) {
			if cell := (cellKey{minuteOf(sample.Time), sample.Subject.Service}); cell != last.cell {
				last.cell = cell
				cells[cell] = struct{}{}
			}
		}
	}
	slices.SortStableFunc(rows, func(a, b sampleRow) int {
		return cmp.Or(cmp.Compare(a.series, b.series), cmp.Compare(a.at, b.at))
	})
	if err := t.insert(insertSamples, len(rows), func(to []any, i int) {
		to[0], to[1], to[2] = rows[i].series, rows[i].at, rows[i].value
	}); err != nil {
		return err
	}
	return t.markDirty(cells)
}

// marksCell reports whether demand has to be worked out anew for the sample.
func marksCell(s forescale.Sample) bool {
	if s.Subject.Service == "" || s.Subject.Kind == forescale.KindNode {
		return false
	}
	return s.Metric == forescale.MetricDemand || slices.Contains(forescale.ServiceMetrics, s.Metric)
}

// cellKey is a [forescale.Cell] as stored.
type cellKey struct {
	minute  int64
	service string
}

var insertDirty = &bulk{
	head:    "INSERT INTO dirty (minute, service, mark)",
	columns: 3,
	tail:    "ON CONFLICT (minute, service) DO UPDATE SET mark = excluded.mark",
}

func (t *tx) markDirty(cells map[cellKey]struct{}) error {
	keys := make([]cellKey, 0, len(cells))
	for c := range cells {
		keys = append(keys, c)
	}
	slices.SortFunc(keys, func(a, b cellKey) int {
		return cmp.Or(cmp.Compare(a.minute, b.minute), strings.Compare(a.service, b.service))
	})
	mark := rand.Int64N(1 << 47) // six bytes: two commits share a mark once in 10^14
	return t.insert(insertDirty, len(keys), func(to []any, i int) {
		to[0], to[1], to[2] = keys[i].minute, keys[i].service, mark
	})
}

// selectSamples walks the series and enters each at the time asked for. CROSS
// keeps this order: left to itself, SQLite reads every sample there is when the
// question names times alone, as that of each round does.
const selectSamples = `SELECT kind, name, service, metric, at, value FROM series CROSS JOIN sample ON sample.series = series.id`

// Samples implements [store.Samples].
func (s *Store) Samples(ctx context.Context, q forescale.SampleQuery) ([]forescale.Sample, error) {
	var w where
	w.equal("kind", string(q.Kind))
	w.equal("name", q.Name)
	w.equal("service", q.Service)
	w.equal("metric", string(q.Metric))
	w.from("at", q.From)
	w.to("at", q.To)
	query := selectSamples + w.String() + ` ORDER BY at, kind, name, service, metric` + w.limit(q.Limit)
	return list(ctx, s, "read samples", scanSample, query, w.args...)
}

func scanSample(r row) (s forescale.Sample, err error) {
	var at int64
	err = r.Scan(&s.Subject.Kind, &s.Subject.Name, &s.Subject.Service, &s.Metric, &at, &s.Value)
	s.Time = fromMS(at)
	return s, err
}

// LastSamples implements [store.Samples]. The newest sample of a series is one
// step down its tree, so this costs by the number of series, not of samples.
func (s *Store) LastSamples(ctx context.Context, services ...string) (map[string]time.Time, error) {
	var w where
	w.add("service <> '' AND kind <> 'node'")
	w.among("service", services)
	nodes := `
		UNION ALL
		SELECT 'node/' || name, max((SELECT max(at) FROM sample WHERE series = id)) AS newest
		  FROM series WHERE kind = 'node' GROUP BY name HAVING newest IS NOT NULL`
	if len(services) > 0 {
		nodes = ""
	}
	type last struct {
		name string
		at   int64
	}
	ls, err := list(ctx, s, "read the newest samples", func(r row) (l last, err error) {
		return l, r.Scan(&l.name, &l.at)
	}, `SELECT service, max((SELECT max(at) FROM sample WHERE series = id)) AS newest
		  FROM series`+w.String()+` GROUP BY service HAVING newest IS NOT NULL`+nodes, w.args...)
	if err != nil {
		return nil, err
	}
	m := make(map[string]time.Time, len(ls))
	for _, l := range ls {
		m[l.name] = fromMS(l.at)
	}
	return m, nil
}
