package encoding

import "github.com/forescale/forescale"

// EncodeAgent writes an agent as JSON, with its times as stores keep them.
func EncodeAgent(a forescale.Agent) (string, error) {
	a.JoinedAt, a.ExpiresAt = fromMS(ms(a.JoinedAt)), fromMS(ms(a.ExpiresAt))
	return encodeBody("agent", a.Node, a)
}

// DecodeAgent reads what EncodeAgent wrote of the agent of a node.
func DecodeAgent(node, body string) (forescale.Agent, error) {
	return decodeBody(node, body, func(a forescale.Agent) string { return a.Node })
}
