// Package timescale is the store in PostgreSQL, with TimescaleDB where it can be
// had. It keeps the contract of [store.Store].
//
// # What several servers on one database need
//
//   - Rows of a batch are written in the order of their index, so that two batches
//     wait for each other but never lock each other out. What is given up all the
//     same is repeated.
//   - Ids of series are kept in memory. Who adds samples shares an advisory lock;
//     who deletes series holds it alone and raises an epoch, by which the others
//     notice.
//   - Rounds of planning are recorded one after the other under another lock, so
//     that the order of decisions is that of their commits.
//   - Migrations run under a third one, each in one transaction.
//   - One server leads, by a lease on the clock of the database. What only a leader
//     writes holds the lease's row against a take-over until its commit.
//
// # What is durable
//
// Each connection sets synchronous_commit=on itself. A commit does not end with
// the caller's context; when its answer is lost, the fault is store_failed and
// nobody knows whether it holds. Appending the same samples again is harmless.
//
// # What is bounded
//
// A write ends after a minute and a read after two, also when the server is
// paused: fault store_slow. A statement of a write waits 20 s for a lock. Faults
// that pass by themselves wrap [forescale.ErrBusy].
//
// A connection that turns out to be dead before its commit is replaced without
// anybody noticing. A machine that vanished without a word is given up after
// half a minute, from both sides, so that no transaction of a dead client holds
// rows for long.
//
// # Texts
//
// PostgreSQL takes no zero bytes and no invalid UTF-8. Free texts of other
// programs (a failure, an error, a note) are mended; in names they are an error.
package timescale
