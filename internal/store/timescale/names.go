package timescale

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/forescale/forescale"
)

// seriesKey is what is measured: a row of the table series.
type seriesKey struct {
	subject forescale.Subject
	metric  forescale.Metric
}

func compareSeries(a, b seriesKey) int {
	return cmp.Or(strings.Compare(a.subject.Service, b.subject.Service), cmp.Compare(a.subject.Kind, b.subject.Kind),
		strings.Compare(a.subject.Name, b.subject.Name), cmp.Compare(a.metric, b.metric))
}

// names keeps ids of series in memory, of committed rows only. They hold as long
// as the epoch in the database is the one that they were read in: whoever
// deletes a series raises it, under a lock that those who add samples share.
type names struct {
	mu    sync.Mutex
	epoch string
	ids   map[seriesKey]int64
}

// maxCached bounds the ids that are kept, about 20 MB.
const maxCached = 100_000

// known gives the ids of keys that are known in an epoch, and the other keys.
func (n *names) known(epoch string, keys map[seriesKey]struct{}) (map[seriesKey]int64, []seriesKey) {
	n.mu.Lock()
	defer n.mu.Unlock()
	ids := make(map[seriesKey]int64, len(keys))
	var missing []seriesKey
	for k := range keys {
		if id, ok := n.ids[k]; ok && n.epoch == epoch {
			ids[k] = id
		} else {
			missing = append(missing, k)
		}
	}
	slices.SortFunc(missing, compareSeries) // the same order everywhere: no deadlocks
	return ids, missing
}

func (n *names) keep(epoch string, ids map[seriesKey]int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.epoch != epoch || n.ids == nil || len(n.ids)+len(ids) > maxCached {
		n.epoch, n.ids = epoch, map[seriesKey]int64{}
	}
	for k, id := range ids {
		if len(n.ids) < maxCached {
			n.ids[k] = id
		}
	}
}

// seriesIDs are the ids of the series, made where they are new. The caller holds
// a share of the lock on the names.
func (t *tx) seriesIDs(ctx context.Context, epoch string, keys map[seriesKey]struct{}) (map[seriesKey]int64, error) {
	ids, missing := t.s.names.known(epoch, keys)
	if len(missing) == 0 {
		return ids, nil
	}
	columns := []any{
		column(missing, func(k seriesKey) string { return k.subject.Service }),
		column(missing, func(k seriesKey) string { return string(k.subject.Kind) }),
		column(missing, func(k seriesKey) string { return k.subject.Name }),
		column(missing, func(k seriesKey) string { return string(k.metric) }),
	}
	const given = "unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS given (service, kind, name, metric)"
	if err := t.exec(ctx, `INSERT INTO series (service, kind, name, metric)
		SELECT given.* FROM `+given+` WHERE NOT EXISTS (SELECT 1 FROM series AS s WHERE s.service = given.service
			AND s.kind = given.kind AND s.name = given.name AND s.metric = given.metric)
		ON CONFLICT DO NOTHING`, columns...); err != nil {
		return nil, err
	}
	type found struct {
		seriesKey
		id int64
	}
	rows, err := readAll(ctx, t, func(r row) (f found, err error) {
		return f, r.Scan(&f.subject.Service, &f.subject.Kind, &f.subject.Name, &f.metric, &f.id)
	}, `SELECT s.service, s.kind, s.name, s.metric, s.id FROM series AS s JOIN `+given+`
		ON s.service = given.service AND s.kind = given.kind AND s.name = given.name AND s.metric = given.metric`, columns...)
	if err != nil {
		return nil, err
	}
	made := make(map[seriesKey]int64, len(rows))
	for _, f := range rows {
		ids[f.seriesKey], made[f.seriesKey] = f.id, f.id
	}
	t.onCommit = append(t.onCommit, func() { t.s.names.keep(epoch, made) })
	return ids, nil
}

// lineKey is what demand and forecasts are kept of: a row of the table line.
type lineKey struct {
	service string
	metric  forescale.Metric
}

func compareLines(a, b lineKey) int {
	return cmp.Or(strings.Compare(a.service, b.service), cmp.Compare(a.metric, b.metric))
}

// makeLines makes the lines that are new, and holds all of them until the commit.
func (t *tx) makeLines(ctx context.Context, keys []lineKey) (map[lineKey]int64, error) {
	keys = slices.Compact(slices.SortedFunc(slices.Values(keys), compareLines))
	ids := make(map[lineKey]int64, len(keys))
	if len(keys) == 0 {
		return ids, nil
	}
	services := column(keys, func(k lineKey) string { return k.service })
	metrics := column(keys, func(k lineKey) string { return string(k.metric) })
	if err := t.exec(ctx, `INSERT INTO line (service, metric) SELECT given.* FROM unnest($1::text[], $2::text[]) AS given (service, metric)
		WHERE NOT EXISTS (SELECT 1 FROM line AS l WHERE l.service = given.service AND l.metric = given.metric)
		ON CONFLICT DO NOTHING`, services, metrics); err != nil {
		return nil, err
	}
	return ids, t.scanLines(ctx, ids, `SELECT l.service, l.metric, l.id FROM line AS l
		JOIN unnest($1::text[], $2::text[]) AS given (service, metric) ON l.service = given.service AND l.metric = given.metric`, services, metrics)
}

// linesOf are all lines of the services, held against others until the commit.
func (t *tx) linesOf(ctx context.Context, services []string) (map[lineKey]int64, error) {
	ids := map[lineKey]int64{}
	return ids, t.scanLines(ctx, ids, "SELECT service, metric, id FROM line WHERE service = ANY ($1::text[]) ORDER BY id FOR UPDATE", services)
}

func (t *tx) scanLines(ctx context.Context, to map[lineKey]int64, query string, args ...any) error {
	type found struct {
		lineKey
		id int64
	}
	rows, err := readAll(ctx, t, func(r row) (f found, err error) {
		return f, r.Scan(&f.service, &f.metric, &f.id)
	}, query, args...)
	for _, f := range rows {
		to[f.lineKey] = f.id
	}
	return err
}
