package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/agent/authority"
	"github.com/forescale/forescale/internal/agent/wire"
	"github.com/forescale/forescale/internal/store"
)

func newJoinToken(a *app) *cobra.Command {
	return group("join-token", "Create and list the tokens by which agents join",
		"Create and list the tokens by which agents join. The commands work on the store itself\nand on the authority beside it, which `forescale serve --agents ADDRESS` makes.", newJoinTokenCreate(a), newJoinTokenList(a))
}

func newJoinTokenCreate(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create --node NAME [--order ORDER]",
		Short: "Create a token by which the agent of one node joins once, within 15 minutes",
		Long: `Create a token by which the agent of one node joins once, within 15 minutes. It is
printed once, on standard output; only its hash is kept. It tells the agent its node's name
and how to know the server.`,
		Example: "  forescale join-token create --node node-1 > node-1.token",
		Args:    wants(),
	}
	at := addStoreFlags(cmd)
	node := cmd.Flags().String("node", "", "name of the node that may join")
	order := cmd.Flags().String("order", "", "order of the node, kept with its agent")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if !forescale.ValidName(*node) {
			return usage(fmt.Sprintf("%q is not a node name", *node), "name it with up to 42 lower-case letters, digits and inner hyphens: --node node-1")
		}
		if *order != "" && !forescale.ValidName(*order) {
			return usage(fmt.Sprintf("%q is not the name of an order", *order), "use up to 42 lower-case letters, digits and inner hyphens")
		}
		return a.withAgents(cmd.Context(), at, func(ctx context.Context, s store.Store, ca *authority.Authority) error {
			return a.createJoinToken(ctx, s, ca, *node, *order)
		})
	}
	return cmd
}

// makeJoinToken keeps a token of the node, the order and the times given, and returns it
// with what the agent is to bring.
func makeJoinToken(ctx context.Context, s store.Agents, ca *authority.Authority, kept forescale.JoinToken) (forescale.JoinToken, string, error) {
	t := wire.NewToken(kept.Node, ca.Pin())
	kept.ID, kept.Hash = newID("join"), t.Hash()
	if err := s.CreateJoinToken(ctx, kept); err != nil {
		return kept, "", fmt.Errorf("keep the join token: %w", err)
	}
	return kept, t.String(), nil
}

// joinToken makes a token for the API; nil where no agents are taken.
func (c serverConfig) joinToken() func(ctx context.Context, node string) (forescale.JoinToken, string, error) {
	if c.Agents == "" {
		return nil
	}
	return func(ctx context.Context, node string) (forescale.JoinToken, string, error) {
		now := c.Clock.Now()
		ca, err := authority.OpenOrCreate(c.AgentsFile, now)
		if err != nil {
			return forescale.JoinToken{}, "", err
		}
		return makeJoinToken(ctx, c.Store, ca, forescale.JoinToken{Node: node, CreatedAt: now, ExpiresAt: now.Add(forescale.JoinTokenLife)})
	}
}

func (a *app) createJoinToken(ctx context.Context, s store.Store, ca *authority.Authority, node, order string) error {
	now := a.clock.Now()
	_, t, err := makeJoinToken(ctx, s, ca, forescale.JoinToken{Node: node, Order: order, CreatedAt: now, ExpiresAt: now.Add(forescale.JoinTokenLife)})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(a.stdout, t); err != nil {
		return fmt.Errorf("print the join token: %w", err) // nobody saw it, and it expires
	}
	a.hint("This is the only time that the token is shown. On %s, within 15 minutes:  FORESCALE_JOIN_TOKEN=… forescale agent --server https://HOST:PORT", node)
	return nil
}

func newJoinTokenList(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List the join tokens; secrets are not kept and not shown", Args: wants()}
	at, o := addStoreFlags(cmd), formatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return a.withStore(cmd.Context(), at, func(ctx context.Context, s store.Store) error {
			tokens, err := s.JoinTokens(ctx)
			if err != nil {
				return fmt.Errorf("read the join tokens: %w", err)
			}
			return a.listJoinTokens(tokens, *o)
		})
	}
	return cmd
}

func (a *app) listJoinTokens(tokens []forescale.JoinToken, o format) error {
	rows := make([][]string, len(tokens))
	for i, t := range tokens {
		rows[i] = []string{t.ID, t.Node, t.Order, stamp(t.CreatedAt), stamp(t.ExpiresAt), stamp(t.UsedAt)}
	}
	return a.writeList(o, tokens, []string{"id", "node", "order", "created_at", "expires_at", "used_at"},
		[]string{"ID", "NODE", "ORDER", "CREATED", "EXPIRES", "USED"}, rows,
		"There is no join token yet. Make one: forescale join-token create --node NAME")
}
