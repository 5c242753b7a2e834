package sim

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/forescale/forescale"
)

// govern lets a scaler act on a world, as drive does on demand alone: what dies is
// replaced, as a ReplicaSet or a group of machines does. It begins with n0 ready pods.
func (s Study) govern(ctx context.Context, r scaler, period time.Duration, n0 int) ([]Row, error) {
	dt := 10 * time.Second
	if s.Load.Step%hpaPeriod == 0 {
		dt = hpaPeriod
	}
	clock := NewClock(s.Load.Start)
	name := s.Service.Name
	w := NewWorld(Config{Clock: clock, Seed: s.Seed, Tick: dt, Step: s.Load.Step, Conditions: s.Conditions},
		Workload{Service: s.Service, Load: Recorded{s.Load}, Capacity: s.Service.Capacity, Warmup: s.warmup(), Initial: n0})
	g := governed{World: w, of: w.services[name], spec: n0}
	times := max(1, int(s.Load.Step/period)) // how often in a step
	every := s.Load.Step / time.Duration(times) / dt
	for i := range s.Load.Values {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for k := range s.Load.Step / dt {
			g.heal()
			if k%every == 0 {
				g.scale(r.wants(time.Duration(i)*s.Load.Step+time.Duration(k)*dt, i, g.used, &g.pods))
			}
			clock.Advance(dt)
			w.advanceNow()
		}
	}
	return w.Timeline(name), nil
}

// governed is one service of a world as its scaler sees it.
type governed struct {
	*World
	of   *workload
	pods pods
	used float64 // mean utilization of the ready ones that give samples; NaN: none does
	spec int     // how many the scaler wants
	made int     // so far
}

// heal replaces what has ended, and looks at what is there.
func (g *governed) heal() {
	for _, id := range g.of.names {
		if u := g.units[id]; !u.running(g.now) {
			g.remove(u)
		}
	}
	g.start(g.spec - len(g.of.names))
	g.look()
}

// look counts the pods and reads their metrics.
func (g *governed) look() {
	g.pods.ready, g.pods.missing, g.pods.due = 0, 0, g.pods.due[:0]
	serving, load, sum := g.serving(g.of), g.of.Load.At(g.now), 0.0
	share := min(100, 100*load/float64(max(serving, 1))/g.of.Capacity)
	for _, id := range g.of.names {
		switch u := g.units[id]; {
		case !u.isReady(g.now):
			g.pods.due = append(g.pods.due, 0)
		case g.silent(id):
			g.pods.ready++
			g.pods.missing++
		default:
			g.pods.ready++
			sum += g.noisy(share, id)
		}
	}
	g.used = math.NaN()
	if n := g.pods.ready - g.pods.missing; n > 0 {
		g.used = sum / float64(n)
	}
}

// scale starts what is missing, or stops: first those that are not ready yet.
func (g *governed) scale(n int) {
	g.spec, g.of.wanted = n, n
	g.start(n - len(g.of.names))
	for _, ready := range []bool{false, true} {
		for k := len(g.of.names) - 1; k >= 0 && len(g.of.names) > n; k-- {
			if u := g.units[g.of.names[k]]; u.isReady(g.now) == ready {
				g.remove(u)
			}
		}
	}
}

func (g *governed) start(n int) {
	for ; n > 0 && g.nodesUp(g.now) > 0; n-- {
		g.made++
		g.create(g.of, forescale.Instance{ID: fmt.Sprintf("%s-pod-%d", g.of.Service.Name, g.made)})
	}
}
