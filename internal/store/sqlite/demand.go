package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/forescale/forescale"
)

// handedCell is a cell that DirtyCells gave out.
type handedCell = cellKey

// DirtyCells implements [store.Samples]. It remembers the mark of each cell that
// it gives out, for SaveDemand.
func (s *Store) DirtyCells(ctx context.Context, limit int) ([]forescale.Cell, error) {
	type marked struct {
		cellKey
		mark int64
	}
	ms, err := list(ctx, s, "read the cells to work out", func(r row) (m marked, err error) {
		return m, r.Scan(&m.minute, &m.service, &m.mark)
	}, "SELECT minute, service, mark FROM dirty ORDER BY minute, service LIMIT ?", max(limit, 0))
	if err != nil || len(ms) == 0 {
		return nil, err
	}
	cells := make([]forescale.Cell, len(ms))
	s.writer.handedLock.Lock()
	defer s.writer.handedLock.Unlock()
	for i, m := range ms {
		cells[i] = forescale.Cell{Service: m.service, Time: fromMinute(m.minute)}
		if _, again := s.writer.handed[m.cellKey]; !again {
			s.writer.handed[m.cellKey] = m.mark // the oldest mark is the careful one
		}
	}
	return cells, nil
}

// SaveDemand implements [store.Samples].
func (s *Store) SaveDemand(ctx context.Context, cells []forescale.Cell, points []forescale.DemandPoint) error {
	return s.saveDemand(ctx, unfenced, cells, points)
}

func (s *Store) saveDemand(ctx context.Context, fence int64, cells []forescale.Cell, points []forescale.DemandPoint) error {
	work, err := groupCells(cells, points)
	if err != nil {
		return err
	}
	if len(work) == 0 {
		return ctx.Err()
	}
	return s.writeUnder(ctx, fence, "save demand", func(t *tx) error {
		for _, w := range work {
			if err := t.replaceDemand(w); err != nil {
				return err
			}
		}
		return t.cleanCells(work)
	})
}

// cellWork is what SaveDemand does for one service.
type cellWork struct {
	service string
	minutes []int64 // rising
	points  []forescale.DemandPoint
}

// groupCells sorts cells and points by service. It refuses points outside of
// the cells, and what is no demand at all.
func groupCells(cells []forescale.Cell, points []forescale.DemandPoint) ([]cellWork, error) {
	by := map[string]*cellWork{}
	in := make(map[cellKey]bool, len(cells))
	for _, c := range cells {
		k := cellKey{minuteOf(c.Time), c.Service}
		if !utc(c.Time).Equal(fromMinute(k.minute)) {
			return nil, fmt.Errorf("save demand: the cell of %s at %s does not begin at a whole minute", c.Service, c.Time)
		}
		if in[k] {
			continue
		}
		in[k] = true
		w := by[c.Service]
		if w == nil {
			w = &cellWork{service: c.Service}
			by[c.Service] = w
		}
		w.minutes = append(w.minutes, k.minute)
	}
	for _, p := range points {
		if k := (cellKey{minuteOf(p.Time), p.Service}); !in[k] || !utc(p.Time).Equal(fromMinute(k.minute)) {
			return nil, fmt.Errorf("save demand: the point of %s at %s is not at the begin of one of the cells", p.Service, p.Time)
		}
		if math.IsNaN(p.Value) {
			return nil, fmt.Errorf("save demand: the point of %s at %s has no value; a gap has no point", p.Service, p.Time)
		}
		by[p.Service].points = append(by[p.Service].points, p)
	}
	work := make([]cellWork, 0, len(by))
	for _, w := range by {
		slices.Sort(w.minutes)
		work = append(work, *w)
	}
	slices.SortFunc(work, func(a, b cellWork) int { return strings.Compare(a.service, b.service) })
	return work, nil
}

var insertDemand = &bulk{
	head:    "INSERT INTO demand (line, minute, value, censored, reporting, ready)",
	columns: 6,
	tail:    "ON CONFLICT (line, minute) DO UPDATE SET value = excluded.value, censored = excluded.censored, reporting = excluded.reporting, ready = excluded.ready",
}

// replaceDemand removes what is in the cells, in all metrics, then writes the
// points, and keeps each line's count of points.
func (t *tx) replaceDemand(w cellWork) error {
	lines, err := t.lines(w.service)
	if err != nil {
		return err
	}
	change := map[int64]int64{} // points by line
	hours := map[int64]map[int64]struct{}{}
	touch := func(line, first, last int64) {
		if hours[line] == nil {
			hours[line] = map[int64]struct{}{}
		}
		for h := hourOf(first); h <= hourOf(last); h++ {
			hours[line][h] = struct{}{}
		}
	}
	for _, id := range lines {
		for _, r := range runs(w.minutes) {
			n, err := t.changed("DELETE FROM demand WHERE line = ? AND minute BETWEEN ? AND ?", id, r.first, r.last)
			if err != nil {
				return err
			}
			if change[id] -= n; n > 0 {
				touch(id, r.first, r.last)
			}
		}
	}
	rows, err := t.demandRows(w, lines)
	if err != nil {
		return err
	}
	for _, r := range rows {
		change[r.line]++
		touch(r.line, r.minute, r.minute)
	}
	if err := t.insert(insertDemand, len(rows), func(to []any, i int) {
		r := rows[i]
		to[0], to[1], to[2], to[3], to[4], to[5] = r.line, r.minute, r.Value, r.Censored, r.Reporting, r.Ready
	}); err != nil {
		return err
	}
	for id, n := range change {
		if n != 0 {
			if err := t.exec("UPDATE line SET points = points + ? WHERE id = ?", n, id); err != nil {
				return err
			}
		}
	}
	for id, hs := range hours {
		if err := t.markHours(id, hs); err != nil {
			return err
		}
	}
	return nil
}

type demandRow struct {
	line, minute int64
	forescale.DemandPoint
}

// demandRows are the points as stored, one for each line and minute: of several,
// the last one given.
func (t *tx) demandRows(w cellWork, lines map[forescale.Metric]int64) ([]demandRow, error) {
	rows := make([]demandRow, 0, len(w.points))
	for _, p := range w.points {
		id, ok := lines[p.Metric]
		if !ok {
			var err error
			if id, err = t.makeLine(p.Service, p.Metric); err != nil {
				return nil, err
			}
			lines[p.Metric] = id
		}
		rows = append(rows, demandRow{id, minuteOf(p.Time), p})
	}
	slices.SortStableFunc(rows, func(a, b demandRow) int {
		return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.minute, b.minute))
	})
	slices.Reverse(rows) // so that compacting keeps the last
	rows = slices.CompactFunc(rows, func(a, b demandRow) bool { return a.line == b.line && a.minute == b.minute })
	slices.Reverse(rows)
	return rows, nil
}

// run is a stretch of minutes without a hole.
type run struct{ first, last int64 }

// runs joins rising minutes into stretches.
func runs(minutes []int64) []run {
	var rs []run
	for _, m := range minutes {
		if n := len(rs); n > 0 && rs[n-1].last+1 == m {
			rs[n-1].last = m
		} else {
			rs = append(rs, run{m, m})
		}
	}
	return rs
}

// cleanCells takes the cells off the list, but for those that were marked again
// after DirtyCells gave them out.
func (t *tx) cleanCells(work []cellWork) error {
	h := t.w
	h.handedLock.Lock()
	defer h.handedLock.Unlock()
	var done []cellKey
	for _, w := range work {
		for _, m := range w.minutes {
			k := cellKey{m, w.service}
			var err error
			if mark, ok := h.handed[k]; ok {
				err = t.exec("DELETE FROM dirty WHERE minute = ? AND service = ? AND mark = ?", m, w.service, mark)
			} else {
				err = t.exec("DELETE FROM dirty WHERE minute = ? AND service = ?", m, w.service)
			}
			if err != nil {
				return err
			}
			done = append(done, k)
		}
	}
	t.onCommit = append(t.onCommit, func() {
		h.handedLock.Lock()
		defer h.handedLock.Unlock()
		for _, k := range done {
			delete(h.handed, k)
		}
	})
	return nil
}

// lines are the ids of a service's lines, by metric.
func (t *tx) lines(service string) (map[forescale.Metric]int64, error) {
	ids := map[forescale.Metric]int64{}
	return ids, t.each(func(r row) error {
		var m forescale.Metric
		var id int64
		err := r.Scan(&m, &id)
		ids[m] = id
		return err
	}, "SELECT metric, id FROM line WHERE service = ?", service)
}

// makeLine is the id of a line, made if it is new.
func (t *tx) makeLine(service string, metric forescale.Metric) (id int64, err error) {
	err = t.one("SELECT id FROM line WHERE service = ? AND metric = ?", service, string(metric)).Scan(&id)
	if nothingThere(err) {
		err = t.one("INSERT INTO line (service, metric) VALUES (?, ?) RETURNING id", service, string(metric)).Scan(&id)
	}
	return id, err
}

const selectDemand = `SELECT service, metric, minute, value, censored, reporting, ready FROM line JOIN demand ON demand.line = line.id`

func scanDemand(r row) (p forescale.DemandPoint, err error) {
	var minute int64
	err = r.Scan(&p.Service, &p.Metric, &minute, &p.Value, &p.Censored, &p.Reporting, &p.Ready)
	p.Time = fromMinute(minute)
	return p, err
}

// Demand implements [store.Samples].
func (s *Store) Demand(ctx context.Context, service string, metric forescale.Metric, from, to time.Time) ([]forescale.DemandPoint, error) {
	return list(ctx, s, "read demand", scanDemand,
		selectDemand+" WHERE service = ? AND metric = ? AND minute >= ? AND minute < ? ORDER BY minute",
		service, string(metric), minuteFrom(from), minuteFrom(to))
}

// RecentDemand implements [store.Samples]. The lines are walked in the order of
// their index and each is entered at from, so nothing older is touched and
// nothing is sorted.
func (s *Store) RecentDemand(ctx context.Context, from time.Time, services ...string) ([]forescale.DemandPoint, error) {
	var w where
	w.add("minute >= ?", minuteFrom(from))
	w.among("service", services)
	return list(ctx, s, "read recent demand", scanDemand, selectDemand+w.String()+" ORDER BY service, metric, minute", w.args...)
}

// EachDemand implements [store.Samples].
func (s *Store) EachDemand(ctx context.Context, from, to time.Time, services []string, do func(forescale.DemandPoint) error) error {
	if len(services) == 0 {
		return ctx.Err()
	}
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	var w where
	w.among("service", services)
	w.add("minute >= ?", minuteFrom(from))
	w.add("minute < ?", minuteFrom(to))
	return s.fault("read the demand of several services", readEach(ctx, s.reader, func(r row) error {
		p, err := scanDemand(r)
		if err != nil {
			return err
		}
		return do(p)
	}, selectDemand+w.String()+" ORDER BY service, metric, minute", w.args...))
}

// DemandSpans implements [store.Samples].
func (s *Store) DemandSpans(ctx context.Context, services ...string) ([]forescale.DemandSpan, error) {
	var w where
	w.add("points > 0")
	w.among("service", services)
	return list(ctx, s, "read the spans of demand", func(r row) (d forescale.DemandSpan, err error) {
		var first, last int64
		err = r.Scan(&d.Service, &d.Metric, &first, &last, &d.Points)
		d.First, d.Last = fromMinute(first), fromMinute(last)
		return d, err
	}, `SELECT service, metric, (SELECT min(minute) FROM demand WHERE line = id),
		(SELECT max(minute) FROM demand WHERE line = id), points
		FROM line`+w.String()+" ORDER BY service, metric", w.args...)
}
