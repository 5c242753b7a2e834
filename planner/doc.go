// Package planner decides how many instances of a service are wanted, and why.
//
// It is pure: no I/O, no clock, no randomness. The same [State] at the same time
// gives the same [Result], byte for byte, so live running, tests, back-tests and
// simulation share one decision code. Memory lives in the store and comes in
// with the State.
//
// [Decide] reads as the order of the questions asked: may anything be said at
// all, what do live demand and forecast need, what is held, which limits cut it,
// and which instances that means.
package planner
