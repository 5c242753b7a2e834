package planner

import (
	"time"

	"github.com/forescale/forescale"
)

// windows are for how long fewer must suffice before any is stopped.
type windows struct {
	behind time.Duration // whose minutes still count
	seen   time.Duration // behind, in which there must be no hole
	beyond time.Duration // of the forecast beyond the lead time
	rest   time.Duration // after a start
	slack  time.Duration // beyond the lead time for which is ordered already now
}

// dwell is how long an instance must have been stopped before the next is ordered, for
// a stop to be worth it where the minutes are known: shorter ones save little and look
// like indecision.
const dwell = 150 * time.Second

// readWindows goes by what is known. A forecast around which the minutes are known
// tells what they will need, and by the newest minutes how far off it is: then only
// what would have to be ordered again within the dwell time is kept, and what was
// just ordered until it is there. Else the minutes behind have to tell, and the
// forecast has to be far below.
func (r *round) readWindows() windows {
	known := len(r.signals) > 0
	for i := range r.signals {
		g := &r.signals[i]
		known = known && g.fit && g.forecast.Minutes.Known()
	}
	most := History - forescale.DemandStep
	if known {
		return windows{behind: liveCells * forescale.DemandStep, seen: min(r.o.ReactiveWindow, most), beyond: dwell, rest: r.lead}
	}
	w := max(r.o.Window, r.lead)
	behind := w
	if len(r.st.Forecasts) == 0 {
		behind = r.o.ReactiveWindow
	}
	behind = min(behind, most)
	return windows{behind: behind, seen: behind, beyond: w, rest: w, slack: r.o.Interval}
}

// What blocks a fall.
const (
	blockedBySilence  = "silent"   // a metric has no live demand
	blockedByGap      = "gap"      // a metric has holes in the window
	blockedByForecast = "forecast" // a forecast is old, or too short for the window
	blockedByStart    = "started"  // an instance was started less than a window ago
)

// blocker is why fewer instances may not be wanted yet.
type blocker struct {
	why    string
	until  time.Time
	metric forescale.Metric
}

// readDown is the number that suffices for the whole window: live demand behind
// and the forecast ahead, each metric of them, must agree. A signal that is
// silent, has holes or an unfit forecast agrees to nothing.
func (r *round) readDown() (need, []blocker) {
	back := r.windows.behind
	from, seen := r.now.Add(-back), r.now.Add(-r.windows.seen)
	hole := min(r.s.Missing.Hold, r.windows.seen/2)

	bs := r.blockbuf[:0]
	down := r.up
	if !down.ahead {
		down.at = r.now.Truncate(forescale.DemandStep).Add(back)
	}
	for i := range r.signals {
		g := &r.signals[i]
		if !g.fresh {
			bs = append(bs, blocker{why: blockedBySilence, metric: g.metric})
			continue
		}
		n, gap := g.behind(r.now, r.s.Band, from, seen, hole)
		if gap {
			bs = append(bs, blocker{why: blockedByGap, metric: g.metric})
		}
		n.at = n.at.Add(back) // when it will have left the window
		r.behind = longer(r.behind, n)
		down = longer(down, n)
	}
	return r.withAhead(down, bs)
}

// readDownAhead is readDown by the forecast alone, for a service that was told to
// follow it when its samples stop for long.
func (r *round) readDownAhead() (need, []blocker) { return r.withAhead(r.up, r.blockbuf[:0]) }

func (r *round) withAhead(down need, bs []blocker) (need, []blocker) {
	to := r.now.Add(r.lead + r.windows.beyond)
	for i := range r.signals {
		g := &r.signals[i]
		if g.forecast == nil && !r.follows() {
			continue // never forecast, as after a short history: live demand alone decides
		}
		n := g.ahead(r.s.Band, r.now, to, true)
		if !n.known {
			bs = append(bs, blocker{why: blockedByForecast, metric: g.metric})
		}
		r.beyond = longer(r.beyond, n)
		down = longer(down, n)
	}
	if t := r.lastStart(); !t.IsZero() && r.now.Sub(t) < r.windows.rest {
		bs = append(bs, blocker{why: blockedByStart, until: t.Add(r.windows.rest)})
	}
	return down, bs
}

// follows reports whether the forecast decides alone, in both directions.
func (r *round) follows() bool { return r.missing.phase == longSilent && r.s.Missing.FollowForecast }

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
