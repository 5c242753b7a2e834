package timescale

import (
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/forescale/forescale"
)

// placeOf is the database that a config names, without user and password.
func placeOf(c pgconn.Config) string {
	u := url.URL{Scheme: "postgres", Path: "/" + c.Database}
	if strings.HasPrefix(c.Host, "/") {
		u.RawQuery = "host=" + c.Host
	} else {
		u.Host = net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port)))
	}
	return u.String()
}

// Place is the database that dsn names, without user and password, "" if it
// cannot be told.
func Place(dsn string) string {
	c, err := pgconn.ParseConfig(dsn)
	if err != nil {
		return ""
	}
	return placeOf(*c)
}

// wrongAddress says that the address cannot be read. What pgx says about it is
// left out: it may repeat parts of a password that stands in a wrong place.
func wrongAddress(dsn string) error {
	what := "the address of the database cannot be read"
	if u, err := url.Parse(dsn); err != nil && strings.Contains(dsn, "://") {
		what += ": it is not a URL (a password with special characters has to be percent-encoded)"
	} else if err == nil && strings.Contains(dsn, "://") {
		what += wrongPart(u)
	}
	return &forescale.Fault{Code: "dsn_wrong", Where: "store", What: what,
		Help: "write postgres://USER@HOST:PORT/DATABASE?sslmode=verify-full, with the password in PGPASSWORD or the file that PGPASSFILE names"}
}

func wrongPart(u *url.URL) string {
	switch mode := u.Query().Get("sslmode"); mode {
	case "", "disable", "allow", "prefer", "require", "verify-ca", "verify-full":
	default:
		return ": sslmode is none of disable, allow, prefer, require, verify-ca, verify-full"
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.Atoi(p); err != nil || n < 1 || n > 65535 {
			return ": the port is not a number from 1 to 65535"
		}
	}
	if u.Query().Has("service") {
		return ": its service cannot be read from ~/.pg_service.conf or the file that PGSERVICEFILE names, or a file that it names cannot"
	}
	return ": a setting in it, or a file that it names, cannot be used"
}

// says reports whether the address sets a key itself.
func says(dsn, key string) bool { return strings.Contains(dsn, key+"=") }
