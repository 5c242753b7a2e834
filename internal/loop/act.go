package loop

import (
	"context"
	"errors"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/forescale/forescale"
)

// How many effects may be under way: at one engine, so that one that hangs holds up
// no other, and that its agent, which does 16 things at once, still tells what runs
// there; and over all.
const (
	actsAtEngine = 8
	actsAtOnce   = 256
)

// acts are the effects under way and what came of them. An effect is due by what a round
// sees, and is under way in a goroutine of its own. Its result is met by the round that
// started it, if that still waits, else it is taken and met by a later one; the effect
// counts as under way until then. Only the goroutine that holds the loop's mutex touches
// the maps; effects report through the channel, which has room for all of them.
type acts struct {
	under   map[string]string // instance IDs with an effect under way → its engine, see world.engine
	retries map[string]retry  // instance IDs whose last effect failed
	results chan result
	came    []result        // taken from results, not met by a round yet
	wait    *sync.WaitGroup // for effects, and for the loop's other goroutines: commands of nodes and fetches of images
	waited  time.Duration   // by the last round, for effects
}

// retry spaces out attempts at one effect. It is only a pace: a restart forgets
// it and tries at once, which is harmless.
type retry struct {
	failed int
	next   time.Time
}

type result struct {
	id      string
	kind    forescale.ActionKind
	begun   time.Time // of its round, on the loop's clock
	err     error
	service string
}

func newActs() acts {
	return acts{
		under: map[string]string{}, retries: map[string]retry{},
		results: make(chan result, actsAtOnce), wait: &sync.WaitGroup{},
	}
}

// act starts the effects that are due and waits for them for a moment. Those
// that take longer are met in a later round.
func (l *Loop) act(ctx context.Context, now time.Time, w *world) error {
	if l.target == nil {
		return nil
	}
	l.acts.waited = 0
	if started := l.startEffects(ctx, now, w); started > 0 {
		l.meetResults(ctx, now, w, started)
	}
	l.acts.forget(w)
	return l.saveFleet(ctx, w)
}

// startEffects starts the effects that are due and for which there is room. What finds
// none is due in the next round, too.
func (l *Loop) startEffects(ctx context.Context, now time.Time, w *world) (started int) {
	at := map[string]int{} // under way, by engine
	for _, engine := range l.acts.under {
		at[engine]++
	}
	for _, i := range w.instances {
		if len(l.acts.under) >= actsAtOnce {
			break
		}
		kind, due := dueEffect(now, w, i)
		if !due {
			continue
		}
		_, under := l.acts.under[i.ID]
		engine := w.engine(i)
		if under || at[engine] >= actsAtEngine || now.Before(l.acts.retries[i.ID].next) {
			continue
		}
		l.acts.under[i.ID] = engine
		at[engine]++
		l.launch(ctx, now, kind, l.rollouts.service(w.services[i.Service], i), i)
		started++
	}
	return started
}

// forget drops the attempts at instances that have ended otherwise.
func (a *acts) forget(w *world) {
	maps.DeleteFunc(a.retries, func(id string, _ retry) bool {
		k, ok := w.index[id]
		return !ok || !w.instances[k].State.Live()
	})
}

// dueEffect tells which effect an instance waits for, if any. Nothing is started or
// stopped unless all was read this round of where it is.
func dueEffect(now time.Time, w *world, i forescale.Instance) (forescale.ActionKind, bool) {
	if i.Origin == forescale.OriginPushed || !w.mayAct(i.Service, now) {
		return "", false
	}
	s, seen := w.sighted[i.ID]
	switch i.State {
	case forescale.InstanceStarting:
		created := seen && !s.Running && s.Exit == "" // a crash came between create and start
		return forescale.ActionStart, i.Origin == forescale.OriginStarted && w.whole(i) && (!seen && i.StartedAt.IsZero() || created)
	case forescale.InstanceDraining:
		cooled := !seen || !s.Running || !now.Before(i.DrainingAt.Add(w.services[i.Service].Cooldown))
		return forescale.ActionStop, w.whole(i) && cooled
	}
	return "", false
}

// launch carries out one effect in a goroutine of its own. It goes on when the
// round ends, but not beyond its deadline.
func (l *Loop) launch(ctx context.Context, now time.Time, kind forescale.ActionKind, s forescale.Service, i forescale.Instance) {
	l.acts.wait.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, l.opt.ActTimeout)
		defer cancel()
		do := l.target.Start
		if kind == forescale.ActionStop {
			do = l.target.Stop
		}
		err := do(ctx, s, i)
		l.acts.results <- result{id: i.ID, kind: kind, begun: now, err: err, service: s.Name}
	})
}

// meetResults takes in what has come of effects until those that this round started are
// all met, for as long as one round waits and no service is to be looked at.
func (l *Loop) meetResults(ctx context.Context, now time.Time, w *world, started int) {
	began := l.clock.Elapsed()
	defer func() { l.acts.waited = l.clock.Elapsed() - began }()
	patience := l.clock.After(l.opt.ActPatience)
	for started > 0 {
		soon := l.alarm.next(l.clock.Elapsed(), l.opt.ActPatience)
		if soon <= 0 {
			return
		}
		select {
		case r := <-l.acts.results:
			l.meetResult(now, w, r)
			if r.begun.Equal(now) {
				started--
			}
		case <-patience:
			return
		case <-l.clock.After(soon):
		case <-l.alarm.ring: // perhaps it is sooner
		case <-ctx.Done():
			return
		}
	}
}

// takeResults takes what came of effects since the last round. It is kept until
// a round meets it: one that fails before loses none.
func (l *Loop) takeResults() {
	for {
		select {
		case r := <-l.acts.results:
			l.acts.came = append(l.acts.came, r)
		default:
			return
		}
	}
}

func (l *Loop) meetResult(now time.Time, w *world, r result) {
	delete(l.acts.under, r.id)
	k, ok := w.index[r.id]
	if !ok {
		delete(l.acts.retries, r.id)
		return
	}
	i := &w.instances[k]
	switch {
	case r.err != nil:
		l.meetFailure(now, i, r)
	case r.kind == forescale.ActionStart && i.State == forescale.InstanceStarting:
		delete(l.acts.retries, r.id)
		i.StartedAt = r.begun
		l.log.Info("instance started", "service", r.service, "instance", r.id)
	case r.kind == forescale.ActionStop && i.State == forescale.InstanceDraining:
		delete(l.acts.retries, r.id)
		state := forescale.InstanceStopped
		if i.Failure != "" {
			state = forescale.InstanceFailed
		}
		end(i, state, now, i.Failure)
		l.log.Info("instance stopped", "service", r.service, "instance", r.id)
	default:
		delete(l.acts.retries, r.id)
	}
}

// meetFailure spaces out the next attempt, and gives a start up after the last.
// A stop is never given up: what is ours is not left behind.
func (l *Loop) meetFailure(now time.Time, i *forescale.Instance, r result) {
	if l.meetFence(r.err) {
		return // it was not tried at all
	}
	again := l.again(l.acts.retries[r.id], r.id, now)
	l.acts.retries[r.id] = again
	l.log.Warn("effect failed", "service", r.service, "instance", r.id, "effect", r.kind, "attempt", again.failed, "error", r.err)
	if r.kind == forescale.ActionStart && i.State == forescale.InstanceStarting &&
		(again.failed >= l.opt.Attempts || isPermanent(r.err)) {
		delete(l.acts.retries, r.id)
		leave(i, now, r.err.Error()) // what a half-done start left behind is removed by name
	}
}

// again is when what has a key is tried next, after one more failure.
func (l *Loop) again(r retry, key string, now time.Time) retry {
	r.failed++
	pause := min(l.opt.Collect<<min(r.failed-1, 6), 5*time.Minute)
	r.next = now.Add(pause/2 + time.Duration(share(key, r.failed)*float64(pause/2)))
	return r
}

// share is drawn for an attempt at an instance: others have others, so that not all
// try again at the same moment, and yet what is repeated goes the same way.
func share(id string, attempt int) float64 {
	h := fnv.New64a()
	h.Write([]byte(id))
	return rand.New(rand.NewPCG(h.Sum64(), uint64(attempt))).Float64()
}

// isPermanent reports whether trying the same start again cannot help.
func isPermanent(err error) bool {
	var f *forescale.Fault
	if !errors.As(err, &f) {
		return false
	}
	switch f.Code {
	case "image_missing", "name_taken", "not_ours", "template_missing", "start_invalid", "instance_ended", "policy_refused", "node_missing":
		return true
	}
	return false
}

// Wait returns when no effect is under way.
func (l *Loop) Wait() { l.acts.wait.Wait() }
