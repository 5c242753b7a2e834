package store

import (
	"errors"
	"fmt"

	"github.com/forescale/forescale"
)

// What every backend says in the same words.

// Closed is what every method of a store returns after Close.
var Closed = &forescale.Fault{Code: "store_closed", What: "the store is closed"}

// NotFound says what there is none of.
func NotFound(what, name string) error {
	return fmt.Errorf("%s %q: %w", what, name, forescale.ErrNotFound)
}

// KeyExists is of a key whose id or secret is taken.
func KeyExists(id string) error {
	return &forescale.Fault{Code: "key_exists", Where: "keys/" + id, What: "there is a key with this id or secret already",
		Help: "make another key; nothing was changed", Err: forescale.ErrConflict}
}

// DecisionExists is of a decision whose id is taken.
func DecisionExists(id string) error {
	return &forescale.Fault{Code: "decision_exists", Where: "decisions/" + id,
		What: "there is another decision with the id " + id,
		Help: "the same service was planned twice in one millisecond: look for a second planner; nothing was recorded",
		Err:  forescale.ErrConflict}
}

// DecisionAmbiguous is of the begin of an id that one and another decision have.
func DecisionAmbiguous(prefix, one, another string) error {
	return &forescale.Fault{Code: "decision_ambiguous", Where: "decisions/" + prefix,
		What: fmt.Sprintf("several decisions begin with %s, such as %s and %s", prefix, one, another),
		Help: "give more of the id"}
}

// CursorUnknown is of a page of decisions or runs that goes on from one that is not there.
func CursorUnknown(one, id string) error {
	return &forescale.Fault{Code: "cursor_unknown", Where: one + "s/" + id,
		What: "there is no " + one + " with the id " + id + " to go on from",
		Help: "begin with the first page again", Err: forescale.ErrNotFound}
}

// Contradiction is of a row that cannot be what this program wrote.
func Contradiction(what, name string, err error) error {
	return fmt.Errorf("read %s %s: %w", what, name, errors.Join(forescale.ErrDamaged, err))
}

// ScanBody reads a row of a name and a text with decode. what says of what a text is that
// cannot be read.
func ScanBody[T any](r interface{ Scan(to ...any) error }, what string, decode func(name, body string) (T, error)) (v T, err error) {
	var name, body string
	if err := r.Scan(&name, &body); err != nil {
		return v, err
	}
	if v, err = decode(name, body); err != nil {
		return v, Contradiction(what, name, err)
	}
	return v, nil
}
