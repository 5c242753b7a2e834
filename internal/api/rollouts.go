package api

import (
	"time"

	"github.com/forescale/forescale"
)

// RolloutBody is forescale.RolloutRules.
type RolloutBody struct {
	Surge    int     `json:"surge,omitempty" minimum:"0" maximum:"10000" doc:"Instances at most beside those that are wanted, above max_instances too; default a quarter of them, at least 1"`
	Failures int     `json:"failures,omitempty" minimum:"0" maximum:"100" doc:"Tries in a row whose new instances must fail for the roll-out to go back; default 3"`
	Hotter   float64 `json:"hotter,omitempty" minimum:"0" maximum:"100" doc:"Times the utilization of the old instances at which it goes back; default 1.5"`
	Settle   string  `json:"settle,omitempty" example:"2m0s" doc:"How long a new instance must have been ready to replace an old one; default 2m"`
}

// rules are those that the body gives; the defaults for nil.
func (b *RolloutBody) rules(duration func(field, text string) time.Duration) forescale.RolloutRules {
	if b == nil {
		return forescale.RolloutRules{}
	}
	return forescale.RolloutRules{Surge: b.Surge, Failures: b.Failures, Hotter: b.Hotter, Settle: duration("rollout.settle", b.Settle)}
}

func viewRules(r forescale.RolloutRules) RolloutBody {
	b := RolloutBody{Surge: r.Surge, Failures: r.Failures, Hotter: r.Hotter}
	if r.Settle != 0 {
		b.Settle = r.Settle.String()
	}
	return b
}

// RolloutView is how far instances follow the template of their service.
type RolloutView struct {
	State    forescale.RolloutState `json:"state" enum:"rolling,done,back" doc:"back: the template failed, instances are made from the last good one until it changes again"`
	Revision string                 `json:"revision" doc:"Of the service's template"`
	Good     string                 `json:"good_revision" doc:"Of the newest template that proved itself; empty: none yet"`
	Since    time.Time              `json:"since"`
	Why      string                 `json:"why" doc:"Why it went back"`
	Follow   int                    `json:"follow" doc:"Instances of the revision that all shall be of"`
	Others   int                    `json:"others" doc:"Instances that are still to be replaced"`
}

// rollout is how far the service's instances follow its template; nil where that is
// not known, or there are no roll-outs.
func (w *world) rollout(service string) *RolloutView {
	r := w.plans[service].Rollout
	if r == nil {
		return nil
	}
	v := &RolloutView{State: r.State, Revision: r.Revision, Good: r.GoodRevision, Since: r.Since.UTC(), Why: r.Why}
	for _, i := range w.instances[service] {
		switch {
		case i.State != forescale.InstanceReady && i.State != forescale.InstanceStarting:
		case i.Revision == r.Wanted():
			v.Follow++
		case i.Revision != "":
			v.Others++
		}
	}
	return v
}
