package collector

import (
	"math/rand/v2"
	"time"
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

func (b *backoff) failed(now time.Time, why string) {
	pause := min(backoffFirst<<min(b.fails, 10), backoffMost)
	b.fails++
	b.until = now.Add(time.Duration((0.5 + rand.Float64()) * float64(pause)))
	b.why = why
}

func (b *backoff) worked() { *b = backoff{} }
