package sim

import (
	"context"
	"fmt"

	"github.com/forescale/forescale"
)

// Fenced is the world as a leader acts on it: internal/loop's Target and Fencer.
type Fenced struct {
	world *World
	fence int64
}

// Under gives the world to the leader of this fence.
func (w *World) Under(fence int64) *Fenced { return &Fenced{w, fence} }

// Refused is how many effects were refused because a newer leader had come.
func (w *World) Refused() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.refused
}

// Fence makes the world refuse lower fences.
func (f *Fenced) Fence(ctx context.Context) error {
	w := f.world
	if err := w.reach(ctx); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if f.fence < w.fence {
		return &forescale.Fault{Code: "fence_lower", Where: fmt.Sprintf("fence %d", f.fence), Err: &forescale.LowerFence{Newest: w.fence},
			What: fmt.Sprintf("a leader with the fence %d has acted on this world", w.fence)}
	}
	w.fence = f.fence
	return nil
}

// check refuses all but the newest leader. The lock is not given up between this
// and the effect, as an engine does both in one call.
func (f *Fenced) check() error {
	if f.fence == f.world.fence {
		return nil
	}
	f.world.refused++
	return &forescale.Fault{Code: "fence_missing", Where: fmt.Sprintf("fence %d", f.fence),
		What: "the world does not know this server as the leader"}
}

// Start is World.Start for the newest leader.
func (f *Fenced) Start(ctx context.Context, s forescale.Service, i forescale.Instance) error {
	return f.world.startBy(ctx, s, i, f.check)
}

// Stop is World.Stop for the newest leader.
func (f *Fenced) Stop(ctx context.Context, s forescale.Service, i forescale.Instance) error {
	return f.world.stopBy(ctx, s, i, f.check)
}

// unfenced lets everything through.
func unfenced() error { return nil }
