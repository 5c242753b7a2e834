package sqlite

import (
	"context"
	"time"

	"github.com/forescale/forescale/internal/money"
	"github.com/forescale/forescale/internal/store"
)

// bite is how many rows one transaction of Prune deletes at most: a write waits
// for no more than this.
const bite = 2000

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
	for _, step := range []func(context.Context, store.Cutoffs) (int64, error){
		s.pruneTrees, s.pruneRows, s.pruneNames,
	} {
		n, err := step(ctx, old)
		total += n
		if err != nil {
			return total, s.fault("delete what is old", err)
		}
	}
	return total, nil
}

// tree is a table of many rows for each of few owners.
type tree struct {
	old    string // ids of the owners that have rows before ?1
	forget string // deletes the oldest rows of owner ?1 that are before ?2, at most ?3
	count  string // takes ?1 off the owner ?2's count of rows, "" if there is none
}

var sampleTree = tree{
	old: "SELECT id FROM series WHERE (SELECT min(at) FROM sample WHERE series = id) < ?1",
	forget: `DELETE FROM sample WHERE series = ?1 AND at <
		coalesce((SELECT at FROM sample WHERE series = ?1 AND at < ?2 ORDER BY at LIMIT 1 OFFSET ?3), ?2)`,
}

var demandTree = tree{
	old: "SELECT id FROM line WHERE (SELECT min(minute) FROM demand WHERE line = id) < ?1",
	forget: `DELETE FROM demand WHERE line = ?1 AND minute <
		coalesce((SELECT minute FROM demand WHERE line = ?1 AND minute < ?2 ORDER BY minute LIMIT 1 OFFSET ?3), ?2)`,
	count: "UPDATE line SET points = points - ?1 WHERE id = ?2",
}

var hourTree = tree{
	old: "SELECT id FROM line WHERE (SELECT min(hour) FROM hours WHERE line = id) < ?1",
	forget: `DELETE FROM hours WHERE line = ?1 AND hour <
		coalesce((SELECT hour FROM hours WHERE line = ?1 AND hour < ?2 ORDER BY hour LIMIT 1 OFFSET ?3), ?2)`,
}

func (s *Store) pruneTrees(ctx context.Context, old store.Cutoffs) (total int64, err error) {
	for _, level := range []struct {
		tree
		cut    time.Time
		before int64
	}{
		{sampleTree, old.Samples, ms(old.Samples)},
		{demandTree, old.Minutes, minuteFrom(old.Minutes)},
		{hourTree, old.Hours, hourOf(minuteOf(old.Hours))},
	} {
		if level.cut.IsZero() {
			continue
		}
		n, err := s.pruneTree(ctx, level.tree, level.before)
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

func (s *Store) pruneTree(ctx context.Context, tr tree, before int64) (total int64, err error) {
	owners, err := readAll(ctx, s.reader, scanInt, tr.old, before)
	for err == nil && len(owners) > 0 {
		var gone int64
		left := owners
		err = s.writer.transact(ctx, func(t *tx) error {
			gone, left, err = t.forget(tr, owners, before)
			return err
		})
		if err == nil {
			total, owners = total+gone, left
		}
	}
	return total, err
}

// forget takes one bite. It gives the owners that may have more.
func (t *tx) forget(tr tree, owners []int64, before int64) (gone int64, left []int64, err error) {
	for len(owners) > 0 && gone < bite {
		room := bite - gone
		n, err := t.changed(tr.forget, owners[0], before, room)
		if err != nil {
			return gone, owners, err
		}
		if tr.count != "" && n > 0 {
			if err := t.exec(tr.count, n, owners[0]); err != nil {
				return gone, owners, err
			}
		}
		if gone += n; n < room {
			owners = owners[1:]
		}
	}
	return gone, owners, nil
}

// Rows that go when they are before ?1, at most ?2 at a time. A service's newest
// decision goes last, and a pending one not at all: it is still to be done.
var oldRows = []string{
	`DELETE FROM instance WHERE id IN (SELECT id FROM instance WHERE ended < ?1 LIMIT ?2)`,
	`DELETE FROM forecast WHERE id IN (SELECT id FROM forecast WHERE issued < ?1 LIMIT ?2)`,
	`DELETE FROM event WHERE name IN (SELECT name FROM event WHERE until < ?1 LIMIT ?2)`,
	`DELETE FROM tally WHERE (line, day, lead, model) IN (SELECT line, day, lead, model FROM tally WHERE (day + 1) * 86400000 <= ?1 LIMIT ?2)`,
	`DELETE FROM elasticity WHERE (service, day) IN (SELECT service, day FROM elasticity WHERE (day + 1) * 86400000 <= ?1 LIMIT ?2)`,
	`DELETE FROM track WHERE line IN (SELECT line FROM track WHERE until < ?1 LIMIT ?2)`,
	`DELETE FROM choice WHERE line IN (SELECT line FROM choice WHERE issued < ?1 LIMIT ?2)`,
	`DELETE FROM plan WHERE service IN (SELECT service FROM plan WHERE made_at < ?1 LIMIT ?2)`,
	`DELETE FROM decision WHERE seq IN (SELECT seq FROM decision AS d
		WHERE at < ?1 AND last_at < ?1 AND outcome <> 'pending' AND (newest = 0 OR
		NOT EXISTS (SELECT 1 FROM decision WHERE service = d.service AND seq < d.seq)) LIMIT ?2)`,
	`DELETE FROM warmup WHERE instance IN (SELECT instance FROM warmup WHERE at < ?1 LIMIT ?2)`,
	`DELETE FROM cooldown WHERE instance IN (SELECT instance FROM cooldown WHERE at < ?1 LIMIT ?2)`,
	`DELETE FROM learned WHERE (service, kind) IN (SELECT service, kind FROM learned WHERE at < ?1 LIMIT ?2)`,
	`DELETE FROM node_life WHERE node IN (SELECT node FROM node_life WHERE ended < ?1 LIMIT ?2)`,
	`DELETE FROM node_plan WHERE one IN (SELECT one FROM node_plan WHERE made_at < ?1 LIMIT ?2)`,
	`DELETE FROM instance_use WHERE (service, type) IN (SELECT service, type FROM instance_use WHERE at < ?1 LIMIT ?2)`,
	`DELETE FROM run WHERE id IN (SELECT id FROM run WHERE started_at < ?1 LIMIT ?2)`,
}

// oldCapacities go when they are before ?1, but for the newest of a service.
const oldCapacities = `DELETE FROM capacity WHERE (service, since) IN (SELECT service, since FROM capacity AS c
	WHERE at < ?1 AND EXISTS (SELECT 1 FROM capacity WHERE service = c.service AND since > c.since) LIMIT ?2)`

func (s *Store) pruneRows(ctx context.Context, old store.Cutoffs) (total int64, err error) {
	if !old.Minutes.IsZero() {
		if total, err = s.eat(ctx, nil, oldCapacities, ms(old.Minutes), bite); err != nil {
			return total, err
		}
	}
	if old.Decisions.IsZero() {
		return total, nil
	}
	for _, query := range oldRows {
		n, err := s.eat(ctx, nil, query, ms(old.Decisions), bite)
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// pruneNames deletes what nothing refers to any more. It is our book-keeping,
// so it does not count.
func (s *Store) pruneNames(ctx context.Context, old store.Cutoffs) (int64, error) {
	forgetIDs := func() { clear(s.writer.series) }
	if _, err := s.eat(ctx, forgetIDs, `DELETE FROM series WHERE id IN (SELECT id FROM series
		WHERE NOT EXISTS (SELECT 1 FROM sample WHERE sample.series = series.id) LIMIT ?1)`, bite); err != nil {
		return 0, err
	}
	if _, err := s.eat(ctx, nil, `DELETE FROM line WHERE id IN (SELECT id FROM line WHERE points = 0
		AND NOT EXISTS (SELECT 1 FROM forecast WHERE forecast.line = line.id)
		AND NOT EXISTS (SELECT 1 FROM tally WHERE tally.line = line.id)
		AND NOT EXISTS (SELECT 1 FROM track WHERE track.line = line.id)
		AND NOT EXISTS (SELECT 1 FROM choice WHERE choice.line = line.id)
		AND NOT EXISTS (SELECT 1 FROM hours WHERE hours.line = line.id)
		AND NOT EXISTS (SELECT 1 FROM hours_due WHERE hours_due.line = line.id) LIMIT ?1)`, bite); err != nil {
		return 0, err
	}
	if _, err := s.eat(ctx, nil, `DELETE FROM bill WHERE (zone, instance) IN (SELECT zone, instance FROM bill
		WHERE NOT EXISTS (SELECT 1 FROM instance WHERE id = bill.instance)
		AND NOT EXISTS (SELECT 1 FROM node_life WHERE 'nodes/' || node = bill.instance) LIMIT ?1)`, bite); err != nil {
		return 0, err
	}
	if !old.Decisions.IsZero() {
		if _, err := s.eat(ctx, nil, `DELETE FROM spent WHERE (zone, month, service) IN (SELECT zone, spent.month, service FROM spent JOIN meter USING (zone)
			WHERE spent.month < ?1 AND spent.month < meter.month LIMIT ?2)`, int64(money.MonthOf(old.Decisions, time.UTC))-1, bite); err != nil {
			return 0, err
		}
	}
	if old.Samples.IsZero() {
		return 0, nil
	}
	_, err := s.eat(ctx, nil, `DELETE FROM dirty WHERE (minute, service) IN
		(SELECT minute, service FROM dirty WHERE minute < ?1 LIMIT ?2)`, minuteFrom(old.Samples), bite)
	return 0, err
}

// eat runs a deletion again and again, a transaction each, until nothing is left.
func (s *Store) eat(ctx context.Context, onCommit func(), query string, args ...any) (total int64, err error) {
	for {
		var n int64
		err := s.writer.transact(ctx, func(t *tx) (err error) {
			if onCommit != nil {
				t.onCommit = append(t.onCommit, onCommit)
			}
			n, err = t.changed(query, args...)
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
