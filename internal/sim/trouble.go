package sim

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/forescale/forescale/datasets"
)

// TroubleKind is a way in which the world fails.
type TroubleKind string

// The kinds of trouble.
const (
	Unreachable TroubleKind = "unreachable" // every call of the engine fails at once
	Hanging     TroubleKind = "hanging"     // every call of the engine hangs until the caller gives up
	PartialRead TroubleKind = "partial"     // a read misses the instances that the trouble names
	StartFails  TroubleKind = "start-fails" // the engine refuses to create
	StopFails   TroubleKind = "stop-fails"  // the engine refuses to stop
	LostAnswer  TroubleKind = "lost-answer" // the call takes effect, and yet the caller gets an error
	DiesEarly   TroubleKind = "dies-early"  // an instance exits half-way through its start
	NeverReady  TroubleKind = "never-ready" // an instance runs but its probe never passes
	Silence     TroubleKind = "silence"     // ready instances report no samples
	Crash       TroubleKind = "crash"       // what is running when the trouble begins dies, once
)

// Trouble is a failure of the world during [From, To). Zero fields mean: since
// ever, for ever, every service, every instance.
type Trouble struct {
	Kind     TroubleKind
	From, To time.Time
	Service  string
	Instance string
	Share    float64 // of the instances that it strikes, chosen by their names; 0: all
	done     bool    // a crash happens once
}

// ErrUnreachable is what the calls of an engine that is not there return.
var ErrUnreachable = errors.New("connect to the simulated engine: connection refused")

// ErrEngine is what a call returns that the engine refused, or whose answer was lost.
var ErrEngine = errors.New("simulated engine failed")

// Trouble adds failures. They may lie in the future.
func (w *World) Trouble(ts ...Trouble) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.advance()
	w.troubles = append(w.troubles, ts...)
}

// Heal ends all trouble, also what lies in the future.
func (w *World) Heal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.advance()
	w.troubles = nil
}

func (t Trouble) holds(at time.Time) bool {
	return !at.Before(t.From) && (t.To.IsZero() || at.Before(t.To))
}

func (t Trouble) strikes(service, instance string, seed uint64) bool {
	if t.Service != "" && t.Service != service || t.Instance != "" && t.Instance != instance {
		return false
	}
	return t.Share <= 0 || datasets.Draw(seed, string(t.Kind), hash(instance)).Float64() < t.Share
}

// troubled reports whether a trouble of the kind strikes the instance now.
func (w *World) troubled(kind TroubleKind, service, instance string) bool {
	for _, t := range w.troubles {
		if t.Kind == kind && t.holds(w.now) && t.strikes(service, instance, w.Seed) {
			return true
		}
	}
	return false
}

// reach is the way to the engine: it fails or hangs as the trouble says. It is
// called without the lock.
func (w *World) reach(ctx context.Context) error {
	w.mu.Lock()
	w.advance()
	gone, hangs := w.engineTrouble(Unreachable), w.engineTrouble(Hanging)
	w.mu.Unlock()
	switch {
	case gone:
		return ErrUnreachable
	case hangs:
		<-ctx.Done()
		return fmt.Errorf("wait for the simulated engine: %w", context.Cause(ctx))
	}
	return ctx.Err()
}

func (w *World) engineTrouble(kind TroubleKind) bool {
	for _, t := range w.troubles {
		if t.Kind == kind && t.holds(w.now) {
			return true
		}
	}
	return false
}

// crash ends what a crash that has begun strikes.
func (w *World) crash() {
	for i := range w.troubles {
		t := &w.troubles[i]
		if t.Kind != Crash || t.done || !t.holds(w.now) {
			continue
		}
		t.done = true
		for _, u := range w.units {
			if u.running(w.now) && t.strikes(u.workload.Service.Name, u.id, w.Seed) {
				u.dies, u.exit = w.now, "exit code 137"
			}
		}
	}
}
