package sqlite

import (
	"context"
	"database/sql/driver"
	"net/url"

	sqlite3 "modernc.org/sqlite"
)

func defaultDriver() driver.Driver { return &sqlite3.Driver{} }

// connector opens connections of one kind to one file.
type connector struct {
	driver driver.Driver
	dsn    string
}

// Connect implements [driver.Connector].
func (c connector) Connect(context.Context) (driver.Conn, error) { return c.driver.Open(c.dsn) }

// Driver implements [driver.Connector].
func (c connector) Driver() driver.Driver { return c.driver }

// role is what a connection is for.
type role int

const (
	peeking role = iota // look at a file before anything is changed
	writing
	reading
)

func (s *Store) connector(r role) connector {
	q := url.Values{}
	pragma := func(p string) { q.Add("_pragma", p) }
	pragma("busy_timeout(5000)") // another process may be writing
	pragma("foreign_keys(1)")
	switch r {
	case peeking:
		q.Set("mode", "ro")
	case writing:
		q.Set("mode", "rw")
		pragma("journal_mode(WAL)")
		if s.options.durable {
			pragma("synchronous(FULL)") // the log is synced at every commit
		} else {
			pragma("synchronous(OFF)")
		}
		pragma("cell_size_check(1)")           // notice damage before it spreads
		pragma("cache_size(-16384)")           // KiB
		pragma("journal_size_limit(67108864)") // give space back after a large import
	case reading:
		q.Set("mode", "rw") // a reader writes to the shared memory of the log
		pragma("query_only(1)")
		pragma("cell_size_check(1)")
		pragma("cache_size(-8192)")
	}
	u := url.URL{Scheme: "file", Opaque: (&url.URL{Path: s.path}).EscapedPath(), RawQuery: q.Encode()}
	return connector{driver: s.options.driver, dsn: u.String()}
}
