package timescale

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/forescale/forescale"
)

// codeOf is the SQLSTATE of an error, "" if it is none of the database's.
func codeOf(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// fault turns what went wrong while doing something into an error for a person.
// Errors that are faults already, or the caller's context, pass.
func (s *Store) fault(doing string, err error) error {
	var f *forescale.Fault
	if err == nil || errors.As(err, &f) {
		return err
	}
	var unknown *unknownCommit
	if errors.As(err, &unknown) {
		return &forescale.Fault{Code: "store_failed", Where: s.place, Err: root(err),
			What: "the connection broke while a change was committed; whether it holds is not known",
			Help: "forescale goes on by itself; samples may be sent again, a second time changes nothing"}
	}
	if errors.Is(err, errSlow) {
		return s.slow(errSlow)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) && !dialing(err) {
		return fmt.Errorf("%s: %w", doing, plain(err))
	}
	if f := s.faultOf(err); f != nil {
		return f
	}
	return fmt.Errorf("%s: %w", doing, root(err))
}

func (s *Store) faultOf(err error) error {
	code := codeOf(err)
	f := &forescale.Fault{Where: s.place, Err: root(err)}
	switch {
	case errors.Is(err, forescale.ErrDamaged):
		return s.damaged(err.Error(), nil)
	case code == "53300": // too_many_connections
		f.Code, f.What = "store_connections", "the database has no connection left for forescale"
		f.Help = "raise max_connections, give forescale fewer with pool_max_conns=N in the address, or end other clients; a running server tries again by itself"
		f.Err = errors.Join(forescale.ErrBusy, f.Err)
	case code == "53100": // disk_full
		f.Code, f.What = "disk_full", "the disk of the database is full"
		f.Help = "free some space; nothing was half-written, and writing goes on by itself"
	case code == "28P01", code == "28000":
		f.Code, f.What = "store_refused", "the database refuses this user or password"
		f.Help = "check the user in the address, the password in PGPASSWORD or .pgpass, and pg_hba.conf on the server"
	case code == "3D000":
		f.Code, f.What = "store_missing", "there is no database of this name"
		f.Help = "create it: createdb NAME --owner USER"
	case code == "42501": // insufficient_privilege
		f.Code, f.What = "store_unwritable", "the user may not do this in the database: "+messageOf(err)
		f.Help = "make it the owner of the database or of the schema: GRANT ALL ON SCHEMA public TO USER; nothing was changed"
	case code == "25006": // read_only_sql_transaction
		return s.readOnly(f.Err)
	case code == "3F000", code == "42P01", code == "42703": // schema, table, column missing
		return s.damaged(messageOf(err), f.Err)
	case code == "XX001", code == "XX002": // data or index corrupted
		return s.damaged(messageOf(err), f.Err)
	case isUntrusted(err):
		f.Code, f.What = "store_untrusted", "the certificate of the database is not trusted: "+f.Err.Error()
		f.Help = "name the authority that signed it (sslrootcert=FILE in the address), and the host as the certificate has it; nothing was sent to it"
	case code == "55P03", code == "57014": // lock_not_available, query_canceled
		return s.slow(f.Err)
	case strings.HasPrefix(code, "53"), strings.HasPrefix(code, "58"): // out of memory, i/o error
		f.Code, f.What = "store_failed", "the database could not do its work: "+messageOf(err)
		f.Help = "look at its log, its memory and its disk; forescale tries again by itself, and nothing was changed"
		f.Err = errors.Join(forescale.ErrBusy, f.Err)
	case isBroken(err):
		f.Code, f.What = "store_unreachable", "the database does not answer"
		if reason := f.Err.Error(); reason != "" {
			f.What += ": " + reason
		}
		f.Help = "start it, or check host, port, sslmode and firewall; a running server tries again by itself, and nothing that it acknowledged is lost"
		f.Err = errors.Join(forescale.ErrBusy, f.Err)
	default:
		return nil
	}
	return f
}

// isBroken reports whether the connection is of no use any more.
func isBroken(err error) bool {
	code := codeOf(err)
	return strings.HasPrefix(code, "57P") || strings.HasPrefix(code, "08") || code == "" && isConnection(err)
}

func (s *Store) slow(err error) error {
	return &forescale.Fault{Code: "store_slow", Where: s.place, Err: errors.Join(forescale.ErrBusy, err),
		What: "the database did not answer in time",
		Help: "look at what it is doing (pg_stat_activity), its disk and its machine; forescale tries again by itself"}
}

func (s *Store) readOnly(err error) error {
	return &forescale.Fault{Code: "store_read_only", Where: s.place, Err: err,
		What: "the database takes no writes: it is a standby, or read-only",
		Help: "name the primary; with several hosts in the address, add target_session_attrs=read-write"}
}

func (s *Store) damaged(what string, err error) error {
	return &forescale.Fault{Code: "store_damaged", Where: s.place, What: "the store is damaged: " + what,
		Help: "stop forescale, then restore a backup or name an empty database; nothing was changed",
		Err:  errors.Join(forescale.ErrDamaged, err)}
}

func messageOf(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Message
	}
	return root(err).Error()
}

// dialing reports whether err is of making a connection, whose time limit is ours.
func dialing(err error) bool {
	var c *pgconn.ConnectError
	return errors.As(err, &c)
}

// isUntrusted reports whether the server answered with a certificate that does
// not hold.
func isUntrusted(err error) bool {
	var (
		c       *tls.CertificateVerificationError
		signer  x509.UnknownAuthorityError // bare from sslmode=require and verify-ca, where pgx verifies by itself
		invalid x509.CertificateInvalidError
	)
	return errors.As(err, &c) || errors.As(err, &signer) || errors.As(err, &invalid)
}

func isConnection(err error) bool {
	var op *net.OpError
	return dialing(err) || errors.As(err, &op) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || strings.Contains(err.Error(), "conn closed")
}

// root is the cause in err without what pgx wraps around it, as that names the
// user and holds the whole config, password included.
func root(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op
	}
	if !dialing(err) {
		return err
	}
	for {
		next := err
		switch e := err.(type) {
		case interface{ Unwrap() error }:
			next = e.Unwrap()
		case interface{ Unwrap() []error }:
			if all := e.Unwrap(); len(all) > 0 {
				next = all[0]
			}
		}
		if next == nil || next == err {
			return err
		}
		err = next
	}
}

// plain is the context's own error, without the config that pgx wraps around it.
func plain(err error) error {
	if dialing(err) {
		return root(err)
	}
	return err
}
