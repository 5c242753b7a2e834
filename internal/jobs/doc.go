// Package jobs says what is done again and again: which jobs there are, when
// each is due, how its services are split into batches, how long one batch may
// take. Who runs them is another question with two answers: [Embedded] in this
// process, with timers; or the package riverjobs, spread over all servers of one
// database. The job functions are the same for both, and work from the store
// alone: the server that runs one need not be the one that plans and acts.
//
// Each run belongs to a due time. What was run is recorded in the store under
// that time, so that a restart neither repeats nor skips one, and after a pause
// of any length the newest due time is caught up, once.
package jobs
