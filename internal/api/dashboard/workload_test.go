package dashboard_test

import (
	"fmt"
	"maps"
	"math"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/api"
)

// workload is one generated service: a weekday pattern of Berlin, noise without
// a random source, spikes nobody foresaw, and counts that follow from the band.
type workload struct {
	name      string
	mode      forescale.Mode
	lo, hi    int
	objective float64
	zone      string
	night     float64 // demand at night, busy instances
	day       float64 // demand on top at the busiest hour
	weekend   float64 // share of a weekday's
	spike     bool    // a surprise on some evenings
	gap       bool    // two hours without samples yesterday
	never     bool    // no sample ever came
	silent    time.Duration
	price     float64 // of an instance, an hour
	state     string
	reason    string
	failing   bool             // the newest decision failed
	limit     forescale.Reason // of the newest decision, beside why
	extra     int              // added to ready, as if just started
	begun     int              // starting beside what is wanted

	zero                      time.Time // of the arrays: one value a minute
	actual, median, low, high []float64
	wanted, ready, required   []int
	band                      forescale.Band
	loc                       *time.Location
}

const (
	back  = 31 * 24 * 60 // minutes of history
	ahead = 24 * 60      // minutes of forecast
	lead  = 280 * time.Second
)

// fill makes the arrays around begin.
func (w *workload) fill(begin time.Time) {
	w.band = forescale.DefaultBand()
	if w.zone == "" {
		w.zone = "Europe/Berlin"
	}
	w.loc, _ = time.LoadLocation(w.zone)
	w.zero = begin.Truncate(time.Hour).Add(-back * time.Minute)
	n := back + ahead + 180
	w.actual, w.median = make([]float64, n), make([]float64, n)
	w.low, w.high = make([]float64, n), make([]float64, n)
	w.wanted, w.ready, w.required = make([]int, n), make([]int, n), make([]int, n)
	for i := range n {
		t := w.zero.Add(time.Duration(i) * time.Minute)
		p := w.pattern(t)
		wave := 0.05*math.Sin(float64(i)/97) + 0.04*math.Sin(float64(i)/31+2) + 0.03*math.Sin(float64(i)/11)
		w.median[i] = p * (1 + 0.03*math.Sin(float64(i)/400))
		width := 0.10*p + 0.08*math.Sqrt(w.day)
		w.low[i], w.high[i] = math.Max(0, w.median[i]-width), w.median[i]+width
		w.actual[i] = math.Max(0.02, p*(1+wave)+0.05*math.Sqrt(w.day)*jitter(i))
		local := t.In(w.loc)
		if w.spike && local.Day()%3 == 1 && local.Hour() == 20 && local.Minute() >= 10 && local.Minute() < 55 {
			w.actual[i] *= 1.7
		}
		w.required[i] = w.clamp(w.band.Required(w.actual[i]))
	}
	for i := range n {
		need := 0
		for k := max(0, i-25); k <= min(n-1, i+5); k++ {
			need = max(need, w.band.Required(w.high[k]))
		}
		for k := max(0, i-20); k < i; k++ { // the reactive floor looks back
			need = max(need, w.required[k])
		}
		w.wanted[i] = w.clamp(need)
		w.ready[i] = min(w.wanted[i], w.wanted[max(0, i-5)])
	}
}

func (w *workload) clamp(n int) int { return min(max(n, w.lo), w.hi) }

// pattern is what usually happens at t's local time.
func (w *workload) pattern(t time.Time) float64 {
	l := t.In(w.loc)
	h := float64(l.Hour()) + float64(l.Minute())/60
	bump := func(mid, width float64) float64 { return math.Exp(-math.Pow((h-mid)/width, 2)) }
	p := w.day * (0.95*bump(10.2, 1.9) + 0.75*bump(14.6, 2.2) + 0.5*bump(20, 1.8))
	if l.Weekday() == time.Saturday || l.Weekday() == time.Sunday {
		p *= w.weekend
	}
	return w.night + p
}

// jitter is noise within -1 to 1 that is the same each run.
func jitter(i int) float64 {
	x := uint32(i)*2654435761 + 12345
	x ^= x >> 15
	x *= 2246822519
	x ^= x >> 13
	return float64(x%2001)/1000 - 1
}

func (w *workload) at(t time.Time) int {
	return min(max(int(t.Sub(w.zero)/time.Minute), 0), len(w.actual)-1)
}

// known reports whether a sample of t has come by now.
func (w *workload) known(t, now time.Time) bool {
	if w.never || t.After(now.Add(-w.silent)) {
		return false
	}
	hole := w.zero.Add(back * time.Minute).Add(-26 * time.Hour)
	return !w.gap || t.Before(hole) || !t.Before(hole.Add(2*time.Hour))
}

func (w *workload) view(now time.Time, paused object) object {
	i := w.at(now)
	ready := w.ready[i] + w.extra
	status := object{
		"state": "fine", "state_reason": w.reason, "ready": ready, "starting": max(0, w.wanted[i]-w.ready[i]), "draining": 0,
		"wanted": w.wanted[i], "required": w.required[i], "busy": nil, "utilization": nil, "limit": w.band.Upper(ready),
		"last_sample": now.Add(-w.silent - 4*time.Second), "paused": nil, "lead": "4m40s", "next": nil, "decision": nil,
		"forecast": object{"model": "weekly", "issued": now.Add(-10 * time.Minute), "until": now.Add(ahead * time.Minute), "warnings": []string{},
			"score": object{"pinball": 0.081, "naive": 0.134, "coverage": 0.941, "tested": 4032}},
	}
	if w.state != "" {
		status["state"] = w.state
	}
	if paused != nil {
		status["paused"] = paused
	}
	if w.known(now, now) {
		status["busy"], status["utilization"] = w.actual[i], 100*w.actual[i]/float64(ready)
	}
	if w.never {
		status["last_sample"], status["forecast"] = nil, nil
	} else if next := w.next(now); next != nil {
		status["next"] = next
	}
	if all := w.decided(now, true); len(all) > 0 {
		if w.limit.Code != "" {
			all[0]["reasons"] = append(all[0]["reasons"].([]object), object{"code": w.limit.Code, "message": w.limit.Sentence(w.loc, now), "numbers": w.limit.Numbers, "words": w.limit.Words})
		}
		status["decision"] = all[0]
	}
	return object{
		"name": w.name, "mode": w.mode, "min_instances": w.lo, "max_instances": w.hi, "objective": w.objective,
		"band": w.band.String(), "time_zone": w.zone, "price_per_hour": w.price, "metrics": []string{"utilization"}, "warmup": "1m0s", "cooldown": "10s", "max_step": 0,
		"missing":  object{"hold": "5m0s", "stand_in": "1h0m0s", "follow_forecast": false},
		"template": object{}, "origin": "api", "version": 3, "updated_at": now.Add(-72 * time.Hour), "status": status,
	}
}

// next is the first change of the plan.
func (w *workload) next(now time.Time) object {
	i := w.at(now)
	for k := i + 1; k < min(i+ahead, len(w.wanted)); k++ {
		if w.wanted[k] != w.wanted[i] {
			t := w.zero.Add(time.Duration(k) * time.Minute)
			return object{"at": t, "from": w.wanted[i], "to": w.wanted[k], "code": w.code(k), "message": w.say(k)}
		}
	}
	return nil
}

func (w *workload) code(k int) forescale.Code {
	switch {
	case w.wanted[k] < w.wanted[k-1]:
		return forescale.CodeForecastFall
	case w.required[k-1] > w.clamp(w.band.Required(w.high[k-1])):
		return forescale.CodeReactiveHigh
	default:
		return forescale.CodeForecastRise
	}
}

// soon is the minute that a decision at minute k looks ahead to.
func (w *workload) soon(k int) int { return min(k+5, len(w.high)-1) }

// say is the sentence of the change at minute k.
func (w *workload) say(k int) string {
	t := w.zero.Add(time.Duration(k) * time.Minute).In(w.loc)
	to := t.Add(5 * time.Minute).Format("15:04")
	switch w.code(k) {
	case forescale.CodeForecastFall:
		return fmt.Sprintf("%d → %d instances at %s: demand stays under %.1f busy instances until %s (95 %% sure).",
			w.wanted[k-1], w.wanted[k], t.Format("15:04"), w.high[k], t.Add(30*time.Minute).Format("15:04"))
	case forescale.CodeReactiveHigh:
		return fmt.Sprintf("%d → %d instances now: %.0f %% for 1 min, above the limit of %.0f %% for %d. The forecast said %.1f busy instances; it is %.1f.",
			w.wanted[k-1], w.wanted[k], 100*w.actual[k-1]/float64(w.wanted[k-1]), w.band.Upper(w.wanted[k-1]), w.wanted[k-1], w.median[k-1], w.actual[k-1])
	default:
		return fmt.Sprintf("%d → %d instances at %s: at %s the demand of %ss rises to %.1f busy instances (95 %% sure: at most %.1f); starting takes 4 min 10 s here.",
			w.wanted[k-1], w.wanted[k], t.Format("15:04"), to, t.Weekday(), w.median[w.soon(k)], w.high[w.soon(k)])
	}
}

// decided is what was decided in the last three days, newest first.
func (w *workload) decided(now time.Time, holds bool) []object {
	out := []object{}
	i := w.at(now)
	outcome := forescale.OutcomeDone
	if w.mode != forescale.ModeActive {
		outcome = forescale.OutcomeWould
	}
	if holds && w.never {
		return append(out, w.hold(i, now, forescale.CodeHoldNoMetrics, "Stays at 1: no sample was ever received. Nothing changes until one comes."))
	}
	if holds && w.silent > 0 {
		since := now.Add(-w.silent).In(w.loc)
		out = append(out, w.hold(i, now, forescale.CodeHoldStale, fmt.Sprintf("Stays at %d: no sample from %s since %s. The forecast stands in, upwards only; from %s the number is held.",
			w.wanted[i], w.name, since.Format("15:04"), since.Add(time.Hour).Format("15:04"))))
	}
	steady := i
	for k := i; k > max(1, i-3*24*60) && !w.never; k-- {
		if w.wanted[k] == w.wanted[k-1] {
			continue
		}
		if holds && steady > k+1 && w.silent == 0 {
			out = append(out, w.hold(k+1, w.zero.Add(time.Duration(steady)*time.Minute), forescale.CodeSteady,
				fmt.Sprintf("Stays at %d: %.1f busy instances, %.0f %%, within the limit of %.0f %%.", w.wanted[k], w.actual[k+1], 100*w.actual[k+1]/float64(w.wanted[k]), w.band.Upper(w.wanted[k]))))
		}
		steady = k
		at := w.zero.Add(time.Duration(k) * time.Minute)
		d := object{
			"id": w.id(k), "service": w.name, "at": at, "mode": w.mode, "from": w.wanted[k-1], "to": w.wanted[k], "required": w.band.Required(w.high[w.soon(k)]),
			"metric": "utilization", "code": w.code(k), "message": w.say(k), "outcome": outcome, "error": "", "ended_at": at.Add(250 * time.Second), "repeats": 0, "last_at": at,
			"reasons": []object{
				{"code": w.code(k), "message": w.say(k), "numbers": object{"demand": w.median[k], "demand_high": w.high[k], "limit": w.band.Upper(w.wanted[k])}, "times": object{"at": at.Add(5 * time.Minute)}},
				{"code": forescale.CodeWarmingUp, "message": "Lead time 4 min 40 s = starting 4 min 10 s (9 of 10 starts) + planning 30 s.", "numbers": object{"lead_seconds": lead.Seconds()}},
			},
		}
		kind := "start"
		if w.wanted[k] < w.wanted[k-1] {
			kind = "stop"
		}
		actions := []object{}
		for a := range max(w.wanted[k], w.wanted[k-1]) - min(w.wanted[k], w.wanted[k-1]) {
			actions = append(actions, object{"kind": kind, "instance": fmt.Sprintf("%s-%s-%d", w.name, w.id(k)[4:], a)})
		}
		d["actions"] = actions
		if w.failing && len(out) == 0 {
			d["outcome"], d["error"] = forescale.OutcomeFailed, "start "+w.name+"-6: no answer from the Docker Engine within 30 s: dial unix: connection refused"
		}
		out = append(out, d)
	}
	return out
}

// whole is a decision as it is told by itself: in the words that the server finds for
// what it was weighed by. A hold was not weighed.
func (w *workload) whole(o object) object {
	at := o["at"].(time.Time)
	k, need := w.at(at), forescale.BoundForecast
	if o["to"].(int) < o["from"].(int) {
		need = forescale.BoundAhead
	}
	high := w.high[w.soon(k)]
	d := forescale.Decision{At: at, From: o["from"].(int), To: o["to"].(int), Required: o["required"].(int),
		Reasons: []forescale.Reason{{Numbers: map[string]float64{"required": float64(o["required"].(int)), "demand_high": high, "lead_s": lead.Seconds(), "warmup_s": 250}}}}
	if d.From != d.To {
		d.Weighed = &forescale.Weighing{Serves: w.band.Serves(d.To), FewerServe: w.band.Serves(d.To - 1), Demand: high, By: at.Add(lead), Since: at.Add(-20 * time.Minute), Until: at.Add(30 * time.Minute), Price: forescale.Unit / 8,
			Bounds: []forescale.Bound{
				{Kind: forescale.BoundLive, Side: forescale.SideLeast, Count: w.required[k], Demand: w.actual[k]},
				{Kind: need, Side: forescale.SideLeast, Count: d.To, Demand: high, Quantile: 0.95, At: at.Add(5 * time.Minute), Holds: true},
				{Kind: forescale.BoundMin, Side: forescale.SideLeast, Count: w.lo}, {Kind: forescale.BoundMax, Side: forescale.SideMost, Count: w.hi},
				{Kind: forescale.BoundNeed, Side: forescale.SideMost, Count: d.To, At: at.Add(lead), Holds: true},
			}}
	}
	o = maps.Clone(o)
	o["in_words"] = api.DecisionWords{Required: d.RequiredWords(w.band), Final: d.FinalWords(), LeadTime: d.LeadWords(), Cost: d.CostWords()}
	if d.Weighed != nil {
		o["weighed"] = api.WeighedView{List: d.BoundsSentence(w.loc), NotFewer: d.WhyNotFewer(w.loc), NotMore: d.WhyNotMore(w.loc), Changes: d.WhatWouldChange(w.loc)}
	}
	return o
}

func (w *workload) hold(k int, last time.Time, code forescale.Code, message string) object {
	at := w.zero.Add(time.Duration(k) * time.Minute)
	return object{"id": w.id(k), "service": w.name, "at": at, "mode": w.mode, "from": w.wanted[k], "to": w.wanted[k], "required": w.required[k], "metric": "utilization",
		"code": code, "message": message, "reasons": []object{{"code": code, "message": message}}, "actions": nil, "outcome": forescale.OutcomeNone, "error": "", "ended_at": nil,
		"repeats": max(0, int(last.Sub(at)/(30*time.Second))), "last_at": last}
}

func (w *workload) id(k int) string {
	const letters = "0123456789abcdefghjkmnpqrstvwxyz"
	id := []byte("dec_01jd7k")
	for x := uint64(k)*0x9E3779B97F4A7C15 + uint64(len(w.name)); len(id) < 20; x = x>>5 | x<<59 {
		id = append(id, letters[x&31])
	}
	return string(id)
}

func (w *workload) plan(now time.Time) object {
	i := w.at(now)
	changes := []object{}
	for k := i; k < min(i+ahead, len(w.wanted)) && !w.never; k++ {
		if k == i || w.wanted[k] != w.wanted[k-1] {
			t := w.zero.Add(time.Duration(k) * time.Minute)
			changes = append(changes, object{"at": t, "wanted": w.wanted[k], "required": w.required[k], "demand": w.high[k], "code": w.code(k), "message": w.say(k)})
		}
	}
	return object{"service": w.name, "made_at": now, "lead": "4m40s", "until": now.Add(ahead * time.Minute), "acting": w.mode == forescale.ModeActive, "changes": changes}
}

func (w *workload) instances(now time.Time) []object {
	i := w.at(now)
	out := []object{}
	add := func(n int, state string, age time.Duration, utilization any, failure string) {
		out = append(out, object{"id": fmt.Sprintf("%s-01jd7k%08d-%d", w.name, 4711+n, n%3), "service": w.name, "node": fmt.Sprintf("n-%02d", 1+n%3), "state": state, "origin": "started",
			"address": fmt.Sprintf("127.0.0.1:%d", 49153+n), "utilization": utilization, "load": nil, "ordered_at": now.Add(-age - 4*time.Minute), "started_at": now.Add(-age - 4*time.Minute),
			"ready_at": now.Add(-age), "draining_at": nil, "failure": failure})
	}
	for n := range w.ready[i] + w.extra {
		var u any
		if w.known(now, now) {
			u = math.Min(99, 100*w.actual[i]/float64(w.ready[i]+w.extra)*(1+0.15*jitter(n+7)))
		}
		add(n, "ready", time.Duration(3+n*47)*time.Minute, u, "")
	}
	for n := range w.wanted[i] - w.ready[i] + w.begun {
		add(50+n, "starting", 0, nil, "")
	}
	if w.failing {
		add(60, "failed", time.Minute, nil, "exited with code 137 while starting (out of memory)")
	}
	return out
}

func (w *workload) warmups(now time.Time) []object {
	out := []object{}
	for n := range 14 {
		if w.never {
			break
		}
		out = append(out, object{"service": w.name, "instance": fmt.Sprintf("%s-%d", w.name, n), "node": "n-01", "image": "checkout@sha256:…",
			"at": now.Add(-time.Duration(70+n*190) * time.Minute), "duration": time.Duration(205+40*jitter(n+3)*float64(1+n%2)) * time.Second, "at_once": 1 + n%3})
		out[n]["duration"] = (time.Duration(205+40*jitter(n+3)) * time.Second).String()
	}
	return out
}

// stepFor is the step that the server picks for a range.
func stepFor(d time.Duration) time.Duration {
	switch {
	case d <= 24*time.Hour:
		return time.Minute
	case d <= 4*24*time.Hour:
		return 5 * time.Minute
	case d <= 7*24*time.Hour:
		return 15 * time.Minute
	default:
		return time.Hour
	}
}

// capacity is the columns of a range.
func (w *workload) capacity(now, from, to time.Time, step time.Duration, paused bool) object {
	if step == 0 {
		step = stepFor(to.Sub(from))
	}
	from = from.Truncate(step)
	var times []int64
	cols := map[string][]any{}
	put := func(name string, v any, ok bool) {
		if !ok {
			v = nil
		}
		cols[name] = append(cols[name], v)
	}
	for t := from; t.Before(to); t = t.Add(step) {
		times = append(times, t.Unix())
		i, j := w.at(t), max(w.at(t)+1, w.at(t.Add(step)))
		past, inside := !t.After(now), t.After(w.zero)
		var sum, least, most float64
		n := 0
		ready, required := math.MaxInt, 0
		for k := i; k < j && w.zero.Add(time.Duration(k)*time.Minute).Before(now); k++ {
			ready, required = min(ready, w.ready[k]), max(required, w.required[k])
			if !w.known(w.zero.Add(time.Duration(k)*time.Minute), now) {
				continue
			}
			if n == 0 || w.actual[k] < least {
				least = w.actual[k]
			}
			most = math.Max(most, w.actual[k])
			sum += w.actual[k]
			n++
		}
		covered := past && inside && ready < math.MaxInt
		put("demand", sum/math.Max(1, float64(n)), past && n > 0 && inside)
		put("demand_low", least, past && n > 0 && inside)
		put("demand_high", most, past && n > 0 && inside)
		put("saturated", n > 0 && covered && most/float64(max(1, ready)) >= 0.95, true)
		fore := inside && !w.never && t.Before(now.Add(ahead*time.Minute))
		put("forecast", w.median[i], fore)
		put("forecast_low", w.low[i], fore)
		put("forecast_high", w.high[i], fore)
		put("ready", ready+w.extra*b2i(t.Add(step).After(now)), covered)
		put("starting", max(0, w.wanted[i]-w.ready[i]), covered)
		put("draining", 0, covered)
		put("wanted", w.wanted[i], covered)
		put("planned", w.wanted[i], !past && fore)
		put("required", required, covered && n > 0)
	}
	decisions := []object{}
	for _, d := range w.decided(now, false) {
		if at := d["at"].(time.Time); !at.Before(from) && at.Before(to) {
			decisions = append(decisions, d)
		}
	}
	out := object{"service": w.name, "time_zone": w.zone, "now": now, "from": from, "to": to, "step": step.String(), "objective": w.objective,
		"min": w.lo, "max": w.hi, "band": w.band, "lead": "4m40s", "acting": w.mode == forescale.ModeActive && !paused, "times": times, "decisions": decisions}
	for k, v := range cols {
		out[k] = v
	}
	return out
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
