package timescale

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/forescale/forescale"
)

// handed is the mark of each cell that DirtyCells gave out.
type handed struct {
	mu    sync.Mutex
	marks map[forescale.Cell]int64
}

// remember keeps a mark; of several, the oldest is the careful one.
func (h *handed) remember(c forescale.Cell, mark int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.marks == nil {
		h.marks = map[forescale.Cell]int64{}
	}
	if _, again := h.marks[c]; !again {
		h.marks[c] = mark
	}
}

// of is the marks of cells, nil for those that were not given out.
func (h *handed) of(cells []forescale.Cell) []*int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return column(cells, func(c forescale.Cell) *int64 {
		if mark, ok := h.marks[c]; ok {
			return &mark
		}
		return nil
	})
}

func (h *handed) forget(cells []forescale.Cell) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range cells {
		delete(h.marks, c)
	}
}

// DirtyCells implements [store.Samples]. It remembers the mark of each cell that
// it gives out, for SaveDemand.
func (s *Store) DirtyCells(ctx context.Context, limit int) ([]forescale.Cell, error) {
	return list(ctx, s, "read the cells to work out", func(r row) (c forescale.Cell, err error) {
		var mark int64
		err = r.Scan(&c.Time, &c.Service, &mark)
		c.Time = c.Time.UTC()
		if err == nil {
			s.handed.remember(c, mark)
		}
		return c, err
	}, "SELECT minute, service, mark FROM dirty ORDER BY minute, service LIMIT $1", max(limit, 0))
}

// SaveDemand implements [store.Samples].
func (s *Store) SaveDemand(ctx context.Context, cells []forescale.Cell, points []forescale.DemandPoint) error {
	return s.saveDemand(ctx, unfenced, cells, points)
}

func (s *Store) saveDemand(ctx context.Context, fence int64, cells []forescale.Cell, points []forescale.DemandPoint) error {
	cells, points, err := checkDemand(cells, points)
	if err != nil {
		return err
	}
	if len(cells) == 0 {
		return ctx.Err()
	}
	return s.writeUnder(ctx, fence, "save demand", func(ctx context.Context, t *tx) error {
		if err := t.replaceDemand(ctx, cells, points); err != nil {
			return err
		}
		return t.cleanCells(ctx, cells)
	})
}

// checkDemand gives cells and points as stored, each once. It refuses points
// outside of the cells, and what is no demand at all.
func checkDemand(cells []forescale.Cell, points []forescale.DemandPoint) ([]forescale.Cell, []forescale.DemandPoint, error) {
	in := make(map[forescale.Cell]bool, len(cells))
	var each []forescale.Cell
	for _, c := range cells {
		if !utc(c.Time).Equal(minuteOf(c.Time)) {
			return nil, nil, fmt.Errorf("save demand: the cell of %s at %s does not begin at a whole minute", c.Service, c.Time)
		}
		if c.Time = utc(c.Time); !in[c] {
			in[c] = true
			each = append(each, c)
		}
	}
	slices.SortFunc(each, func(a, b forescale.Cell) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Service, b.Service))
	})
	points = slices.Clone(points)
	for i, p := range points {
		if points[i].Time = utc(p.Time); !in[forescale.Cell{Service: p.Service, Time: points[i].Time}] {
			return nil, nil, fmt.Errorf("save demand: the point of %s at %s is not at the begin of one of the cells", p.Service, p.Time)
		}
		if math.IsNaN(p.Value) {
			return nil, nil, fmt.Errorf("save demand: the point of %s at %s has no value; a gap has no point", p.Service, p.Time)
		}
	}
	return each, lastOf(points, func(p forescale.DemandPoint) pointKey { return pointKey{lineOf(p), p.Time} }), nil
}

type pointKey struct {
	lineKey
	at time.Time
}

func lineOf(p forescale.DemandPoint) lineKey { return lineKey{p.Service, p.Metric} }

// replaceDemand removes what is in the cells, in all metrics, then writes the
// points, and keeps each line's count of points. The lines are held meanwhile,
// so that two servers that do the same minute do not count it twice.
func (t *tx) replaceDemand(ctx context.Context, cells []forescale.Cell, points []forescale.DemandPoint) error {
	if _, err := t.shareNames(ctx); err != nil {
		return err
	}
	if _, err := t.makeLines(ctx, column(points, lineOf)); err != nil {
		return err
	}
	services := column(cells, func(c forescale.Cell) string { return c.Service })
	slices.Sort(services)
	lines, err := t.linesOf(ctx, slices.Compact(services))
	if err != nil {
		return err
	}
	change, hours, err := t.deleteDemand(ctx, cells)
	if err != nil {
		return err
	}
	for _, p := range points {
		line := lines[lineOf(p)]
		change[line]++
		hours[hourKey{line, hourOf(p.Time)}] = struct{}{}
	}
	b := &pgx.Batch{}
	queueDemand(b, lines, points)
	queueCounts(b, change)
	t.queueDue(b, hours)
	return t.SendBatch(ctx, b).Close()
}

// deleteDemand empties the cells, and tells how each line's count changes by it,
// and in which hours.
func (t *tx) deleteDemand(ctx context.Context, cells []forescale.Cell) (change map[int64]int64, hours map[hourKey]struct{}, err error) {
	change, hours = map[int64]int64{}, map[hourKey]struct{}{}
	type gone struct {
		line, n int64
		hour    time.Time
	}
	rows, err := readAll(ctx, t, func(r row) (g gone, err error) { return g, r.Scan(&g.line, &g.hour, &g.n) },
		`WITH cell AS MATERIALIZED (SELECT l.id, c.minute FROM unnest($1::timestamptz[], $2::text[]) AS c (minute, service)
				JOIN line AS l ON l.service = c.service),
			gone AS (DELETE FROM demand AS d USING cell WHERE d.line = cell.id AND d.minute = cell.minute RETURNING d.line, d.minute)
		SELECT line, date_trunc('hour', minute, 'UTC'), count(*) FROM gone GROUP BY 1, 2`,
		column(cells, func(c forescale.Cell) time.Time { return c.Time }), column(cells, func(c forescale.Cell) string { return c.Service }))
	for _, g := range rows {
		change[g.line] -= g.n
		hours[hourKey{g.line, g.hour.UTC()}] = struct{}{}
	}
	return change, hours, err
}

func queueDemand(b *pgx.Batch, lines map[lineKey]int64, points []forescale.DemandPoint) {
	if len(points) == 0 {
		return
	}
	b.Queue(`INSERT INTO demand (line, minute, value, censored, reporting, ready)
		SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::float8[], $4::bool[], $5::int[], $6::int[])`,
		column(points, func(p forescale.DemandPoint) int64 { return lines[lineOf(p)] }),
		column(points, func(p forescale.DemandPoint) time.Time { return p.Time }),
		column(points, func(p forescale.DemandPoint) float64 { return p.Value }),
		column(points, func(p forescale.DemandPoint) bool { return p.Censored }),
		column(points, func(p forescale.DemandPoint) int32 { return int32(p.Reporting) }),
		column(points, func(p forescale.DemandPoint) int32 { return int32(p.Ready) }))
}

func queueCounts(b *pgx.Batch, change map[int64]int64) {
	var ids, ns []int64
	for id, n := range change {
		if n != 0 {
			ids, ns = append(ids, id), append(ns, n)
		}
	}
	if len(ids) > 0 {
		b.Queue("UPDATE line SET points = points + c.n FROM unnest($1::bigint[], $2::bigint[]) AS c (id, n) WHERE line.id = c.id", ids, ns)
	}
}

// cleanCells takes the cells off the list, but for those that were marked again
// after DirtyCells gave them out.
func (t *tx) cleanCells(ctx context.Context, cells []forescale.Cell) error {
	t.onCommit = append(t.onCommit, func() { t.s.handed.forget(cells) })
	return t.exec(ctx, `WITH held AS MATERIALIZED (SELECT d.minute, d.service, d.mark, c.mark AS handed
			FROM unnest($1::timestamptz[], $2::text[], $3::bigint[]) AS c (minute, service, mark)
			JOIN dirty AS d ON d.minute = c.minute AND d.service = c.service ORDER BY d.minute, d.service FOR UPDATE OF d)
		DELETE FROM dirty AS d USING held AS h
		WHERE d.minute = h.minute AND d.service = h.service AND (h.handed IS NULL OR d.mark = h.handed)`,
		column(cells, func(c forescale.Cell) time.Time { return c.Time }),
		column(cells, func(c forescale.Cell) string { return c.Service }), t.s.handed.of(cells))
}

func scanDemand(r row) (p forescale.DemandPoint, err error) {
	err = r.Scan(&p.Service, &p.Metric, &p.Time, &p.Value, &p.Censored, &p.Reporting, &p.Ready)
	p.Time = p.Time.UTC()
	return p, err
}

// Demand implements [store.Samples]. What is the same in each of the many rows is
// not sent with it.
func (s *Store) Demand(ctx context.Context, service string, metric forescale.Metric, from, to time.Time) ([]forescale.DemandPoint, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	if err := ctx.Err(); err != nil {
		return nil, s.fault("read demand", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, readTime, errSlow)
	defer cancel()
	rows, err := s.pool.Query(ctx, `SELECT minute, value, censored, reporting, ready FROM demand
		WHERE line = `+lineID+` AND minute >= $3 AND minute < $4 ORDER BY minute`,
		service, string(metric), minuteFrom(from), minuteFrom(to))
	if err != nil {
		return nil, s.fault("read demand", withCause(ctx, err))
	}
	ps, err := collectDemand(rows, service, metric, to.Sub(from))
	return ps, s.fault("read demand", withCause(ctx, err))
}

const lineID = "(SELECT id FROM line WHERE service = $1 AND metric = $2)"

// mostAhead bounds the points that memory is taken for before they are there.
const mostAhead = 28 * 24 * time.Hour

// collectDemand reads minute, value, censored, reporting and ready of each row, into
// a list that was made for them: growing it took a third of the time.
func collectDemand(rows pgx.Rows, service string, metric forescale.Metric, during time.Duration) ([]forescale.DemandPoint, error) {
	defer rows.Close()
	read := readerOf(rows)
	var ps []forescale.DemandPoint
	for rows.Next() {
		if ps == nil {
			ps = make([]forescale.DemandPoint, 0, max(0, min(during, mostAhead))/forescale.DemandStep+1)
		}
		p, _, err := read()
		if err != nil {
			return nil, err
		}
		p.Service, p.Metric = service, metric
		ps = append(ps, p)
	}
	return ps, rows.Err()
}

// RecentDemand implements [store.Samples]. The lines are walked in the order of
// their index and each is entered at from, so nothing older is touched.
func (s *Store) RecentDemand(ctx context.Context, from time.Time, services ...string) ([]forescale.DemandPoint, error) {
	w := where{args: []any{minuteFrom(from)}}
	w.among("service", services)
	return list(ctx, s, "read recent demand", scanDemand,
		`SELECT service, metric, minute, value, censored, reporting, ready FROM line AS l
			CROSS JOIN LATERAL (SELECT * FROM demand WHERE line = l.id AND minute >= $1 OFFSET 0) AS d`+
			w.String()+` ORDER BY service, metric, minute`, w.args...)
}

// EachDemand implements [store.Samples] in two queries: the names of the lines are
// not sent with each of their points.
func (s *Store) EachDemand(ctx context.Context, from, to time.Time, services []string, do func(*forescale.DemandPoint) error) error {
	if len(services) == 0 {
		return ctx.Err()
	}
	const doing = "read the demand of several services"
	type named struct {
		lineKey
		id int64
	}
	lines, err := list(ctx, s, doing, func(r row) (l named, err error) { return l, r.Scan(&l.id, &l.service, &l.metric) },
		"SELECT id, service, metric FROM line WHERE service = ANY ($1::text[]) ORDER BY service, metric", services)
	if err != nil || len(lines) == 0 {
		return err
	}
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	ctx, cancel := context.WithTimeoutCause(ctx, readTime, errSlow)
	defer cancel()
	rows, err := s.pool.Query(ctx, `SELECT minute, value, censored, reporting, ready, place
		FROM unnest($1::bigint[]) WITH ORDINALITY AS l (id, place) CROSS JOIN LATERAL
			(SELECT * FROM demand WHERE line = l.id AND minute >= $2 AND minute < $3 ORDER BY minute OFFSET 0) AS d`,
		column(lines, func(l named) int64 { return l.id }), minuteFrom(from), minuteFrom(to))
	if err != nil {
		return s.fault(doing, withCause(ctx, err))
	}
	defer rows.Close()
	read := readerOf(rows)
	for rows.Next() {
		p, place, err := read()
		if err != nil {
			return s.fault(doing, withCause(ctx, err))
		}
		l := lines[place-1]
		p.Service, p.Metric = l.service, l.metric
		if err := do(&p); err != nil {
			return err
		}
	}
	return s.fault(doing, withCause(ctx, rows.Err()))
}

// readerOf reads minute, value, censored, reporting, ready, and a place if it is
// there, of the present row. Scanning each of forty thousand rows by itself took
// most of the time: what comes in PostgreSQL's binary form is read as it lies there.
func readerOf(rows pgx.Rows) func() (p forescale.DemandPoint, place int64, err error) {
	fields := rows.FieldDescriptions()
	binaryRows := !slices.ContainsFunc(fields, func(f pgconn.FieldDescription) bool { return f.Format != pgx.BinaryFormatCode })
	return func() (p forescale.DemandPoint, place int64, err error) {
		v := rows.RawValues()
		if !binaryRows {
			to := []any{&p.Time, &p.Value, &p.Censored, &p.Reporting, &p.Ready, &place}
			err = rows.Scan(to[:len(v)]...)
			p.Time = p.Time.UTC()
			return p, place, err
		}
		p.Time = fromBinary(v[0])
		p.Value = math.Float64frombits(binary.BigEndian.Uint64(v[1]))
		p.Censored = v[2][0] != 0
		p.Reporting = int(int32(binary.BigEndian.Uint32(v[3])))
		p.Ready = int(int32(binary.BigEndian.Uint32(v[4])))
		if len(v) > 5 {
			place = int64(binary.BigEndian.Uint64(v[5]))
		}
		return p, place, nil
	}
}

// DemandSpans implements [store.Samples].
func (s *Store) DemandSpans(ctx context.Context, services ...string) ([]forescale.DemandSpan, error) {
	return list(ctx, s, "read the spans of demand", func(r row) (d forescale.DemandSpan, err error) {
		err = r.Scan(&d.Service, &d.Metric, &d.First, &d.Last, &d.Points)
		d.First, d.Last = d.First.UTC(), d.Last.UTC()
		return d, err
	}, `SELECT service, metric, (SELECT min(minute) FROM demand WHERE line = id),
		(SELECT max(minute) FROM demand WHERE line = id), points
		FROM line WHERE points > 0 AND ($1::text[] IS NULL OR service = ANY ($1)) ORDER BY service, metric`, services)
}
