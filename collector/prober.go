package collector

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/forescale/forescale"
)

// The kinds of probes, in the order in which an instance meets them.
const (
	startup = iota
	readiness
	liveness
	probeKinds
)

const (
	// probesAtOnce bounds the attempts under way. Where more are due they wait, and what
	// is known gets older: no round does.
	probesAtOnce = 128
	// probeTick is the time between two looks for what is due.
	probeTick = 50 * time.Millisecond
	// startingPeriod is the longest period of a readiness probe that has not passed yet, so
	// that the end of a start is measured finely.
	startingPeriod = time.Second
	// firstAnswers is how long one Observe waits for the first answers of instances that
	// were not known before.
	firstAnswers = 2 * time.Second
)

// asked is one probe of one container.
type asked struct {
	container string
	address   string // host:port, "" while not known
	probe     forescale.Probe
}

// health is what the probes of a container tell.
type health struct {
	known     bool      // readiness was asked, or is still held back by the start-up probe
	ready     bool      // by the readiness probe; true once started up where there is none
	readyAt   time.Time // machine time at which a probe first told so; zero: not known
	told      bool      // a probe tells when it is ready
	alive     bool      // the liveness probe is asked
	unhealthy string    // the start-up or liveness probe failed: why
}

// prober asks instances by their probes, beside the rounds: they only read what it
// knows. Times are the machine's, but the periods of probes are the clock's. It is safe for
// concurrent use.
type prober struct {
	pace pace
	ask  func(ctx context.Context, t asked, command string) (running string, err error)

	mu    sync.Mutex
	by    map[string]*watched // by container id
	under int                 // attempts under way
	wake  chan struct{}       // holds one when something may be due
}

// watched is one container from one start of it on.
type watched struct {
	started time.Time
	whole   bool // it was watched from its start, or seen when it was not ready
	checks  [probeKinds]*check
	first   chan struct{} // closed with the first answer
	readyAt time.Time
}

// check is what is known of one probe.
type check struct {
	asked
	due     time.Time
	under   bool
	answers int // so far
	passes  int // in a row
	fails   int // in a row
	ok      bool
	passed  bool // it was ok once
	why     string
	command string // a run that has not ended
}

func newProber(pace pace, ask func(context.Context, asked, string) (string, error)) *prober {
	return &prober{pace: pace, ask: ask, by: map[string]*watched{}, wake: make(chan struct{}, 1)}
}

// watch takes in what to ask of a container that runs since started, and gives what is
// known. first is closed when it was asked once; whole says that it was seen before it
// could be ready. A probe that was changed begins anew.
func (p *prober) watch(id string, started time.Time, whole bool, addresses [probeKinds]string, probes [probeKinds]forescale.Probe) (first <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.by[id]
	if w == nil || !w.started.Equal(started) {
		w = &watched{started: started, whole: whole, first: make(chan struct{})}
		p.by[id] = w
	}
	for k, probe := range probes {
		switch old := w.checks[k]; {
		case !probe.Set():
			w.checks[k] = nil
		case old == nil || old.address != addresses[k] || !reflect.DeepEqual(old.probe, probe):
			w.checks[k] = &check{asked: asked{container: id, address: addresses[k], probe: probe}}
			p.rouse()
		}
	}
	return w.first
}

// keep forgets the containers that are not among ids.
func (p *prober) keep(ids map[string]bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id := range p.by {
		if !ids[id] {
			delete(p.by, id)
		}
	}
}

// rouse makes the loop look again. The caller holds mu.
func (p *prober) rouse() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// health is what is known of a container; elsewise says whether it is ready where no
// probe tells.
func (p *prober) health(id string, elsewise bool) health {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.by[id]
	h := health{known: true, ready: elsewise}
	if w == nil {
		return h
	}
	s, r, l := w.checks[startup], w.checks[readiness], w.checks[liveness]
	h.told, h.readyAt, h.alive = s != nil || r != nil, w.readyAt, l != nil
	if r != nil {
		h.known, h.ready = r.answers > 0, r.ok
	}
	if s != nil && !s.passed {
		h.known, h.ready = s.answers > 0, false
		if s.fails >= s.probe.Failures {
			h.unhealthy = s.failure("start-up")
		}
	}
	if l != nil && l.fails >= l.probe.Failures {
		h.unhealthy = l.failure("liveness")
	}
	return h
}

func (c *check) failure(kind string) string {
	return fmt.Sprintf("its %s probe (%s) failed %d times: %s", kind, c.probe, c.fails, c.why)
}

// loop asks what is due until ctx ends, and waits then for what is under way.
func (p *prober) loop(ctx context.Context) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		next := p.start(ctx, &wg, time.Now())
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
		case <-time.After(time.Until(next)):
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(probeTick):
		}
	}
}

// start begins the attempts that are due, as many as may be under way, and tells when
// the next is.
func (p *prober) start(ctx context.Context, wg *sync.WaitGroup, now time.Time) (next time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	next = now.Add(time.Minute)
	for _, w := range p.by {
		for k, c := range w.checks {
			if c == nil || c.under || !w.holds(k) {
				continue
			}
			if c.due.After(now) {
				if c.due.Before(next) {
					next = c.due
				}
				continue
			}
			if p.under >= probesAtOnce {
				return now // the end of one rouses the loop
			}
			p.under++
			c.under = true
			wg.Go(func() {
				running, err := p.ask(ctx, c.asked, c.command)
				p.answer(w, k, c, running, err, time.Now())
			})
		}
	}
	return next
}

// holds reports whether it is the turn of a kind of probe: start-up until it has passed,
// the others afterwards, and liveness not before the instance was ready once where
// nothing else tells that it has started up.
func (w *watched) holds(kind int) bool {
	s, r := w.checks[startup], w.checks[readiness]
	switch {
	case kind == startup:
		return !s.passed
	case s != nil:
		return s.passed
	case kind == liveness && r != nil:
		return r.passed
	}
	return true
}

// answer takes in what came of an attempt.
func (p *prober) answer(w *watched, kind int, c *check, running string, err error, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.under--
	c.under, c.command = false, running
	c.answers++
	if err == nil {
		c.passes, c.fails = c.passes+1, 0
	} else {
		c.passes, c.fails, c.why = 0, c.fails+1, err.Error()
	}
	switch {
	case c.passes >= c.probe.Successes:
		ends := kind == readiness || kind == startup && w.checks[readiness] == nil
		if ends && !c.passed && (w.whole || c.answers > c.passes) { // else it may have been ready for days
			w.readyAt = now
		}
		c.ok, c.passed = true, true
	case c.fails >= c.probe.Failures || !c.passed:
		c.ok = false
	}
	pause := c.probe.Period
	if kind == readiness && !c.passed {
		pause = min(pause, startingPeriod)
	}
	c.due = now.Add(p.pace.real(pause))
	if kind == readiness || kind == startup && !c.passed || w.checks[readiness] == nil {
		select {
		case <-w.first:
		default:
			close(w.first)
		}
	}
	p.rouse()
}
