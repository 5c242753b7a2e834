package timescale

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/encoding"
)

// scoringRow is a scoring as stored.
type scoringRow struct {
	forescale.Scoring
	index int // among those that were handed in
	line  int64
	drift string
}

// tallyRow is a tally as stored.
type tallyRow struct {
	forescale.Tally
	line, day int64
}

// tallyKey is what a tally's row is found by.
type tallyKey struct {
	line, day int64
	lead      time.Duration
	model     string
}

// SaveScores implements [store.Scores].
func (s *Store) SaveScores(ctx context.Context, ss []forescale.Scoring) ([]bool, error) {
	if len(ss) == 0 {
		return nil, ctx.Err()
	}
	rows := make([]scoringRow, len(ss))
	for i, x := range ss {
		drift, err := json.Marshal(x.Drift)
		if err != nil {
			return nil, fmt.Errorf("save the scores of %s: %w", x.Service, err)
		}
		rows[i] = scoringRow{Scoring: x, index: i, drift: string(drift)}
	}
	var taken []bool
	err := s.write(ctx, "save scores", func(ctx context.Context, t *tx) (err error) {
		taken = make([]bool, len(ss)) // anew in each attempt
		if _, err := t.shareNames(ctx); err != nil {
			return err
		}
		lines, err := t.makeLines(ctx, column(rows, func(r scoringRow) lineKey { return lineKey{r.Service, r.Metric} }))
		if err != nil {
			return err
		}
		for i := range rows {
			rows[i].line = lines[lineKey{rows[i].Service, rows[i].Metric}]
		}
		slices.SortStableFunc(rows, func(a, b scoringRow) int { return cmp.Compare(a.line, b.line) })
		free, err := t.moveTracks(ctx, rows)
		if err != nil {
			return err
		}
		var tallies []tallyRow
		for _, r := range free {
			taken[r.index] = true
			for _, y := range r.Tallies {
				tallies = append(tallies, tallyRow{y, r.line, encoding.Day(y.Day)})
			}
		}
		return t.addTallies(ctx, tallies)
	})
	if err != nil {
		return nil, err
	}
	return taken, nil
}

// moveTracks moves the tracks that are where the rows, sorted by line, begin, and
// gives those rows.
func (t *tx) moveTracks(ctx context.Context, rows []scoringRow) ([]scoringRow, error) {
	type track struct {
		line  int64
		until time.Time
	}
	there, err := readAll(ctx, t, func(r row) (x track, err error) { return x, r.Scan(&x.line, &x.until) },
		"SELECT line, until FROM track WHERE line = ANY ($1::bigint[]) ORDER BY line FOR UPDATE", column(rows, func(r scoringRow) int64 { return r.line }))
	if err != nil {
		return nil, err
	}
	ends := make(map[int64]time.Time, len(there))
	for _, x := range there {
		ends[x.line] = x.until
	}
	var moved, fresh []scoringRow
	last := int64(-1)
	for _, r := range rows {
		end, known := ends[r.line]
		switch {
		case r.line == last: // of two of one line the first counts
		case known && !r.From.IsZero() && end.Equal(utc(r.From)):
			moved, last = append(moved, r), r.line
		case !known && r.From.IsZero():
			fresh, last = append(fresh, r), r.line
		}
	}
	line := func(r scoringRow) int64 { return r.line }
	until := func(r scoringRow) time.Time { return utc(r.Until) }
	drift := func(r scoringRow) string { return r.drift }
	if err := t.exec(ctx, `UPDATE track SET until = given.until, drift = given.drift
		FROM unnest($1::bigint[], $2::timestamptz[], $3::json[]) AS given (line, until, drift) WHERE track.line = given.line`,
		column(moved, line), column(moved, until), column(moved, drift)); err != nil {
		return nil, err
	}
	// Another server may have made the same ones since they were looked for.
	made, err := readAll(ctx, t, scanInt, `INSERT INTO track (line, until, drift) SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::json[])
		ON CONFLICT (line) DO NOTHING RETURNING line`, column(fresh, line), column(fresh, until), column(fresh, drift))
	if err != nil {
		return nil, err
	}
	for _, r := range fresh {
		if slices.Contains(made, r.line) {
			moved = append(moved, r)
		}
	}
	return moved, nil
}

// addTallies adds sums to those that are there. Those of one row are added up
// first: one statement may touch a row once.
func (t *tx) addTallies(ctx context.Context, given []tallyRow) error {
	at := map[tallyKey]int{}
	var rows []tallyRow
	for _, y := range given {
		k := tallyKey{y.line, y.day, y.Lead, y.Model}
		if i, again := at[k]; again {
			rows[i].Add(y.Tally)
			continue
		}
		at[k] = len(rows)
		rows = append(rows, y)
	}
	if len(rows) == 0 {
		return nil
	}
	slices.SortFunc(rows, func(a, b tallyRow) int {
		return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.day, b.day), cmp.Compare(a.Lead, b.Lead), cmp.Compare(a.Model, b.Model))
	})
	return t.exec(ctx, `INSERT INTO tally AS y (line, day, lead, model, steps, inside, loss, error, truth, compared, their_miss, last_week)
		SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[],
			$7::float8[], $8::float8[], $9::float8[], $10::bigint[], $11::float8[], $12::float8[])
		ON CONFLICT (line, day, lead, model) DO UPDATE SET steps = y.steps + excluded.steps, inside = y.inside + excluded.inside,
			loss = y.loss + excluded.loss, error = y.error + excluded.error, truth = y.truth + excluded.truth,
			compared = y.compared + excluded.compared, their_miss = y.their_miss + excluded.their_miss, last_week = y.last_week + excluded.last_week`,
		column(rows, func(r tallyRow) int64 { return r.line }),
		column(rows, func(r tallyRow) int64 { return r.day }),
		column(rows, func(r tallyRow) int64 { return int64(r.Lead) }),
		column(rows, func(r tallyRow) string { return free(r.Model) }),
		column(rows, func(r tallyRow) int64 { return r.Steps }),
		column(rows, func(r tallyRow) int64 { return r.Inside }),
		column(rows, func(r tallyRow) float64 { return r.Loss }),
		column(rows, func(r tallyRow) float64 { return r.Error }),
		column(rows, func(r tallyRow) float64 { return r.Truth }),
		column(rows, func(r tallyRow) int64 { return r.Compared }),
		column(rows, func(r tallyRow) float64 { return r.TheirMiss }),
		column(rows, func(r tallyRow) float64 { return r.LastWeek }))
}

// Tracks implements [store.Scores].
func (s *Store) Tracks(ctx context.Context, services ...string) ([]forescale.Track, error) {
	var w where
	w.among("service", services)
	return list(ctx, s, "read how far forecasts are scored", func(r row) (x forescale.Track, err error) {
		var drift string
		if err := r.Scan(&x.Service, &x.Metric, &x.Until, &drift); err != nil {
			return x, err
		}
		x.Until = x.Until.UTC()
		if err := json.Unmarshal([]byte(drift), &x.Drift); err != nil {
			return x, store.Contradiction("the drift of", x.Service, err)
		}
		return x, nil
	}, "SELECT service, metric, until, drift::text FROM line JOIN track ON track.line = line.id"+w.String()+" ORDER BY service, metric", w.args...)
}

// Tallies implements [store.Scores].
func (s *Store) Tallies(ctx context.Context, q forescale.TallyQuery) ([]forescale.Tally, error) {
	var w where
	w.ofDays(q)
	return list(ctx, s, "read scores", func(r row) (y forescale.Tally, err error) {
		var lead int64
		err = r.Scan(&y.Service, &y.Metric, &lead, &y.Model, &y.Steps, &y.Inside, &y.Loss, &y.Error, &y.Truth, &y.Compared, &y.TheirMiss, &y.LastWeek)
		y.Lead = time.Duration(lead)
		return y, err
	}, `SELECT service, metric, lead, model, sum(steps)::bigint, sum(inside)::bigint, sum(loss), sum(error), sum(truth), sum(compared)::bigint, sum(their_miss), sum(last_week)
		FROM line JOIN tally ON tally.line = line.id`+w.String()+" GROUP BY service, metric, lead, model ORDER BY service, metric, lead, model", w.args...)
}

// SaveChoices implements [store.Scores].
func (s *Store) SaveChoices(ctx context.Context, fs []forescale.Forecast) error {
	type told struct {
		lineKey
		line   int64
		issued time.Time
		body   string
	}
	var rows []told
	for _, f := range fs {
		if len(f.Choice) == 0 {
			continue
		}
		body, err := json.Marshal(f.Choice)
		if err != nil {
			return fmt.Errorf("save what the forecast of %s was mixed from: %w", f.Service, err)
		}
		rows = append(rows, told{lineKey{f.Service, f.Metric}, 0, utc(f.Issued), string(body)})
	}
	if len(rows) == 0 {
		return ctx.Err()
	}
	slices.SortStableFunc(rows, func(a, b told) int { return a.issued.Compare(b.issued) })
	rows = lastOf(rows, func(r told) lineKey { return r.lineKey })
	return s.write(ctx, "save choices", func(ctx context.Context, t *tx) error {
		if _, err := t.shareNames(ctx); err != nil {
			return err
		}
		lines, err := t.makeLines(ctx, column(rows, func(r told) lineKey { return r.lineKey }))
		if err != nil {
			return err
		}
		for i := range rows {
			rows[i].line = lines[rows[i].lineKey]
		}
		slices.SortFunc(rows, func(a, b told) int { return cmp.Compare(a.line, b.line) })
		return t.exec(ctx, `INSERT INTO choice AS c (line, issued, body) SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::json[])
			ON CONFLICT (line) DO UPDATE SET issued = excluded.issued, body = excluded.body WHERE excluded.issued >= c.issued`,
			column(rows, func(r told) int64 { return r.line }),
			column(rows, func(r told) time.Time { return r.issued }),
			column(rows, func(r told) string { return r.body }))
	})
}

// Choice implements [store.Scores].
func (s *Store) Choice(ctx context.Context, service string, metric forescale.Metric) (time.Time, []forescale.Choice, error) {
	type kept struct {
		issued time.Time
		choice []forescale.Choice
	}
	k, err := first(ctx, s, "read a choice", fmt.Errorf("what forecasts of %s are mixed from: %w", service, forescale.ErrNotFound), func(r row) (k kept, err error) {
		var body string
		if err := r.Scan(&k.issued, &body); err != nil {
			return k, err
		}
		k.issued = k.issued.UTC()
		if err := json.Unmarshal([]byte(body), &k.choice); err != nil {
			return k, store.Contradiction("the choice of", service, err)
		}
		return k, nil
	}, "SELECT issued, body::text FROM line JOIN choice ON choice.line = line.id WHERE service = $1 AND metric = $2", service, string(metric))
	return k.issued, k.choice, err
}
