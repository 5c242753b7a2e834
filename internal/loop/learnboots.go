package loop

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/forecast/warmup"
)

// bootsKept is how far back boots are learned from.
const bootsKept = 90 * 24 * time.Hour

// LearnBoots learns anew how long nodes boot, of every type of which one has joined since
// it was learned last. A boot is from the order until the agent joined.
func (l *Loop) LearnBoots(ctx context.Context, now time.Time) (r Worked, err error) {
	types, err := l.store.NodeTypes(ctx)
	if err != nil || len(types) == 0 {
		return r, err
	}
	lives, err := l.store.NodeLives(ctx, now.Add(-bootsKept))
	if err != nil {
		return r, fmt.Errorf("read the lives of nodes: %w", err)
	}
	known, err := l.store.Learned(ctx, "", time.Time{})
	if err != nil && !errors.Is(err, forescale.ErrDamaged) { // what is damaged is learned anew
		return r, fmt.Errorf("read what was learned: %w", err)
	}
	last := map[string]time.Time{}
	for _, k := range known {
		if k.Kind == forescale.LapseBoot {
			last[k.Service] = k.At
		}
	}
	boots, newest := bootsOf(lives)
	for _, t := range types {
		if !newest[t.Name].After(last[t.Name]) {
			continue
		}
		r.Done++
		learned, err := warmup.OfNodeType(t, now, boots)
		if err != nil {
			r.Failed++
			r.Fault = errors.Join(r.Fault, fmt.Errorf("node type %s: %w", t.Name, err))
			continue
		}
		if err := l.store.SaveLearned(ctx, []forescale.LearnedTimes{learned}); err != nil {
			return r, fmt.Errorf("keep what was learned: %w", err)
		}
	}
	return r, nil
}

// bootsOf are the measured boots, with when the last node of each type joined.
func bootsOf(lives []forescale.NodeLife) (boots []forescale.Boot, newest map[string]time.Time) {
	newest = map[string]time.Time{}
	for _, x := range lives {
		if x.ReadyAt.IsZero() {
			continue
		}
		b := forescale.Boot{Node: x.Node, Type: x.Type, At: x.OrderedAt, Duration: x.ReadyAt.Sub(x.OrderedAt), AtOnce: 1}
		for _, o := range lives {
			switch {
			case o.Node == x.Node || o.OrderedAt.After(x.ReadyAt) || !o.EndedAt.IsZero() && o.EndedAt.Before(x.OrderedAt):
			case o.ReadyAt.IsZero() || o.ReadyAt.After(x.OrderedAt):
				b.AtOnce++
			case o.Type == x.Type:
				b.Running++
			}
		}
		boots = append(boots, b)
		if x.ReadyAt.After(newest[x.Type]) {
			newest[x.Type] = x.ReadyAt
		}
	}
	return boots, newest
}
