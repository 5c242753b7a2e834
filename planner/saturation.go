package planner

import (
	"math"

	"github.com/forescale/forescale"
)

// saturation is the step up while the true demand is hidden.
type saturation struct {
	known  bool
	base   int // instances that were saturated
	target int // wanted because of it
	metric forescale.Metric
}

// readSaturation asks for half as many again when the newest point is censored,
// once per warm-up: what was ordered for it has to come, and the next whole cell
// to be censored too, before it steps again.
func (r *round) readSaturation() saturation {
	for i := range r.signals {
		g := &r.signals[i]
		if !g.fresh || g.tail == nil || !g.tail.Censored {
			continue
		}
		s := saturation{known: true, metric: g.metric}
		for k := range r.st.Instances {
			if x := &r.st.Instances[k]; x.State == forescale.InstanceReady && x.Supply(r.now) && !x.ReadyAt.After(g.tail.Time) {
				s.base++
			}
		}
		s.target = int(math.Ceil(float64(s.base) * r.o.SaturationFactor))
		if t := r.orderedForSaturation(); t > 0 {
			s.target = t
		}
		if s.target <= 0 {
			return saturation{}
		}
		return s
	}
	return saturation{}
}

// orderedForSaturation is the count asked for by the earlier step up whose
// instances are still starting; 0 when none are.
func (r *round) orderedForSaturation() int {
	target := 0
	for i := range r.st.Recent {
		d := &r.st.Recent[i]
		for _, x := range d.Reasons {
			if x.Code == forescale.CodeSaturated && r.stillStarting(d.ID) {
				target = max(target, int(x.Numbers["required"]))
			}
		}
	}
	return target
}

func (r *round) stillStarting(decision string) bool {
	for i := range r.st.Instances {
		x := &r.st.Instances[i]
		if x.Decision == decision && x.State == forescale.InstanceStarting && x.Supply(r.now) {
			return true
		}
	}
	return false
}
