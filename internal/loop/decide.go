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
// does not depend on who plans which. The forecasts of a service are laid out only
// while it is planned: those of all at once weigh more than all else.
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
				s.Forecasts = l.forecasts.of(s.Service.Name, &r)
				l.recount(now, s.Service.Name, s.Forecasts)
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
