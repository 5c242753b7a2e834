package memory

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
)

func cloneKey(k forescale.Key) forescale.Key {
	k.Hash = slices.Clone(k.Hash)
	return k
}

// CreateKey implements [store.Keys].
func (s *Store) CreateKey(ctx context.Context, k forescale.Key) error {
	k = cloneKey(k)
	k.CreatedAt = utc(k.CreatedAt)
	if !k.RevokedAt.IsZero() {
		k.RevokedAt = utc(k.RevokedAt)
	}
	return s.write(ctx, unfenced, func() error {
		for _, other := range s.keys {
			if other.ID == k.ID || bytes.Equal(other.Hash, k.Hash) {
				return store.KeyExists(k.ID)
			}
		}
		s.keys[k.ID] = k
		return nil
	})
}

// ListKeys implements [store.Keys].
func (s *Store) ListKeys(ctx context.Context) (out []forescale.Key, err error) {
	err = s.read(ctx, func() {
		for _, k := range s.keys {
			out = append(out, cloneKey(k))
		}
	})
	slices.SortFunc(out, func(a, b forescale.Key) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return out, err
}

// KeyByHash implements [store.Keys].
func (s *Store) KeyByHash(ctx context.Context, hash []byte) (found forescale.Key, err error) {
	err = s.readOr(ctx, func() error {
		for _, k := range s.keys {
			if bytes.Equal(k.Hash, hash) {
				found = cloneKey(k)
				return nil
			}
		}
		return forescale.ErrNotFound
	})
	return found, err
}

// RevokeKey implements [store.Keys].
func (s *Store) RevokeKey(ctx context.Context, id string, at time.Time) error {
	return s.write(ctx, unfenced, func() error {
		k, there := s.keys[id]
		if !there {
			return store.NotFound("key", id)
		}
		if k.RevokedAt.IsZero() {
			k.RevokedAt = utc(at)
			s.keys[id] = k
		}
		return nil
	})
}
