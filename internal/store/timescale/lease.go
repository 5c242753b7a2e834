package timescale

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
)

// unfenced is the fence of writes that are not checked.
const unfenced = 0

// leasePool is a connection apart, so that a lease is renewed in time also while
// all others are in use. A server that takes but one connection has no other.
func (s *Store) leasePool(ctx context.Context, config *pgxpool.Config) (*pgxpool.Pool, error) {
	if config.MaxConns == 1 {
		return s.pool, nil
	}
	config = config.Copy()
	config.MaxConns, config.MinConns, config.MinIdleConns = 1, 0, 0
	return pgxpool.NewWithConfig(ctx, config)
}

// leaseWrite is write for the lease. It ends with the context, also in the middle
// of its commit: a lease that nobody knows of runs out, and who led has to know
// in time that it may have.
func (s *Store) leaseWrite(ctx context.Context, doing string, change func(context.Context, *tx) error) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	ctx, cancel := context.WithTimeoutCause(ctx, writeTime, errSlow)
	defer cancel()
	err := pgx.BeginFunc(ctx, s.leases, func(p pgx.Tx) error { return change(ctx, &tx{Tx: p, s: s}) })
	return s.fault(doing, withCause(ctx, err))
}

const leaseColumns = `fence, holder, since, until, ((extract(epoch FROM until) - extract(epoch FROM clock_timestamp())) * 1e6)::bigint, scope`

func scanTerm(r row) (t forescale.Term, err error) {
	var left int64
	err = r.Scan(&t.Fence, &t.Holder, &t.Since, &t.Until, &left, &t.Scope)
	t.Since, t.Until, t.Left = utc(t.Since), utc(t.Until), time.Duration(left)*time.Microsecond
	if t.Fence == 0 {
		t = forescale.Term{Scope: t.Scope}
	}
	return t, err
}

// takeLead also takes over from a term that was renewed in what is the future by
// now: then the clock of the database was set back, and waiting for the term's
// end could take for ever.
const takeLead = `UPDATE lease SET fence = fence + 1, holder = $1, since = clock_timestamp(), renewed = clock_timestamp(),
		until = clock_timestamp() + $2::bigint * INTERVAL '1 microsecond'
	WHERE ` + leaderless + ` RETURNING ` + leaseColumns

const leaderless = `(holder = '' OR until <= clock_timestamp() OR renewed > clock_timestamp() + INTERVAL '1 second')`

// TakeLead implements [store.Leases].
func (s *Store) TakeLead(ctx context.Context, holder string, lasts time.Duration) (t forescale.Term, won bool, err error) {
	take := func(ctx context.Context, tx *tx) error {
		// A leader that was stopped in the middle of a transaction holds the row.
		if err := tx.exec(ctx, "SELECT set_config('lock_timeout', $1, true)", takePatience); err != nil {
			return err
		}
		t, err = scanTerm(tx.QueryRow(ctx, takeLead, holder, lasts.Microseconds()))
		if won = err == nil; won || !nothingThere(err) {
			return err
		}
		t, err = scanTerm(tx.QueryRow(ctx, "SELECT "+leaseColumns+" FROM lease"))
		return err
	}
	err = s.leaseWrite(ctx, "take the lead", take)
	if codeOf(err) == "55P03" { // lock_not_available
		if err = s.leaseWrite(ctx, "end what the last leader left", endLeftovers); err == nil {
			err = s.leaseWrite(ctx, "take the lead", take)
		}
	}
	return t, won && err == nil, err
}

// takePatience is how long a take-over waits for the writes of the last leader.
const takePatience = "1s"

// endLeftovers ends the transactions of a leader whose term is over: it does not
// go on with them, or it would be refused.
func endLeftovers(ctx context.Context, t *tx) error {
	return t.exec(ctx, `SELECT pg_terminate_backend(l.pid) FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
		WHERE l.locktype = 'relation' AND l.relation = 'lease'::regclass AND l.mode = 'RowShareLock' AND l.granted
			AND l.pid <> pg_backend_pid() AND a.xact_start < clock_timestamp() - $1::interval
			AND (SELECT `+leaderless+` FROM lease)`, takePatience)
}

// KeepLead implements [store.Leases].
func (s *Store) KeepLead(ctx context.Context, fence int64, lasts time.Duration) (t forescale.Term, err error) {
	err = s.leaseWrite(ctx, "renew the lease", func(ctx context.Context, tx *tx) error {
		t, err = scanTerm(tx.QueryRow(ctx, `UPDATE lease SET renewed = clock_timestamp(),
				until = clock_timestamp() + $2::bigint * INTERVAL '1 microsecond'
			WHERE fence = $1 AND holder <> '' RETURNING `+leaseColumns, fence, lasts.Microseconds()))
		return orFenced(fence, err)
	})
	return t, err
}

// Resign implements [store.Leases]. It waits for the writes that are under way.
func (s *Store) Resign(ctx context.Context, fence int64) error {
	return s.leaseWrite(ctx, "resign", func(ctx context.Context, t *tx) error {
		_, err := scanInt(t.QueryRow(ctx, "SELECT fence FROM lease WHERE fence = $1 AND holder <> '' FOR UPDATE", fence))
		if err != nil {
			return orFenced(fence, err)
		}
		return t.exec(ctx, "UPDATE lease SET holder = '', until = clock_timestamp()")
	})
}

// Lead implements [store.Leases].
func (s *Store) Lead(ctx context.Context) (forescale.Term, error) {
	return first(ctx, s, "read who leads", s.damaged("it has no lease", nil), scanTerm, "SELECT "+leaseColumns+" FROM lease")
}

// orFenced is err, or what a server is told whose term is over.
func orFenced(fence int64, err error) error {
	if nothingThere(err) {
		return store.Fenced(fence)
	}
	return err
}

// writeUnder is write for what only a leader does.
func (s *Store) writeUnder(ctx context.Context, fence int64, doing string, change func(context.Context, *tx) error) error {
	if fence == unfenced {
		return s.write(ctx, doing, change)
	}
	return s.write(ctx, doing, func(ctx context.Context, t *tx) error {
		// First of all locks, and held until the commit.
		if _, err := scanInt(t.QueryRow(ctx, "SELECT fence FROM lease WHERE fence = $1 AND holder <> '' FOR KEY SHARE", fence)); err != nil {
			return orFenced(fence, err)
		}
		return change(ctx, t)
	})
}

// under is a store whose leader writes under a fence.
type under struct {
	*Store
	fence int64
}

var _ store.Store = under{}

// Under implements [store.Leases].
func (s *Store) Under(fence int64) store.Store { return under{s, fence} }

// RecordPlan implements [store.Plans].
func (u under) RecordPlan(ctx context.Context, p forescale.Plan, instances []forescale.Instance) error {
	return u.recordPlan(ctx, u.fence, p, instances)
}

// FinishDecision implements [store.Plans].
func (u under) FinishDecision(ctx context.Context, id string, at time.Time, o forescale.Outcome, errText string) error {
	return u.finishDecision(ctx, u.fence, id, at, o, errText)
}

// SaveInstances implements [store.Fleet].
func (u under) SaveInstances(ctx context.Context, is []forescale.Instance) error {
	return u.putInstances(ctx, u.fence, is)
}

// SaveWarmup implements [store.Fleet].
func (u under) SaveWarmup(ctx context.Context, w forescale.Warmup) error {
	return u.saveLapse(ctx, u.fence, "warmup", w)
}

// SaveCooldown implements [store.Fleet].
func (u under) SaveCooldown(ctx context.Context, w forescale.Warmup) error {
	return u.saveLapse(ctx, u.fence, "cooldown", w)
}

// SaveDemand implements [store.Samples].
func (u under) SaveDemand(ctx context.Context, cells []forescale.Cell, points []forescale.DemandPoint) error {
	return u.saveDemand(ctx, u.fence, cells, points)
}

// PutNode implements [store.Services].
func (u under) PutNode(ctx context.Context, n forescale.Node) error {
	return u.putNode(ctx, u.fence, n)
}

// SaveNodeLives implements [store.Lives].
func (u under) SaveNodeLives(ctx context.Context, ls []forescale.NodeLife) error {
	return u.putNodeLives(ctx, u.fence, ls)
}
