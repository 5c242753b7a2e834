package main

import (
	"context"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/loop"
)

// holdLasts is how long the lead is taken for at a time while a database is copied.
const holdLasts = 30 * time.Second

// holdDatabase takes the lead of a database, so that no server plans and acts on
// it meanwhile, and renews it until release is called. What holds another one
// off is what would hold it off from a leader.
func holdDatabase(ctx context.Context, leases loop.Leases, where string) (release func() error, err error) {
	t, won, err := leases.TakeLead(ctx, "store copy by "+serverName(), holdLasts)
	if err != nil {
		return nil, err
	}
	if !won {
		return nil, &forescale.Fault{Code: "store_in_use", Where: where, What: "the server " + t.Holder + " runs on this store",
			Help: "stop all servers on it and repeat, or copy with --live from it; nothing was changed"}
	}
	keep, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(holdLasts / 3)
		defer tick.Stop()
		for {
			select {
			case <-keep.Done():
				return
			case <-tick.C:
				// One that was lost shows at the end: every row is compared.
				_, _ = leases.KeepLead(keep, t.Fence, holdLasts)
			}
		}
	}()
	return func() error {
		stop()
		<-done
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
		defer cancel()
		return leases.Resign(end, t.Fence)
	}, nil
}
