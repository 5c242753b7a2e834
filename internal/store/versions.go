package store

import (
	"fmt"

	"github.com/forescale/forescale"
)

// NextVersion is the version that a thing gets which was last given out the version
// last, and exists or was deleted, when it may be written only as ifVersion: that
// version; 0: it must not exist; -1: any. Else it is a Fault with
// forescale.ErrConflict.
func NextVersion(place, name string, last int64, exists bool, ifVersion int64) (int64, error) {
	current := last
	if !exists {
		current = 0
	}
	if ifVersion == -1 || current == ifVersion {
		return last + 1, nil
	}
	what := fmt.Sprintf("%s was changed meanwhile: it has version %d, not %d", name, current, ifVersion)
	switch {
	case current == 0:
		what = fmt.Sprintf("%s does not exist any more", name)
	case ifVersion == 0:
		what = fmt.Sprintf("%s exists already", name)
	}
	return 0, &forescale.Fault{Code: "changed_meanwhile", Where: place + name, What: what,
		Help: "read it again and repeat the change; nothing was changed", Err: forescale.ErrConflict}
}
