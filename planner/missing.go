package planner

import (
	"time"

	"github.com/forescale/forescale"
)

// phase is how long live demand has been missing, in the steps of MissingRules.
type phase string

const (
	live       phase = "live"
	never      phase = "never"    // there was never a sample
	hold       phase = "hold"     // nothing changes
	standIn    phase = "stand_in" // the forecast stands in, upwards only
	longSilent phase = "long"     // held, or the forecast is followed both ways
)

type missing struct {
	phase    phase
	since    time.Time // the newest sample that told anything
	unusable bool      // samples come, but demand cannot be told from them
}

// readMissing tells the phase. One live signal is enough to scale up by; scaling
// in asks for all of them, see readDown.
func (r *round) readMissing() missing {
	newest := time.Time{}
	for i := range r.signals {
		g := &r.signals[i]
		if g.fresh {
			return missing{phase: live, since: g.newest}
		}
		if g.newest.After(newest) {
			newest = g.newest
		}
	}
	m := missing{since: newest}
	last := r.st.LastSample
	switch {
	case newest.IsZero() && last.IsZero():
		m.phase = never
		return m
	case newest.IsZero():
		// No demand as far back as the state shows, whatever the samples say.
		m.since = last
		m.unusable = r.now.Sub(last) < r.s.Missing.Hold
		if old := r.now.Add(-History); last.After(old) {
			last = old
		}
		newest = last
	case last.After(newest):
		m.unusable = r.now.Sub(last) < 2*forescale.DemandStep
	}
	switch silent := r.now.Sub(newest); {
	case silent <= r.s.Missing.Hold:
		m.phase = hold
	case silent <= r.s.Missing.StandIn:
		m.phase = standIn
	default:
		m.phase = longSilent
	}
	return m
}
