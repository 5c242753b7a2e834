package memory

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
)

func cloneToken(t forescale.JoinToken) forescale.JoinToken {
	t.Hash = slices.Clone(t.Hash)
	return t
}

// cloneAgent has the times as they are stored.
func cloneAgent(a forescale.Agent) forescale.Agent {
	a.Labels = labelsOf(a.Labels)
	a.JoinedAt, a.ExpiresAt = utc(a.JoinedAt), utc(a.ExpiresAt)
	return a
}

// CreateJoinToken implements [store.Agents].
func (s *Store) CreateJoinToken(ctx context.Context, t forescale.JoinToken) error {
	t = cloneToken(t)
	t.CreatedAt, t.ExpiresAt = utc(t.CreatedAt), utc(t.ExpiresAt)
	return s.write(ctx, unfenced, func() error {
		for _, other := range s.tokens {
			if other.ID == t.ID || bytes.Equal(other.Hash, t.Hash) {
				return store.TokenExists(t.ID)
			}
		}
		maps.DeleteFunc(s.tokens, func(_ string, old forescale.JoinToken) bool {
			return old.ExpiresAt.Before(t.CreatedAt.Add(-store.TokensKept))
		})
		s.tokens[t.ID] = t
		return nil
	})
}

// JoinTokens implements [store.Agents].
func (s *Store) JoinTokens(ctx context.Context) (out []forescale.JoinToken, err error) {
	err = s.read(ctx, func() {
		for _, t := range s.tokens {
			out = append(out, cloneToken(t))
		}
	})
	slices.SortFunc(out, func(a, b forescale.JoinToken) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return out, err
}

// Join implements [store.Agents].
func (s *Store) Join(ctx context.Context, hash []byte, a forescale.Agent, now time.Time) error {
	a = cloneAgent(a)
	return s.write(ctx, unfenced, func() error {
		for id, t := range s.tokens {
			if !bytes.Equal(t.Hash, hash) {
				continue
			}
			var there *forescale.Agent
			if one, ok := s.agents[a.Node]; ok {
				there = &one
			}
			if err := store.MayJoin(t, there, a, now); err != nil {
				return err
			}
			t.UsedAt, a.Order = utc(now), t.Order
			s.tokens[id], s.agents[a.Node] = t, a
			return nil
		}
		return store.TokenUnknown()
	})
}

// SaveAgent implements [store.Agents].
func (s *Store) SaveAgent(ctx context.Context, a forescale.Agent, serial string) error {
	a = cloneAgent(a)
	return s.write(ctx, unfenced, func() error {
		there, ok := s.agents[a.Node]
		switch {
		case !ok:
			return store.NotFound("agent", a.Node)
		case !there.Shows(serial):
			return store.AgentSuperseded(a.Node)
		}
		s.agents[a.Node] = a
		return nil
	})
}

// Agents implements [store.Agents].
func (s *Store) Agents(ctx context.Context) (out []forescale.Agent, err error) {
	err = s.read(ctx, func() {
		for _, node := range slices.Sorted(maps.Keys(s.agents)) {
			out = append(out, cloneAgent(s.agents[node]))
		}
	})
	return out, err
}

// Agent implements [store.Agents].
func (s *Store) Agent(ctx context.Context, node string) (a forescale.Agent, err error) {
	err = s.readOr(ctx, func() error {
		there, ok := s.agents[node]
		if !ok {
			return store.NotFound("agent", node)
		}
		a = cloneAgent(there)
		return nil
	})
	return a, err
}

// RemoveAgent implements [store.Agents].
func (s *Store) RemoveAgent(ctx context.Context, node string) error {
	return s.write(ctx, unfenced, func() error {
		if _, ok := s.agents[node]; !ok {
			return store.NotFound("agent", node)
		}
		delete(s.agents, node)
		return nil
	})
}
