package collector

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/docker/docker/client"
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

// gate lets calls pass once the engine has named its API version. The client
// would do so by itself, but holds a lock meanwhile that no deadline ends: with
// a hanging engine the callers would wait one after the other.
type gate struct {
	turn chan struct{}
	open *atomic.Bool
}

func newGate() gate { return gate{turn: make(chan struct{}, 1), open: new(atomic.Bool)} }

func (g gate) pass(ctx context.Context, cli *client.Client) error {
	if g.open.Load() {
		return nil
	}
	select {
	case g.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-g.turn }()
	if g.open.Load() {
		return nil
	}
	ping, err := cli.Ping(ctx)
	if err != nil {
		return fmt.Errorf("ask for the engine's version: %w", err)
	}
	cli.NegotiateAPIVersionPing(ping)
	g.open.Store(true)
	return nil
}
