package hub

import (
	"context"
	"slices"
	"time"

	"github.com/forescale/forescale"
)

// noteEvery is how often the row of a node is held against what its agent told.
const noteEvery = time.Minute

// NodeOf is the row of an agent's node, made from the row that there is; the zero Node
// where there is none. What a config says of the node stays, and one that is being
// drained stays so; any other is ready, since its agent reports.
func NodeOf(a forescale.Agent, row forescale.Node, now time.Time) forescale.Node {
	if row.Name == "" {
		row = forescale.Node{Name: a.Node}
	}
	row.UpdatedAt = now
	if row.State != forescale.NodeDraining {
		row.State = forescale.NodeReady
	}
	row.Cores, row.Memory = a.Cores, a.Memory
	if row.Origin != forescale.OriginConfig {
		row.Type, row.Address, row.Labels = a.Type, a.Address, a.Labels
	}
	return row
}

// due reports whether the row of a node is to be looked at again.
func (h *Hub) due(node string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	at, noted := h.noted[node]
	return !noted || h.cfg.Clock.Elapsed()-at >= noteEvery
}

// noteNode brings the row of an agent's node up to date. What the agent came for does
// not depend on it.
func (h *Hub) noteNode(ctx context.Context, a forescale.Agent) {
	rows, err := h.cfg.Store.Nodes(ctx)
	if err == nil {
		var row forescale.Node
		if k := slices.IndexFunc(rows, func(n forescale.Node) bool { return n.Name == a.Node }); k >= 0 {
			row = rows[k]
		}
		if n := NodeOf(a, row, h.cfg.Clock.Now()); !n.Same(row) {
			err = h.cfg.Store.PutNode(ctx, n)
		}
	}
	if err != nil {
		h.cfg.Log.Warn("the row of a node could not be brought up to date; it is tried again", "node", a.Node, "error", err)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.noted[a.Node] = h.cfg.Clock.Elapsed()
}
