package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/encoding"
)

// SaveForecasts implements [store.Forecasts].
func (s *Store) SaveForecasts(ctx context.Context, fs []forescale.Forecast) error {
	if len(fs) == 0 {
		return ctx.Err()
	}
	blobs := make([][]byte, len(fs)) // before the writer's turn: this takes longer than writing
	warnings, minutes := make([]any, len(fs)), make([]any, len(fs))
	for i, f := range fs {
		var err error
		if blobs[i], err = encoding.EncodeQuantiles(f.Levels, f.Values); err != nil {
			return fmt.Errorf("save the forecast of %s: %w", f.Service, err)
		}
		if len(f.Warnings) > 0 {
			text, err := json.Marshal(f.Warnings)
			if err != nil {
				return fmt.Errorf("save the forecast of %s: %w", f.Service, err)
			}
			warnings[i] = string(text)
		}
		if f.Minutes.Known() {
			text, err := json.Marshal(f.Minutes)
			if err != nil {
				return fmt.Errorf("save the forecast of %s: %w", f.Service, err)
			}
			minutes[i] = string(text)
		}
	}
	return s.write(ctx, "save forecasts", func(t *tx) error {
		for i, f := range fs {
			line, err := t.makeLine(f.Service, f.Metric)
			if err != nil {
				return err
			}
			if err := t.exec(`INSERT INTO forecast (line, issued, model, start, step, warnings, pinball, naive, coverage, tested, quantiles, minutes)
				VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
				ON CONFLICT (line, issued) DO UPDATE SET model = excluded.model, start = excluded.start, step = excluded.step,
				warnings = excluded.warnings, pinball = excluded.pinball, naive = excluded.naive, coverage = excluded.coverage,
				tested = excluded.tested, quantiles = excluded.quantiles, minutes = excluded.minutes`,
				line, ms(f.Issued), f.Model, ms(f.Start), int64(f.Step), warnings[i],
				f.Score.Pinball, f.Score.Naive, f.Score.Coverage, f.Score.Tested, blobs[i], minutes[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

const forecastColumns = "service, metric, issued, model, start, step, warnings, pinball, naive, coverage, tested, quantiles, minutes"

func scanForecast(r row) (f forescale.Forecast, err error) {
	var issued, start int64
	var warnings, minutes sql.NullString
	var pinball, naive, coverage sql.NullFloat64
	var blob sql.RawBytes // decoded before the row goes
	if err := r.Scan(&f.Service, &f.Metric, &issued, &f.Model, &start, &f.Step, &warnings,
		&pinball, &naive, &coverage, &f.Score.Tested, &blob, &minutes); err != nil {
		return f, err
	}
	f.Issued, f.Start = fromMS(issued), fromMS(start)
	f.Score.Pinball, f.Score.Naive, f.Score.Coverage = orNaN(pinball), orNaN(naive), orNaN(coverage)
	if warnings.Valid {
		if err := json.Unmarshal([]byte(warnings.String), &f.Warnings); err != nil {
			return f, store.Contradiction("the forecast of", f.Service, err)
		}
	}
	if minutes.Valid {
		if err := json.Unmarshal([]byte(minutes.String), &f.Minutes); err != nil {
			return f, store.Contradiction("the forecast of", f.Service, err)
		}
	}
	if f.Levels, f.Values, err = encoding.DecodeQuantiles(blob); err != nil {
		return f, store.Contradiction("the forecast of", f.Service, err)
	}
	return f, nil
}

// orNaN is a stored number that SQLite turned into NULL if it was NaN.
func orNaN(f sql.NullFloat64) float64 {
	if !f.Valid {
		return math.NaN()
	}
	return f.Float64
}

// LatestForecasts implements [store.Forecasts].
func (s *Store) LatestForecasts(ctx context.Context, since time.Time, services ...string) ([]forescale.Forecast, error) {
	return latest(ctx, s, forecastColumns, scanForecast, since, services)
}

// LatestIssued implements [store.Forecasts].
func (s *Store) LatestIssued(ctx context.Context, since time.Time, services ...string) ([]store.Issued, error) {
	return latest(ctx, s, "service, metric, issued", func(r row) (i store.Issued, err error) {
		var at int64
		err = r.Scan(&i.Service, &i.Metric, &at)
		i.At = fromMS(at)
		return i, err
	}, since, services)
}

// latest are columns of the newest forecasts that were issued after since.
func latest[T any](ctx context.Context, s *Store, columns string, scan func(row) (T, error), since time.Time, services []string) ([]T, error) {
	var w where
	w.among("service", services)
	return list(ctx, s, "read the latest forecasts", scan, `SELECT `+columns+`
		FROM line JOIN forecast ON forecast.id =
			(SELECT f.id FROM forecast AS f WHERE f.line = line.id AND f.issued > ? ORDER BY f.issued DESC LIMIT 1)`+
		w.String()+" ORDER BY service, metric", append([]any{ms(since)}, w.args...)...)
}

// LedgerForecasts implements [store.Forecasts].
func (s *Store) LedgerForecasts(ctx context.Context, service string, metric forescale.Metric, from, to time.Time) ([]forescale.Forecast, error) {
	return list(ctx, s, "read the ledger", scanForecast, `SELECT `+forecastColumns+`
		FROM line JOIN forecast ON forecast.line = line.id
		WHERE service = ? AND metric = ? AND issued >= ? AND issued < ? ORDER BY issued`,
		service, string(metric), ms(from), ms(to))
}
