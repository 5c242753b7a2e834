package main

import (
	"context"
	"fmt"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/pace"
	"github.com/forescale/forescale/planner"
)

// newOutlooks reads what budgets have to last for, as the loop does, for the API.
func newOutlooks(c serverConfig) *pace.Reader {
	return &pace.Reader{Options: planner.Options{Interval: c.Options.Interval, Refresh: c.Options.Refresh}}
}

// budgets are all as they stand and as their months are foreseen to end.
func (s *server) budgets(ctx context.Context) ([]forescale.BudgetOutlook, error) {
	now := s.cfg.Clock.Now()
	book, err := s.cfg.Store.Book(ctx, now)
	if err != nil {
		return nil, fmt.Errorf("read what was spent: %w", err)
	}
	book.Pace = s.cfg.Options.Interval
	o, err := s.outlooks.Read(ctx, s.cfg.Store, book, now)
	if err != nil {
		return nil, err
	}
	return o.Budgets(book, now), nil
}

// whatIf is what a budget would mean in the place of all others.
func (s *server) whatIf(ctx context.Context, b forescale.Budget) (forescale.WhatIf, error) {
	now := s.cfg.Clock.Now()
	book, err := pace.Imagine(ctx, s.cfg.Store, b, now)
	if err != nil {
		return forescale.WhatIf{}, err
	}
	book.Pace = s.cfg.Options.Interval
	o, err := newOutlooks(s.cfg).Read(ctx, s.cfg.Store, book, now)
	if err != nil {
		return forescale.WhatIf{}, err
	}
	return o.WhatIf(book, b, now), nil
}
