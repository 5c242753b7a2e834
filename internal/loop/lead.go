package loop

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/forescale/forescale"
)

// Leases are how servers on one store agree on who leads.
type Leases interface {
	TakeLead(ctx context.Context, holder string, lasts time.Duration) (t forescale.Term, won bool, err error)
	KeepLead(ctx context.Context, fence int64, lasts time.Duration) (forescale.Term, error)
	Resign(ctx context.Context, fence int64) error
	Lead(ctx context.Context) (forescale.Term, error)
}

// LeadConfig is what a Lead is made from. Its times are of real time, whatever
// clock the loop runs by.
type LeadConfig struct {
	Leases Leases
	Name   string // of this server; no other one has it, nor this one after a restart
	// Life makes the loop of a term. It must be a new one each time: what a loop
	// remembers holds for as long as nobody else acts.
	Life func(forescale.Term) *Loop
	// Beside is what a leader does besides, from the begin of its term until its
	// context ends; the term is given back after it. May be nil.
	Beside func(context.Context) error
	OnTurn func(t forescale.Term, leading bool) // called when this server begins or ends to lead, or nil
	Log    *slog.Logger

	Lasts time.Duration // of a lease; 6 s
}

// renew is how often a leader renews its lease, pause how often a follower tries
// to take over, about; margin is how long before its lease runs out a leader that
// cannot renew it stops, by its own steady clock. That is a courtesy: what keeps
// the world safe is the fence.
func (c LeadConfig) renew() time.Duration  { return c.Lasts / 3 }
func (c LeadConfig) pause() time.Duration  { return c.Lasts / 6 }
func (c LeadConfig) margin() time.Duration { return c.Lasts / 6 }

// Lead runs a loop whenever this server leads, and tries to lead whenever nobody
// does.
type Lead struct {
	c     LeadConfig
	clock forescale.Clock

	mu      sync.Mutex
	term    forescale.Term // the newest known
	leading bool
	loop    *Loop // of the own term, nil while another server leads
	lower   int64 // fence that a target knows, while the store's is lower
}

// NewLead makes a Lead; Run starts it.
func NewLead(c LeadConfig) *Lead {
	if c.Lasts == 0 {
		c.Lasts = 6 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.OnTurn == nil {
		c.OnTurn = func(forescale.Term, bool) {}
	}
	if c.Beside == nil {
		c.Beside = func(context.Context) error { return nil }
	}
	return &Lead{c: c, clock: forescale.NewSystemClock()}
}

// Term is the newest term that this server knows of, and whether it is its own.
func (l *Lead) Term() (t forescale.Term, leading bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.term, l.leading
}

func (l *Lead) know(t forescale.Term, leading bool) {
	l.mu.Lock()
	turn := leading != l.leading
	l.term, l.leading = t, leading
	l.mu.Unlock()
	if turn {
		l.c.OnTurn(t, leading)
	}
}

// Notice is [Loop.Notice] of the loop that leads, if it is this server's.
func (l *Lead) Notice(samples []forescale.Sample) {
	l.mu.Lock()
	leads := l.loop
	l.mu.Unlock()
	if leads != nil {
		leads.Notice(samples)
	}
}

func (l *Lead) runs(loop *Loop) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.loop = loop
}

// Run follows and leads until the context ends.
func (l *Lead) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		if t, until, won := l.try(ctx); won {
			l.lead(ctx, t, until)
		}
		select {
		case <-ctx.Done():
		case <-l.clock.After(l.c.pause()/2 + rand.N(l.c.pause())):
		}
	}
	return nil
}

// try takes the lead if it is free. until is when the lease ends for sure not
// yet, by this server's steady clock.
func (l *Lead) try(ctx context.Context) (t forescale.Term, until time.Duration, won bool) {
	ctx, cancel := context.WithTimeout(ctx, l.c.Lasts)
	defer cancel()
	if l.isLower(ctx) {
		return t, 0, false
	}
	until = l.clock.Elapsed() + l.c.Lasts - l.c.margin()
	t, won, err := l.c.Leases.TakeLead(ctx, l.c.Name, l.c.Lasts)
	if err != nil {
		if ctx.Err() == nil {
			l.c.Log.Warn("cannot ask who leads; trying again", "error", err)
		}
		return t, 0, false
	}
	if !won {
		if old, _ := l.Term(); old.Fence != t.Fence {
			l.c.Log.Info("another server leads", "leader", t.Holder, "fence", t.Fence)
		}
		l.know(t, false)
	}
	return t, until, won
}

// isLower reports whether a target knows a higher fence than the store, as after
// a restore of an old backup. Counting up to it would take the target from who
// has a right to it: a person has to raise the store's.
func (l *Lead) isLower(ctx context.Context) bool {
	if l.lower == 0 {
		return false
	}
	if t, err := l.c.Leases.Lead(ctx); err != nil || t.Fence < l.lower {
		return true
	}
	l.lower = 0
	return false
}

// lead runs a new loop under the term until the term is over.
func (l *Lead) lead(ctx context.Context, t forescale.Term, until time.Duration) {
	l.c.Log.Info("this server leads", "server", l.c.Name, "fence", t.Fence)
	life, end := context.WithCancel(ctx)
	defer end()
	run := l.c.Life(t)
	l.runs(run)
	defer l.runs(nil)
	l.know(t, true)
	var ended, beside error
	var group sync.WaitGroup
	group.Go(func() { beside = l.c.Beside(life) })
	done := make(chan struct{})
	go func() {
		defer close(done)
		ended = run.Run(life)
	}()
	why := l.keep(life, t, until, done)
	end()
	<-done // after the effects under way
	group.Wait()
	why = errors.Join(why, ended, beside)
	var lower *forescale.LowerFence
	if errors.As(why, &lower) {
		l.lower = lower.Newest
	}
	if ctx.Err() == nil {
		l.c.Log.Warn("this server does not lead any more", "server", l.c.Name, "fence", t.Fence, "reason", why)
	}
	l.resign(ctx, t)
}

// keep renews the lease until the context ends, the loop ended, or the lease can
// not be known to hold.
func (l *Lead) keep(ctx context.Context, t forescale.Term, until time.Duration, done <-chan struct{}) error {
	wait := l.c.renew()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-done:
			return nil
		case <-l.clock.After(wait):
		}
		asked := l.clock.Elapsed()
		if asked >= until {
			return errLate
		}
		renewal, cancel := context.WithTimeout(ctx, until-asked)
		fresh, err := l.c.Leases.KeepLead(renewal, t.Fence, l.c.Lasts)
		cancel()
		switch {
		case err == nil:
			until, wait = asked+l.c.Lasts-l.c.margin(), l.c.renew()
			l.know(fresh, true)
		case errors.Is(err, forescale.ErrFenced):
			return err
		default:
			wait = min(l.c.renew()/4, max(until-l.clock.Elapsed(), 0))
			if ctx.Err() == nil {
				l.c.Log.Warn("the lease could not be renewed; trying again", "error", err)
			}
		}
	}
}

// errLate is why a leader stops that could not renew its lease.
var errLate = errors.New("the lease was not renewed in time")

// resign gives a term back that may not be over, so that nobody waits for it.
func (l *Lead) resign(ctx context.Context, t forescale.Term) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), resignTime)
	defer cancel()
	if err := l.c.Leases.Resign(ctx, t.Fence); err == nil {
		t.Holder = ""
	} else if !errors.Is(err, forescale.ErrFenced) {
		l.c.Log.Warn("could not resign; the lease runs out by itself", "error", err)
	}
	l.know(t, false)
}

// resignTime bounds the attempt to resign.
const resignTime = 2 * time.Second
