package encoding

import (
	"encoding/json"
	"fmt"

	"github.com/forescale/forescale"
)

// EncodeAgent writes an agent as JSON, with its times as stores keep them.
func EncodeAgent(a forescale.Agent) (string, error) {
	a.JoinedAt, a.ExpiresAt = fromMS(ms(a.JoinedAt)), fromMS(ms(a.ExpiresAt))
	body, err := json.Marshal(a)
	if err != nil {
		return "", fmt.Errorf("write agent %s as JSON: %w", a.Node, err)
	}
	return string(body), nil
}

// DecodeAgent reads what EncodeAgent wrote of the agent of a node.
func DecodeAgent(node, body string) (a forescale.Agent, err error) {
	if err := json.Unmarshal([]byte(body), &a); err != nil {
		return a, err
	}
	if a.Node != node {
		return a, fmt.Errorf("it is of node %q", a.Node)
	}
	return a, nil
}
