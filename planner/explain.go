package planner

import (
	"strings"
	"time"

	"github.com/forescale/forescale"
)

type (
	numbers = map[string]float64
	times   = map[string]time.Time
	words   = map[string]string
)

func (r *round) say(c forescale.Code, n numbers, t times, w words) {
	r.d.Reasons = append(r.d.Reasons, forescale.Reason{Code: c, Numbers: n, Times: t, Words: w})
}

func (r *round) said(c forescale.Code) bool {
	for _, x := range r.d.Reasons {
		if x.Code == c {
			return true
		}
	}
	return false
}

// stay is a decision that was not asked for demand at all.
func (r *round) stay(c forescale.Code) {
	r.say(c, numbers{"supply": float64(r.supply)}, nil, nil)
}

// held are the numbers of a round that holds everything: what would be wanted is
// carried on, so that it is not forgotten with this round.
func (r *round) held() numbers {
	return numbers{"supply": float64(r.supply), "wanted": float64(r.level)}
}

func (r *round) holdClock() {
	r.d.Outcome = forescale.OutcomeWould
	n := r.held()
	n["jump_s"] = r.st.ClockJump.Seconds()
	r.say(forescale.CodeHoldClock, n, nil, nil)
}

func (r *round) holdBlind() {
	r.d.Outcome = forescale.OutcomeWould
	r.say(forescale.CodeHoldBlind, r.held(), nil, words{"why": r.st.Blind})
}

// explain gives the reasons: first the one that decides, then those that limit
// or explain it.
func (r *round) explain() {
	r.d.Reasons = make([]forescale.Reason, 0, 4)
	r.sayFirst()
	for _, c := range r.cuts {
		if code := c.code(); !r.said(code) {
			r.sayCut(c)
		}
	}
	if l, failing := r.failing(); failing && l.kind == limitCrash && !r.said(forescale.CodeCrashLoop) {
		r.sayCut(l) // also while the next try runs
	}
	if r.up.known && r.up.count > r.s.Max && !r.said(forescale.CodeMaxBound) {
		if r.paid == nil || !r.said(r.paid.Reason.Code) {
			r.sayMax()
		}
	}
	r.sayLowered()
	if r.target == r.s.Min && r.target != r.supply && r.wish() < r.s.Min && !r.said(forescale.CodeMinBound) {
		r.sayMin()
	}
	if r.missing.phase != live && !r.said(forescale.CodeHoldStale) && !r.said(forescale.CodeHoldNoMetrics) {
		r.sayMissing()
	}
	if r.fallback && r.missing.phase != never {
		r.sayFallback()
	}
	if end, short := r.outrun(); short {
		r.say(forescale.CodeWarmupLong, numbers{"lead_s": r.lead.Seconds(), "warmup_s": r.warmup.Seconds()}, times{"until": end}, nil)
	}
	r.sayRollout()
	if r.other.holds && !r.said(forescale.CodeSecondWriter) {
		r.saySecondWriter()
	}
	if p := r.pause(); p != nil {
		r.say(forescale.CodePaused, nil, times{"until": p.Until}, words{"by": p.By, "note": p.Note})
	}
}

// outrun reports whether a start that is ordered now is ready only after a forecast
// has ended: then nothing is ordered ahead of what comes later.
func (r *round) outrun() (end time.Time, short bool) {
	for i := range r.signals {
		g := &r.signals[i]
		if !g.fit {
			continue
		}
		if e := g.forecast.End(); e.Before(r.now.Add(r.lead)) && (!short || e.Before(end)) {
			end, short = e, true
		}
	}
	return end, short
}

// wish is what demand alone would have.
func (r *round) wish() int {
	if r.down.known && r.target < r.supply {
		return r.down.count
	}
	return r.up.count
}

func (r *round) sayFirst() {
	switch {
	case r.roll.changed && r.roll.is.State == forescale.RolloutBack:
		r.sayBack()
	case r.other.holds && r.target == r.supply:
		r.saySecondWriter()
	case r.target == r.supply:
		r.sayStay()
	case r.to == r.supply:
		r.sayCut(r.cuts[len(r.cuts)-1])
	case r.target > r.supply:
		r.sayRise()
	case r.supply > r.s.Max && r.target == r.s.Max:
		r.sayMax()
	default:
		r.sayFall()
	}
}

func (r *round) sayStay() {
	if l, failing := r.failing(); failing && l.kind == limitCrash {
		r.sayCut(l)
		return
	}
	switch {
	case r.up.known && r.up.count > r.s.Max:
		r.sayMax()
	case r.missing.phase != live:
		r.sayMissing()
	case r.starting > 0 && r.ready < r.clamp(r.up.count):
		r.sayWarming()
	case r.up.known && r.clamp(r.up.count) < r.supply:
		r.sayCooling()
	case r.up.count < r.s.Min:
		r.sayMin()
	default:
		r.saySteady()
	}
}

// saySteady gives live demand, and what the forecast keeps more for.
func (r *round) saySteady() {
	m := r.usage(r.live)
	t, w := times{}, words{"metric": string(r.live.metric)}
	if r.up.ahead {
		m["required"] = float64(r.up.count)
		t["need"] = r.up.at
		w["why"] = "ahead"
	}
	r.say(forescale.CodeSteady, m, t, w)
}

// sayRise names what the target comes from. Live demand goes before the forecast:
// it is a fact.
func (r *round) sayRise() {
	decides := func(n need) bool { return n.known && n.count > r.supply && min(n.count, r.s.Max) >= r.target }
	switch {
	case r.supply < r.before && r.target <= r.before && r.before == r.st.Last.To:
		r.sayReplace()
	case r.sat.known && decides(need{count: r.sat.target, known: true}):
		r.saySaturated()
	case decides(r.live) && r.missing.phase == live:
		r.sayReactive()
	case decides(r.soon):
		r.sayForecastRise()
	case r.target <= r.s.Min:
		r.sayMin()
	default:
		r.sayReplace()
	}
}

// usage are the numbers that most reasons carry.
func (r *round) usage(n need) numbers {
	m := numbers{"supply": float64(r.supply), "ready": float64(r.ready)}
	if !n.known {
		return m
	}
	m["required"] = float64(n.count)
	m["demand"] = n.demand
	if r.to > 0 {
		m["utilization"] = 100 * n.demand / float64(r.to)
		m["limit"] = r.s.Band.Upper(r.to)
	}
	return m
}

func (r *round) sayReactive() {
	m := r.usage(r.live)
	if r.ready > 0 {
		m["utilization"] = 100 * r.live.demand / float64(r.ready)
		m["limit"] = r.s.Band.Upper(r.ready)
	}
	for i := range r.signals {
		if g := &r.signals[i]; g.metric == r.live.metric && g.fit {
			if v, ok := g.forecast.At(r.now, 0.5); ok {
				m["forecast"] = v
			}
		}
	}
	r.say(forescale.CodeReactiveHigh, m, times{"since": r.live.at}, words{"metric": string(r.live.metric)})
}

func (r *round) saySaturated() {
	r.say(forescale.CodeSaturated, numbers{
		"supply": float64(r.supply), "ready": float64(r.ready), "saturated": float64(r.sat.base),
		"required": float64(r.sat.target), "lead_s": r.lead.Seconds(),
	}, times{"again": r.now.Add(r.lead)}, words{"metric": string(r.sat.metric)})
}

func (r *round) sayForecastRise() {
	n := r.soon
	m := r.usage(n)
	m["demand_high"] = n.demand
	r.sayQuantile(m, n.metric)
	m["lead_s"], m["warmup_s"] = r.lead.Seconds(), r.warmup.Seconds()
	t := times{"need": n.at}
	w := words{"metric": string(n.metric)}
	r.sayStartTime(m, w)
	if f := r.forecastOf(n.metric); f != nil {
		if v, ok := f.At(n.at, 0.5); ok {
			m["demand"] = v
		}
		t["issued"] = f.Issued
		w["model"] = f.Model
		if strings.Contains(f.Model, "week") {
			w["basis"] = "weekday"
		}
	}
	r.say(forescale.CodeForecastRise, m, t, w)
}

// sayQuantile tells which quantile of demand the plan is made for: the objective,
// or what had to be made of it so that the objective is met.
func (r *round) sayQuantile(m numbers, of forescale.Metric) {
	m["quantile"] = r.quantileOf(of)
	f := r.forecastOf(of)
	if f == nil || !f.Minutes.Known() {
		return
	}
	m["objective"] = r.s.Objective
	if f.Minutes.Seen > 0 {
		m["above"] = f.Minutes.Above
	}
}

func (r *round) forecastOf(m forescale.Metric) *forescale.Forecast {
	for i := range r.signals {
		if g := &r.signals[i]; g.metric == m {
			return g.forecast
		}
	}
	return nil
}

func (r *round) sayFall() {
	n := r.down
	m := r.usage(n)
	m["window_s"] = max(r.o.Window, r.lead).Seconds()
	w := words{"metric": string(n.metric)}
	t := times{}
	if f := r.forecastOf(n.metric); f != nil && r.missing.phase != hold {
		r.sayQuantile(m, n.metric)
		t["until"] = r.enoughUntil(f)
		t["issued"] = f.Issued
		w["model"] = f.Model
	} else if len(r.st.Forecasts) == 0 {
		m["window_s"] = r.o.ReactiveWindow.Seconds()
	}
	r.say(forescale.CodeForecastFall, m, t, w)
}

// enoughUntil is until when the forecast stays within what r.to instances serve.
func (r *round) enoughUntil(f *forescale.Forecast) time.Time {
	o := outlook{f: f, q: r.s.Objective}
	for i := range r.signals {
		if r.signals[i].forecast == f && r.signals[i].fit {
			o = r.signals[i].outlook
		}
	}
	for i := max(0, int(r.now.Sub(f.Start)/f.Step)); i < len(f.Values); i++ {
		t := f.Start.Add(time.Duration(i) * f.Step)
		if v, ok := o.high(t); ok && r.s.Band.Required(v) > r.to {
			return t
		}
	}
	return f.End()
}

func (r *round) sayMin() {
	m := r.usage(r.up)
	m["min"] = float64(r.s.Min)
	r.say(forescale.CodeMinBound, m, nil, nil)
}

func (r *round) sayMax() {
	m := r.usage(r.up)
	if r.sayMoney(m) {
		return
	}
	m["max"] = float64(r.s.Max)
	t := times{}
	if r.up.known && r.up.ahead {
		t["need"] = r.up.at
	}
	r.say(forescale.CodeMaxBound, m, t, nil)
}

// sayStartTime tells what the warm-up rests on.
func (r *round) sayStartTime(m numbers, w words) {
	w["warmup_basis"] = r.basis.basis
	if r.basis.starts > 0 {
		m["warmup_starts"] = float64(r.basis.starts)
	}
}

func (r *round) sayWarming() {
	m := r.usage(r.up)
	m["starting"] = float64(r.starting)
	m["warmup_s"] = r.warmup.Seconds()
	var by time.Time
	for i := range r.st.Instances {
		if x := &r.st.Instances[i]; x.State == forescale.InstanceStarting && x.Supply(r.now) {
			if t := x.OrderedAt.Add(r.warmup); t.After(by) {
				by = t
			}
		}
	}
	if by.Before(r.now) {
		m["late"] = 1
	}
	w := words{"metric": string(r.up.metric)}
	r.sayStartTime(m, w)
	r.say(forescale.CodeWarmingUp, m, times{"ready": by}, w)
}

func (r *round) sayCooling() {
	m := r.usage(r.up)
	m["fewer"] = float64(r.clamp(r.up.count))
	t, w := times{}, words{"metric": string(r.down.metric)}
	switch {
	case len(r.blocks) > 0:
		b := r.blocks[0]
		w["why"] = b.why
		if b.metric != "" {
			w["metric"] = string(b.metric)
		}
		if !b.until.IsZero() {
			t["until"] = b.until
		}
	case r.down.ahead:
		w["why"] = "ahead"
		m["again"] = float64(r.down.count)
		m["again_demand"] = r.down.demand
		t["again"] = r.down.at
	default:
		w["why"] = "behind"
		m["again"] = float64(r.down.count)
		m["again_demand"] = r.down.demand
		t["until"] = r.down.at
	}
	r.say(forescale.CodeCoolingDown, m, t, w)
}

func (r *round) sayMissing() {
	if r.missing.phase == never {
		r.say(forescale.CodeHoldNoMetrics, numbers{"supply": float64(r.supply)}, nil, nil)
		return
	}
	rules := r.s.Missing
	p := string(r.missing.phase)
	if r.missing.phase == longSilent && rules.FollowForecast {
		p = "follow"
	}
	w := words{"phase": p}
	if r.missing.unusable {
		w["samples"] = "unusable"
	}
	r.say(forescale.CodeHoldStale,
		numbers{"supply": float64(r.supply), "silent_s": r.now.Sub(r.missing.since).Seconds()},
		times{"since": r.missing.since, "stand_in": r.missing.since.Add(rules.Hold), "after": r.missing.since.Add(rules.StandIn)}, w)
}

func (r *round) sayFallback() {
	w := words{"why": "none"}
	t := times{}
	for i := range r.signals {
		if g := &r.signals[i]; g.forecast != nil {
			w["why"], w["model"], w["metric"] = "old", g.forecast.Model, string(g.metric)
			t["issued"] = g.forecast.Issued
			if !g.fit {
				break
			}
			w["why"] = "unusable"
		}
	}
	r.say(forescale.CodeModelFallback, nil, t, w)
}

func (r *round) sayReplace() {
	n, newest := r.gone()
	m := numbers{"supply": float64(r.supply), "gone": float64(r.target - r.supply), "failed": float64(n)}
	t, w := times{}, words{}
	if newest != nil {
		t["failed"] = newest.StoppedAt
		if newest.State == forescale.InstanceDraining {
			t["failed"] = newest.DrainingAt
		}
		w["instance"] = newest.ID
		w["why"] = newest.Failure
	}
	r.say(forescale.CodeReplaceFailed, m, t, w)
}

func (l limited) code() forescale.Code {
	switch l.kind {
	case limitFailing:
		return forescale.CodeStartFailing
	case limitCrash:
		return forescale.CodeCrashLoop
	case limitForeign:
		return forescale.CodeSecondWriter
	default:
		return forescale.CodeStepLimit
	}
}

func (r *round) sayCut(l limited) {
	m := numbers{"supply": float64(r.supply), "wanted": float64(r.target), "most": float64(l.most)}
	t := times{}
	if !l.next.IsZero() {
		t["next"] = l.next
	}
	w := words{"limit": string(l.kind)}
	switch l.kind {
	case limitFailing, limitCrash:
		m["failed"] = float64(l.failed)
		if _, newest := r.gone(); newest != nil {
			w["instance"], w["why"] = newest.ID, newest.Failure
		}
	case limitRoom:
		m["leaving"], m["max"] = float64(r.draining+r.overdue+r.unready), float64(r.s.Max)
	}
	r.say(l.code(), m, t, w)
}
