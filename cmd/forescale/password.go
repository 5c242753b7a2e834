package main

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store/timescale"
)

// maxPassword bounds what is read as a password.
const maxPassword = 4 << 10

// storePassword reads the password of the database from the file that the
// environment or the config names, as secrets of containers are given. The ends of
// lines around it are not part of it. No file is no option: then the address, and
// what libpq looks at, count.
func (a *app) storePassword(c *Config) ([]timescale.Option, error) {
	path := firstOf(a.getenv("FORESCALE_STORE_PASSWORD_FILE"), c.StorePasswordFile)
	if path == "" {
		return nil, nil
	}
	data, err := readLimited(path, maxPassword)
	password := strings.Trim(string(data), "\r\n")
	if err == nil && password == "" {
		err = fmt.Errorf("it is empty")
	}
	if err != nil {
		return nil, &forescale.Fault{Code: "password_unreadable", What: "cannot read the password of the database: " + reason(err), Where: path, Err: err,
			Help: "make the file readable for this user, or name another in FORESCALE_STORE_PASSWORD_FILE or store_password_file; nothing was done"}
	}
	return []timescale.Option{timescale.WithPassword(password)}, nil
}

// warnOfPassword tells when a password stands in the command line, where every
// user of the machine can see it.
func (a *app) warnOfPassword(flag, store string) {
	if u, err := url.Parse(store); err != nil || !isPostgres(store) {
		return
	} else if _, has := u.User.Password(); !has && !u.Query().Has("password") {
		return
	}
	fmt.Fprintf(a.stderr, "warning: the password in %s can be seen by other users of this machine; use FORESCALE_STORE_PASSWORD_FILE, PGPASSWORD or .pgpass\n", flag)
}
