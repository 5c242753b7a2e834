package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/encoding"
)

// SaveScores implements [store.Scores].
func (s *Store) SaveScores(ctx context.Context, ss []forescale.Scoring) ([]bool, error) {
	if len(ss) == 0 {
		return nil, ctx.Err()
	}
	taken := make([]bool, len(ss))
	err := s.write(ctx, "save scores", func(t *tx) (err error) {
		for i, x := range ss {
			if taken[i], err = t.saveScoring(x); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return taken, nil
}

func (t *tx) saveScoring(x forescale.Scoring) (bool, error) {
	drift, err := json.Marshal(x.Drift)
	if err != nil {
		return false, fmt.Errorf("save the scores of %s: %w", x.Service, err)
	}
	line, err := t.makeLine(x.Service, x.Metric)
	if err != nil {
		return false, err
	}
	var changed int64
	if x.From.IsZero() {
		changed, err = t.changed("INSERT INTO track (line, until, drift) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", line, ms(x.Until), string(drift))
	} else {
		changed, err = t.changed("UPDATE track SET until = ?, drift = ? WHERE line = ? AND until = ?", ms(x.Until), string(drift), line, ms(x.From))
	}
	if err != nil || changed == 0 {
		return false, err
	}
	for _, y := range x.Tallies {
		if err := t.exec(`INSERT INTO tally (line, day, lead, model, steps, inside, loss, error, truth, compared, their_miss, last_week)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (line, day, lead, model) DO UPDATE SET steps = steps + excluded.steps, inside = inside + excluded.inside,
			loss = loss + excluded.loss, error = error + excluded.error, truth = truth + excluded.truth,
			compared = compared + excluded.compared, their_miss = their_miss + excluded.their_miss, last_week = last_week + excluded.last_week`,
			line, encoding.Day(y.Day), int64(y.Lead), y.Model, y.Steps, y.Inside, y.Loss, y.Error, y.Truth, y.Compared, y.TheirMiss, y.LastWeek); err != nil {
			return false, err
		}
	}
	return true, nil
}

// Tracks implements [store.Scores].
func (s *Store) Tracks(ctx context.Context, services ...string) ([]forescale.Track, error) {
	var w where
	w.among("service", services)
	return list(ctx, s, "read how far forecasts are scored", func(r row) (x forescale.Track, err error) {
		var until int64
		var drift string
		if err := r.Scan(&x.Service, &x.Metric, &until, &drift); err != nil {
			return x, err
		}
		x.Until = fromMS(until)
		if err := json.Unmarshal([]byte(drift), &x.Drift); err != nil {
			return x, store.Contradiction("the drift of", x.Service, err)
		}
		return x, nil
	}, "SELECT service, metric, until, drift FROM line JOIN track ON track.line = line.id"+w.String()+" ORDER BY service, metric", w.args...)
}

// Tallies implements [store.Scores].
func (s *Store) Tallies(ctx context.Context, q forescale.TallyQuery) ([]forescale.Tally, error) {
	var w where
	w.ofDays(q)
	return list(ctx, s, "read scores", func(r row) (y forescale.Tally, err error) {
		err = r.Scan(&y.Service, &y.Metric, &y.Lead, &y.Model, &y.Steps, &y.Inside, &y.Loss, &y.Error, &y.Truth, &y.Compared, &y.TheirMiss, &y.LastWeek)
		return y, err
	}, `SELECT service, metric, lead, model, sum(steps), sum(inside), sum(loss), sum(error), sum(truth), sum(compared), sum(their_miss), sum(last_week)
		FROM line JOIN tally ON tally.line = line.id`+w.String()+" GROUP BY service, metric, lead, model ORDER BY service, metric, lead, model", w.args...)
}

// SaveChoices implements [store.Scores].
func (s *Store) SaveChoices(ctx context.Context, fs []forescale.Forecast) error {
	type told struct {
		forescale.Forecast
		body string
	}
	var all []told
	for _, f := range fs {
		if len(f.Choice) == 0 {
			continue
		}
		body, err := json.Marshal(f.Choice)
		if err != nil {
			return fmt.Errorf("save what the forecast of %s was mixed from: %w", f.Service, err)
		}
		all = append(all, told{f, string(body)})
	}
	if len(all) == 0 {
		return ctx.Err()
	}
	return s.write(ctx, "save choices", func(t *tx) error {
		for _, x := range all {
			line, err := t.makeLine(x.Service, x.Metric)
			if err != nil {
				return err
			}
			if err := t.exec(`INSERT INTO choice (line, issued, body) VALUES (?, ?, ?)
				ON CONFLICT (line) DO UPDATE SET issued = excluded.issued, body = excluded.body WHERE excluded.issued >= choice.issued`,
				line, ms(x.Issued), x.body); err != nil {
				return err
			}
		}
		return nil
	})
}

// Choice implements [store.Scores].
func (s *Store) Choice(ctx context.Context, service string, metric forescale.Metric) (time.Time, []forescale.Choice, error) {
	type kept struct {
		issued time.Time
		choice []forescale.Choice
	}
	k, err := first(ctx, s, "read a choice", fmt.Errorf("what forecasts of %s are mixed from: %w", service, forescale.ErrNotFound), func(r row) (k kept, err error) {
		var issued int64
		var body string
		if err := r.Scan(&issued, &body); err != nil {
			return k, err
		}
		k.issued = fromMS(issued)
		if err := json.Unmarshal([]byte(body), &k.choice); err != nil {
			return k, store.Contradiction("the choice of", service, err)
		}
		return k, nil
	}, "SELECT issued, body FROM line JOIN choice ON choice.line = line.id WHERE service = ? AND metric = ?", service, string(metric))
	return k.issued, k.choice, err
}
