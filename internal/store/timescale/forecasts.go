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

// forecastRow is a forecast as stored.
type forecastRow struct {
	forescale.Forecast
	line     int64
	warnings *string
	minutes  *string
	blob     []byte
}

// SaveForecasts implements [store.Forecasts].
func (s *Store) SaveForecasts(ctx context.Context, fs []forescale.Forecast) error {
	if len(fs) == 0 {
		return ctx.Err()
	}
	rows, err := forecastRows(fs)
	if err != nil {
		return err
	}
	return s.write(ctx, "save forecasts", func(ctx context.Context, t *tx) error {
		if _, err := t.shareNames(ctx); err != nil {
			return err
		}
		lines, err := t.makeLines(ctx, column(rows, func(r forecastRow) lineKey { return lineKey{r.Service, r.Metric} }))
		if err != nil {
			return err
		}
		for i := range rows {
			rows[i].line = lines[lineKey{rows[i].Service, rows[i].Metric}]
		}
		slices.SortFunc(rows, func(a, b forecastRow) int { return cmp.Or(cmp.Compare(a.line, b.line), a.Issued.Compare(b.Issued)) })
		return t.insertForecasts(ctx, rows)
	})
}

// forecastRows encodes forecasts, one for each service, metric and time: the last.
func forecastRows(fs []forescale.Forecast) ([]forecastRow, error) {
	rows := make([]forecastRow, len(fs))
	for i, f := range fs {
		f.Issued, f.Start = utc(f.Issued), utc(f.Start)
		rows[i].Forecast = f
		var err error
		if rows[i].blob, err = encoding.EncodeQuantiles(f.Levels, f.Values); err != nil {
			return nil, fmt.Errorf("save the forecast of %s: %w", f.Service, err)
		}
		if len(f.Warnings) > 0 {
			text, err := json.Marshal(f.Warnings)
			if err != nil {
				return nil, fmt.Errorf("save the forecast of %s: %w", f.Service, err)
			}
			s := string(text)
			rows[i].warnings = &s
		}
		if f.Minutes.Known() {
			text, err := json.Marshal(f.Minutes)
			if err != nil {
				return nil, fmt.Errorf("save the forecast of %s: %w", f.Service, err)
			}
			s := string(text)
			rows[i].minutes = &s
		}
	}
	return lastOf(rows, func(r forecastRow) pointKey { return pointKey{lineKey{r.Service, r.Metric}, r.Issued} }), nil
}

func (t *tx) insertForecasts(ctx context.Context, rows []forecastRow) error {
	return t.exec(ctx, `INSERT INTO forecast (line, issued, model, start, step, warnings, pinball, naive, coverage, tested, quantiles, minutes)
		SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::timestamptz[], $5::bigint[], $6::json[],
			$7::float8[], $8::float8[], $9::float8[], $10::bigint[], $11::bytea[], $12::json[])
		ON CONFLICT (line, issued) DO UPDATE SET model = excluded.model, start = excluded.start, step = excluded.step,
			warnings = excluded.warnings, pinball = excluded.pinball, naive = excluded.naive, coverage = excluded.coverage,
			tested = excluded.tested, quantiles = excluded.quantiles, minutes = excluded.minutes`,
		column(rows, func(r forecastRow) int64 { return r.line }),
		column(rows, func(r forecastRow) time.Time { return r.Issued }),
		column(rows, func(r forecastRow) string { return r.Model }),
		column(rows, func(r forecastRow) time.Time { return r.Start }),
		column(rows, func(r forecastRow) int64 { return int64(r.Step) }),
		column(rows, func(r forecastRow) *string { return r.warnings }),
		column(rows, func(r forecastRow) float64 { return r.Score.Pinball }),
		column(rows, func(r forecastRow) float64 { return r.Score.Naive }),
		column(rows, func(r forecastRow) float64 { return r.Score.Coverage }),
		column(rows, func(r forecastRow) int64 { return int64(r.Score.Tested) }),
		column(rows, func(r forecastRow) []byte { return r.blob }),
		column(rows, func(r forecastRow) *string { return r.minutes }))
}

const forecastColumns = "service, metric, issued, model, start, step, warnings, pinball, naive, coverage, tested, quantiles, minutes"

func scanForecast(r row) (f forescale.Forecast, err error) {
	var warnings, minutes *string
	var step int64
	var blob []byte
	if err := r.Scan(&f.Service, &f.Metric, &f.Issued, &f.Model, &f.Start, &step, &warnings,
		&f.Score.Pinball, &f.Score.Naive, &f.Score.Coverage, &f.Score.Tested, &blob, &minutes); err != nil {
		return f, err
	}
	f.Issued, f.Start, f.Step = f.Issued.UTC(), f.Start.UTC(), time.Duration(step)
	if warnings != nil {
		if err := json.Unmarshal([]byte(*warnings), &f.Warnings); err != nil {
			return f, store.Contradiction("the forecast of", f.Service, err)
		}
	}
	if minutes != nil {
		if err := json.Unmarshal([]byte(*minutes), &f.Minutes); err != nil {
			return f, store.Contradiction("the forecast of", f.Service, err)
		}
	}
	if f.Levels, f.Values, err = encoding.DecodeQuantiles(blob); err != nil {
		return f, store.Contradiction("the forecast of", f.Service, err)
	}
	return f, nil
}

// LatestForecasts implements [store.Forecasts].
func (s *Store) LatestForecasts(ctx context.Context, since time.Time, services ...string) ([]forescale.Forecast, error) {
	return latest(ctx, s, forecastColumns, scanForecast, since, services)
}

// LatestIssued implements [store.Forecasts].
func (s *Store) LatestIssued(ctx context.Context, since time.Time, services ...string) ([]store.Issued, error) {
	return latest(ctx, s, "service, metric, issued", func(r row) (i store.Issued, err error) {
		err = r.Scan(&i.Service, &i.Metric, &i.At)
		i.At = i.At.UTC()
		return i, err
	}, since, services)
}

// latest are columns of the newest forecasts that were issued after since.
func latest[T any](ctx context.Context, s *Store, columns string, scan func(row) (T, error), since time.Time, services []string) ([]T, error) {
	w := where{args: []any{utc(since)}}
	w.among("service", services)
	return list(ctx, s, "read the latest forecasts", scan, `SELECT `+columns+` FROM line AS l CROSS JOIN LATERAL
			(SELECT * FROM forecast WHERE line = l.id AND issued > $1 ORDER BY issued DESC LIMIT 1) AS f`+
		w.String()+" ORDER BY service, metric", w.args...)
}

// LedgerForecasts implements [store.Forecasts].
func (s *Store) LedgerForecasts(ctx context.Context, service string, metric forescale.Metric, from, to time.Time) ([]forescale.Forecast, error) {
	return list(ctx, s, "read the ledger", scanForecast, `SELECT `+forecastColumns+`
		FROM line JOIN forecast ON forecast.line = line.id
		WHERE service = $1 AND metric = $2 AND issued >= $3 AND issued < $4 ORDER BY issued`,
		service, string(metric), utc(from), utc(to))
}
