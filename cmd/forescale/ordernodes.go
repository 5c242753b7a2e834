package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/actuator"
	"github.com/forescale/forescale/internal/agent/authority"
	"github.com/forescale/forescale/internal/store"
)

// orderNodes is what orders nodes by the commands of the config. Nodes join by their
// agents, so a server that orders some has to take agents.
func (a *app) orderNodes(set settings, st store.Store) (*actuator.Nodes, error) {
	if set.agents == "" && len(set.config.NodeCommands) > 0 {
		first := slices.Min(slices.Collect(maps.Keys(set.config.NodeCommands)))
		return nil, usage(fmt.Sprintf("nodes of type %s are to be ordered, and their agents could not join", first), "start with --agents ADDRESS, such as --agents :8481, or set agents in the config; or leave the commands out")
	}
	n := &actuator.Nodes{Token: func(ctx context.Context, node string) (string, error) {
		now := a.clock.Now()
		ca, err := authority.OpenOrCreate(agentsFile(set.beside), now)
		if err != nil {
			return "", err
		}
		_, token, err := makeJoinToken(ctx, st, ca, forescale.JoinToken{Node: node, Order: node, CreatedAt: now, ExpiresAt: now.Add(forescale.NodeTokenLife)})
		return token, err
	}}
	n.Set(set.config.NodeCommands)
	return n, nil
}
