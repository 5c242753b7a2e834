package sqlite

import (
	"context"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/money"
	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/encoding"
)

// SaveNodeLives implements [store.Lives].
func (s *Store) SaveNodeLives(ctx context.Context, ls []forescale.NodeLife) error {
	return s.putNodeLives(ctx, unfenced, ls)
}

func (s *Store) putNodeLives(ctx context.Context, fence int64, ls []forescale.NodeLife) error {
	return s.writeUnder(ctx, fence, "save the lives of nodes", func(t *tx) error { return t.saveNodeLives(ls) })
}

func (t *tx) saveNodeLives(ls []forescale.NodeLife) error {
	for _, l := range ls {
		body, err := encoding.EncodeLife(l)
		if err != nil {
			return err
		}
		if err := t.exec("INSERT OR REPLACE INTO node_life (node, ordered_at, ended, body) VALUES (?, ?, ?, ?)",
			l.Node, ms(l.OrderedAt), optional(l.EndedAt), body); err != nil {
			return err
		}
	}
	return nil
}

const selectLives = "SELECT node, body FROM node_life WHERE ended IS NULL OR ended >= ? ORDER BY ordered_at, node"

func scanLife(r row) (forescale.NodeLife, error) {
	return store.ScanBody(r, "the life of node", encoding.DecodeLife)
}

// NodeLives implements [store.Lives].
func (s *Store) NodeLives(ctx context.Context, since time.Time) ([]forescale.NodeLife, error) {
	return list(ctx, s, "read the lives of nodes", scanLife, selectLives, ms(since))
}

// addNodes reads the nodes that are booked.
func addNodes(b *money.Book, now time.Time, do each) error {
	var types []forescale.NodeType
	var lives []forescale.NodeLife
	if err := gather(do, &types, scanNodeType, selectNodeTypes); err != nil {
		return err
	}
	if err := gather(do, &lives, scanLife, selectLives, ms(money.NodesSince(now, b.Budgets, b.Meters))); err != nil {
		return err
	}
	b.AddNodes(types, lives)
	return nil
}

// PutNodeWish implements [store.Lives].
func (s *Store) PutNodeWish(ctx context.Context, w forescale.NodeWish) error {
	body, err := encoding.EncodeWish(w)
	if err != nil {
		return err
	}
	return s.write(ctx, "save what is wished of node "+w.Node, func(t *tx) error {
		if w.Empty() {
			return t.exec("DELETE FROM node_wish WHERE node = ?", w.Node)
		}
		return t.exec("INSERT OR REPLACE INTO node_wish (node, at, body) VALUES (?, ?, ?)", w.Node, ms(w.At), body)
	})
}

// NodeWishes implements [store.Lives].
func (s *Store) NodeWishes(ctx context.Context) ([]forescale.NodeWish, error) {
	return list(ctx, s, "read what is wished of nodes", func(r row) (forescale.NodeWish, error) {
		return store.ScanBody(r, "wish of node", encoding.DecodeWish)
	}, "SELECT node, body FROM node_wish ORDER BY node")
}
