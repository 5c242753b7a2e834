package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/forescale/forescale"
)

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
		for minutes, part := range together(work) {
			if err := t.replaceDemand(minutes, part); err != nil {
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

// together gives services whose cells are of the same minutes as one, as those of
// a round are.
func together(work []cellWork) iter.Seq2[[]int64, []cellWork] {
	return func(yield func([]int64, []cellWork) bool) {
		rest := slices.Clone(work)
		slices.SortStableFunc(rest, func(a, b cellWork) int { return slices.Compare(a.minutes, b.minutes) })
		for len(rest) > 0 {
			n := 1
			for n < len(rest) && slices.Equal(rest[n].minutes, rest[0].minutes) {
				n++
			}
			if !yield(rest[0].minutes, rest[:n]) {
				return
			}
			rest = rest[n:]
		}
	}
}

// lineMinute is a point's place.
type lineMinute struct{ line, minute int64 }

// replaceDemand writes the points of cells that are of the same minutes, in all
// metrics, removes what else is in them, and keeps each line's count of points. The
// number of its statements, but for inserts, does not depend on that of services.
func (t *tx) replaceDemand(minutes []int64, work []cellWork) error {
	lines, err := t.lines(work)
	if err != nil {
		return err
	}
	rows, err := t.demandRows(work, lines)
	if err != nil {
		return err
	}
	old, err := t.pointsIn(minutes, lines)
	if err != nil {
		return err
	}
	change := map[int64]int64{} // points by line
	touched := map[int64]map[int64]bool{}
	touch := func(at lineMinute) {
		h := hourOf(at.minute)
		if touched[h] == nil {
			touched[h] = map[int64]bool{}
		}
		touched[h][at.line] = true
	}
	for _, r := range rows {
		at := lineMinute{r.line, r.minute}
		touch(at)
		if old[at] {
			delete(old, at)
		} else {
			change[r.line]++
		}
	}
	for at := range old { // no points any more
		touch(at)
		change[at.line]--
		if err := t.exec("DELETE FROM demand WHERE line = ? AND minute = ?", at.line, at.minute); err != nil {
			return err
		}
	}
	if err := t.insert(insertDemand, len(rows), func(to []any, i int) {
		r := rows[i]
		to[0], to[1], to[2], to[3], to[4], to[5] = r.line, r.minute, r.Value, r.Censored, r.Reporting, r.Ready
	}); err != nil {
		return err
	}
	if err := t.countPoints(change); err != nil {
		return err
	}
	return t.markHours(touched)
}

// pointsIn are the places of the points that the lines have in the minutes.
func (t *tx) pointsIn(minutes []int64, lines map[lineKey]int64) (map[lineMinute]bool, error) {
	there := make(map[lineMinute]bool, len(lines))
	ids := idsOf(maps.Values(lines))
	for _, r := range runs(minutes) {
		if err := t.each(func(r row) error {
			var at lineMinute
			err := r.Scan(&at.line, &at.minute)
			there[at] = true
			return err
		}, "SELECT line, minute FROM demand WHERE line IN (SELECT value FROM json_each(?)) AND minute BETWEEN ? AND ?", ids, r.first, r.last); err != nil {
			return nil, err
		}
	}
	return there, nil
}

// countPoints adds to the counts of lines, those that change alike at once.
func (t *tx) countPoints(change map[int64]int64) error {
	alike := map[int64][]int64{}
	for line, n := range change {
		if n != 0 {
			alike[n] = append(alike[n], line)
		}
	}
	for n, lines := range alike {
		if err := t.exec("UPDATE line SET points = points + ? WHERE id IN (SELECT value FROM json_each(?))", n, idsOf(slices.Values(lines))); err != nil {
			return err
		}
	}
	return nil
}

// idsOf is a list of ids as one argument.
func idsOf(ids iter.Seq[int64]) string {
	b := []byte{'['}
	for id := range ids {
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, id, 10)
	}
	return string(append(b, ']'))
}

type demandRow struct {
	line, minute int64
	forescale.DemandPoint
}

// demandRows are the points as stored, one for each line and minute: of several,
// the last one given. Lines that are new are made.
func (t *tx) demandRows(work []cellWork, lines map[lineKey]int64) ([]demandRow, error) {
	n := 0
	for _, w := range work {
		n += len(w.points)
	}
	rows := make([]demandRow, 0, n)
	for _, w := range work {
		for _, p := range w.points {
			k := lineKey{p.Service, p.Metric}
			id, ok := lines[k]
			if !ok {
				var err error
				if id, err = t.makeLine(p.Service, p.Metric); err != nil {
					return nil, err
				}
				lines[k] = id
			}
			rows = append(rows, demandRow{id, minuteOf(p.Time), p})
		}
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
	type handing struct {
		minute, mark int64
		handed       bool // else whatever its mark
	}
	var done []cellKey
	alike := map[handing][]string{} // services
	for _, w := range work {
		for _, m := range w.minutes {
			k := cellKey{m, w.service}
			mark, handed := h.handed[k]
			alike[handing{m, mark, handed}] = append(alike[handing{m, mark, handed}], w.service)
			done = append(done, k)
		}
	}
	for a, services := range alike {
		var err error
		if a.handed {
			err = t.exec("DELETE FROM dirty WHERE minute = ? AND service IN (SELECT value FROM json_each(?)) AND mark = ?", a.minute, namesOf(services), a.mark)
		} else {
			err = t.exec("DELETE FROM dirty WHERE minute = ? AND service IN (SELECT value FROM json_each(?))", a.minute, namesOf(services))
		}
		if err != nil {
			return err
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

// lineKey names a line.
type lineKey struct {
	service string
	metric  forescale.Metric
}

// lines are the ids of the services' lines.
func (t *tx) lines(work []cellWork) (map[lineKey]int64, error) {
	names := make([]string, len(work))
	for i, w := range work {
		names[i] = w.service
	}
	ids := make(map[lineKey]int64, len(work))
	return ids, t.each(func(r row) error {
		var service, metric string
		var id int64
		err := r.Scan(&service, &metric, &id)
		ids[lineKey{service, forescale.Metric(metric)}] = id
		return err
	}, "SELECT service, metric, id FROM line WHERE service IN (SELECT value FROM json_each(?))", namesOf(names))
}

// makeLine is the id of a line, made if it is new.
func (t *tx) makeLine(service string, metric forescale.Metric) (id int64, err error) {
	err = t.one("SELECT id FROM line WHERE service = ? AND metric = ?", service, string(metric)).Scan(&id)
	if nothingThere(err) {
		err = t.one("INSERT INTO line (service, metric) VALUES (?, ?) RETURNING id", service, string(metric)).Scan(&id)
	}
	return id, err
}
