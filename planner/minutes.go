package planner

import (
	"math"
	"time"

	"github.com/forescale/forescale"
)

const (
	// followAtFirst is what is taken to last of a deviation before it was measured,
	// and followWeight how many pairs that weighs as much as.
	followAtFirst, followWeight = 0.5, 30
	// pairsKept is the share of the sums that each further minute leaves: they are of
	// about three days.
	pairsKept = 0.9998
	// firstShift is the shift before anything was seen: whole instances are kept, so
	// that less than the objective's quantile is nearly always enough.
	firstShift = -0.33
	// A minute above the plan raises the shift by a step, and each minute lowers it by
	// as much as makes both equal when the objective is met (Gibbs and Candès, "Adaptive
	// conformal inference under distribution shift", 2021). The step is large at
	// first and becomes smaller with what was seen, to find the place and then keep it.
	firstStep, leastStepOfShift, stepHalved = 0.1, 0.01, 500
	// lowestShift and highestShift bound what is made of an objective: at 99 % the
	// quantiles in use are 87 % and one of ten million.
	lowestShift, highestShift = -1.2, 3.0
	// weekOfMinutes is how many minutes the share above is told of.
	weekOfMinutes = 7 * 24 * 60
	// stepsBefore is how many medians of the past a forecast keeps.
	stepsBefore = 3
	// longestLook bounds how many minutes are learned from at once.
	longestLook = 60
	// Of the ways to read the width another is used when, after so many minutes, it costs
	// less by such a share.
	seenToChoose, worthChange = 720, 0.02
	// looks bounds the moments and lead times that a minute is looked at from.
	looks = 5
)

// Recent is demand by the minute; NaN is what is not known.
type Recent struct {
	End    time.Time // of the last minute
	Values []float32
}

// before is the demand of the minute that begins so many minutes before t.
func (r Recent) before(t time.Time, ago int) float64 {
	i := len(r.Values) - int(r.End.Sub(t)/forescale.DemandStep) - ago
	if i < 0 || i >= len(r.Values) {
		return math.NaN()
	}
	return float64(r.Values[i])
}

// LearnMinutes is what is known of single minutes around the forecast f: from the
// demand lately, and from the newest forecast before it, nil if there is none, whose
// minutes have come. Planned ahead was what the plan of that time would have kept a
// lead time later; whether somebody acted on it, or what limits did to it, does not
// matter.
func LearnMinutes(s forescale.Service, lead time.Duration, r Recent, before, f *forescale.Forecast) forescale.Minutes {
	m := forescale.Minutes{Follow: followAtFirst, Shift: firstShift}
	if before != nil && before.Minutes.Known() && before.Minutes.Valid() {
		m = before.Minutes
		m.Before = nil
		m.Shift = min(max(m.Shift, lowestShift), highestShift)
		m.Follow = min(max(m.Follow, 0), 1)
		m.Above = min(max(m.Above, 0), 1)
	}
	if m.Readings == [len(m.Readings)]forescale.MinutesBy{} {
		for k := range m.Readings {
			m.Readings[k] = forescale.MinutesBy{Shift: m.Shift, Above: m.Above}
		}
	}
	m.Unit, m.Scatter = scatter(r, f.Step)
	m.Rough, m.Usual = roughness(r, m.Unit)
	if !m.Known() || len(f.Values) == 0 || len(f.Levels) == 0 {
		return forescale.Minutes{}
	}
	if before == nil || before.Step <= 0 || len(before.Values) == 0 || len(before.Levels) == 0 {
		return m
	}
	b := *before
	if !b.Minutes.Known() {
		b.Minutes = m
	}
	if b.Minutes.Readings == [len(m.Readings)]forescale.MinutesBy{} { // it was made before there were several
		b.Minutes.Readings = m.Readings
	}
	l := learner{s: s.WithDefaults(), lead: lead, r: r, f: &b, m: &m}
	l.all()
	m.Before = foreseen(m, &b, f)
	if !m.Valid() {
		return forescale.Minutes{}
	}
	return m
}

// scatter is the mean of demand, and how single minutes lie around the mean of
// their step: a mean of n values has followed each of them by one n-th, which is
// made good.
func scatter(r Recent, step time.Duration) (unit, deviation float64) {
	n := 0
	for _, v := range r.Values {
		if isNumber(float64(v)) {
			unit += float64(v)
			n++
		}
	}
	if n == 0 || unit <= 0 {
		return 0, 0
	}
	unit /= float64(n)
	width := int(step / forescale.DemandStep)
	if width < 2 {
		return unit, 0
	}
	o := outlook{f: &forescale.Forecast{Minutes: forescale.Minutes{Unit: unit}}}
	squares, cells := 0.0, 0
	first := r.End.Add(-time.Duration(len(r.Values)) * forescale.DemandStep)
	skip := int((first.Truncate(step).Add(step).Sub(first) % step) / forescale.DemandStep)
	for i := skip; i+width <= len(r.Values); i += width {
		mean := 0.0
		for _, v := range r.Values[i : i+width] {
			mean += float64(v) / float64(width)
		}
		if !isNumber(mean) {
			continue
		}
		for _, v := range r.Values[i : i+width] {
			d := o.root(float64(v)) - o.root(mean)
			squares += d * d
		}
		cells++
	}
	if cells == 0 {
		return unit, 0
	}
	return unit, math.Sqrt(squares / float64(cells*(width-1)))
}

// roughness is that of the newest minutes, and what is usual: its geometric mean.
func roughness(r Recent, unit float64) (rough, usual float64) {
	o := outlook{f: &forescale.Forecast{Minutes: forescale.Minutes{Unit: unit}}}
	steps, sum, last := 0, 0.0, math.NaN()
	for _, v := range r.Values {
		z := o.root(float64(v))
		if step := z - last; isNumber(step) {
			if steps == 0 {
				rough = step*step/2 + calmest
			}
			rough = rougher(rough, step)
			sum += math.Log(rough)
			steps++
		}
		last = z
	}
	if steps == 0 || unit <= 0 {
		return 0, 0
	}
	return rough, math.Exp(sum / float64(steps))
}

// foreseen are the medians of the steps before f as the forecast before had them, moved
// to where f begins.
func foreseen(m forescale.Minutes, before, f *forescale.Forecast) []float64 {
	b := outlook{f: before}
	o := outlook{f: &forescale.Forecast{Minutes: m}}
	begin, ok := f.At(f.Start, 0.5)
	if !ok || f.Start.Before(before.Start) || !f.Start.Before(before.End()) {
		return nil
	}
	by := o.root(begin) - o.root(b.median(f.Start))
	out := make([]float64, stepsBefore)
	for k := range out {
		out[k] = o.unroot(o.root(b.median(f.Start.Add(-time.Duration(stepsBefore-k)*f.Step))) + by)
	}
	return out
}

// learner goes through the minutes that have come since a forecast.
type learner struct {
	s    forescale.Service
	lead time.Duration
	r    Recent
	f    *forescale.Forecast // the one before
	m    *forescale.Minutes  // what is learned
}

func (l *learner) all() {
	from := l.f.Issued.Truncate(forescale.DemandStep)
	if first := l.r.End.Add(-longestLook * forescale.DemandStep); from.Before(first) {
		from = first
	}
	if end := l.f.End(); from.Before(l.f.Start) || !end.After(from) {
		from = l.f.Start
	}
	minutes := 0
	var above [len(l.m.Readings)]int
	for t := from; t.Before(l.r.End) && t.Before(l.f.End()); t = t.Add(forescale.DemandStep) {
		v := l.r.before(t, 0)
		if !isNumber(v) {
			continue
		}
		minutes++
		l.follow(t, v)
		l.m.Seen++
		news := 1 / float64(min(l.m.Seen, weekOfMinutes))
		needed := l.s.Band.Required(v)
		planned, lower := l.planned(t)
		for k, n := range planned {
			by := &l.m.Readings[k]
			if needed > n {
				above[k]++
			}
			note(&by.Above, &by.Spare, n, n, needed, news)
		}
		l.lower(lower, needed)
	}
	step := max(leastStepOfShift, firstStep/(1+float64(l.m.Seen)/stepHalved))
	for k := range l.m.Readings {
		by := &l.m.Readings[k]
		by.Shift += step * (float64(above[k]) - (1-l.s.Objective)*float64(minutes))
		by.Shift = min(max(by.Shift, lowestShift), highestShift)
	}
	l.choose()
	l.m.Follow = (l.m.Pairs.Product + followWeight*followAtFirst) / (l.m.Pairs.Square + followWeight)
	l.m.Follow = min(max(l.m.Follow, 0), 1)
}

// note takes what was ready in a minute, what was paid, and what was needed, into means of
// the share above and of the spare.
func note(above, spare *float64, ready, paid, needed int, news float64) {
	over := 0.0
	if needed > ready {
		over = 1
	}
	*above += (over - *above) * news
	*spare += (float64(paid-needed) - *spare) * news
}

// lower notes how lower plans did in a minute.
func (l *learner) lower(planned lowerCounts, needed int) {
	p := &l.m.Lower
	p.Seen++
	news := 1 / float64(min(p.Seen, weekOfMinutes))
	p.Needed += (float64(needed) - p.Needed) * news
	for k, n := range planned {
		note(&p.Above[k], &p.Spare[k], n.ready, n.paid, needed, news)
	}
}

// choose picks the way to read the width that keeps the fewest to spare. One that was
// above more often than another is charged for it: near the q-quantile of a normal
// distribution, z deviations above the mean, a share less above costs
// (1-q)/(z·φ(z)) times as large a share more to spare.
func (l *learner) choose() {
	q := l.s.Objective
	z := max(deviations(q), 0.5)
	charge := (1 - q) / (z * math.Exp(-z*z/2) / math.Sqrt(2*math.Pi))
	cost := func(by forescale.MinutesBy) float64 { return by.Spare * (1 + charge*(by.Above/(1-q)-1)) }
	if l.m.Seen >= seenToChoose {
		for k, by := range l.m.Readings {
			if now := cost(l.m.Readings[l.m.Width]); cost(by) < now-worthChange*math.Abs(now) {
				l.m.Width = forescale.WidthBy(k)
			}
		}
	}
	by := l.m.Readings[l.m.Width]
	l.m.Shift, l.m.Above = by.Shift, by.Above
}

// ahead is the lead time in whole minutes that lie before an order arrives.
func (l *learner) ahead() int { return int((l.lead - 1) / forescale.DemandStep) }

// from reads the forecast before as at t.
func (l *learner) from(t time.Time) outlook {
	return lookAhead(l.f, l.s.Objective, t, l.lead, func(ago int) float64 { return l.r.before(t, ago) })
}

// follow holds what the forecast was off a lead time before against what it was
// off at t.
func (l *learner) follow(t time.Time, v float64) {
	o := l.from(t.Add(-time.Duration(l.ahead()) * forescale.DemandStep))
	row := l.f.Values[t.Sub(l.f.Start)/l.f.Step]
	median := o.root(row[o.mid])
	deviation := o.deviation(row, median)
	then, now := o.off/deviation, (o.root(v)-median)/deviation
	l.m.Pairs.Product = pairsKept*l.m.Pairs.Product + then*now
	l.m.Pairs.Square = pairsKept*l.m.Pairs.Square + then*then
}

type (
	readingCounts [len(forescale.Minutes{}.Readings)]int
	lowerCounts   [len(forescale.LowerBy)]struct{ ready, paid int }
)

// planned is what there would have been at t. By each way to read the width it is the
// least that any look since a lead time before has kept, as each may stop what it does not
// need within its own. Of each lower plan it is what it most likely comes to: after a
// start nothing is stopped for a lead time, so what was ordered that long before is
// ready, and the most that was ordered since is paid.
func (l *learner) planned(t time.Time) (least readingCounts, lower lowerCounts) {
	for k := range least {
		least[k] = math.MaxInt
	}
	ahead := l.ahead()
	stride := max(1, (ahead+looks-2)/(looks-1))
	for back := ahead; ; back = max(0, back-stride) {
		at := t.Add(-time.Duration(back) * forescale.DemandStep)
		o := l.from(at)
		for k := range least {
			o.by(forescale.WidthBy(k), l.f.Minutes.Readings[k].Shift)
			if forescale.WidthBy(k) != l.m.Width {
				var one [1]int
				l.kept(&o, at, ahead, stride, one[:])
				least[k] = min(least[k], one[0])
				continue
			}
			var kept [len(forescale.LowerBy)]int
			l.kept(&o, at, ahead, stride, kept[:])
			least[k] = min(least[k], kept[0])
			for i, n := range kept {
				if lower[i].paid = max(lower[i].paid, n); back == ahead {
					lower[i].ready = n
				}
			}
		}
		if back == 0 {
			return least, lower
		}
	}
}

// kept is the most that a look at a time needs, of live demand and within the lead time,
// by as many lower plans as there is room for, the first as the objective asks.
func (l *learner) kept(o *outlook, at time.Time, ahead, stride int, most []int) {
	var highs [len(forescale.LowerBy)]float64 // on the root scale
	known := false
	for on := 0; ; on = min(ahead, on+stride) {
		when := at.Add(time.Duration(on) * forescale.DemandStep)
		if when.Before(l.f.Start) {
			when = l.f.Start
		}
		if z, deviation, ok := o.minute(when.Sub(at)); ok && isNumber(z+o.stays*deviation) {
			for k := range most {
				highs[k] = max(highs[k], z+closer(o.stays, forescale.LowerBy[k])*deviation)
			}
			known = true
		}
		if on == ahead {
			break
		}
	}
	live := 1
	for ago := 1; ago <= liveCells; ago++ {
		if v := l.r.before(at, ago); isNumber(v) {
			live = max(live, l.s.Band.Required(v))
		}
	}
	for k := range most {
		if most[k] = live; known {
			most[k] = max(live, l.s.Band.Required(o.unroot(highs[k])))
		}
	}
}
