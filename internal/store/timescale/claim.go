package timescale

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/forescale/forescale"
)

// Claim keeps other servers off the same store: one plans and acts. It is an
// advisory lock of a connection of its own, so it ends with the process, however
// that ends. It does not yet make an old server harmless that was paused and
// wakes up: that takes a number checked where the effect happens.
type Claim struct {
	conn *pgx.Conn
	lost chan error
	stop context.CancelFunc
	done chan struct{}
}

// Every how often a claim is looked after, and how long that may take.
const (
	claimEvery   = 2 * time.Second
	claimTimeout = 3 * time.Second
)

// Claim takes the store for one server, or returns a Fault store_in_use.
func (s *Store) Claim(ctx context.Context) (*Claim, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	config := s.pool.Config()
	conn, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		return nil, s.fault("claim the store", err)
	}
	mine := false
	if err = config.AfterConnect(ctx, conn); err == nil {
		err = conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1::int, "+lockKey+")", lockServer).Scan(&mine)
	}
	if err == nil && !mine {
		err = &forescale.Fault{Code: "store_in_use", What: "another server runs on this store", Where: s.place,
			Help: "stop it, or start this one with another --store; nothing was changed"}
	}
	if err != nil {
		conn.Close(context.WithoutCancel(ctx))
		return nil, s.fault("claim the store", err)
	}
	watch, stop := context.WithCancel(context.WithoutCancel(ctx))
	c := &Claim{conn: conn, lost: make(chan error, 1), stop: stop, done: make(chan struct{})}
	go c.watch(watch, s.place)
	return c, nil
}

// watch looks whether the connection, and so the lock, is still there.
func (c *Claim) watch(ctx context.Context, place string) {
	defer close(c.done)
	tick := time.NewTicker(claimEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		ping, cancel := context.WithTimeout(ctx, claimTimeout)
		err := c.conn.Ping(ping)
		cancel()
		if err != nil && ctx.Err() == nil {
			c.lost <- &forescale.Fault{Code: "store_claim_lost", Where: place, Err: root(err),
				What: "the connection that keeps other servers off the store broke, so another one may be planning",
				Help: "start forescale again, by its supervisor for example; instances run on meanwhile"}
			return
		}
	}
}

// Lost tells once that the claim does not hold any more: stop planning.
func (c *Claim) Lost() <-chan error { return c.lost }

// Release gives the store to others.
func (c *Claim) Release(ctx context.Context) error {
	c.stop()
	<-c.done
	return c.conn.Close(ctx)
}
