// Package agent is the process that runs on a node: it joins the server by a
// token, keeps its certificate fresh, and sends what the node uses. While the
// server is away it remembers an hour of that, and delivers it with its true times.
//
// The agent calls the server, never the other way round, so a node may stand
// behind NAT and needs no open port.
package agent
