package timescale

import (
	"context"
	"encoding/json"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
)

// Warm-ups and cool-downs are kept alike, in tables of the same columns.

// SaveWarmup implements [store.Fleet].
func (s *Store) SaveWarmup(ctx context.Context, w forescale.Warmup) error {
	return s.saveLapse(ctx, unfenced, "warmup", w)
}

// SaveCooldown implements [store.Fleet].
func (s *Store) SaveCooldown(ctx context.Context, w forescale.Warmup) error {
	return s.saveLapse(ctx, unfenced, "cooldown", w)
}

func (s *Store) saveLapse(ctx context.Context, fence int64, table string, w forescale.Warmup) error {
	return s.writeUnder(ctx, fence, "save a "+table, func(ctx context.Context, t *tx) error {
		return t.exec(ctx, `INSERT INTO `+table+` (instance, service, node, image, at, duration, at_once, node_cpu) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (instance) DO NOTHING`,
			w.Instance, w.Service, w.Node, w.Image, utc(w.At), int64(w.Duration), w.AtOnce, w.NodeCPU)
	})
}

// Warmups implements [store.Fleet].
func (s *Store) Warmups(ctx context.Context, service string, limit int) ([]forescale.Warmup, error) {
	return s.lapses(ctx, "warmup", service, limit)
}

// Cooldowns implements [store.Fleet].
func (s *Store) Cooldowns(ctx context.Context, service string, limit int) ([]forescale.Warmup, error) {
	return s.lapses(ctx, "cooldown", service, limit)
}

func (s *Store) lapses(ctx context.Context, table, service string, limit int) ([]forescale.Warmup, error) {
	var all *int // NULL: no limit
	if limit > 0 {
		all = &limit
	}
	query := `SELECT w.service, w.instance, w.node, w.image, w.at, w.duration, w.at_once, w.node_cpu
		FROM (SELECT DISTINCT service FROM ` + table + `) AS s CROSS JOIN LATERAL
			(SELECT * FROM ` + table + ` WHERE service = s.service ORDER BY at DESC, instance DESC LIMIT $1::bigint) AS w
		ORDER BY w.service, w.at DESC, w.instance DESC`
	args := []any{all}
	if service != "" {
		query = `SELECT service, instance, node, image, at, duration, at_once, node_cpu
			FROM ` + table + ` WHERE service = $2 ORDER BY at DESC, instance DESC LIMIT $1::bigint`
		args = append(args, service)
	}
	return list(ctx, s, "read "+table+"s", func(r row) (w forescale.Warmup, err error) {
		var took int64
		err = r.Scan(&w.Service, &w.Instance, &w.Node, &w.Image, &w.At, &took, &w.AtOnce, &w.NodeCPU)
		w.At, w.Duration = w.At.UTC(), time.Duration(took)
		return w, err
	}, query, args...)
}

// SaveLearned implements [store.Fleet].
func (s *Store) SaveLearned(ctx context.Context, ls []forescale.LearnedTimes) error {
	return s.write(ctx, "keep what was learned", func(ctx context.Context, t *tx) error {
		for _, l := range ls {
			l.At = utc(l.At)
			body, err := json.Marshal(l)
			if err != nil {
				return err
			}
			if err := t.exec(ctx, `INSERT INTO learned (service, kind, at, body) VALUES ($1, $2, $3, $4)
				ON CONFLICT (service, kind) DO UPDATE SET at = excluded.at, body = excluded.body`, l.Service, string(l.Kind), l.At, body); err != nil {
				return err
			}
		}
		return nil
	})
}

// Learned implements [store.Fleet].
func (s *Store) Learned(ctx context.Context, service string, since time.Time) ([]forescale.LearnedTimes, error) {
	return list(ctx, s, "read what was learned", func(r row) (l forescale.LearnedTimes, err error) {
		var body []byte
		if err := r.Scan(&body); err != nil {
			return l, err
		}
		if err = json.Unmarshal(body, &l); err == nil {
			err = l.Valid()
		}
		if err != nil {
			err = store.Contradiction("learned", l.Service, err)
		}
		return l, err
	}, `SELECT body FROM learned WHERE at >= $1 AND ($2::text = '' OR service = $2) ORDER BY service, kind`, utc(since), service)
}
