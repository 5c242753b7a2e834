package main

import (
	"context"
	"log/slog"

	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/timescale"
)

// claim keeps other servers off a database, also those on other machines. A file
// needs none: its lock is enough.
type claim struct{ of *timescale.Claim }

// claimStore claims the store, and logs what its backend has to say.
func claimStore(ctx context.Context, st store.Store, log *slog.Logger) (*claim, error) {
	db, ok := st.(*timescale.Store)
	if !ok {
		return &claim{}, nil
	}
	for _, w := range db.Warnings() {
		log.Warn(w.What, "code", w.Code, "store", w.Where, "help", w.Help)
	}
	of, err := db.Claim(ctx)
	if err != nil {
		return nil, err
	}
	return &claim{of}, nil
}

// lost tells that the claim broke; it never does for a file.
func (c *claim) lost() <-chan error {
	if c.of == nil {
		return nil
	}
	return c.of.Lost()
}

func (c *claim) release() error {
	if c.of == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	return c.of.Release(ctx)
}
