package planner

import (
	"time"

	"github.com/forescale/forescale"
)

// weigh tells what each bound wanted, and which of them hold: those of which each
// alone forbids one instance fewer, or one more. With all of a side gone the
// decision would have been another; weigh_test.go decides anew with them gone.
func (r *round) weigh() *forescale.Weighing {
	w := weighing{round: r, keep: max(r.supply, r.asked), Weighing: forescale.Weighing{
		Bounds: make([]forescale.Bound, 0, 12),
		Serves: orZero(r.s.Band.Serves(r.to)), FewerServe: orZero(r.s.Band.Serves(r.to - 1)), Price: r.s.PricePerHour,
		By: r.now.Add(r.lead + r.windows.slack), Since: r.now.Add(-r.windows.behind), Until: r.now.Add(r.lead + r.windows.beyond),
	}}
	w.demands()
	w.windows()
	w.words()
	w.others()
	if r.to >= r.supply {
		w.starts()
	}
	if r.to <= r.supply {
		w.stops()
	}
	w.enough()
	return &w.Weighing
}

// weighing gathers bounds.
type weighing struct {
	*round
	forescale.Weighing
	keep int // what is kept while it is not known that fewer will do
	need int // what is asked for in all
}

// least adds a bound that asks for count instances at least, within max.
func (w *weighing) least(b forescale.Bound, count int) {
	b.Side = forescale.SideLeast
	b.Holds = count >= w.to && w.to <= w.s.Max
	if w.other.holds && w.to > w.supply && b.Kind != forescale.BoundLive && b.Kind != forescale.BoundSaturated {
		b.Holds = false // only live demand is asked
	}
	w.need = max(w.need, count)
	w.Bounds = append(w.Bounds, b)
}

// most adds a bound that allows count instances at most.
func (w *weighing) most(b forescale.Bound, count int) {
	b.Side, b.Count = forescale.SideMost, count
	b.Holds = count <= w.to
	w.Bounds = append(w.Bounds, b)
}

// of is what a need is as a bound.
func (w *weighing) of(k forescale.BoundKind, n need) forescale.Bound {
	b := forescale.Bound{Kind: k, Count: n.count, Of: string(n.metric), At: n.at, Demand: orZero(n.demand)}
	if n.ahead {
		b.Quantile = orZero(w.quantileOf(n.metric))
	}
	return b
}

// demands are what live demand and the forecast within the lead time ask for.
func (w *weighing) demands() {
	for _, n := range []need{w.shown, w.soon} {
		if !n.known {
			continue
		}
		kind := forescale.BoundLive
		if n.ahead {
			kind = forescale.BoundForecast
		}
		b := w.of(kind, n)
		w.least(b, n.count)
		if w.stands() && w.to > w.keep { // the forecast is not asked
			w.Bounds[len(w.Bounds)-1].Holds = false
		}
		w.Demand = max(w.Demand, b.Demand)
	}
	if w.sat.known {
		w.least(forescale.Bound{Kind: forescale.BoundSaturated, Count: w.sat.target, Of: string(w.sat.metric)}, w.sat.target)
	}
}

// windows are what asks for as many as there are or were wanted, until it is known
// that fewer will do.
func (w *weighing) windows() {
	blocks := w.blocks
	if !w.behind.known && !w.beyond.known && blocks == nil {
		_, blocks = w.readWindow()
	}
	if n := w.behind; n.known {
		w.least(w.of(forescale.BoundBehind, n), min(n.count, w.keep))
	}
	if n := w.beyond; n.known {
		w.least(w.of(forescale.BoundAhead, n), min(n.count, w.keep))
	}
	for _, x := range blocks {
		b := forescale.Bound{Kind: boundOf[x.why], Count: w.keep, Of: string(x.metric), At: x.until}
		if x.why == blockedByStart {
			b.Count = w.supply
		}
		w.least(b, b.Count)
	}
	if w.missing.phase != live && (!w.follows() || len(blocks) == 0 && !w.beyond.known) {
		w.least(forescale.Bound{Kind: forescale.BoundMissing, Count: w.keep, At: w.missing.since}, w.keep)
	}
	if w.stands() {
		w.most(forescale.Bound{Kind: forescale.BoundMissing, At: w.missing.since}, max(w.keep, w.s.Min))
	}
}

// stands reports whether nothing moves for want of samples.
func (r *round) stands() bool { return r.missing.phase == hold || r.missing.phase == never }

// readWindow reads what a fall asks for where the decision did not get that far.
func (r *round) readWindow() (need, []blocker) {
	if r.missing.phase == live {
		return r.readDown()
	}
	return r.readDownAhead()
}

var boundOf = map[string]forescale.BoundKind{
	blockedBySilence: forescale.BoundUnseen, blockedByGap: forescale.BoundUnseen,
	blockedByForecast: forescale.BoundShort, blockedByStart: forescale.BoundStarted,
}

// words are what persons said: min, max and budgets.
func (w *weighing) words() {
	w.least(forescale.Bound{Kind: forescale.BoundMin, Count: w.s.Min}, w.s.Min)
	w.most(forescale.Bound{Kind: forescale.BoundMax}, w.stated)
	if m := w.st.Money; m != nil {
		w.most(forescale.Bound{Kind: forescale.BoundBudget, Of: m.Reason.Words["budget"]}, max(m.Most, w.s.Min))
	}
}

// others are what is left to somebody else. Downwards it holds above max, too; upwards
// only against what is not live demand's.
func (w *weighing) others() {
	if !w.other.holds {
		return
	}
	b := forescale.Bound{Kind: forescale.BoundSecondWriter, At: w.other.until()}
	w.most(b, max(w.supply, w.safety()))
	if last := &w.Bounds[len(w.Bounds)-1]; w.need <= w.to {
		last.Holds = false
	}
	b.Side, b.Count, b.Holds = forescale.SideLeast, w.supply, w.supply >= w.to
	w.Bounds = append(w.Bounds, b)
}

// starts are the limits on the way up. Room is counted as if max and budgets allowed
// one more.
func (w *weighing) starts() {
	if l, failing := w.failing(); failing {
		w.most(forescale.Bound{Kind: forescale.BoundFailing, At: l.next}, w.supply+l.most)
	}
	l := w.startsOfStep()
	w.most(forescale.Bound{Kind: forescale.BoundStarts, At: l.next}, w.supply+l.most)
	if w.overdue+w.draining+w.unready > 0 {
		most := w.s.Max
		if most <= w.to {
			most = max(w.stated, w.to+1)
		}
		w.most(forescale.Bound{Kind: forescale.BoundRoom}, w.supply+w.room(most).most)
	}
}

// stops are the limits on the way down; they hold above max, too.
func (w *weighing) stops() {
	l := w.stopsOfWindow()
	for _, b := range []forescale.Bound{
		{Kind: forescale.BoundStops, Count: w.supply - l.most, At: l.next},
		{Kind: forescale.BoundForeign, Count: w.supply - w.stoppable()},
	} {
		b.Side, b.Holds = forescale.SideLeast, b.Count >= w.to
		if b.Holds || b.Kind == forescale.BoundStops && w.target < w.supply {
			w.Bounds = append(w.Bounds, b)
		}
	}
}

// enough holds when nothing asks for more.
func (w *weighing) enough() {
	at := time.Time{}
	if w.soon.known && !w.other.holds {
		at = w.By
	}
	w.most(forescale.Bound{Kind: forescale.BoundNeed, At: at}, w.need)
}

// quantileOf is the quantile of demand that the plan is made for: the objective, what
// had to be made of it so that the objective is met, or what a budget left of it.
func (r *round) quantileOf(of forescale.Metric) float64 {
	if f := r.forecastOf(of); f != nil && f.Minutes.Known() {
		return quantile(closer(deviations(r.s.Objective)+f.Minutes.Shift, r.st.Lower))
	}
	return LowerQuantile(r.s.Objective, r.st.Lower)
}

// orZero is v, or 0 where v is no number and would not be told.
func orZero(v float64) float64 {
	if isNumber(v) {
		return v
	}
	return 0
}
