package memory

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store/encoding"
)

// SaveNodeLives implements [store.Lives].
func (s *Store) SaveNodeLives(ctx context.Context, ls []forescale.NodeLife) error {
	return s.putNodeLives(ctx, unfenced, ls)
}

func (s *Store) putNodeLives(ctx context.Context, fence int64, ls []forescale.NodeLife) error {
	return s.put(ctx, fence, func() { s.saveNodeLives(ls) })
}

func (s *Store) saveNodeLives(ls []forescale.NodeLife) {
	for _, l := range ls {
		s.lives[l.Node] = encoding.StoredLife(l)
	}
}

// NodeLives implements [store.Lives].
func (s *Store) NodeLives(ctx context.Context, since time.Time) (out []forescale.NodeLife, err error) {
	err = s.read(ctx, func() { out = s.livesSince(since) })
	return out, err
}

func (s *Store) livesSince(since time.Time) (out []forescale.NodeLife) {
	for _, l := range s.lives {
		if l.EndedAt.IsZero() || l.EndedAt.UnixMilli() >= since.UnixMilli() {
			out = append(out, encoding.StoredLife(l))
		}
	}
	slices.SortFunc(out, func(a, b forescale.NodeLife) int {
		return cmp.Or(a.OrderedAt.Compare(b.OrderedAt), cmp.Compare(a.Node, b.Node))
	})
	return out
}

// hasNodeBill reports whether a bill is of a node that is remembered.
func (s *Store) hasNodeBill(bill string) bool {
	node, is := strings.CutPrefix(bill, forescale.NodeBill(""))
	_, known := s.lives[node]
	return is && known
}

// PutNodeWish implements [store.Lives].
func (s *Store) PutNodeWish(ctx context.Context, w forescale.NodeWish) error {
	w.At = utc(w.At)
	return s.put(ctx, unfenced, func() {
		if w.Empty() {
			delete(s.wishes, w.Node)
			return
		}
		s.wishes[w.Node] = w
	})
}

// NodeWishes implements [store.Lives].
func (s *Store) NodeWishes(ctx context.Context) (out []forescale.NodeWish, err error) {
	err = s.read(ctx, func() { out = byName(s.wishes) })
	return out, err
}
