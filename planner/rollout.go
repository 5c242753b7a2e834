package planner

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/forescale/forescale"
)

// hotLeast is the utilization in % below which new instances are never too hot: at
// rest twice as much says nothing.
const hotLeast = 10

// Heat is the mean utilization in % of ready instances of the newest template and of
// older ones, over the same minutes.
type Heat struct{ New, Old float64 }

// rolling is how far the instances of the service follow its template.
type rolling struct {
	is      *forescale.Rollout // nil: the service has no roll-outs
	changed bool               // is has to be recorded
	want    string             // revision that all shall be of
	rules   forescale.RolloutRules

	fresh, freshReady, settled int // of want: supply, of that ready, of that for long enough
	freshStarting              int
	old, oldReady              int  // of others: ready, starting or taking no load; taking load
	doubt                      bool // nothing of want has settled, and old ones serve
	surge                      int  // beside the supply: ready or starting, and to take the place of old ones
}

// on reports whether instances are to be replaced.
func (x *rolling) on() bool { return x.is != nil && x.old > 0 }

// readRollout brings the roll-out up to date: a changed template begins one, failures
// end it, and all following the template completes it.
func (r *round) readRollout() {
	rev := r.s.Template.Revision()
	if rev == "" {
		return
	}
	x := &r.roll
	is := forescale.Rollout{Revision: rev, State: forescale.RolloutRolling, Since: r.now}
	if last := r.st.Rollout; last != nil {
		is.Good, is.GoodRevision = last.Good, last.GoodRevision
		if last.Revision == rev {
			is = *last
		}
	}
	x.rules = r.s.Rollout.WithDefaults(max(r.asked, r.s.Min))
	x.is = &is
	r.countRevisions()
	if is.State == forescale.RolloutRolling {
		switch why := r.whyBack(); {
		case why != "":
			is.State, is.Since, is.Why = forescale.RolloutBack, r.now, why
			r.countRevisions()
		case x.old == 0 && x.settled > 0:
			good := r.s.Template
			is.State, is.Since, is.Good, is.GoodRevision = forescale.RolloutDone, r.now, &good, rev
		}
	}
	last := r.st.Rollout
	x.changed = last == nil || last.Revision != is.Revision || last.State != is.State
}

// countRevisions counts what follows the wanted template and what does not.
func (r *round) countRevisions() {
	x := &r.roll
	x.want = x.is.Wanted()
	x.fresh, x.freshReady, x.settled, x.freshStarting, x.old, x.oldReady = 0, 0, 0, 0, 0, 0
	for k := range r.st.Instances {
		i := &r.st.Instances[k]
		supply := i.Supply(r.now)
		switch {
		case i.State != forescale.InstanceReady && i.State != forescale.InstanceStarting || i.Origin == forescale.OriginPushed:
		case i.Revision != "" && i.Revision != x.want:
			x.old++
			if supply && i.State == forescale.InstanceReady {
				x.oldReady++
			}
		case supply && i.State == forescale.InstanceStarting:
			x.fresh++
			x.freshStarting++
		case supply:
			x.fresh++
			x.freshReady++
			if r.now.Sub(i.ReadyAt) >= x.rules.Settle {
				x.settled++
			}
		}
	}
	x.doubt = x.settled == 0 && x.oldReady > 0
}

// whyBack is why the new template is given up; "" while it is not, and where there is
// none to go back to.
func (r *round) whyBack() string {
	x := &r.roll
	if x.is.Good == nil || x.is.GoodRevision == x.is.Revision {
		return ""
	}
	f := r.failedInARow(x.is.Revision, x.is.Since)
	if c := r.crashes(x.is.Revision, x.is.Since); c.tries > f.tries {
		f = c
	}
	if f.tries >= x.rules.Failures {
		why := fmt.Sprintf("%d new instances in a row failed", f.count)
		if last := r.lastFailure(x.is.Revision); last != "" {
			why += ", last: " + last
		}
		return why
	}
	if h := r.st.Heat; h != nil && h.New >= hotLeast && h.New > x.rules.Hotter*h.Old {
		return fmt.Sprintf("new instances run at %.0f %%, the old ones at %.0f %%", h.New, h.Old)
	}
	return ""
}

// lastFailure is what the newest failed instance of a revision failed of.
func (r *round) lastFailure(revision string) (why string) {
	var last time.Time
	for k := range r.st.Instances {
		i := &r.st.Instances[k]
		if at, failed := ended(i); failed && i.Revision == revision && !at.Before(last) {
			last, why = at, i.Failure
		}
	}
	return why
}

// apart takes what a roll-out has started beside what is wanted out of the supply, so
// that the number of instances is decided as without it. What starts from a template
// that has not proved itself is no supply at all while old ones serve.
func (r *round) apart() {
	x := &r.roll
	if !x.on() {
		return
	}
	unproven := 0
	if x.doubt {
		unproven = x.freshStarting
	}
	r.starting -= unproven
	firm := r.ready + r.starting
	if r.asked > 0 {
		x.surge = min(max(0, firm-r.asked), x.rules.Surge, x.fresh-unproven)
	}
	r.supply = firm - x.surge
	x.surge += unproven
}

// revision is what starts that demand asks for are made from: the last good template
// while the new one is in doubt, so that its failing costs no supply.
func (r *round) revision() string {
	x := &r.roll
	switch {
	case x.is == nil:
		return ""
	case x.doubt && x.on() && x.is.State == forescale.RolloutRolling && x.is.Good != nil:
		return x.is.GoodRevision
	}
	return x.want
}

// rollOn makes one step of a roll-out beside what else was decided.
func (r *round) rollOn() {
	stops, starts, _ := r.rollStep()
	for _, v := range stops {
		r.stop(v)
	}
	deadline := r.now.Add(r.patience())
	for k := 1; k <= starts; k++ {
		r.start(k, deadline, r.roll.want)
	}
}

// rollStep is the next step of a roll-out: old instances are stopped for new ones that
// have settled, or else new ones are started. Never does a step leave fewer ready than
// are wanted, nor more running than max and the surge, nor more than budgets pay for:
// unpaid is the budget that holds it.
func (r *round) rollStep() (stops []forescale.Instance, starts int, unpaid string) {
	x := &r.roll
	if !x.on() || !r.acting() || r.other.holds || r.to != r.supply {
		return nil, 0, "" // the number of instances goes first
	}
	keep := max(r.to, r.target, r.s.Min)
	if n := min(x.oldReady+x.settled-keep, r.stopsOfWindow().most); n > 0 && x.settled > 0 {
		if stops = r.replaced(n); len(stops) > 0 {
			return stops, 0, ""
		}
	}
	all := r.ready + r.starting + r.unready + r.overdue + r.draining
	if x.doubt {
		all += x.freshStarting
	}
	starts = min(r.stated+x.rules.Surge-all, x.rules.Surge-x.surge, max(keep-x.fresh, 0), r.startsOfStep().most)
	if l, failing := r.failingOf(x.want); failing {
		starts = min(starts, l.most)
	}
	if r.paid != nil && starts > 0 && r.paid.Most <= all {
		return nil, 0, r.paid.Reason.Words["budget"]
	}
	if r.paid != nil {
		starts = min(starts, r.paid.Most-all)
	}
	return nil, starts, ""
}

// replaced are up to n ready instances of older templates, those that take no load first.
func (r *round) replaced(n int) []forescale.Instance {
	var vs []forescale.Instance
	for _, i := range r.st.Instances {
		if i.State == forescale.InstanceReady && i.Origin != forescale.OriginPushed && i.Revision != "" && i.Revision != r.roll.want {
			vs = append(vs, i)
		}
	}
	slices.SortFunc(vs, func(a, b forescale.Instance) int {
		return cmp.Or(b.UnreadySince.Compare(a.UnreadySince), a.OrderedAt.Compare(b.OrderedAt), cmp.Compare(a.ID, b.ID))
	})
	return vs[:min(n, len(vs))]
}

// sayRollout tells how far a roll-out is, and that one went back.
func (r *round) sayRollout() {
	x := &r.roll
	if x.is == nil {
		return
	}
	if x.on() {
		m := numbers{"fresh": float64(x.freshReady), "old": float64(x.old), "wanted": float64(r.to)}
		if x.freshStarting > 0 {
			m["starting"] = float64(x.freshStarting)
		}
		w := words{"revision": x.want}
		if _, _, unpaid := r.rollStep(); unpaid != "" {
			w["budget"] = unpaid
		}
		r.say(forescale.CodeRolloutStep, m, nil, w)
	}
	if x.is.State == forescale.RolloutBack && !r.said(forescale.CodeRolloutBack) {
		r.sayBack()
	}
}

func (r *round) sayBack() {
	is := r.roll.is
	r.say(forescale.CodeRolloutBack, nil, times{"since": is.Since}, words{"revision": is.Revision, "good": is.GoodRevision, "why": is.Why})
}
