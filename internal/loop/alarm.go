package loop

import (
	"context"
	"sync"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/planner"
)

const (
	// breather is at least between a round and one that the alarm calls for; a round
	// that takes long has ten times as long.
	breather = 300 * time.Millisecond
	// alarmQuiet is how long a service that was found not to be short rings no more:
	// one instance alone may be above the limit for long.
	alarmQuiet = 5 * time.Second
)

// alarm brings the next planning round forward when samples show that a service is
// short. So what comes in by itself waits for no interval.
type alarm struct {
	ring chan struct{} // holds one

	mu       sync.Mutex
	growable map[string]growable // by service: those that may have more instances than are wanted
	rung     map[string]bool     // since the last round
}

func newAlarm() alarm { return alarm{ring: make(chan struct{}, 1), rung: map[string]bool{}} }

// growable is what a sample of a service is held against.
type growable struct {
	to       int           // instances that are wanted
	asked    int           // what was asked for, in instances: only more than this is news
	limit    float64       // utilization of to instances, in %
	capacity float64       // load that one serves at 100 %; 0: not known
	quiet    time.Duration // reading of the steady clock before which it does not ring
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
// limit that is acted on, Run looks at it at once. It is safe for concurrent use.
func (l *Loop) Notice(samples []forescale.Sample) {
	if l.alarm.hear(l.clock, samples) {
		select {
		case l.alarm.ring <- struct{}{}:
		default:
		}
	}
}

// hear keeps in mind which services samples show above the limit, and reports whether
// there are any.
func (a *alarm) hear(clock forescale.Clock, samples []forescale.Sample) bool {
	if now := clock.Now(); now.Sub(now.Truncate(forescale.DemandStep)) < planner.RunningShare {
		return false // they do not count yet
	}
	steady := clock.Elapsed()
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range samples {
		g, ok := a.growable[samples[i].Subject.Service]
		if ok && steady >= g.quiet && g.above(&samples[i]) {
			a.rung[samples[i].Subject.Service] = true
		}
	}
	return len(a.rung) > 0
}

// set arms the alarm for what a round decided.
func (a *alarm) set(services map[string]growable) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.growable = services
	clear(a.rung)
}

// growableOf is what a decision leaves to be rung for; ok is false where nothing could be done.
func growableOf(s forescale.Service, d forescale.Decision) (g growable, ok bool) {
	return growable{to: d.To, asked: max(d.To, d.Required), limit: s.Band.Upper(d.To), capacity: s.Capacity}, d.To < s.Max
}

// short reports whether live demand of a service that rang asks for more than was
// asked for when it was planned last.
func (l *Loop) short(now time.Time, w *world) bool {
	l.alarm.mu.Lock()
	defer l.alarm.mu.Unlock()
	short := false
	for name := range l.alarm.rung {
		g, ok := l.alarm.growable[name]
		if !ok || !w.mayAct(name, now) {
			continue
		}
		if n, known := planner.Live(now, w.services[name], l.window.of(nil, name, now, &l.capacities)); known && n > g.asked {
			short = true
			continue
		}
		g.quiet = l.clock.Elapsed() + alarmQuiet
		l.alarm.growable[name] = g
	}
	clear(l.alarm.rung)
	return short
}

// rest waits until the next round is due, or until the alarm rings and a breather has
// passed, by how long the last round took.
func (l *Loop) rest(ctx context.Context, wait, took time.Duration) error {
	ended := l.clock.Elapsed()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-l.clock.After(wait):
		return nil
	case <-l.alarm.ring:
	}
	left := min(max(breather, 10*took), wait) - (l.clock.Elapsed() - ended)
	if left <= 0 {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-l.clock.After(left):
		return nil
	}
}
