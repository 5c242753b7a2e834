package loop

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/forescale/forescale/planner"
)

// decideAtOnce is how many services a processor takes at a time: few enough that all
// end together, many enough that taking them costs nothing.
const decideAtOnce = 32

// decide plans every service, in the order of states, with as many processors as
// there are. What is decided for a service is made of its own state alone, so it
// does not depend on who plans which. Forecasts and demand of a service are laid out
// only while it is planned: those of all at once weigh more than all else.
func (l *Loop) decide(now time.Time, states []planner.State) []planner.Result {
	results := make([]planner.Result, len(states))
	var next atomic.Int64
	work := func() {
		var r room
		for {
			to := int(next.Add(decideAtOnce))
			from := to - decideAtOnce
			if from >= len(states) {
				return
			}
			for k := from; k < min(to, len(states)); k++ {
				s := states[k]
				l.layOut(now, &s, &r)
				results[k] = planner.Decide(now, l.opt.Planner, s)
			}
		}
	}
	others := min(runtime.GOMAXPROCS(0), (len(states)+decideAtOnce-1)/decideAtOnce) - 1
	var wg sync.WaitGroup
	for range others {
		wg.Go(work)
	}
	work()
	wg.Wait()
	return results
}

// layOut gives a state the service's forecasts and demand. They hold until the room is
// used again.
func (l *Loop) layOut(now time.Time, s *planner.State, r *room) {
	name := s.Service.Name
	s.Forecasts = l.forecasts.of(name, r)
	l.recount(now, name, s.Forecasts)
	r.demand = l.window.of(r.demand[:0], name, now, &l.capacities)
	s.Demand = r.demand
}
