package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/forescale/forescale"
	sqlite3 "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"
)

// codeOf is SQLite's extended result code of an error, 0 if it is none of SQLite's.
func codeOf(err error) int {
	var e *sqlite3.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

// primary is the family of an extended code.
func primary(code int) int { return code & 0xff }

// isDamage reports whether the file's content contradicts itself. A table that
// is missing does, since the file says which migrations made it.
func isDamage(err error) bool {
	switch primary(codeOf(err)) {
	case codes.SQLITE_CORRUPT, codes.SQLITE_NOTADB:
		return true
	case codes.SQLITE_ERROR:
		return strings.Contains(err.Error(), "no such table") || strings.Contains(err.Error(), "no such column")
	}
	return errors.Is(err, forescale.ErrDamaged)
}

// fault turns what went wrong while doing something into an error for a person.
// Errors that are faults already, or the context's, pass.
func (s *Store) fault(doing string, err error) error {
	var f *forescale.Fault
	if err == nil || errors.As(err, &f) {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	switch {
	case isDamage(err):
		return damaged(s.path, "the store is damaged", err)
	case outOfSpace(s.path, err):
		return &forescale.Fault{Code: "disk_full", Where: s.path, Err: err,
			What: "the disk is full",
			Help: "free some space; nothing was half-written, and writing goes on by itself"}
	case isPermission(err):
		return unwritable(s.path, "the store cannot be written", err)
	}
	switch {
	case isBusy(err):
		return &forescale.Fault{Code: "store_busy", Where: s.path, Err: errors.Join(forescale.ErrBusy, err),
			What: "another process is writing to the store",
			Help: "try again when it is done; nothing was written"}
	case isIOError(err):
		return &forescale.Fault{Code: "store_failed", Where: s.path, Err: err,
			What: "the disk failed: " + err.Error(),
			Help: "check the disk and the system log"}
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func damaged(path, what string, err error) error {
	return &forescale.Fault{Code: "store_damaged", Where: path, What: what,
		Help: "stop forescale, copy the file and its -wal aside, then restore a backup or move it away to begin anew; nothing was changed",
		Err:  errors.Join(forescale.ErrDamaged, err)}
}

func unwritable(path, what string, err error) error {
	return &forescale.Fault{Code: "store_unwritable", Where: path, What: what, Err: err,
		Help: "give forescale's user write access to the folder, or choose another path; nothing was written"}
}

// isPermission reports whether the file, or its folder, may not be written.
func isPermission(err error) bool {
	switch primary(codeOf(err)) {
	case codes.SQLITE_READONLY, codes.SQLITE_CANTOPEN, codes.SQLITE_PERM:
		return true
	}
	for _, e := range []error{fs.ErrPermission, syscall.EROFS, syscall.ENOTDIR, syscall.EISDIR, syscall.ENAMETOOLONG} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// outOfSpace reports whether err comes from a full disk. SQLite gives a code of
// its own to a write that found no space, but not to shared memory or a new
// file that did, so the disk itself is asked then.
func outOfSpace(path string, err error) bool {
	if primary(codeOf(err)) == codes.SQLITE_FULL || errors.Is(err, syscall.ENOSPC) {
		return true
	}
	switch primary(codeOf(err)) {
	case codes.SQLITE_IOERR, codes.SQLITE_CANTOPEN:
		return diskIsFull(path)
	}
	return false
}

// losesWrites reports whether after err it is unknown what reached the disk.
func losesWrites(err error) bool {
	switch code := codeOf(err); code {
	case codes.SQLITE_IOERR_FSYNC, codes.SQLITE_IOERR_DIR_FSYNC, codes.SQLITE_IOERR_WRITE,
		codes.SQLITE_IOERR_TRUNCATE, codes.SQLITE_IOERR_CLOSE:
		return true
	}
	return false
}

func isIOError(err error) bool {
	return primary(codeOf(err)) == codes.SQLITE_IOERR || errors.Is(err, syscall.EIO)
}

func isBusy(err error) bool {
	p := primary(codeOf(err))
	return p == codes.SQLITE_BUSY || p == codes.SQLITE_LOCKED
}
