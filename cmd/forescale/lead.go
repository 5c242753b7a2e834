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
	var told relayed
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if _, leading := s.term(); leading || !s.api.Watched() {
			told = relayed{} // who led told of its own steps
			continue
		}
		ds, err := s.cfg.Store.LatestDecisions(ctx)
		if err != nil {
			continue // the page notices by itself that the store is away
		}
		if step, news := told.next(ds); news {
			s.api.Relay(ctx, step)
		}
	}
}

// relayed is up to where steps were told to the page since it listens.
type relayed struct {
	begun bool
	at    time.Time // of the newest step
}

// next is what is new in the newest decision of each service. The first time that
// is only when the newest step was: the page reads all when it begins to listen.
func (r *relayed) next(ds []forescale.Decision) (step api.Step, news bool) {
	step.At = r.at
	for _, d := range ds {
		if d.LastAt.After(step.At) {
			step.At = d.LastAt
		}
		if r.begun && d.At.After(r.at) {
			step.Decisions = append(step.Decisions, d)
		}
	}
	news = step.At.After(r.at)
	r.begun, r.at = true, step.At
	return step, news
}
