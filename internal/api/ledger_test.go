package api

import (
	"context"
	"time"

	"github.com/forescale/forescale"
)

// ledgerStore is a ledger in memory.
type ledgerStore struct {
	Store
	all []forescale.Forecast
}

// LedgerForecasts implements Store.
func (s ledgerStore) LedgerForecasts(_ context.Context, _ string, _ forescale.Metric, from, to time.Time) ([]forescale.Forecast, error) {
	var out []forescale.Forecast
	for _, f := range s.all {
		if !f.Issued.Before(from) && f.Issued.Before(to) {
			out = append(out, f)
		}
	}
	return out, nil
}
