package memory

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sort"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/encoding"
)

// forecast is one whose values take half of their room.
type forecast struct {
	forescale.Forecast // without values
	values             []float32
}

func (f forecast) whole() forescale.Forecast {
	out, all := f.Forecast, make([]float64, len(f.values))
	for i, v := range f.values {
		all[i] = float64(v)
	}
	n := len(f.Levels)
	out.Values = make([][]float64, len(all)/n)
	for i := range out.Values {
		out.Values[i] = all[i*n : (i+1)*n : (i+1)*n]
	}
	out.Levels, out.Warnings, out.Minutes.Before = slices.Clone(f.Levels), slices.Clone(f.Warnings), slices.Clone(f.Minutes.Before)
	return out
}

// SaveForecasts implements [store.Forecasts].
func (s *Store) SaveForecasts(ctx context.Context, fs []forescale.Forecast) error {
	kept := make([]forecast, len(fs))
	for i, f := range fs {
		if err := encoding.CheckQuantiles(f.Levels, f.Values); err != nil {
			return fmt.Errorf("save the forecast of %s: %w", f.Service, err)
		}
		k := forecast{Forecast: f, values: make([]float32, 0, len(f.Values)*len(f.Levels))}
		for _, row := range f.Values {
			for _, v := range row {
				k.values = append(k.values, float32(v))
			}
		}
		k.Values, k.Choice = nil, nil
		k.Levels, k.Warnings, k.Minutes.Before = slices.Clone(f.Levels), slices.Clone(f.Warnings), slices.Clone(f.Minutes.Before)
		k.Issued, k.Start = utc(f.Issued), utc(f.Start)
		kept[i] = k
	}
	return s.put(ctx, unfenced, func() {
		for _, k := range kept {
			l := s.line(lineKey{k.Service, k.Metric})
			at := l.issuedFrom(k.Issued.UnixMilli())
			if at < len(l.forecasts) && l.forecasts[at].Issued.Equal(k.Issued) {
				l.forecasts[at] = k
			} else {
				l.forecasts = slices.Insert(l.forecasts, at, k)
			}
		}
	})
}

// issuedFrom is the position of the first forecast issued at or after a time.
func (l *line) issuedFrom(ms int64) int {
	return sort.Search(len(l.forecasts), func(i int) bool { return l.forecasts[i].Issued.UnixMilli() >= ms })
}

// LatestForecasts implements [store.Forecasts].
func (s *Store) LatestForecasts(ctx context.Context, since time.Time, services ...string) (out []forescale.Forecast, err error) {
	err = s.read(ctx, func() {
		for f := range s.latest(since, services) {
			out = append(out, f.whole())
		}
	})
	return out, err
}

// LatestIssued implements [store.Forecasts].
func (s *Store) LatestIssued(ctx context.Context, since time.Time, services ...string) (out []store.Issued, err error) {
	err = s.read(ctx, func() {
		for f := range s.latest(since, services) {
			out = append(out, store.Issued{Service: f.Service, Metric: f.Metric, At: f.Issued})
		}
	})
	return out, err
}

// latest are the newest forecasts that were issued after since.
func (s *Store) latest(since time.Time, services []string) iter.Seq[*forecast] {
	return func(yield func(*forecast) bool) {
		for _, l := range s.linesOf(services) {
			n := len(l.forecasts)
			if n > 0 && l.forecasts[n-1].Issued.UnixMilli() > since.UnixMilli() && !yield(&l.forecasts[n-1]) {
				return
			}
		}
	}
}

// LedgerForecasts implements [store.Forecasts].
func (s *Store) LedgerForecasts(ctx context.Context, service string, metric forescale.Metric, from, to time.Time) (out []forescale.Forecast, err error) {
	err = s.read(ctx, func() {
		l := s.lines[lineKey{service, metric}]
		if l == nil {
			return
		}
		for _, f := range l.forecasts[l.issuedFrom(from.UnixMilli()):] {
			if f.Issued.UnixMilli() >= to.UnixMilli() {
				break
			}
			out = append(out, f.whole())
		}
	})
	return out, err
}
