package sqlite

import (
	"context"
	"maps"
	"strconv"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
)

// hoursAtOnce bounds the hours that one transaction rolls up.
const hoursAtOnce = 2000

// markHours notes that minutes of these hours changed, of these lines.
func (t *tx) markHours(hours map[int64]map[int64]bool) error {
	for h, lines := range hours {
		if err := t.exec("INSERT OR IGNORE INTO hours_due (line, hour) SELECT value, ? FROM json_each(?)", h, idsOf(maps.Keys(lines))); err != nil {
			return err
		}
	}
	return nil
}

const finalHour = "(SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'hours_final')"

// DemandHours implements [store.Samples]. What is due is worked out while it is
// read, so hours never differ from their minutes.
func (s *Store) DemandHours(ctx context.Context, service string, metric forescale.Metric, from, to time.Time) ([]forescale.DemandHour, error) {
	return list(ctx, s, "read demand by the hour", func(r row) (h forescale.DemandHour, err error) {
		var hour, saturated int64
		err = r.Scan(&hour, &h.Mean, &h.Least, &h.Most, &h.Points, &saturated)
		h.Service, h.Metric, h.Time = service, metric, fromHour(hour)
		h.Saturated = float64(saturated) / float64(max(h.Points, 1))
		return h, err
	}, `WITH l AS (SELECT id FROM line WHERE service = ?1 AND metric = ?2),
			due AS MATERIALIZED (SELECT line, hour FROM hours_due WHERE line = (SELECT id FROM l) AND hour >= max(?3, `+finalHour+`) AND hour < ?4)
		SELECT hour, mean, least, most, points, saturated FROM hours
			WHERE line = (SELECT id FROM l) AND hour >= ?3 AND hour < ?4 AND (line, hour) NOT IN (SELECT line, hour FROM due)
		UNION ALL
		SELECT due.hour, avg(value), min(value), max(value), count(*), sum(censored) FROM due
			JOIN demand AS d ON d.line = due.line AND d.minute >= due.hour * 60 AND d.minute < due.hour * 60 + 60 GROUP BY due.hour
		ORDER BY 1`, service, string(metric), hourFrom(from), hourFrom(to))
}

// HoursOf implements [store.Samples].
func (s *Store) HoursOf(ctx context.Context, from, to time.Time, services []string) ([]forescale.DemandHour, error) {
	return list(ctx, s, "read the demand of several services by the hour", func(r row) (h forescale.DemandHour, err error) {
		var hour, saturated int64
		err = r.Scan(&h.Service, &h.Metric, &hour, &h.Mean, &h.Least, &h.Most, &h.Points, &saturated)
		h.Time, h.Saturated = fromHour(hour), float64(saturated)/float64(max(h.Points, 1))
		return h, err
	}, `WITH l AS MATERIALIZED (SELECT id, service, metric FROM line WHERE service IN (SELECT value FROM json_each(?1))),
			due AS MATERIALIZED (SELECT line, hour FROM l JOIN hours_due ON line = id WHERE hour >= max(?2, `+finalHour+`) AND hour < ?3)
		SELECT service, metric, hour, mean, least, most, points, saturated FROM l JOIN hours ON line = id
			WHERE hour >= ?2 AND hour < ?3 AND (line, hour) NOT IN (SELECT line, hour FROM due)
		UNION ALL
		SELECT service, metric, due.hour, avg(value), min(value), max(value), count(*), sum(censored) FROM due JOIN l ON l.id = due.line
			JOIN demand AS d ON d.line = due.line AND d.minute >= due.hour * 60 AND d.minute < due.hour * 60 + 60 GROUP BY due.line, due.hour
		ORDER BY 1, 2, 3`, namesOf(services), hourFrom(from), hourFrom(to))
}

// RollUp implements [store.Samples].
func (s *Store) RollUp(ctx context.Context) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	return s.fault("roll up demand", s.rollUp(ctx))
}

// rollUp works off what is due in bounded bites.
func (s *Store) rollUp(ctx context.Context) error {
	for {
		var n int64
		err := s.writer.transact(ctx, func(t *tx) (err error) {
			n, err = t.rollUp()
			return err
		})
		if err != nil || n < hoursAtOnce {
			return err
		}
	}
}

// rollUp works out the first hours that are due anew; one without points goes.
func (t *tx) rollUp() (int64, error) {
	const due = "(SELECT line, hour FROM hours_due ORDER BY line, hour LIMIT ?1)"
	const open = " WHERE hour >= " + finalHour
	if err := t.exec("DELETE FROM hours WHERE (line, hour) IN (SELECT line, hour FROM "+due+open+")", hoursAtOnce); err != nil {
		return 0, err
	}
	if err := t.exec(`INSERT INTO hours (line, hour, mean, least, most, points, saturated)
		SELECT due.line, due.hour, avg(value), min(value), max(value), count(*), sum(censored) FROM (SELECT line, hour FROM `+due+open+`) AS due
			JOIN demand AS d ON d.line = due.line AND d.minute >= due.hour * 60 AND d.minute < due.hour * 60 + 60
			GROUP BY due.line, due.hour`, hoursAtOnce); err != nil {
		return 0, err
	}
	return t.changed("DELETE FROM hours_due WHERE (line, hour) IN "+due, hoursAtOnce)
}

// finish makes the hours final that minutes will be taken away from.
func (s *Store) finish(ctx context.Context, old store.Cutoffs) error {
	from := old.FinalFrom()
	if from.IsZero() {
		return nil
	}
	if err := s.rollUp(ctx); err != nil {
		return err
	}
	h := hourFrom(from)
	return s.writer.transact(ctx, func(t *tx) error {
		return t.exec("UPDATE meta SET value = ?2 WHERE key = 'hours_final' AND CAST(value AS INTEGER) < ?1", h, strconv.FormatInt(h, 10))
	})
}
