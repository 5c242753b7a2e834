package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/encoding"
)

// CreateJoinToken implements [store.Agents].
func (s *Store) CreateJoinToken(ctx context.Context, k forescale.JoinToken) error {
	return s.write(ctx, "create a join token", func(t *tx) error {
		n, err := t.changed(`INSERT INTO join_token (id, node, node_order, hash, created_at, expires_at, used_at)
			VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, k.ID, k.Node, k.Order, k.Hash, ms(k.CreatedAt), ms(k.ExpiresAt), optional(k.UsedAt))
		if err != nil {
			return err
		}
		if n == 0 {
			return store.TokenExists(k.ID)
		}
		return t.exec("DELETE FROM join_token WHERE expires_at < ?", ms(k.CreatedAt.Add(-store.TokensKept)))
	})
}

const selectTokens = "SELECT id, node, node_order, hash, created_at, expires_at, used_at FROM join_token"

func scanToken(r row) (k forescale.JoinToken, err error) {
	var created, expires int64
	var used sql.NullInt64
	err = r.Scan(&k.ID, &k.Node, &k.Order, &k.Hash, &created, &expires, &used)
	k.CreatedAt, k.ExpiresAt, k.UsedAt = fromMS(created), fromMS(expires), fromOptional(used)
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

// Join implements [store.Agents].
func (s *Store) Join(ctx context.Context, hash []byte, a forescale.Agent, now time.Time) error {
	return s.write(ctx, "let agent "+a.Node+" join", func(t *tx) error {
		k, err := scanToken(t.one(selectTokens+" WHERE hash = ?", hash))
		if nothingThere(err) {
			return store.TokenUnknown()
		}
		if err != nil {
			return err
		}
		var there *forescale.Agent
		switch one, err := scanAgent(t.one(selectAgents+" WHERE node = ?", a.Node)); {
		case err == nil:
			there = &one
		case !nothingThere(err):
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
		if err := t.exec("UPDATE join_token SET used_at = ? WHERE id = ?", ms(now), k.ID); err != nil {
			return err
		}
		return t.exec("INSERT OR REPLACE INTO agent (node, body) VALUES (?, ?)", a.Node, body)
	})
}

// SaveAgent implements [store.Agents].
func (s *Store) SaveAgent(ctx context.Context, a forescale.Agent, serial string) error {
	body, err := encoding.EncodeAgent(a)
	if err != nil {
		return err
	}
	return s.write(ctx, "save agent "+a.Node, func(t *tx) error {
		there, err := scanAgent(t.one(selectAgents+" WHERE node = ?", a.Node))
		switch {
		case nothingThere(err):
			return store.NotFound("agent", a.Node)
		case err != nil:
			return err
		case !there.Shows(serial):
			return store.AgentSuperseded(a.Node)
		}
		return t.exec("UPDATE agent SET body = ? WHERE node = ?", body, a.Node)
	})
}

// Agents implements [store.Agents].
func (s *Store) Agents(ctx context.Context) ([]forescale.Agent, error) {
	return list(ctx, s, "list agents", scanAgent, selectAgents+" ORDER BY node")
}

// Agent implements [store.Agents].
func (s *Store) Agent(ctx context.Context, node string) (forescale.Agent, error) {
	return first(ctx, s, "find an agent", store.NotFound("agent", node), scanAgent, selectAgents+" WHERE node = ?", node)
}

// RemoveAgent implements [store.Agents].
func (s *Store) RemoveAgent(ctx context.Context, node string) error {
	return s.write(ctx, "remove agent "+node, func(t *tx) error {
		n, err := t.changed("DELETE FROM agent WHERE node = ?", node)
		return orNotFound(n, err, "agent", node)
	})
}
