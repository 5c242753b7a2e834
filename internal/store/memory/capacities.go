package memory

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
)

// SaveCapacities implements [store.Fleet].
func (s *Store) SaveCapacities(ctx context.Context, cs []forescale.Capacity) error {
	return s.put(ctx, unfenced, func() {
		for _, c := range cs {
			c.From, c.At, c.Learned.Since = utc(c.From), utc(c.At), c.Learned.Since.UTC()
			of := s.capacities[c.Service]
			i, known := slices.BinarySearchFunc(of, c, func(a, b forescale.Capacity) int { return a.From.Compare(b.From) })
			if known {
				of[i] = c
			} else {
				s.capacities[c.Service] = slices.Insert(of, i, c)
			}
		}
	})
}

// Capacities implements [store.Fleet].
func (s *Store) Capacities(ctx context.Context, service string, since time.Time) (out []forescale.Capacity, err error) {
	err = s.readOr(ctx, func() error {
		for name, cs := range s.capacities {
			for _, c := range cs {
				if c.At.UnixMilli() < since.UnixMilli() || service != "" && service != name {
					continue
				}
				if err := c.Valid(); err != nil {
					return store.Contradiction("capacity", c.Service, err)
				}
				out = append(out, c)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(out, func(a, b forescale.Capacity) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), a.From.Compare(b.From))
	})
	return out, nil
}

// pruneCapacities deletes those that were looked at last before a time, but for a
// service's newest one.
func (s *Store) pruneCapacities(cut int64) (n int64) {
	for name, cs := range s.capacities {
		newest := cs[len(cs)-1].From
		kept := slices.DeleteFunc(cs, func(c forescale.Capacity) bool { return c.At.UnixMilli() < cut && !c.From.Equal(newest) })
		n += int64(len(cs) - len(kept))
		s.capacities[name] = kept
	}
	return n
}
