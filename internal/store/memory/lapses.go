package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
)

// lapses are warm-ups, or cool-downs, by service, newest first, one of an instance.
type lapses struct {
	by   map[string][]forescale.Warmup
	seen map[string]struct{}
}

func newLapses() lapses {
	return lapses{by: map[string][]forescale.Warmup{}, seen: map[string]struct{}{}}
}

func newestFirst(a, b forescale.Warmup) int {
	return cmp.Or(b.At.Compare(a.At), cmp.Compare(b.Instance, a.Instance))
}

func (l lapses) add(w forescale.Warmup) {
	if _, again := l.seen[w.Instance]; again {
		return
	}
	l.seen[w.Instance] = struct{}{}
	w.At = utc(w.At)
	list := l.by[w.Service]
	at, _ := slices.BinarySearchFunc(list, w, newestFirst)
	l.by[w.Service] = slices.Insert(list, at, w)
}

func (l lapses) newest(service string, limit int) []forescale.Warmup {
	if service != "" {
		return slices.Clone(page(l.by[service], limit))
	}
	most := 0
	for _, list := range l.by {
		most += len(page(list, limit))
	}
	out := make([]forescale.Warmup, 0, most)
	for _, name := range slices.Sorted(maps.Keys(l.by)) {
		out = append(out, page(l.by[name], limit)...)
	}
	return out
}

// prune forgets those from before a time.
func (l lapses) prune(cut int64) (n int64) {
	for name, list := range l.by {
		keep := slices.IndexFunc(list, func(w forescale.Warmup) bool { return w.At.UnixMilli() < cut })
		if keep < 0 {
			continue
		}
		for _, w := range list[keep:] {
			delete(l.seen, w.Instance)
			n++
		}
		if l.by[name] = slices.Clone(list[:keep]); keep == 0 {
			delete(l.by, name)
		}
	}
	return n
}

// SaveWarmup implements [store.Fleet].
func (s *Store) SaveWarmup(ctx context.Context, w forescale.Warmup) error {
	return s.put(ctx, unfenced, func() { s.warmups.add(w) })
}

// Warmups implements [store.Fleet].
func (s *Store) Warmups(ctx context.Context, service string, limit int) (out []forescale.Warmup, err error) {
	err = s.read(ctx, func() { out = s.warmups.newest(service, limit) })
	return out, err
}

// SaveCooldown implements [store.Fleet].
func (s *Store) SaveCooldown(ctx context.Context, w forescale.Warmup) error {
	return s.put(ctx, unfenced, func() { s.cooldowns.add(w) })
}

// Cooldowns implements [store.Fleet].
func (s *Store) Cooldowns(ctx context.Context, service string, limit int) (out []forescale.Warmup, err error) {
	err = s.read(ctx, func() { out = s.cooldowns.newest(service, limit) })
	return out, err
}

type learnedKey struct {
	service string
	kind    forescale.LapseKind
}

// SaveLearned implements [store.Fleet].
func (s *Store) SaveLearned(ctx context.Context, ls []forescale.LearnedTimes) error {
	return s.put(ctx, unfenced, func() {
		for _, l := range ls {
			l.At = utc(l.At)
			s.learned[learnedKey{l.Service, l.Kind}] = cloneLearned(l)
		}
	})
}

func cloneLearned(l forescale.LearnedTimes) forescale.LearnedTimes {
	l.Features, l.Levels, l.Nodes = slices.Clone(l.Features), slices.Clone(l.Levels), slices.Clone(l.Nodes)
	for i := range l.Nodes {
		l.Nodes[i].Values = slices.Clone(l.Nodes[i].Values)
	}
	return l
}

// Learned implements [store.Fleet].
func (s *Store) Learned(ctx context.Context, service string, since time.Time) (out []forescale.LearnedTimes, err error) {
	err = s.readOr(ctx, func() error {
		for key, l := range s.learned {
			if l.At.UnixMilli() < since.UnixMilli() || service != "" && service != key.service {
				continue
			}
			if err := l.Valid(); err != nil {
				return store.Contradiction("learned", l.Service, err)
			}
			out = append(out, cloneLearned(l))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(out, func(a, b forescale.LearnedTimes) int {
		return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.Kind, b.Kind))
	})
	return out, nil
}
