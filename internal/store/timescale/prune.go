package timescale

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/forescale/forescale/internal/money"
	"github.com/forescale/forescale/internal/store"
)

// bite is how many rows one transaction of Prune deletes at most: locks and the
// log of a bite stay small.
const bite = 10_000

// Prune implements [store.Samples]. Each bite is a commit of its own: after an
// error, what was deleted before stays deleted and is counted.
func (s *Store) Prune(ctx context.Context, old store.Cutoffs) (int64, error) {
	if err := s.enter(); err != nil {
		return 0, err
	}
	defer s.leave()
	if err := s.finish(ctx, old); err != nil {
		return 0, s.fault("delete what is old", err)
	}
	var total int64
	for _, level := range []struct {
		cut   time.Time
		prune func(context.Context, time.Time) (int64, error)
	}{
		{old.Samples, s.pruneSamples}, {old.Minutes, s.pruneDemand}, {old.Minutes, s.pruneCapacities}, {old.Hours, s.pruneHours}, {old.Decisions, s.pruneRows},
		{old.Samples, s.pruneDirty},
	} {
		if level.cut.IsZero() {
			continue
		}
		n, err := level.prune(ctx, level.cut)
		total += n
		if err != nil {
			return total, s.fault("delete what is old", err)
		}
	}
	if err := s.pruneMoney(ctx, old.Decisions); err != nil {
		return total, s.fault("delete what is old", err)
	}
	if err := s.pruneMoved(ctx); err != nil {
		return total, s.fault("delete what is old", err)
	}
	return total, s.fault("delete what is old", s.pruneNames(ctx))
}

// pruneSamples goes from series to series by the index: their samples lie all
// over the table.
func (s *Store) pruneSamples(ctx context.Context, before time.Time) (int64, error) {
	dropped, after, err := s.dropChunks(ctx, sampleChunks, utc(before))
	if err != nil {
		return dropped, err
	}
	n, err := s.eat(ctx, `DELETE FROM sample WHERE (series, at) IN (SELECT v.series, v.at FROM series AS s
		CROSS JOIN LATERAL (SELECT series, at FROM sample WHERE series = s.id AND at < $1 AND at >= $3 ORDER BY at LIMIT $2) AS v LIMIT $2)
		AND at < $1 AND at >= $3`, utc(before), bite, after)
	return dropped + n, err
}

func (s *Store) pruneDemand(ctx context.Context, before time.Time) (int64, error) {
	dropped, after, err := s.dropChunks(ctx, demandChunks, minuteFrom(before))
	if err != nil {
		return dropped, err
	}
	n, err := s.eat(ctx, `WITH gone AS (DELETE FROM demand WHERE (line, minute) IN (SELECT v.line, v.minute FROM line AS l
			CROSS JOIN LATERAL (SELECT line, minute FROM demand WHERE line = l.id AND minute < $1 AND minute >= $3 ORDER BY minute LIMIT $2) AS v LIMIT $2)
			AND minute < $1 AND minute >= $3 RETURNING line),
		each AS (SELECT line, count(*) AS n FROM gone GROUP BY line),
		counted AS (UPDATE line SET points = points - each.n FROM each WHERE line.id = each.line)
		SELECT FROM gone`, minuteFrom(before), bite, after)
	return dropped + n, err
}

// pruneHours deletes the hours that were over by then. They are final, so they
// are in the table.
func (s *Store) pruneHours(ctx context.Context, before time.Time) (int64, error) {
	return s.eat(ctx, "DELETE FROM hours WHERE (line, hour) IN (SELECT line, hour FROM hours WHERE hour < $1 LIMIT $2)", hourOf(before), bite)
}

// pruneMoved deletes what the aggregate still holds of hours that moved out of
// it. Nobody sees that any more, so it does not count.
func (s *Store) pruneMoved(ctx context.Context) error {
	if s.extension == "" {
		return nil
	}
	behind, err := readAll(ctx, s.pool, scanText, `SELECT format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name)
		FROM timescaledb_information.continuous_aggregates WHERE view_name = 'demand_hour' AND view_schema = current_schema()`)
	if err != nil {
		return err
	}
	for _, table := range behind {
		if _, err := s.eat(ctx, "DELETE FROM "+table+" WHERE (line, hour) IN (SELECT line, hour FROM "+table+" WHERE hour < "+movedHour+" LIMIT $1) AND hour < "+movedHour, bite); err != nil {
			return err
		}
	}
	return nil
}

// Rows that go when they are before $1, at most $2 at a time. A service's newest
// decision goes last, and a pending one not at all: it is still to be done.
var oldRows = []string{
	`DELETE FROM instance WHERE id IN (SELECT id FROM instance WHERE ended < $1 LIMIT $2)`,
	`DELETE FROM forecast WHERE (line, issued) IN (SELECT line, issued FROM forecast WHERE issued < $1 LIMIT $2)`,
	`DELETE FROM event WHERE name IN (SELECT name FROM event WHERE until < $1 LIMIT $2)`,
	`DELETE FROM tally WHERE (line, day, lead, model) IN (SELECT line, day, lead, model FROM tally
		WHERE (day + 1) * 86400 <= floor(extract(epoch FROM $1::timestamptz)) LIMIT $2)`,
	`DELETE FROM elasticity WHERE (service, day) IN (SELECT service, day FROM elasticity
		WHERE (day + 1) * 86400 <= floor(extract(epoch FROM $1::timestamptz)) LIMIT $2)`,
	`DELETE FROM track WHERE line IN (SELECT line FROM track WHERE until < $1 LIMIT $2)`,
	`DELETE FROM choice WHERE line IN (SELECT line FROM choice WHERE issued < $1 LIMIT $2)`,
	`DELETE FROM plan WHERE service IN (SELECT service FROM plan WHERE made_at < $1 LIMIT $2)`,
	`DELETE FROM decision WHERE seq IN (SELECT seq FROM decision AS d
		WHERE at < $1 AND last_at < $1 AND outcome <> 'pending' AND (NOT newest OR
		NOT EXISTS (SELECT 1 FROM decision WHERE service = d.service AND seq < d.seq)) LIMIT $2)`,
	`DELETE FROM warmup WHERE instance IN (SELECT instance FROM warmup WHERE at < $1 LIMIT $2)`,
	`DELETE FROM cooldown WHERE instance IN (SELECT instance FROM cooldown WHERE at < $1 LIMIT $2)`,
	`DELETE FROM learned WHERE (service, kind) IN (SELECT service, kind FROM learned WHERE at < $1 LIMIT $2)`,
	`DELETE FROM node_life WHERE node IN (SELECT node FROM node_life WHERE ended < $1 LIMIT $2)`,
	`DELETE FROM node_plan WHERE one IN (SELECT one FROM node_plan WHERE made_at < $1 LIMIT $2)`,
	`DELETE FROM instance_use WHERE (service, type) IN (SELECT service, type FROM instance_use WHERE at < $1 LIMIT $2)`,
	`DELETE FROM run WHERE id IN (SELECT id FROM run WHERE started_at < $1 LIMIT $2)`,
}

func (s *Store) pruneRows(ctx context.Context, before time.Time) (total int64, err error) {
	for _, query := range oldRows {
		n, err := s.eat(ctx, query, utc(before), bite)
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// pruneCapacities deletes old ones but for the newest of a service.
func (s *Store) pruneCapacities(ctx context.Context, before time.Time) (int64, error) {
	return s.eat(ctx, `DELETE FROM capacity WHERE (service, since) IN (SELECT service, since FROM capacity AS c
		WHERE at < $1 AND EXISTS (SELECT 1 FROM capacity WHERE service = c.service AND since > c.since) LIMIT $2)`, utc(before), bite)
}

// pruneDirty forgets cells whose samples are gone. It is our book-keeping, so it
// does not count.
func (s *Store) pruneDirty(ctx context.Context, before time.Time) (int64, error) {
	_, err := s.eat(ctx, `DELETE FROM dirty WHERE (minute, service) IN
		(SELECT minute, service FROM dirty WHERE minute < $1 LIMIT $2)`, minuteFrom(before), bite)
	return 0, err
}

// pruneMoney forgets the bills of instances that are gone, and the sums of old
// months. It is our book-keeping, so it does not count.
func (s *Store) pruneMoney(ctx context.Context, before time.Time) error {
	if _, err := s.eat(ctx, `DELETE FROM bill WHERE (zone, instance) IN (SELECT zone, instance FROM bill AS b
		WHERE NOT EXISTS (SELECT 1 FROM instance WHERE id = b.instance)
		AND NOT EXISTS (SELECT 1 FROM node_life WHERE 'nodes/' || node = b.instance) LIMIT $1)`, bite); err != nil || before.IsZero() {
		return err
	}
	_, err := s.eat(ctx, `DELETE FROM spent WHERE (zone, month, service) IN (SELECT zone, s.month, service FROM spent AS s JOIN meter AS m USING (zone)
		WHERE s.month < $1 AND s.month < m.month LIMIT $2)`, int64(money.MonthOf(before, time.UTC))-1, bite)
	return err
}

// pruneNames deletes what nothing refers to any more. It is our book-keeping, so
// it does not count. What may go is looked up first; then nobody uses ids, on no
// server, while it is looked at once more and deleted, and the ids that are kept
// in memory are told to be void.
func (s *Store) pruneNames(ctx context.Context) error {
	const unused = "(SELECT 1 FROM sample WHERE series = s.id LIMIT 1) IS NULL" // one step down the index for each
	series, err := readAll(ctx, s.pool, scanInt, "SELECT id FROM series AS s WHERE "+unused)
	if err != nil {
		return err
	}
	for ids := range slices.Chunk(series, bite) {
		err := s.transact(ctx, func(ctx context.Context, t *tx) error {
			if err := t.lock(ctx, lockNames); err != nil {
				return err
			}
			n, err := t.changed(ctx, "DELETE FROM series AS s WHERE id = ANY ($1::bigint[]) AND "+unused, ids)
			if err != nil || n == 0 {
				return err
			}
			return t.exec(ctx, "UPDATE meta SET value = (value::bigint + 1)::text WHERE key = 'series_epoch'")
		})
		if err != nil {
			return err
		}
	}
	lines := []string{"points = 0", "(SELECT 1 FROM forecast WHERE line = l.id LIMIT 1) IS NULL", "(SELECT 1 FROM hours WHERE line = l.id LIMIT 1) IS NULL",
		"(SELECT 1 FROM tally WHERE line = l.id LIMIT 1) IS NULL", "(SELECT 1 FROM track WHERE line = l.id LIMIT 1) IS NULL", "(SELECT 1 FROM choice WHERE line = l.id LIMIT 1) IS NULL"}
	if s.extension == "" {
		lines = append(lines, "(SELECT 1 FROM hours_due WHERE line = l.id LIMIT 1) IS NULL")
	} else {
		lines = append(lines, "(SELECT 1 FROM demand_hour WHERE line = l.id LIMIT 1) IS NULL")
	}
	return s.transact(ctx, func(ctx context.Context, t *tx) error {
		if err := t.lock(ctx, lockNames); err != nil {
			return err
		}
		return t.exec(ctx, "DELETE FROM line AS l WHERE "+strings.Join(lines, " AND "))
	})
}

// eat runs a deletion again and again, a transaction each, until nothing is left.
func (s *Store) eat(ctx context.Context, query string, args ...any) (total int64, err error) {
	for {
		var n int64
		err := s.transact(ctx, func(ctx context.Context, t *tx) (err error) {
			n, err = t.changed(ctx, query, args...)
			return err
		})
		if err != nil {
			return total, err
		}
		if total += n; n == 0 {
			return total, nil
		}
	}
}
