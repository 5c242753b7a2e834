package agent

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/agent/wire"
)

// Engine is how an agent reads and changes what runs on its node.
type Engine struct {
	Containers Source // lists and probes the instances there; nil: the node has no engine
	// Acting gives what starts and stops instances. It has to call enter right before each
	// effect, and leave after it, and to do nothing that enter refuses. nil: nothing is
	// started or stopped here.
	Acting func(enter func() (leave func(), err error)) Target
}

// Target carries out single effects; all are safe to repeat.
type Target interface {
	Pull(ctx context.Context, s forescale.Service) error
	Start(ctx context.Context, s forescale.Service, i forescale.Instance) error
	Stop(ctx context.Context, s forescale.Service, i forescale.Instance) error
}

// Attach gives the agent the engine of its node. Call it before Run.
func (a *Agent) Attach(e Engine) { a.engine = e }

// atOnce bounds the requests that are carried out at the same time.
const atOnce = 16

// Pauses after a question for work that failed.
const (
	askAgain     = time.Second
	askAgainMost = 10 * time.Second
)

// Work does what the servers ask for, until ctx ends and the effects under way are done.
func (a *Agent) Work(ctx context.Context) {
	var work sync.WaitGroup
	defer work.Wait()
	for _, c := range a.servers() {
		work.Go(func() { a.work(ctx, c) })
	}
}

// work asks a server for work and does it, until ctx ends and all of it is done. What was begun
// is done to its own deadline, as the server may never hear that it was not.
func (a *Agent) work(ctx context.Context, from *client) {
	var doing sync.WaitGroup
	defer doing.Wait()
	room := make(chan struct{}, atOnce)
	for failed := 0; ctx.Err() == nil; {
		var w wire.Work
		// What is signed in the verifier's first second is refused, so it is asked for a second ahead.
		err := from.call(ctx, wire.PathNext, wire.Next{Session: a.session, Time: a.verifier.Now().Add(time.Second)}, &w)
		if err != nil { // Step tells of it
			pause := min(askAgain<<min(failed, 6), askAgainMost)
			failed++
			select {
			case <-ctx.Done():
			case <-a.cfg.Clock.After(pause/2 + rand.N(pause)):
			}
			continue
		}
		failed = 0
		for _, q := range w.Requests {
			room <- struct{}{}
			doing.Go(func() {
				defer func() { <-room }()
				a.do(context.WithoutCancel(ctx), from, q)
			})
		}
	}
}

// do carries one request out and tells what came of it. An answer that is lost is as
// if nothing were known: the server looks, and asks again.
func (a *Agent) do(ctx context.Context, from *client, q wire.Request) {
	answer := a.perform(ctx, q)
	answer.Session, answer.ID = a.session, q.ID
	if err := from.call(ctx, wire.PathAnswer, answer, &struct{}{}); err != nil {
		a.cfg.Log.Info("the server did not take an answer", "request", q.Path, "error", err)
	}
}

// busy are instances that something is done with.
type busy struct {
	mu  sync.Mutex
	ids map[string]bool
}

// begin reports whether nothing is done with the instance yet.
func (b *busy) begin(id string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ids[id] {
		return false
	}
	if b.ids == nil {
		b.ids = map[string]bool{}
	}
	b.ids[id] = true
	return true
}

func (b *busy) end(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.ids, id)
}
