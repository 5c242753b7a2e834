package store

import (
	"fmt"
	"time"

	"github.com/forescale/forescale"
)

// TokensKept is how long a join token is remembered after it expired, so that who
// comes late with one is told why.
const TokensKept = 30 * 24 * time.Hour

// MayJoin tells whether an agent may join at now by a token, where there is
// another agent of the node, or nil.
func MayJoin(t forescale.JoinToken, there *forescale.Agent, a forescale.Agent, now time.Time) error {
	bad := func(code, what, help string) error {
		return &forescale.Fault{Code: code, Where: "join-tokens/" + t.ID, What: what, Help: help + "; nothing was changed", Err: forescale.ErrConflict}
	}
	const another = "make another with `forescale join-token create`"
	switch {
	case t.Node != a.Node:
		return bad("join_token_node", fmt.Sprintf("the token is for the node %s, not for %s", t.Node, a.Node), "use it on that node, or "+another)
	case !t.UsedAt.IsZero():
		return bad("join_token_used", "the token was used at "+t.UsedAt.Format(time.RFC3339), "if that was not this node, remove the agent and look for who has the token; else "+another)
	case !now.Before(t.ExpiresAt):
		return bad("join_token_expired", "the token expired at "+t.ExpiresAt.Format(time.RFC3339), another)
	case there != nil && now.Before(there.ExpiresAt):
		return &forescale.Fault{Code: "agent_exists", Where: "agents/" + a.Node, Err: forescale.ErrConflict,
			What: "another agent of the node " + a.Node + " has joined, and its certificate is valid until " + there.ExpiresAt.Format(time.RFC3339),
			Help: "give this node another name, or, if the other one is gone, remove it with `forescale agents remove " + a.Node + "`; nothing was changed"}
	}
	return nil
}

// TokenUnknown is of a join token that there is not.
func TokenUnknown() error {
	return &forescale.Fault{Code: "join_token_unknown", What: "there is no such join token", Err: forescale.ErrNotFound,
		Help: "copy all of it, or make another with `forescale join-token create`; nothing was changed"}
}

// AgentSuperseded is of an agent that shows a certificate that is not its newest.
func AgentSuperseded(node string) error {
	return &forescale.Fault{Code: "agent_superseded", Where: "agents/" + node, Err: forescale.ErrConflict,
		What: "the certificate is not the newest one of the agent of " + node,
		Help: "two agents may run with the same state: end one; or let the node join again with a new token. Nothing was changed"}
}

// TokenExists is of a join token whose id or secret is taken.
func TokenExists(id string) error {
	return &forescale.Fault{Code: "join_token_exists", Where: "join-tokens/" + id, What: "there is a join token with this id or secret already",
		Help: "make another; nothing was changed", Err: forescale.ErrConflict}
}
