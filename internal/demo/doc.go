// Package demo plays a working week in minutes before the reader's eyes: the
// real server scales a small service whose load follows a weekday pattern,
// ahead of its rises, and a table holds it against the Kubernetes HPA on the
// same load.
//
// With a Docker Engine the instances are containers of this very program, asked
// by a real load over HTTP:
//
//	generator → balancer → containers        balancer asks GET /v1/instances
//	transmitter: containers' /utilization → POST /v1/samples
//
// With hosts, the containers run on hosts that the server orders by deploy/providers.
// Without an engine the same happens in the simulated world of internal/sim. Either
// way all time comes from one fast clock, and nothing is left behind.
package demo
