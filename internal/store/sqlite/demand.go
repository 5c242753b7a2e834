package sqlite

import (
	"context"
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
func (s *Store) EachDemand(ctx context.Context, from, to time.Time, services []string, do func(*forescale.DemandPoint) error) error {
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
		return do(&p)
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
