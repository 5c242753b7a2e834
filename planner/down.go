package planner

import (
	"time"

	"github.com/forescale/forescale"
)

// What blocks a fall.
const (
	blockedBySilence  = "silent"   // a metric has no live demand
	blockedByGap      = "gap"      // a metric has holes in the window
	blockedByForecast = "forecast" // a forecast is old, or too short for the window
	blockedByStart    = "started"  // an instance was started less than a window ago
)

// blocker is why fewer instances may not be wanted yet, "" if they may.
type blocker struct {
	why    string
	until  time.Time
	metric forescale.Metric
}

// readDown is the number that suffices for the whole window: live demand behind
// and the forecast ahead, each metric of them, must agree. A signal that is
// silent, has holes or an unfit forecast agrees to nothing.
func (r *round) readDown() (need, blocker) {
	back := r.window
	if len(r.st.Forecasts) == 0 {
		back = r.o.ReactiveWindow
	}
	back = min(back, History-forescale.DemandStep)
	from := r.now.Add(-back)
	hole := min(r.s.Missing.Hold, back/2)

	var b blocker
	down := r.up
	if !down.ahead {
		down.at = r.now.Truncate(forescale.DemandStep).Add(back)
	}
	for i := range r.signals {
		g := &r.signals[i]
		if !g.fresh {
			b.first(blockedBySilence, time.Time{}, g.metric)
			continue
		}
		n, gap := g.behind(r.now, r.s.Band, from, hole)
		if gap {
			b.first(blockedByGap, time.Time{}, g.metric)
		}
		n.at = n.at.Add(back) // when it will have left the window
		down = longer(down, n)
	}
	return r.withAhead(down, b)
}

// readDownAhead is readDown by the forecast alone, for a service that was told to
// follow it when its samples stop for long.
func (r *round) readDownAhead() (need, blocker) { return r.withAhead(r.up, blocker{}) }

func (r *round) withAhead(down need, b blocker) (need, blocker) {
	to := r.now.Add(r.lead + r.window)
	for i := range r.signals {
		g := &r.signals[i]
		if g.forecast == nil && r.missing.phase == live {
			continue // never forecast, as after a short history: live demand alone decides
		}
		n := g.ahead(r.s.Band, r.s.Objective, r.now, to, true)
		if !n.known {
			b.first(blockedByForecast, time.Time{}, g.metric)
		}
		down = longer(down, n)
	}
	if t := r.lastStart(); !t.IsZero() && r.now.Sub(t) < r.window {
		b.first(blockedByStart, t.Add(r.window), "")
	}
	return down, b
}

// first keeps the first blocker that is found.
func (b *blocker) first(why string, until time.Time, m forescale.Metric) {
	if b.why == "" {
		*b = blocker{why, until, m}
	}
}

// lastStart is when an instance of the service was last started; zero if not in
// the last hour. It is read from what was recorded, so a restart does not lose it.
func (r *round) lastStart() time.Time {
	for i := range r.st.Recent { // newest first
		for _, a := range r.st.Recent[i].Actions {
			if a.Kind == forescale.ActionStart {
				return r.st.Recent[i].At
			}
		}
	}
	return time.Time{}
}
