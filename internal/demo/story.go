package demo

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/forescale/forescale"
)

// story is what the reader is told, a line at a time.
type story struct {
	mu   sync.Mutex
	out  io.Writer
	zone *time.Location
}

func newStory(out io.Writer, zone *time.Location) *story { return &story{out: out, zone: zone} }

func (s *story) line(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// A reader who went away does not end the demonstration.
	_, _ = fmt.Fprintf(s.out, format+"\n", args...)
}

// decision tells one decision that acted. The line begins with its time, so the
// sentence need not say it again.
func (s *story) decision(d forescale.Decision) {
	text := strings.Replace(d.Sentence(s.zone), d.At.In(s.zone).Format(" at 15:04:"), ":", 1)
	s.line("%s  %s", s.when(d.At), text)
}

// when is a simulated time as a person reads it.
func (s *story) when(t time.Time) string { return t.In(s.zone).Format("Mon 15:04") }

// spoken is a duration in words: "4 min", "1 min 30 s", "10 s".
func spoken(d time.Duration) string {
	d = d.Round(time.Second)
	m, s := int(d/time.Minute), int(d%time.Minute/time.Second)
	switch {
	case m == 0:
		return fmt.Sprintf("%d s", s)
	case s == 0:
		return fmt.Sprintf("%d min", m)
	}
	return fmt.Sprintf("%d min %d s", m, s)
}
