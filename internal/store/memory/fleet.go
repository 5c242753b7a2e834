package memory

import (
	"cmp"
	"context"
	"slices"
	"sort"
	"time"

	"github.com/forescale/forescale"
)

// instance is an instance with when its life ended, in milliseconds. For one that ended
// without saying when, it is the last time known of it.
type instance struct {
	forescale.Instance
	end int64
}

// SaveInstances implements [store.Fleet].
func (s *Store) SaveInstances(ctx context.Context, is []forescale.Instance) error {
	return s.putInstances(ctx, unfenced, is)
}

func (s *Store) putInstances(ctx context.Context, fence int64, is []forescale.Instance) error {
	return s.put(ctx, fence, func() { s.saveInstances(is) })
}

func (s *Store) saveInstances(is []forescale.Instance) {
	for _, i := range is {
		kept := s.live[i.ID]
		if kept != nil && i.State.Live() { // as nearly always: it stays where it is
			kept.Instance = i
		} else {
			if old := s.instances[i.ID]; old != nil {
				s.forgetInstance(old)
			}
			kept = &instance{Instance: i}
		}
		for _, t := range []*time.Time{&kept.StartedAt, &kept.ReadyAt, &kept.DrainingAt, &kept.StoppedAt, &kept.Deadline, &kept.LastSeen} {
			if !t.IsZero() {
				*t = utc(*t)
			}
		}
		kept.OrderedAt = utc(kept.OrderedAt)
		s.instances[i.ID] = kept
		if i.State.Live() {
			s.live[i.ID] = kept
			continue
		}
		kept.end = endOf(kept.Instance).UnixMilli()
		at := s.endedFrom(kept.end + 1)
		s.ended = slices.Insert(s.ended, at, kept)
	}
}

func endOf(i forescale.Instance) time.Time {
	if !i.StoppedAt.IsZero() {
		return i.StoppedAt
	}
	last := i.OrderedAt
	for _, t := range []time.Time{i.StartedAt, i.ReadyAt, i.DrainingAt, i.LastSeen} {
		if t.After(last) {
			last = t
		}
	}
	return last
}

// endedFrom is the position of the first that ended at or after a time.
func (s *Store) endedFrom(ms int64) int {
	return sort.Search(len(s.ended), func(k int) bool { return s.ended[k].end >= ms })
}

func (s *Store) forgetInstance(i *instance) {
	delete(s.instances, i.ID)
	if i.State.Live() {
		delete(s.live, i.ID)
		return
	}
	for k := s.endedFrom(i.end); k < len(s.ended); k++ {
		if s.ended[k] == i {
			s.ended = slices.Delete(s.ended, k, k+1)
			return
		}
	}
}

// Instances implements [store.Fleet].
func (s *Store) Instances(ctx context.Context, q forescale.InstanceQuery) (out []forescale.Instance, err error) {
	err = s.read(ctx, func() {
		found := make([]*instance, 0, len(s.live)+8)
		take := func(i *instance) {
			if (q.Service == "" || q.Service == i.Service) && among(q.Services, i.Service) {
				found = append(found, i)
			}
		}
		for _, i := range s.live {
			take(i)
		}
		if !q.Live {
			first := 0
			if !q.Since.IsZero() {
				first = s.endedFrom(q.Since.UnixMilli())
			}
			for _, i := range s.ended[first:] {
				take(i)
			}
		}
		slices.SortFunc(found, func(a, b *instance) int {
			return cmp.Or(cmp.Compare(a.Service, b.Service), a.OrderedAt.Compare(b.OrderedAt), cmp.Compare(a.ID, b.ID))
		})
		out = make([]forescale.Instance, len(found))
		for k, i := range found {
			out[k] = i.Instance
		}
	})
	return out, err
}
