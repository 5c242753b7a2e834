package forescale

import (
	"errors"
	"fmt"
)

// ErrNotFound is returned by stores when the thing asked for does not exist.
var ErrNotFound = errors.New("not found")

// ErrConflict is returned by stores when a thing was changed since it was read.
var ErrConflict = errors.New("changed meanwhile")

// ErrBusy is returned by a buffer that is full: try again later. Nothing was kept.
var ErrBusy = errors.New("buffer full")

// ErrSchemaNewer is returned when a store was written by a newer version.
var ErrSchemaNewer = errors.New("store written by a newer version")

// ErrDamaged is returned when a store's content contradicts itself.
var ErrDamaged = errors.New("store damaged")

// ErrFenced is returned to a server that does not lead any more: another one may
// have taken over. What it asked for has had no effect.
var ErrFenced = errors.New("another server may lead")

// LowerFence is returned by a target that a leader with a higher fence has acted
// on. It wraps ErrFenced.
type LowerFence struct{ Newest int64 }

// Error implements error.
func (e *LowerFence) Error() string { return fmt.Sprintf("the target knows the fence %d", e.Newest) }

// Help says what to do where the store's fence fell back.
func (e *LowerFence) Help() string {
	return fmt.Sprintf("if the store was restored from a backup, raise its fence: UPDATE lease SET fence = %d", e.Newest)
}

// Unwrap gives ErrFenced.
func (e *LowerFence) Unwrap() error { return ErrFenced }

// Fault is an error meant for a person: what is wrong, where, and what to do.
// It is written as three lines on a terminal and as problem details by the API.
type Fault struct {
	Code  string // stable, snake_case, e.g. "port_taken"
	What  string // one sentence without the place
	Where string // smallest place: file:line:column, body[3].value, services/x
	Help  string // what to do, and what did not happen
	Err   error  // the cause, or nil
}

// Error is the fault on one line.
func (f *Fault) Error() string {
	s := f.What
	if f.Where != "" {
		s = f.Where + ": " + s
	}
	if f.Help != "" {
		s += " (" + f.Help + ")"
	}
	return s
}

// Unwrap gives the cause.
func (f *Fault) Unwrap() error { return f.Err }

// Terminal is the fault as three lines for a terminal.
func (f *Fault) Terminal() string {
	s := fmt.Sprintf("error[%s]: %s", f.Code, f.What)
	if f.Where != "" {
		s += "\n  --> " + f.Where
	}
	if f.Help != "" {
		s += "\n  help: " + f.Help
	}
	return s
}

// Faults is several faults found at once: nothing is fixed one run at a time.
type Faults []*Fault

// Error joins the faults, a line each.
func (fs Faults) Error() string {
	s := ""
	for i, f := range fs {
		if i > 0 {
			s += "\n"
		}
		s += f.Error()
	}
	return s
}

// Unwrap gives the single faults.
func (fs Faults) Unwrap() []error {
	errs := make([]error, len(fs))
	for i, f := range fs {
		errs[i] = f
	}
	return errs
}

// OrNil is fs as an error, or nil when there is none.
func (fs Faults) OrNil() error {
	if len(fs) == 0 {
		return nil
	}
	return fs
}
