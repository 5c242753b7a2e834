package memory

import (
	"context"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
)

// now is the store's own clock, which is steady.
func (s *Store) now() time.Time { return utc(s.born.Add(time.Since(s.born))) }

// termNow is the newest term as of now.
func (s *Store) termNow() forescale.Term {
	t := s.term
	if t.Fence > 0 {
		t.Left = t.Until.Sub(s.now())
	}
	return t
}

// TakeLead implements [store.Leases].
func (s *Store) TakeLead(ctx context.Context, holder string, lasts time.Duration) (t forescale.Term, won bool, err error) {
	err = s.put(ctx, unfenced, func() {
		now := s.now()
		if won = s.term.Holder == "" || !now.Before(s.term.Until); won {
			s.term.Fence++
			s.term.Holder, s.term.Since, s.term.Until = holder, now, now.Add(lasts.Truncate(time.Millisecond))
		}
		t = s.termNow()
	})
	return t, won, err
}

// KeepLead implements [store.Leases].
func (s *Store) KeepLead(ctx context.Context, fence int64, lasts time.Duration) (t forescale.Term, err error) {
	err = s.write(ctx, fence, func() error {
		if fence == unfenced {
			return store.Fenced(fence)
		}
		s.term.Until = s.now().Add(lasts.Truncate(time.Millisecond))
		t = s.termNow()
		return nil
	})
	return t, err
}

// Resign implements [store.Leases].
func (s *Store) Resign(ctx context.Context, fence int64) error {
	return s.write(ctx, fence, func() error {
		if fence == unfenced {
			return store.Fenced(fence)
		}
		s.term.Holder, s.term.Until = "", s.now()
		return nil
	})
}

// Lead implements [store.Leases].
func (s *Store) Lead(ctx context.Context) (t forescale.Term, err error) {
	err = s.read(ctx, func() { t = s.termNow() })
	return t, err
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
	return u.put(ctx, u.fence, func() { u.warmups.add(w) })
}

// SaveCooldown implements [store.Fleet].
func (u under) SaveCooldown(ctx context.Context, w forescale.Warmup) error {
	return u.put(ctx, u.fence, func() { u.cooldowns.add(w) })
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
