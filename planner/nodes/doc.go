// Package nodes plans the machines: which node each wanted instance belongs on,
// which nodes to order and when, which to empty and switch off, what that costs
// an hour, and why.
//
// It is pure: no I/O, no clock, no randomness. The same [State] at the same time
// gives the same [Result], whatever the order of its lists. Every quantity is a
// whole number inside (millionths of a core, bytes), so that no node is filled
// beyond its capacity by rounding.
//
// [Decide] reads as the order of the questions asked: what runs where and may
// stay, where does what is missing fit, what has to be ordered for the rest and
// by when, and which nodes are not needed for long enough that emptying them
// pays. [Check] finds wishes that no plan can fulfil before they are asked for;
// when they come up all the same, Decide gives the best feasible plan and says
// in [Result.Unmet] what is missing from it.
//
// The packing is greedy by shadow prices (order.go): a linear program without
// whole numbers prices cores, memory, disk and bandwidth of each node type
// (prices.go), and node after node is filled so that what is on it is worth most
// for what the node costs. docs/nodes.md tells the rules,
// docs/decisions/0024-nodes-are-packed-by-shadow-prices.md the figures.
package nodes
