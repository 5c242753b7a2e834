// Package riverjobs runs jobs on River, spread over all servers that share a
// PostgreSQL database. A run that comes due is begun once, by whichever server is
// first: its row and all its batches are one commit.
//
//	every server: due? ── begin ──→ run: running        river_job: a row a batch
//	                                  ▲                    │ each server fetches some
//	                                  │ settle             ▼
//	                                  └──────────────── batch: done, or again, or given up
//
// A run's row is worked out from its batches whenever one of them ends, in the
// same commit, so each batch counts exactly once. Only the attempt that the queue
// knows of may end its batch: who was taken for dead and wakes up changes nothing.
//
// A server tells every few seconds which batches it still works on. What nobody
// tells of any more goes back into the queue.
//
// River finds its work by polling: it needs no connection for itself. Its tables
// lie in the schema of the store.
package riverjobs
