package collector

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/forescale/forescale"
)

// Pauses between attempts to reach an engine that is away.
const (
	backoffFirst = time.Second
	backoffMost  = 30 * time.Second
)

// backoff spaces the attempts: each failure doubles the pause, and each pause is
// spread by half of it either way, so that many servers do not ask in step.
type backoff struct {
	fails int
	until time.Time
	why   string
}

func (b *backoff) wait(now time.Time) time.Duration { return max(0, b.until.Sub(now)) }

// begin is an observation of a source that is asked now; away says that it has to be
// left alone for a while yet.
func (b *backoff) begin(clock forescale.Clock, source string) (o forescale.Observation, away bool) {
	o = forescale.Observation{Time: clock.Now(), Failed: map[string]string{}, Partial: true}
	wait := b.wait(time.Now())
	if wait > 0 {
		o.Failed[source] = fmt.Sprintf("%s; next try in %v", b.why, wait.Round(100*time.Millisecond))
	}
	return o, wait > 0
}

func (b *backoff) failed(now time.Time, why string) {
	pause := min(backoffFirst<<min(b.fails, 10), backoffMost)
	b.fails++
	b.until = now.Add(time.Duration((0.5 + rand.Float64()) * float64(pause)))
	b.why = why
}

func (b *backoff) worked() { *b = backoff{} }
