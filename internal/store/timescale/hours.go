package timescale

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
)

// hoursAtOnce bounds the hours that one transaction rolls up.
const hoursAtOnce = 5000

// hourKey is one hour of a line.
type hourKey struct {
	line int64
	at   time.Time
}

// hourOf is the hour that t lies in, hourFrom the first that begins at or after t.
func hourOf(t time.Time) time.Time { return utc(t).Truncate(forescale.HourStep) }
func hourFrom(t time.Time) time.Time {
	return hourOf(utc(t).Add(forescale.HourStep - time.Millisecond))
}

// queueDue notes that minutes of the hours changed. TimescaleDB notes that itself.
// Whoever does so, and whoever rolls up, holds the lines.
func (t *tx) queueDue(b *pgx.Batch, hours map[hourKey]struct{}) {
	if t.s.extension != "" || len(hours) == 0 {
		return
	}
	keys := slices.Collect(maps.Keys(hours))
	b.Queue("INSERT INTO hours_due (line, hour) SELECT * FROM unnest($1::bigint[], $2::timestamptz[]) ON CONFLICT DO NOTHING",
		column(keys, func(k hourKey) int64 { return k.line }), column(keys, func(k hourKey) time.Time { return k.at }))
}

const (
	finalHour = "(SELECT value::timestamptz FROM meta WHERE key = 'hours_final')"
	movedHour = "(SELECT value::timestamptz FROM meta WHERE key = 'hours_moved')"
)

// hoursOf is the query for the hours of a line from $1 on and before $2. What is due
// is worked out while it is read, so hours never differ from their minutes. TimescaleDB
// does so for the newest hours; those that are final, and those that were rolled up
// before it came, are in the table.
func (s *Store) hoursOf(line string) string {
	ofTable := `SELECT hour, mean, least, most, points, saturated FROM hours AS h
			WHERE line = ` + line + ` AND hour >= $1 AND hour < $2`
	if s.extension != "" {
		return ofTable + ` AND hour < ` + movedHour + `
		UNION ALL
		SELECT hour, mean, least, most, points, saturated FROM demand_hour
			WHERE line = ` + line + ` AND hour >= $1 AND hour < $2 AND hour >= ` + movedHour
	}
	return ofTable + ` AND NOT EXISTS (SELECT FROM hours_due AS d WHERE d.line = h.line AND d.hour = h.hour AND d.hour >= ` + finalHour + `)
		UNION ALL
		SELECT due.hour, v.* FROM hours_due AS due CROSS JOIN LATERAL (
				SELECT avg(value), min(value), max(value), count(*), count(*) FILTER (WHERE censored) FROM demand
				WHERE line = due.line AND minute >= due.hour AND minute < due.hour + INTERVAL '1 hour' HAVING count(*) > 0) AS v
			WHERE line = ` + line + ` AND hour >= $1 AND hour < $2 AND hour >= ` + finalHour
}

// DemandHours implements [store.Samples].
func (s *Store) DemandHours(ctx context.Context, service string, metric forescale.Metric, from, to time.Time) ([]forescale.DemandHour, error) {
	return list(ctx, s, "read demand by the hour", func(r row) (forescale.DemandHour, error) {
		h, err := scanHour(r)
		h.Service, h.Metric = service, metric
		return h, err
	}, s.hoursOf("(SELECT id FROM line WHERE service = $3 AND metric = $4)")+" ORDER BY 1", hourFrom(from), hourFrom(to), service, string(metric))
}

// HoursOf implements [store.Samples].
func (s *Store) HoursOf(ctx context.Context, from, to time.Time, services []string) ([]forescale.DemandHour, error) {
	if len(services) == 0 {
		return nil, ctx.Err()
	}
	return list(ctx, s, "read the demand of several services by the hour", func(r row) (h forescale.DemandHour, err error) {
		var service string
		var metric forescale.Metric
		h, err = scanHour(r, &service, &metric)
		h.Service, h.Metric = service, metric
		return h, err
	}, `SELECT v.*, service, metric FROM line AS l CROSS JOIN LATERAL (`+s.hoursOf("l.id")+`) AS v
		WHERE service = ANY ($3::text[]) ORDER BY service, metric, hour`, hourFrom(from), hourFrom(to), services)
}

// scanHour reads an hour, and what comes after it.
func scanHour(r row, more ...any) (h forescale.DemandHour, err error) {
	var saturated int
	err = r.Scan(append([]any{&h.Time, &h.Mean, &h.Least, &h.Most, &h.Points, &saturated}, more...)...)
	h.Time, h.Saturated = h.Time.UTC(), float64(saturated)/float64(max(h.Points, 1))
	return h, err
}

// RollUp implements [store.Samples].
func (s *Store) RollUp(ctx context.Context) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	return s.fault("roll up demand", s.rollUp(ctx))
}

// rollUp works off what is due: on TimescaleDB the hours that are over by the
// clock of the database.
func (s *Store) rollUp(ctx context.Context) error {
	if s.extension != "" {
		return s.refreshHours(ctx)
	}
	for {
		var n int
		err := s.transact(ctx, func(ctx context.Context, t *tx) (err error) {
			n, err = t.rollUp(ctx)
			return err
		})
		if err != nil || n < hoursAtOnce {
			return err
		}
	}
}

// rollUp works out the first hours that are due anew; one without points goes. It
// holds the lines, as those do that change minutes: what changed by then is seen
// by the statements that follow, and what changes later is due again.
func (t *tx) rollUp(ctx context.Context) (int, error) {
	scan := func(r row) (k hourKey, err error) { return k, r.Scan(&k.line, &k.at) }
	hours, err := readAll(ctx, t, scan, "SELECT line, hour FROM hours_due ORDER BY line, hour LIMIT $1", hoursAtOnce)
	if err != nil || len(hours) == 0 {
		return 0, err
	}
	lines, at := column(hours, func(k hourKey) int64 { return k.line }), column(hours, func(k hourKey) time.Time { return k.at })
	const open = `(SELECT line, hour FROM unnest($1::bigint[], $2::timestamptz[]) AS given (line, hour) WHERE hour >= ` + finalHour + `)`
	b := &pgx.Batch{}
	b.Queue("SELECT FROM line WHERE id = ANY ($1::bigint[]) ORDER BY id FOR UPDATE", lines)
	b.Queue(`DELETE FROM hours_due AS d USING unnest($1::bigint[], $2::timestamptz[]) AS given (line, hour)
		WHERE d.line = given.line AND d.hour = given.hour`, lines, at)
	b.Queue("DELETE FROM hours AS h USING "+open+" AS due WHERE h.line = due.line AND h.hour = due.hour", lines, at)
	b.Queue(`INSERT INTO hours (line, hour, mean, least, most, points, saturated)
		SELECT due.line, due.hour, v.* FROM `+open+` AS due CROSS JOIN LATERAL (
			SELECT avg(value), min(value), max(value), count(*), count(*) FILTER (WHERE censored) FROM demand
			WHERE line = due.line AND minute >= due.hour AND minute < due.hour + INTERVAL '1 hour' HAVING count(*) > 0) AS v`, lines, at)
	return len(hours), t.SendBatch(ctx, b).Close()
}

// refreshHours has TimescaleDB work off what it noted. It is one call however
// much is due: what did not change costs nothing. It never goes back to final hours,
// whose minutes may be gone.
func (s *Store) refreshHours(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var final *time.Time
	var now time.Time
	if err := s.pool.QueryRow(ctx, "SELECT nullif(value::timestamptz, '-infinity'), now() FROM meta WHERE key = 'hours_final'").Scan(&final, &now); err != nil {
		return err
	}
	to := hourOf(now)
	from := "NULL"
	if final != nil {
		if !final.Before(to) {
			return nil
		}
		from = "'" + final.UTC().Format(time.RFC3339) + "'::timestamptz"
	}
	_, err := s.pool.Exec(ctx, "CALL "+s.functions+"refresh_continuous_aggregate('demand_hour', "+from+", '"+to.Format(time.RFC3339)+"'::timestamptz)", pgx.QueryExecModeExec)
	return err
}

// finish makes the hours final that minutes will be taken away from. With
// TimescaleDB they move out of the aggregate, which would go on to show minutes
// that come later.
func (s *Store) finish(ctx context.Context, old store.Cutoffs) error {
	from := old.FinalFrom()
	if from.IsZero() {
		return nil
	}
	if s.extension == "" {
		if err := s.rollUp(ctx); err != nil {
			return err
		}
	}
	return s.transact(ctx, func(ctx context.Context, t *tx) error {
		b := &pgx.Batch{}
		if s.extension != "" {
			b.Queue(`INSERT INTO hours (line, hour, mean, least, most, points, saturated)
				SELECT line, date_trunc('hour', minute, 'UTC'), avg(value), min(value), max(value), count(*), count(*) FILTER (WHERE censored)
				FROM demand WHERE minute >= `+finalHour+` AND minute < $1 GROUP BY 1, 2`, from)
			b.Queue("UPDATE meta SET value = $2 WHERE key = 'hours_moved' AND value::timestamptz < $1", from, from.Format(time.RFC3339))
		}
		b.Queue("UPDATE meta SET value = $2 WHERE key = 'hours_final' AND value::timestamptz < $1", from, from.Format(time.RFC3339))
		return t.SendBatch(ctx, b).Close()
	})
}
