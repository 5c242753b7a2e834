package actuator

import (
	"cmp"
	"context"
	"errors"

	"github.com/forescale/forescale"
)

// Target carries out single effects; see [Docker.Start] and [Docker.Stop].
type Target interface {
	Start(ctx context.Context, s forescale.Service, i forescale.Instance) error
	Stop(ctx context.Context, s forescale.Service, i forescale.Instance) error
}

// Agents carry out effects on the nodes that have one.
type Agents interface {
	Target
	// Fence is that of [Docker.Fence].
	Fence(ctx context.Context) error
	// Has reports whether a node has an agent.
	Has(ctx context.Context, node string) (bool, error)
	// Pull is that of [Docker.Pull], on a node.
	Pull(ctx context.Context, s forescale.Service, node string) error
}

// ByNode carries out each effect on the node of the instance: by its agent if it has one,
// else by the server's own target.
type ByNode struct {
	agents Agents
	own    Target // nil: the server has no engine
}

// NewByNode joins both; own may be nil.
func NewByNode(agents Agents, own Target) *ByNode { return &ByNode{agents: agents, own: own} }

// Start makes the instance exist and run on its node.
func (n *ByNode) Start(ctx context.Context, s forescale.Service, i forescale.Instance) error {
	t, err := n.of(ctx, i.Node, i.ID)
	if err != nil {
		return err
	}
	return t.Start(ctx, s, i)
}

// Stop stops and removes the instance.
func (n *ByNode) Stop(ctx context.Context, s forescale.Service, i forescale.Instance) error {
	t, err := n.of(ctx, i.Node, i.ID)
	if err != nil {
		return err
	}
	return t.Stop(ctx, s, i)
}

// Pull fetches the image of the service's template to a node, or to the server's own
// engine where node is empty or has no agent.
func (n *ByNode) Pull(ctx context.Context, s forescale.Service, node string) error {
	t, err := n.of(ctx, node, s.Name)
	switch own := t.(type) {
	case Agents:
		return own.Pull(ctx, s, node)
	case interface {
		Pull(context.Context, forescale.Service) error
	}:
		return own.Pull(ctx, s)
	}
	return err
}

// of is who acts on a node, for an instance or a service.
func (n *ByNode) of(ctx context.Context, node, what string) (Target, error) {
	if node != "" {
		if has, err := n.agents.Has(ctx, node); err != nil {
			return nil, err
		} else if has {
			return n.agents, nil
		}
	}
	if n.own == nil {
		return nil, &forescale.Fault{Code: "node_missing", Where: cmp.Or(node, what), What: "no agent acts there, and the server has no engine of its own",
			Help: "let the node join: forescale join-token create --node NAME; nothing was done"}
	}
	return n.own, nil
}

// Fence makes both refuse what is asked under a lower fence.
func (n *ByNode) Fence(ctx context.Context) error {
	err := n.agents.Fence(ctx)
	if f, ok := n.own.(interface{ Fence(context.Context) error }); ok {
		err = errors.Join(err, f.Fence(ctx))
	}
	return err
}
