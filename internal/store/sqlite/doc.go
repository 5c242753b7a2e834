// Package sqlite is the embedded store: one file, no set-up, no C compiler. It
// keeps the contract of [store.Store].
//
// # SQLite's oddities, and what is done about them
//
//   - There is one writer at a time, for the whole file. So there is one writing
//     connection, writers queue for their turn in Go (where waiting ends with the
//     context), and every write is one short transaction. Readers have a small
//     pool of their own; in WAL mode they see the last commit and never wait.
//   - A commit is durable only with synchronous=FULL, which syncs the write-ahead
//     log each time. NORMAL would lose the last commits at a power cut, and tests
//     that only kill the process would not notice.
//   - After a sync that failed, the kernel may have dropped the unwritten pages
//     and report success the next time. So the store takes no more writes after
//     an I/O error in a commit, says so, and has to be opened again. Whether the
//     commit that failed is in the file is then known; until then it is not, as
//     with any commit whose answer was lost.
//   - A full disk is different: the commit is rolled back as a whole, and the
//     next one works when there is space.
//   - Closing any descriptor of a file drops all POSIX locks that the process has
//     on it. So nothing here opens the database file but SQLite itself.
//   - NaN is stored as NULL. Where a NaN may come, the column allows it.
//   - Other processes may write to the same file (an import beside a running
//     server). What is cached here is dropped when data_version tells of it.
//   - Column types are suggestions unless a table is STRICT. All tables are.
//
// # Files
//
// Beside FILE there are FILE-wal and FILE-shm while it is open; a copy of FILE
// alone is not a backup then. FILE.schema-N.bak is the copy that was made before
// the schema was raised from N. Folders are created with mode 0700, files 0600.
package sqlite
