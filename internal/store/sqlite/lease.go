package sqlite

import (
	"context"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
)

// unfenced is the fence of writes that are not checked.
const unfenced = 0

// clockMS is the clock of the database, in milliseconds.
const clockMS = "CAST(unixepoch('subsec') * 1000 AS INTEGER)"

const leaseColumns = "fence, holder, since, until, until - " + clockMS + ", scope"

func scanTerm(r row) (t forescale.Term, err error) {
	var since, until, left int64
	err = r.Scan(&t.Fence, &t.Holder, &since, &until, &left, &t.Scope)
	t.Since, t.Until, t.Left = fromMS(since), fromMS(until), time.Duration(left)*time.Millisecond
	if t.Fence == 0 {
		t = forescale.Term{Scope: t.Scope}
	}
	return t, err
}

// TakeLead implements [store.Leases]. It also takes over from a term that was
// renewed in what is the future by now: the clock was set back.
func (s *Store) TakeLead(ctx context.Context, holder string, lasts time.Duration) (t forescale.Term, won bool, err error) {
	err = s.write(ctx, "take the lead", func(tx *tx) error {
		t, err = scanTerm(tx.one(`UPDATE lease SET fence = fence + 1, holder = ?, since = `+clockMS+`, renewed = `+clockMS+`, until = `+clockMS+` + ?
			WHERE holder = '' OR until <= `+clockMS+` OR renewed > `+clockMS+` + 1000 RETURNING `+leaseColumns, holder, lasts.Milliseconds()))
		if won = err == nil; won || !nothingThere(err) {
			return err
		}
		t, err = scanTerm(tx.one("SELECT " + leaseColumns + " FROM lease"))
		return err
	})
	return t, won && err == nil, err
}

// KeepLead implements [store.Leases].
func (s *Store) KeepLead(ctx context.Context, fence int64, lasts time.Duration) (t forescale.Term, err error) {
	err = s.write(ctx, "renew the lease", func(tx *tx) error {
		t, err = scanTerm(tx.one(`UPDATE lease SET renewed = `+clockMS+`, until = `+clockMS+` + ?
			WHERE fence = ? AND holder <> '' RETURNING `+leaseColumns, lasts.Milliseconds(), fence))
		return orFenced(fence, err)
	})
	return t, err
}

// Resign implements [store.Leases].
func (s *Store) Resign(ctx context.Context, fence int64) error {
	return s.write(ctx, "resign", func(t *tx) error {
		n, err := t.changed("UPDATE lease SET holder = '', until = "+clockMS+" WHERE fence = ? AND holder <> ''", fence)
		if err == nil && n == 0 {
			return store.Fenced(fence)
		}
		return err
	})
}

// Lead implements [store.Leases].
func (s *Store) Lead(ctx context.Context) (forescale.Term, error) {
	return first(ctx, s, "read who leads", damaged(s.path, "it has no lease", nil), scanTerm, "SELECT "+leaseColumns+" FROM lease")
}

// orFenced is err, or what a server is told whose term is over.
func orFenced(fence int64, err error) error {
	if nothingThere(err) {
		return store.Fenced(fence)
	}
	return err
}

// writeUnder is write for what only a leader does.
func (s *Store) writeUnder(ctx context.Context, fence int64, doing string, change func(*tx) error) error {
	if fence == unfenced {
		return s.write(ctx, doing, change)
	}
	return s.write(ctx, doing, func(t *tx) error {
		var newest int64
		if err := t.one("SELECT fence FROM lease WHERE fence = ? AND holder <> ''", fence).Scan(&newest); err != nil {
			return orFenced(fence, err)
		}
		return change(t)
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
