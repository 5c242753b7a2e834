package planner

import (
	"time"

	"github.com/forescale/forescale"
)

// Decide says how many instances of one service are wanted at now, why, and what
// that means for single instances. Nothing in st is changed. The actions are
// empty unless the service is active, not paused, and there is something to do.
func Decide(now time.Time, o Options, st State) Result {
	r := look(now.UTC(), o.withDefaults(), &st)
	switch {
	case r.s.Mode == forescale.ModeOff:
		r.stay(forescale.CodeOff)
		return r.result()
	case st.ClockJump != 0:
		r.holdClock()
		return r.result()
	}
	r.measure()
	r.choose()
	if st.Blind != "" {
		r.holdBlind()
		return r.result()
	}
	r.bound()
	r.yield()
	r.limit()
	r.explain()
	r.act()
	result := r.result()
	if d := &result.Plan.Decision; st.Last == nil || !st.Last.Same(*d) { // else it is folded into the last one
		d.Weighed = r.weigh()
	}
	return result
}

// round is one planning step of one service.
type round struct {
	now time.Time
	o   Options
	st  *State
	s   forescale.Service
	id  string // stamp

	// What is there.
	ready, starting, overdue, draining int
	unready                            int // ready once, and taking no load now
	roll                               rolling
	supply                             int    // ready and starting before the deadline
	asked                              int    // what was wanted last, if that was acted on
	before                             int    // the same within max
	moving                             moving // of supply and beside it: what is to leave its node
	level                              int    // what holds when nothing moves it: the larger of the two
	stated                             int    // the service's max
	paid                               *Money // when it is money that bounds max, nil else
	basis                              startTime
	warmup, lead                       time.Duration
	windows                            windows

	// What is needed.
	signals  []signal
	sigbuf   [4]signal
	missing  missing
	live     need // now, by live demand; saturation included
	soon     need // within the lead time, by the forecast
	up       need // the larger: fewer will not do
	down     need // fewer than this will not do for the whole window
	behind   need // of that, live demand's
	beyond   need // of that, the forecast's
	shown    need // of live, without saturation
	sat      saturation
	fallback bool      // a forecast is missing or unfit
	blocks   []blocker // why fewer may not be wanted yet, the one that decides first
	blockbuf [4]blocker

	// What is decided.
	target int // before limits of speed
	other  secondWriter
	to     int
	cuts   []limited
	d      forescale.Decision
	rows   []forescale.Instance
}

// look counts what is there.
func look(now time.Time, o Options, st *State) *round {
	r := &round{now: now, o: o, st: st, s: st.Service.WithDefaults()}
	r.id, r.stated = stamp(r.s.Name, now), r.s.Max
	r.boundByMoney()
	for i := range st.Instances {
		switch x := &st.Instances[i]; {
		case x.State == forescale.InstanceReady && x.Supply(now):
			r.ready++
			if r.leaves(x) {
				r.moving.ready++
			}
		case x.State == forescale.InstanceReady:
			r.unready++
		case x.State == forescale.InstanceStarting && x.Supply(now):
			r.starting++
			if r.leaves(x) {
				r.moving.starting++
			}
		case x.State == forescale.InstanceStarting:
			r.overdue++
		case x.State == forescale.InstanceDraining:
			r.draining++
		}
	}
	r.supply = r.ready + r.starting
	r.asked = r.wantedBefore()
	r.readRollout()
	if r.moving.all() > 0 { // a roll-out waits until they moved
		r.aside()
	} else {
		r.apart()
	}
	r.before = min(r.asked, r.s.Max)
	r.level = max(r.supply, r.before)
	r.basis = warmup(now, r.s, st.Warmups, st.Learned, r.starting)
	r.warmup = r.basis.is
	r.lead = r.warmup + o.Interval
	r.to = r.supply
	r.d = forescale.Decision{
		ID: "dec_" + r.id, Service: r.s.Name, At: now, LastAt: now, Mode: r.s.Mode,
		From: r.supply, To: r.supply, Outcome: forescale.OutcomeNone,
	}
	return r
}

// measure reads what live demand needs now and the forecast within the lead time.
func (r *round) measure() {
	r.signals = signals(r.now, r.o, r.s, r.lead, r.st, r.sigbuf[:0])
	r.windows = r.readWindows()
	for i := range r.signals {
		g := &r.signals[i]
		if g.fresh {
			r.live = larger(r.live, g.live)
		}
		n := g.ahead(r.s.Band, r.now, r.now.Add(r.lead+r.windows.slack), false)
		r.soon = larger(r.soon, n)
		r.fallback = r.fallback || !n.known
	}
	r.fallback = r.fallback || len(r.signals) == 0
	r.missing = r.readMissing()
	r.sat, r.shown = r.readSaturation(), r.live
	if r.sat.known {
		r.live = larger(r.live, need{count: r.sat.target, demand: r.live.demand, metric: r.sat.metric, at: r.now, known: true})
	}
}

// choose picks the wanted count by what is known, before min, max and the limits.
func (r *round) choose() {
	switch r.missing.phase {
	case live:
		r.up = larger(r.live, r.soon)
		r.target = max(r.level, r.up.count)
		if r.target == r.level {
			r.fall(r.readDown())
		}
	case longSilent, standIn:
		r.up = r.soon
		r.target = max(r.level, r.up.count)
		if r.target == r.level && r.follows() {
			r.fall(r.readDownAhead())
		}
	default:
		r.target = r.level
	}
	if r.up.known {
		r.d.Required, r.d.Metric = r.up.count, r.up.metric
	}
}

// fall lowers the target to what will do for the whole window, unless something
// blocks it.
func (r *round) fall(down need, bs []blocker) {
	r.down, r.blocks = down, bs
	if !down.known || len(bs) > 0 && bs[0].why != blockedByStart {
		return // what is low may be low because nothing is known
	}
	c := r.clamp(down.count)
	if len(bs) == 0 && c < r.supply {
		r.target = c
	} else if c < r.level { // not all of what is gone is needed again
		r.target = max(c, r.supply)
	}
}

// clamp keeps n within min and max.
func (r *round) clamp(n int) int { return min(max(n, r.s.Min), r.s.Max) }

// acting reports whether the decision may have an effect.
func (r *round) acting() bool { return r.s.Mode == forescale.ModeActive && r.pause() == nil }

// pause is the pause that holds, nil if none; the one that ends last if several.
func (r *round) pause() *forescale.Pause {
	var p *forescale.Pause
	for i := range r.st.Pauses {
		if x := &r.st.Pauses[i]; x.Covers(r.s.Name, r.now) && (p == nil || x.Until.After(p.Until)) {
			p = x
		}
	}
	return p
}

// wantedBefore is what the last decision wanted, if it was acted on and is not
// long ago: an instance that died, or a start that was put off, is not forgotten.
func (r *round) wantedBefore() int {
	l := r.st.Last
	if l == nil || l.Mode != forescale.ModeActive || r.s.Mode != forescale.ModeActive || r.now.Sub(l.LastAt) > r.s.Missing.StandIn {
		return 0
	}
	if l.Outcome == forescale.OutcomeWould && l.Code() != forescale.CodeHoldBlind && l.Code() != forescale.CodeHoldClock {
		return 0
	}
	n := l.To
	for _, x := range l.Reasons { // what a limit or a hold put off
		n = max(n, int(x.Numbers["wanted"]))
	}
	return n
}

// act picks the instances and fills the rows to record.
func (r *round) act() {
	if !r.acting() {
		r.d.Outcome = forescale.OutcomeWould
		return
	}
	deadline := r.now.Add(r.patience())
	for k := 1; k <= r.to-r.supply; k++ {
		r.start(k, deadline, r.revision())
	}
	if r.to < r.supply {
		for _, v := range r.victims(r.supply - r.to) {
			r.stop(v)
		}
	}
	if r.moving.all() > 0 {
		r.move()
	} else {
		r.rollOn()
	}
	if len(r.d.Actions) > 0 {
		r.d.Outcome = forescale.OutcomePending
	}
}

func (r *round) start(ordinal int, deadline time.Time, revision string) {
	id := instanceID(r.s.Name, r.id, ordinal)
	r.d.Actions = append(r.d.Actions, forescale.Action{Kind: forescale.ActionStart, Instance: id})
	r.rows = append(r.rows, forescale.Instance{
		ID: id, Service: r.s.Name, State: forescale.InstanceStarting, Origin: forescale.OriginStarted,
		Decision: r.d.ID, OrderedAt: r.now, Deadline: deadline, Revision: revision,
	})
}

func (r *round) stop(v forescale.Instance) {
	v.State, v.StopBy, v.DrainingAt = forescale.InstanceDraining, r.d.ID, r.now
	r.d.Actions = append(r.d.Actions, forescale.Action{Kind: forescale.ActionStop, Instance: v.ID})
	r.rows = append(r.rows, v)
}

// patience is how long a start counts as supply: twice what nine of ten take, and
// at least two minutes more than that, as the engine may have to pull the image.
// It doubles with each start that failed in a row: where a service has become
// slower than it ever was, the next one is given the time to show it.
func (r *round) patience() time.Duration {
	d := max(2*r.lead, r.lead+2*time.Minute)
	for n := r.failedInARow(r.revision(), time.Time{}).count; n > 0 && d < longestPatience; n-- {
		d *= 2
	}
	return min(d, max(longestPatience, 2*r.lead))
}

// longestPatience bounds the doubling.
const longestPatience = time.Hour

// result closes the decision and lays the plan ahead beside it.
func (r *round) result() Result {
	r.d.To = r.to
	for _, x := range r.d.Reasons {
		for k, v := range x.Numbers {
			if !isNumber(v) {
				delete(x.Numbers, k)
			}
		}
	}
	p := r.plan()
	if r.roll.changed {
		p.Rollout = r.roll.is
	}
	return Result{Plan: p, Instances: r.rows, CountsAfter: r.countsAfter()}
}
