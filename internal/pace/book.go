package pace

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/money"
)

// Books is what a book is read from.
type Books interface {
	Book(ctx context.Context, now time.Time) (*money.Book, error)
	ListServices(ctx context.Context) ([]forescale.Service, error)
	Instances(ctx context.Context, q forescale.InstanceQuery) ([]forescale.Instance, error)
	Pauses(ctx context.Context, now time.Time) ([]forescale.Pause, error)
}

// Imagine is the book as it would be with one budget and no other: what is known of
// the month that it counts is counted, also where no budget counted it before.
func Imagine(ctx context.Context, st Books, budget forescale.Budget, now time.Time) (*money.Book, error) {
	b, err := st.Book(ctx, now)
	if err != nil {
		return nil, fmt.Errorf("read what was spent: %w", err)
	}
	if slices.ContainsFunc(b.Budgets, func(x forescale.Budget) bool { return x.TimeZone == budget.TimeZone }) {
		b.Budgets = []forescale.Budget{budget}
		return b, nil
	}
	b = &money.Book{Budgets: []forescale.Budget{budget}}
	if b.Services, err = st.ListServices(ctx); err != nil {
		return nil, fmt.Errorf("read services: %w", err)
	}
	b.Services = slices.DeleteFunc(b.Services, func(s forescale.Service) bool { return s.PricePerHour == 0 })
	if b.Pauses, err = st.Pauses(ctx, now); err != nil {
		return nil, fmt.Errorf("read pauses: %w", err)
	}
	q := forescale.InstanceQuery{Since: money.Since(now, b.Budgets, nil), Services: forescale.ServiceNames(b.Services)}
	if len(b.Services) > 0 {
		if b.Instances, err = st.Instances(ctx, q); err != nil {
			return nil, fmt.Errorf("read instances: %w", err)
		}
	}
	b.Charge(now)
	return b, nil
}
