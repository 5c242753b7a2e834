package memory

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/forescale/forescale"
)

// lineKey names the demand of a service in a metric.
type lineKey struct {
	service string
	metric  forescale.Metric
}

func (a lineKey) compare(b lineKey) int {
	return cmp.Or(cmp.Compare(a.service, b.service), cmp.Compare(a.metric, b.metric))
}

// line is all that is known of one demand: minutes, hours, forecasts and how they did.
type line struct {
	lineKey
	points    []point // by time
	hours     map[int64]forescale.DemandHour
	due       map[int64]struct{} // hours whose minutes changed
	forecasts []forecast         // by issue time
	track     *forescale.Track
	tallies   map[tallyKey]forescale.Tally
	choice    *choice
}

// point is a minute of a line: it holds no words, as there are weeks of them.
type point struct {
	minute           int64
	value            float64
	reporting, ready int32
	censored         bool
}

// at is a point of the line as it is given back.
func (l *line) at(p *point) forescale.DemandPoint {
	out := forescale.DemandPoint{Service: l.service, Metric: l.metric}
	p.fill(&out)
	return out
}

// fill puts all but the words into what is given back.
func (p *point) fill(out *forescale.DemandPoint) {
	out.Time, out.Value, out.Censored = fromMinute(p.minute), p.value, p.censored
	out.Reporting, out.Ready = int(p.reporting), int(p.ready)
}

// from is the position of the first point at or after a minute.
func (l *line) from(minute int64) int {
	return searchLate(len(l.points), func(i int) bool { return l.points[i].minute >= minute })
}

// during are the points of [from, to).
func (l *line) during(from, to int64) []point {
	i := l.from(from)
	return l.points[i:max(i, l.from(to))]
}

// line is that of a key, made if it is new.
func (s *Store) line(k lineKey) *line {
	l := s.lines[k]
	if l == nil {
		l = &line{lineKey: k, hours: map[int64]forescale.DemandHour{}, due: map[int64]struct{}{}, tallies: map[tallyKey]forescale.Tally{}}
		s.lines[k] = l
		ls := append(s.ofService[k.service], l)
		slices.SortFunc(ls, func(a, b *line) int { return a.compare(b.lineKey) })
		s.ofService[k.service] = ls
	}
	return l
}

// linesOf are the lines of the named services, or of all, by service and metric.
func (s *Store) linesOf(services []string) []*line {
	var ls []*line
	if len(services) == 0 {
		for _, l := range s.lines {
			ls = append(ls, l)
		}
	}
	for i, name := range services {
		if !slices.Contains(services[:i], name) {
			ls = append(ls, s.ofService[name]...)
		}
	}
	slices.SortFunc(ls, func(a, b *line) int { return a.compare(b.lineKey) })
	return ls
}

// DirtyCells implements [store.Samples]. It remembers the mark of each cell that
// it gives out, for SaveDemand.
func (s *Store) DirtyCells(ctx context.Context, limit int) (cells []forescale.Cell, err error) {
	err = s.put(ctx, unfenced, func() {
		for c := range s.dirty {
			cells = append(cells, c)
		}
		slices.SortFunc(cells, func(a, b forescale.Cell) int {
			return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Service, b.Service))
		})
		cells = cells[:min(len(cells), max(limit, 0))]
		for _, c := range cells {
			if _, again := s.handed[c]; !again {
				s.handed[c] = s.dirty[c] // the oldest mark is the careful one
			}
		}
	})
	return cells, err
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
	return s.put(ctx, fence, func() {
		for _, w := range work {
			s.replaceDemand(w)
			for _, m := range w.minutes {
				c := forescale.Cell{Service: w.service, Time: fromMinute(m)}
				if mark, ok := s.handed[c]; !ok || s.dirty[c] == mark {
					delete(s.dirty, c)
				}
				delete(s.handed, c)
			}
		}
		if len(s.dirty) == 0 { // walking over a map takes as long as it ever was large, as after an import
			s.dirty, s.handed = map[forescale.Cell]int64{}, map[forescale.Cell]int64{}
		}
	})
}

// cellWork is what SaveDemand does for one service.
type cellWork struct {
	service string
	minutes []int64 // rising
	points  map[forescale.Metric][]point
}

// groupCells sorts cells and points by service. It refuses points outside of
// the cells, and what is no demand at all.
func groupCells(cells []forescale.Cell, points []forescale.DemandPoint) ([]*cellWork, error) {
	var work []*cellWork
	by := map[string]*cellWork{}
	for _, c := range cells {
		if !utc(c.Time).Equal(fromMinute(minuteOf(c.Time))) {
			return nil, fmt.Errorf("save demand: the cell of %s at %s does not begin at a whole minute", c.Service, c.Time)
		}
		w := by[c.Service]
		if w == nil {
			w = &cellWork{service: c.Service, points: map[forescale.Metric][]point{}}
			by[c.Service] = w
			work = append(work, w)
		}
		w.minutes = append(w.minutes, minuteOf(c.Time))
	}
	for _, w := range work {
		slices.Sort(w.minutes)
		w.minutes = slices.Compact(w.minutes)
	}
	for _, p := range points {
		m, w := minuteOf(p.Time), by[p.Service]
		if w == nil || !utc(p.Time).Equal(fromMinute(m)) {
			return nil, outside(p)
		}
		if _, in := slices.BinarySearch(w.minutes, m); !in {
			return nil, outside(p)
		}
		if math.IsNaN(p.Value) {
			return nil, fmt.Errorf("save demand: the point of %s at %s has no value; a gap has no point", p.Service, p.Time)
		}
		w.points[p.Metric] = append(w.points[p.Metric], point{m, p.Value, int32(p.Reporting), int32(p.Ready), p.Censored})
	}
	for _, w := range work {
		for metric, ps := range w.points {
			w.points[metric] = lastOfEach(ps)
		}
	}
	return work, nil
}

func outside(p forescale.DemandPoint) error {
	return fmt.Errorf("save demand: the point of %s at %s is not at the begin of one of the cells", p.Service, p.Time)
}

// lastOfEach sorts points by time and keeps, of several of one minute, the last.
func lastOfEach(ps []point) []point {
	slices.SortStableFunc(ps, func(a, b point) int { return cmp.Compare(a.minute, b.minute) })
	kept := ps[:0]
	for _, p := range ps {
		if n := len(kept); n > 0 && kept[n-1].minute == p.minute {
			kept[n-1] = p
		} else {
			kept = append(kept, p)
		}
	}
	return kept
}

// replaceDemand removes what is in the cells, in all metrics, and puts the points
// there.
func (s *Store) replaceDemand(w *cellWork) {
	if len(w.minutes) == 0 {
		return
	}
	for metric := range w.points {
		s.line(lineKey{w.service, metric})
	}
	for _, l := range s.ofService[w.service] {
		l.replace(w.minutes, w.points[l.metric])
	}
}

// replace exchanges the points of some minutes, both rising. Only what comes
// after the first of them is touched.
func (l *line) replace(minutes []int64, by []point) {
	at := l.from(minutes[0])
	tail := slices.Clone(l.points[at:])
	l.points = l.points[:at]
	for _, p := range by {
		l.due[hourOf(p.minute)] = struct{}{}
	}
	for _, old := range tail {
		for len(by) > 0 && by[0].minute < old.minute {
			l.points, by = append(l.points, by[0]), by[1:]
		}
		if _, gone := slices.BinarySearch(minutes, old.minute); gone {
			l.due[hourOf(old.minute)] = struct{}{}
			continue
		}
		l.points = append(l.points, old)
	}
	l.points = append(l.points, by...)
}

// Demand implements [store.Samples].
func (s *Store) Demand(ctx context.Context, service string, metric forescale.Metric, from, to time.Time) (out []forescale.DemandPoint, err error) {
	err = s.read(ctx, func() {
		if l := s.lines[lineKey{service, metric}]; l != nil {
			for _, p := range l.during(minuteFrom(from), minuteFrom(to)) {
				out = append(out, l.at(&p))
			}
		}
	})
	return out, err
}

// RecentDemand implements [store.Samples].
func (s *Store) RecentDemand(ctx context.Context, from time.Time, services ...string) (out []forescale.DemandPoint, err error) {
	err = s.read(ctx, func() {
		for _, l := range s.linesOf(services) {
			for _, p := range l.points[l.from(minuteFrom(from)):] {
				out = append(out, l.at(&p))
			}
		}
	})
	return out, err
}

// EachDemand implements [store.Samples].
func (s *Store) EachDemand(ctx context.Context, from, to time.Time, services []string, do func(*forescale.DemandPoint) error) error {
	return s.readOr(ctx, func() error {
		if len(services) == 0 {
			return nil
		}
		for _, l := range s.linesOf(services) {
			p := forescale.DemandPoint{Service: l.service, Metric: l.metric}
			during := l.during(minuteFrom(from), minuteFrom(to))
			for i := range during {
				during[i].fill(&p)
				if err := do(&p); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// DemandSpans implements [store.Samples].
func (s *Store) DemandSpans(ctx context.Context, services ...string) (out []forescale.DemandSpan, err error) {
	err = s.read(ctx, func() {
		for _, l := range s.linesOf(services) {
			if n := len(l.points); n > 0 {
				out = append(out, forescale.DemandSpan{Service: l.service, Metric: l.metric,
					First: fromMinute(l.points[0].minute), Last: fromMinute(l.points[n-1].minute), Points: int64(n)})
			}
		}
	})
	return out, err
}
