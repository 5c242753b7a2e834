package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/api"
	"github.com/forescale/forescale/internal/loop"
)

// serverName is a name that no other server has, nor this one after a restart: a
// lease is given to a process.
func serverName() string {
	host, _ := os.Hostname()
	b := make([]byte, 3)
	_, _ = rand.Read(b) // never fails
	return fmt.Sprintf("%s-%d-%s", cmp.Or(host, "server"), os.Getpid(), hex.EncodeToString(b))
}

// term is who leads, as far as this server knows, and whether it is this one.
func (s *server) term() (forescale.Term, bool) {
	if s.lead == nil {
		return forescale.Term{Holder: s.cfg.Name}, true
	}
	return s.lead.Term()
}

// life makes the loop of one term: its store and its target carry the fence.
func (s *server) life(t forescale.Term) *loop.Loop {
	return s.newLoop(s.cfg.Store.Under(t.Fence), s.cfg.TargetUnder(t), func(ctx context.Context) error {
		now, err := s.cfg.Store.Lead(ctx)
		if err == nil && (now.Fence != t.Fence || now.Holder == "") {
			err = fmt.Errorf("fence %d: %w", t.Fence, forescale.ErrFenced)
		}
		return err
	})
}

// relayEvery is how often a server that does not lead looks for new decisions.
const relayEvery = time.Second

// relay tells the page of steps that another server made, as the store shows them.
func (s *server) relay(ctx context.Context) error {
	tick := time.NewTicker(relayEvery)
	defer tick.Stop()
	var seen time.Time // of the newest step that was relayed
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if _, leading := s.term(); leading || !s.api.Watched() {
			continue
		}
		ds, err := s.cfg.Store.LatestDecisions(ctx)
		if err != nil {
			continue // the page notices by itself that the store is away
		}
		step := api.Step{At: seen}
		for _, d := range ds {
			if d.LastAt.After(step.At) {
				step.At = d.LastAt
			}
			if !seen.IsZero() && d.At.After(seen) {
				step.Decisions = append(step.Decisions, d)
			}
		}
		if step.At.After(seen) {
			seen = step.At
			s.api.Relay(ctx, step)
		}
	}
}
