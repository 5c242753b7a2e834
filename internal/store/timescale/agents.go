package timescale

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/encoding"
)

// CreateJoinToken implements [store.Agents].
func (s *Store) CreateJoinToken(ctx context.Context, k forescale.JoinToken) error {
	return s.write(ctx, "create a join token", func(ctx context.Context, t *tx) error {
		n, err := t.changed(ctx, `INSERT INTO join_token (id, node, node_order, hash, created_at, expires_at, used_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`, k.ID, k.Node, k.Order, k.Hash, utc(k.CreatedAt), utc(k.ExpiresAt), optional(k.UsedAt))
		if err != nil {
			return err
		}
		if n == 0 {
			return store.TokenExists(k.ID)
		}
		return t.exec(ctx, "DELETE FROM join_token WHERE expires_at < $1", utc(k.CreatedAt.Add(-store.TokensKept)))
	})
}

const selectTokens = "SELECT id, node, node_order, hash, created_at, expires_at, used_at FROM join_token"

func scanToken(r row) (k forescale.JoinToken, err error) {
	var used *time.Time
	err = r.Scan(&k.ID, &k.Node, &k.Order, &k.Hash, &k.CreatedAt, &k.ExpiresAt, &used)
	k.CreatedAt, k.ExpiresAt, k.UsedAt = k.CreatedAt.UTC(), k.ExpiresAt.UTC(), fromOptional(used)
	return k, err
}

// JoinTokens implements [store.Agents].
func (s *Store) JoinTokens(ctx context.Context) ([]forescale.JoinToken, error) {
	return list(ctx, s, "list join tokens", scanToken, selectTokens+" ORDER BY created_at, id")
}

const selectAgents = "SELECT node, body FROM agent"

func scanAgent(r row) (forescale.Agent, error) {
	return store.ScanBody(r, "agent", encoding.DecodeAgent)
}

// Join implements [store.Agents]. The token's row is held until the commit, so that
// of several who bring it one joins; so is the node, for several tokens of it.
func (s *Store) Join(ctx context.Context, hash []byte, a forescale.Agent, now time.Time) error {
	return s.write(ctx, "let agent "+a.Node+" join", func(ctx context.Context, t *tx) error {
		if err := t.exec(ctx, "SELECT pg_advisory_xact_lock(hashtextextended('agent ' || $1, 0))", a.Node); err != nil {
			return err
		}
		k, err := scanToken(t.QueryRow(ctx, selectTokens+" WHERE hash = $1 FOR UPDATE", hash))
		if errors.Is(err, pgx.ErrNoRows) {
			return store.TokenUnknown()
		}
		if err != nil {
			return err
		}
		var there *forescale.Agent
		switch one, err := scanAgent(t.QueryRow(ctx, selectAgents+" WHERE node = $1 FOR UPDATE", a.Node)); {
		case err == nil:
			there = &one
		case !errors.Is(err, pgx.ErrNoRows):
			return err
		}
		if err := store.MayJoin(k, there, a, now); err != nil {
			return err
		}
		a.Order = k.Order
		body, err := encoding.EncodeAgent(a)
		if err != nil {
			return err
		}
		if err := t.exec(ctx, "UPDATE join_token SET used_at = $1 WHERE id = $2", utc(now), k.ID); err != nil {
			return err
		}
		return t.exec(ctx, "INSERT INTO agent (node, body) VALUES ($1, $2) ON CONFLICT (node) DO UPDATE SET body = excluded.body", a.Node, body)
	})
}

// SaveAgent implements [store.Agents].
func (s *Store) SaveAgent(ctx context.Context, a forescale.Agent, serial string) error {
	body, err := encoding.EncodeAgent(a)
	if err != nil {
		return err
	}
	return s.write(ctx, "save agent "+a.Node, func(ctx context.Context, t *tx) error {
		there, err := scanAgent(t.QueryRow(ctx, selectAgents+" WHERE node = $1 FOR UPDATE", a.Node))
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return store.NotFound("agent", a.Node)
		case err != nil:
			return err
		case !there.Shows(serial):
			return store.AgentSuperseded(a.Node)
		}
		return t.exec(ctx, "UPDATE agent SET body = $2 WHERE node = $1", a.Node, body)
	})
}

// Agents implements [store.Agents].
func (s *Store) Agents(ctx context.Context) ([]forescale.Agent, error) {
	return list(ctx, s, "list agents", scanAgent, selectAgents+" ORDER BY node")
}

// Agent implements [store.Agents].
func (s *Store) Agent(ctx context.Context, node string) (forescale.Agent, error) {
	return first(ctx, s, "find an agent", store.NotFound("agent", node), scanAgent, selectAgents+" WHERE node = $1", node)
}

// RemoveAgent implements [store.Agents].
func (s *Store) RemoveAgent(ctx context.Context, node string) error {
	return s.write(ctx, "remove agent "+node, func(ctx context.Context, t *tx) error {
		n, err := t.changed(ctx, "DELETE FROM agent WHERE node = $1", node)
		return orNotFound(n, err, "agent", node)
	})
}
