package loop

import (
	"context"
	"sync"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/planner"
)

const (
	// breather is at least between a round and one that the alarm calls for; a round that
	// takes long has twice as long, so that at most a third of the time goes into such rounds.
	breather = 200 * time.Millisecond
	// alarmQuiet is how long a service that was found not to be short is not looked at
	// again: one instance alone may be above the limit for long.
	alarmQuiet = 5 * time.Second
	// clockSlack is how much more the wall clock has to show than is counted on when it is
	// waited for by the steady clock: the two do not run alike.
	clockSlack = 20 * time.Millisecond
)

// alarm brings the next planning round forward when samples show that a service is
// short. So what comes in by itself waits for no interval.
type alarm struct {
	ring chan struct{} // holds one when rung changed

	mu       sync.Mutex
	growable map[string]growable // by service: those that may have more instances than are wanted
	// rung are those that rang since a round looked at them: when the next one is to, as
	// a reading of the steady clock.
	rung map[string]time.Duration
}

func newAlarm() alarm { return alarm{ring: make(chan struct{}, 1), rung: map[string]time.Duration{}} }

// growable is what a sample of a service is held against.
type growable struct {
	to       int           // instances that are wanted
	asked    int           // what was asked for, in instances: only more than this is news
	limit    float64       // utilization of to instances, in %
	capacity float64       // load that one serves at 100 %; 0: not known
	after    time.Duration // how much of a minute has to be over before its samples may count
	quiet    time.Duration // reading of the steady clock before which it is not looked at
}

// above reports whether a sample lies above the limit. One of the service as a whole is
// held against all instances that are wanted.
func (g growable) above(s *forescale.Sample) bool {
	v, of := s.Value, 1.0
	if s.Subject.Kind == forescale.KindService {
		of = float64(max(1, g.to))
	}
	switch s.Metric {
	case forescale.MetricUtilization, forescale.MetricCPU:
	case forescale.MetricLoad:
		if g.capacity <= 0 {
			return false
		}
		v *= 100 / g.capacity
	default:
		return false
	}
	return v > g.limit*of
}

// Notice tells the loop of samples that were just kept. If they show a service above the
// limit that is acted on, Run looks at it as soon as they count. It is safe for concurrent use.
func (l *Loop) Notice(samples []forescale.Sample) {
	if l.alarm.hear(l.clock, samples) {
		select {
		case l.alarm.ring <- struct{}{}:
		default:
		}
	}
}

// hear keeps in mind which services samples show above the limit, and when to look at
// them: once the minute of the samples may count, and not while they are quiet. It reports
// whether that is news.
func (a *alarm) hear(clock forescale.Clock, samples []forescale.Sample) (news bool) {
	now, steady := clock.Now(), clock.Elapsed()
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range samples {
		s := &samples[i]
		g, ok := a.growable[s.Subject.Service]
		if !ok || !g.above(s) {
			continue
		}
		at := max(steady, g.quiet)
		at = max(at, steady+untilOver(s.Time, g.after, now))
		if before, rung := a.rung[s.Subject.Service]; !rung || at < before {
			a.rung[s.Subject.Service], news = at, true
		}
	}
	return news
}

// untilOver is how long it is at now until so much of the minute of at is over.
func untilOver(at time.Time, share time.Duration, now time.Time) time.Duration {
	left := at.Truncate(forescale.DemandStep).Add(share).Sub(now)
	if left <= 0 {
		return 0
	}
	return left + clockSlack
}

// take gives the services that are to be looked at now. A round takes them before it
// reads demand: one that rings from then on is left for the next, as it may have more.
func (a *alarm) take(steady time.Duration) (rung []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, at := range a.rung {
		if at <= steady {
			rung = append(rung, name)
			delete(a.rung, name)
		}
	}
	return rung
}

// next is how long it is until the first service is to be looked at, at most so long.
func (a *alarm) next(steady, most time.Duration) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, at := range a.rung {
		most = min(most, at-steady)
	}
	return most
}

// set arms the alarm for what a round decided.
func (a *alarm) set(services map[string]growable) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.growable = services
}

// growableOf is what a decision leaves to be rung for; ok is false where nothing could be done.
func growableOf(s forescale.Service, r planner.Result) (g growable, ok bool) {
	d := &r.Plan.Decision
	return growable{to: d.To, asked: max(d.To, d.Required), limit: s.Band.Upper(d.To), capacity: s.Capacity, after: r.CountsAfter}, d.To < s.Max
}

// short reports whether live demand of a service that rang asks for more than was
// asked for when it was planned last.
func (l *Loop) short(now time.Time, w *world) bool {
	l.alarm.mu.Lock()
	defer l.alarm.mu.Unlock()
	short := false
	for _, name := range w.rung {
		g, ok := l.alarm.growable[name]
		if !ok || !w.mayAct(name, now) {
			continue
		}
		if n, known := planner.Live(now, w.services[name], l.window.of(nil, name, now, &l.capacities)); known && n > g.asked {
			short = true
			continue
		}
		steady := l.clock.Elapsed()
		g.quiet = steady + alarmQuiet
		l.alarm.growable[name] = g
		if left := untilOver(now, planner.RunningShare, now); left > 0 { // perhaps too little was heard yet
			l.alarm.rung[name] = steady + max(left, alarmQuiet)
		}
	}
	return short
}

// rest waits until the next round is due, or until a service is to be looked at and a
// breather has passed, by how long the last round took.
func (l *Loop) rest(ctx context.Context, wait, took time.Duration) error {
	ended := l.clock.Elapsed()
	for {
		steady := l.clock.Elapsed()
		rested := steady - ended
		left := min(wait-rested, max(l.alarm.next(steady, wait), max(breather, 2*took)-rested))
		if left <= 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.clock.After(left):
		case <-l.alarm.ring: // perhaps it is sooner
		}
	}
}
