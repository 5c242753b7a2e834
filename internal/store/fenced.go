package store

import (
	"fmt"

	"github.com/forescale/forescale"
)

// Fenced is what a server is told whose term is over.
func Fenced(fence int64) error {
	return &forescale.Fault{Code: "fenced", Where: fmt.Sprintf("fence %d", fence), Err: forescale.ErrFenced,
		What: "this server does not lead any more",
		Help: "another one may have taken over; nothing was changed"}
}
