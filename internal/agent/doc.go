// Package agent is the process that runs on a node: it joins the server by a
// token, keeps its certificate fresh, and sends what the node uses. While the
// server is away it remembers an hour of that, and delivers it with its true times.
// It also looks at, starts and stops instances on its node, for that server alone:
// a request is checked for its signature, its fence, and by the policy of the node,
// in this order.
//
// The agent calls the server, never the other way round, so a node may stand
// behind NAT and needs no open port.
package agent
