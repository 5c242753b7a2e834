package api

import (
	"fmt"
	"time"

	"github.com/forescale/forescale"
)

// sentence is a decision in words: what, then why, then the number.
func sentence(d forescale.Decision, loc *time.Location) string {
	if s, ok := any(d).(interface {
		Sentence(loc *time.Location) string
	}); ok {
		return s.Sentence(loc)
	}
	return fmt.Sprintf("%d → %d instances", d.From, d.To)
}
