// Package money is the arithmetic of budgets: what has been spent, what is bound,
// what may still be started, and what a month will cost. It is pure: no I/O, no
// clock. The stores run it inside the transaction that records a decision, on what
// they hold themselves, so that nobody passes a limit who plans at the same time.
//
// What an instance costs is paid in steps, from its order until it is gone, each
// started step whole. A step that lies over a month's end is split there exactly.
package money
