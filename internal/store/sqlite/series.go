package sqlite

import "github.com/forescale/forescale"

// seriesKey is what is measured: a row of the table series.
type seriesKey struct {
	subject forescale.Subject
	metric  forescale.Metric
}

// maxCached bounds the ids that are kept in memory, about 20 MB.
const maxCached = 100_000

// seriesID is the id of a series, made if it is new. Ids of rows that this
// transaction makes are cached for others only when it has committed.
func (t *tx) seriesID(k seriesKey) (int64, error) {
	if id, ok := t.w.series[k]; ok {
		return id, nil
	}
	if id, ok := t.newSeries[k]; ok {
		return id, nil
	}
	args := []any{k.subject.Service, string(k.subject.Kind), k.subject.Name, string(k.metric)}
	var id int64
	err := t.one("SELECT id FROM series WHERE service = ? AND kind = ? AND name = ? AND metric = ?", args...).Scan(&id)
	if nothingThere(err) {
		err = t.one("INSERT INTO series (service, kind, name, metric) VALUES (?, ?, ?, ?) RETURNING id", args...).Scan(&id)
	}
	if err != nil {
		return 0, err
	}
	if t.newSeries == nil {
		t.newSeries = map[seriesKey]int64{}
		t.onCommit = append(t.onCommit, t.keepSeries)
	}
	t.newSeries[k] = id
	return id, nil
}

func (t *tx) keepSeries() {
	if len(t.w.series)+len(t.newSeries) > maxCached {
		clear(t.w.series)
	}
	for k, id := range t.newSeries {
		if len(t.w.series) < maxCached {
			t.w.series[k] = id
		}
	}
}
