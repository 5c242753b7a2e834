package api

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/forescale/forescale"
)

// fillForecast draws the forecast that was acted on: for each past step the
// newest that had been issued one lead time before it, ahead of now the newest of
// all. Of several metrics the largest demand counts.
func (c *chart) fillForecast(ctx context.Context, st Store) error {
	metrics := c.service.Metrics
	if len(metrics) == 0 {
		metrics = []forescale.Metric{c.view.Metric}
	}
	for _, m := range metrics {
		l := ledger{st: st, service: c.service.Name, metric: m, sparse: c.x.step > sparseStep}
		if err := c.fillForecastOf(ctx, &l); err != nil {
			return err
		}
	}
	return nil
}

func (c *chart) fillForecastOf(ctx context.Context, l *ledger) error {
	high, low := c.service.Objective, 1-c.service.Objective
	// Decisions were taken on what had been issued by then, never later than now.
	issuedBy := func(i int) time.Time {
		t := c.x.at(i).Add(-c.lead)
		if i >= c.past-1 || t.After(c.now) {
			return c.now
		}
		return t
	}
	for i := range c.x.n {
		f, err := l.newest(ctx, issuedBy(i), issuedBy(c.x.n-1))
		if err != nil {
			return err
		}
		if f == nil {
			continue
		}
		from, to := c.x.at(i), c.x.at(i+1)
		raise(c.view.Median, i, meanOf(*f, from, to, 0.5))
		raise(c.view.FHigh, i, widest(*f, from, to, high, math.Max))
		raise(c.view.FLow, i, widest(*f, from, to, low, math.Min))
	}
	return nil
}

// raise puts v in the column unless a larger value is there.
func raise(c column, i int, v float64) {
	if math.IsNaN(c[i]) || v > c[i] {
		c[i] = v
	}
}

// widest is the extreme of a quantile over [from, to), NaN outside the forecast.
func widest(f forescale.Forecast, from, to time.Time, q float64, worse func(a, b float64) float64) float64 {
	w := math.NaN()
	for t := from; t.Before(to); t = t.Add(f.Step) {
		if d, ok := f.At(t, q); ok {
			if math.IsNaN(w) {
				w = d
			}
			w = worse(w, d)
		}
	}
	return w
}

const (
	// ledgerWindow is how much of the ledger is read at once: about a hundred
	// forecasts at the usual pace.
	ledgerWindow = day
	// sparseStep: with wider steps most forecasts of the ledger are never drawn,
	// so each step looks for its own instead of reading all.
	sparseStep = 30 * time.Minute
	// sparseWindow is where a step looks first; the usual pace leaves one or two in it.
	sparseWindow = 20 * time.Minute
)

// ledger walks the issued forecasts of one service and metric forward in time.
type ledger struct {
	st      Store
	service string
	metric  forescale.Metric
	sparse  bool

	begun   bool
	current *forescale.Forecast
	ahead   []forescale.Forecast // read, issued after current
	readTo  time.Time            // all issued before this are read
}

// newest is the newest forecast issued up to t, nil when there is none that could
// still reach there. Calls come with rising t; last is the last t that will come.
func (l *ledger) newest(ctx context.Context, t, last time.Time) (*forescale.Forecast, error) {
	if !l.begun {
		l.begun, l.readTo = true, t.Add(-maxHorizon)
		if err := l.skipTo(ctx, t); err != nil {
			return nil, err
		}
	}
	var err error
	if l.sparse {
		err = l.skipTo(ctx, t)
	} else {
		for err == nil && !l.readTo.After(t) {
			to := l.readTo.Add(ledgerWindow)
			if to.After(last) {
				to = last.Add(time.Millisecond)
			}
			err = l.read(ctx, to)
		}
	}
	if err != nil {
		return nil, err
	}
	for len(l.ahead) > 0 && !l.ahead[0].Issued.After(t) {
		l.current, l.ahead = &l.ahead[0], l.ahead[1:]
	}
	return l.current, nil
}

// read reads all issued in [readTo, to).
func (l *ledger) read(ctx context.Context, to time.Time) error {
	fs, err := l.st.LedgerForecasts(ctx, l.service, l.metric, l.readTo, to)
	if err != nil {
		return fmt.Errorf("read forecasts: %w", err)
	}
	l.ahead, l.readTo = append(l.ahead, fs...), to
	return nil
}

// skipTo finds the newest issued up to t without reading all before it: it looks
// in the last minutes first, and in ever wider windows while there is nothing.
func (l *ledger) skipTo(ctx context.Context, t time.Time) error {
	to := t.Add(time.Millisecond)
	if !to.After(l.readTo) {
		return nil
	}
	begin := l.readTo
	for end, width := to, sparseWindow; end.After(begin); width *= 6 {
		from := end.Add(-width)
		if from.Before(begin) {
			from = begin
		}
		fs, err := l.st.LedgerForecasts(ctx, l.service, l.metric, from, end)
		if err != nil {
			return fmt.Errorf("read forecasts: %w", err)
		}
		if len(fs) > 0 {
			l.ahead = append(l.ahead[:0], fs[len(fs)-1])
			break
		}
		end = from
	}
	l.readTo = to
	return nil
}
