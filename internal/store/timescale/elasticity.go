package timescale

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/encoding"
)

// elasticityRow is a day as stored.
type elasticityRow struct {
	service, body string
	day           int64
}

// SaveElasticity implements [store.Scores].
func (s *Store) SaveElasticity(ctx context.Context, days []forescale.ElasticityDay) error {
	var rows []elasticityRow
	for i := len(days) - 1; i >= 0; i-- { // the last of a day comes first, and stays
		body, err := json.Marshal(days[i].Elasticity)
		if err != nil {
			return fmt.Errorf("save the elasticity of %s: %w", days[i].Service, err)
		}
		rows = append(rows, elasticityRow{days[i].Service, string(body), encoding.Day(days[i].Day)})
	}
	if len(rows) == 0 {
		return ctx.Err()
	}
	// Two servers that write the same rows take them in the same order.
	slices.SortStableFunc(rows, func(a, b elasticityRow) int {
		return cmp.Or(cmp.Compare(a.service, b.service), cmp.Compare(a.day, b.day))
	})
	rows = slices.CompactFunc(rows, func(a, b elasticityRow) bool { return a.service == b.service && a.day == b.day })
	return s.write(ctx, "save elasticity", func(ctx context.Context, t *tx) error {
		return t.exec(ctx, `INSERT INTO elasticity (service, day, body) SELECT * FROM unnest($1::text[], $2::bigint[], $3::json[])
			ON CONFLICT (service, day) DO UPDATE SET body = excluded.body`,
			column(rows, func(r elasticityRow) string { return free(r.service) }),
			column(rows, func(r elasticityRow) int64 { return r.day }),
			column(rows, func(r elasticityRow) string { return r.body }))
	})
}

// Elasticities implements [store.Scores].
func (s *Store) Elasticities(ctx context.Context, q forescale.TallyQuery) ([]forescale.ElasticityDay, error) {
	var w where
	w.ofDays(q)
	return list(ctx, s, "read elasticity", func(r row) (d forescale.ElasticityDay, err error) {
		var day int64
		var body string
		if err := r.Scan(&d.Service, &day, &body); err != nil {
			return d, err
		}
		d.Day = encoding.FromDay(day)
		if err := json.Unmarshal([]byte(body), &d.Elasticity); err != nil {
			return d, store.Contradiction("the elasticity of", d.Service, err)
		}
		return d, nil
	}, "SELECT service, day, body::text FROM elasticity"+w.String()+" ORDER BY service, day", w.args...)
}
