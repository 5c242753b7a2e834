package forescale

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sentence is one way to say a code. The first whose condition holds, and whose
// numbers, times and words are there, is used.
type sentence struct {
	when string // "why=ahead" asks for that word or number, "change" for the count to change; with commas all of them
	head string // before the colon when the code decides; "" is {what}
	text string // after it
}

// sentences is the one table of what forescale says about a decision: what, then
// why, then the number that tips it. In a text, {n:demand} is a number with two
// significant digits, {i:} a count, {are:} and {were:} a count with its verb, {p:} a
// percentage, {q:} a share from 0 to 1 as a percentage, {d:} seconds as a duration,
// {t:} a local time, {at:} one with its seconds, {day:} its weekday, {w:} a word.
// What is in square brackets is left out when something in it is not there.
//
// A decision that only repeats keeps what it said when it was first made. A time that was
// ahead then and is over by its last repeat is not there any more, so that another way is
// taken to say the code; {past:} is such a time, and no other.
var sentences = map[Code][]sentence{
	CodeForecastRise: {
		{text: "at {t:need} the demand[ of {day:need}] rises to {n:demand} busy instances[ ({q:quantile} sure: at most {n:demand_high})][; starting takes {d:warmup_s} here].[ Of a week's minutes {q:above} needed more than was planned; the objective is {q:objective}.]", head: "{what at}"},
		{text: "the forecast needs more within the lead time[: {n:demand} busy instances].", head: "{what at}"},
	},
	CodeForecastFall: {
		{text: "demand stays under {n:demand} busy instances until {t:until}[ ({q:quantile} sure)].", head: "{what at}"},
		{text: "demand stayed under {n:demand} busy instances for {d:window_s}. There is no forecast yet.", head: "{what at}"},
		{text: "fewer suffice for the whole window.", head: "{what at}"},
	},
	CodeReactiveHigh: {
		{text: "{p:utilization}, above the limit of {p:limit} for {i:ready}.[ The forecast said {n:forecast} busy instances; it is {n:demand}.]"},
		{text: "live demand is {n:demand} busy instances."},
		{text: "live demand needs more than is there."},
	},
	CodeSaturated: {
		{text: "all {i:saturated} are at 95 % or more, so the true demand is hidden. Adding half, then looking again at {t:again}."},
		{text: "all are at 95 % or more, so the true demand is hidden."},
	},
	CodeSteady: {
		{when: "why=ahead", text: "{n:demand} busy instances now, and the forecast needs {i:required} at {t:need}."},
		{when: "why=ahead", text: "the forecast needed {i:required} at {past:need}, and as many have been needed since."},
		{text: "{n:demand} busy instances, {p:utilization}, the limit is {p:limit}."},
		{text: "what is there is what is needed."},
	},
	CodeMinBound: {
		{when: "change", text: "min is {i:min}[; the demand alone would need {i:required}]."},
		{head: "{what} (min)", text: "{i:required} would do for {n:demand} busy instances."},
		{head: "{what} (min)", text: "fewer are not allowed."},
	},
	CodeMaxBound: {
		{when: "change", text: "max is {i:max}[; {are:required} required]."},
		{head: "{what} (max)", text: "{are:required} required[ at {t:need}][; utilization will reach {p:utilization}, the limit is {p:limit}]."},
		{head: "{what} (max)", text: "more are not allowed."},
	},
	CodeWarmingUp: {
		{when: "late=1", text: "{are:starting} starting and later than the usual {d:warmup_s}; {are:required} required."},
		{text: "{are:required} required, {are:starting} starting, ready by {t:ready}."},
		{text: "what is needed is on its way."},
	},
	CodeCoolingDown: {
		{when: "why=ahead", text: "{i:fewer} would do now, but {are:again} needed again at {t:again} ({n:again_demand} busy instances)."},
		{when: "why=behind", text: "{i:fewer} would do now, but {were:again} needed lately ({n:again_demand} busy instances); fewer from {t:until} if it stays low."},
		{when: "why=started", text: "{i:fewer} would do, but an instance was started lately; nothing is stopped before {t:until}."},
		{when: "why=silent", text: "{i:fewer} would do, but {w:metric} is silent, and nothing is stopped unseen."},
		{when: "why=gap", text: "{i:fewer} would do, but {w:metric} has gaps in the last minutes, and nothing is stopped unseen."},
		{when: "why=forecast", text: "{i:fewer} would do now, but the forecast is too old or too short to say for how long."},
		{text: "fewer would do, but not for the whole window yet."},
	},
	CodeStepLimit: {
		{when: "limit=stops,most=0", text: "{i:wanted} would do, but as many as one window allows were stopped just now; the next at {at:next}."},
		{when: "limit=stops", text: "{i:wanted} would do; {i:most} may be stopped at once, the next at {at:next}."},
		{when: "limit=room", text: "{are:wanted} wanted, but {are:leaving} draining, overdue or taking no load, and still count towards max {i:max}."},
		{when: "limit=starts", text: "{are:wanted} wanted; {i:most} may be started at once, the rest follows at {at:next}."},
		{text: "more than one step allows; the rest follows."},
	},
	CodeHoldNoMetrics: {
		{text: "no sample has been received yet, so the demand is not known."},
	},
	CodeHoldStale: {
		{when: "samples=unusable", text: "samples arrive, but the demand cannot be told from them. Nothing is stopped."},
		{when: "phase=hold", text: "no sample since {t:since}. Nothing changes until {t:stand_in}; then the forecast stands in, upwards only."},
		{when: "phase=stand_in", text: "no sample since {t:since}. The forecast stands in, upwards only; from {t:after} the number is held."},
		{when: "phase=follow", text: "no sample since {t:since}. The forecast is followed in both directions."},
		{text: "no sample[ since {t:since}]. The number is held."},
	},
	CodeHoldBlind: {
		{text: "the world could not be read in full ({w:why}). Nothing is started or stopped on half the facts."},
		{text: "the world could not be read in full. Nothing is started or stopped on half the facts."},
	},
	CodeHoldClock: {
		{text: "the clock jumped by {d:jump_s}. Nothing is done in this step."},
		{text: "the clock jumped. Nothing is done in this step."},
	},
	CodeModelFallback: {
		{when: "why=old", text: "the forecast of {t:issued} is too old; live demand alone decides."},
		{when: "why=unusable", text: "the forecast of {t:issued} does not cover what is asked; live demand alone decides."},
		{text: "there is no forecast; live demand alone decides."},
	},
	CodePaused: {
		{text: "paused by {w:by} until {t:until}[: {w:note}]."},
		{text: "paused by a person."},
	},
	CodeOff: {
		{text: "the mode is off. Nothing is forecast, planned or done."},
	},
	CodeSecondWriter: {
		{when: "limit=foreign", text: "{i:wanted} would do, but the others are known by their samples only; whoever runs them has to stop them."},
		{when: "limit=undone", text: "somebody else undoes what is decided, {i:undone} times since {t:since}, last at {t:last}. Until {t:until}, if nothing more happens, nothing is stopped and only what live demand needs is started."},
		{when: "limit=changed", text: "somebody else starts and stops instances, {i:appeared} and {i:gone} times since {t:since}, last at {t:last}. Until {t:until}, if nothing more happens, nothing is stopped and only what live demand needs is started."},
		{text: "somebody else changes the same instances."},
	},
	CodeReplaceFailed: {
		{text: "{w:instance} failed at {t:failed}[ ({w:why})]; another takes its place."},
		{text: "an instance is gone; another takes its place."},
	},
	CodeBudgetCapped: {
		{text: "{are:wanted} wanted, but budget {w:budget} does not pay for more: {n:spent} of {n:limit} are spent and {n:reserved} reserved."},
		{text: "budget {w:budget} does not pay for more: {n:spent} of {n:limit} are spent and {n:reserved} reserved."},
		{text: "a budget does not pay for more."},
	},
	CodeBudgetReserved: {
		{text: "{are:wanted} wanted, but what budget {w:budget} has left is reserved for the min of other services."},
		{text: "what a budget has left is reserved for the min of other services."},
	},
	CodeWarmupLong: {
		{text: "a start takes {d:lead_s} until it serves, and the forecast reaches only until {t:until}: what is needed later cannot be ordered in time."},
		{text: "a start takes longer than the forecast reaches: what is needed later cannot be ordered in time."},
	},
	CodeNodeDrained: {
		{when: "stops=0", text: "{i:leaving} instances leave a node that is to be emptied; {are:starts} started in their place."},
		{text: "{i:leaving} instances leave a node that is to be emptied: others are ready in their place, and {are:stops} stopped."},
		{text: "instances leave a node that is to be emptied."},
	},
	CodeLowered: {
		{when: "now=1", text: "{are:wanted} wanted, but this is an hour that is given up, with {i:most} kept: the objective is lowered from {n:from} to {n:to} % so that budget {w:budget} lasts; unlowered the month would cost {n:projected} of {n:limit}."},
		{when: "bound=1", text: "{are:wanted} wanted, but {i:most} are all that this hour is worth: the objective is lowered from {n:from} to {n:to} % so that budget {w:budget} lasts; unlowered the month would cost {n:projected} of {n:limit}."},
		{text: "the objective is lowered from {n:from} to {n:to} % so that budget {w:budget} lasts; unlowered the month would cost {n:projected} of {n:limit}."},
		{text: "the objective is lowered so that a budget lasts."},
	},
	CodeCrashLoop: {
		{when: "most=1", text: "{i:failed} instances in a row were ready and ended within minutes[, last {w:instance}][ ({w:why})]. One at a time is tried, {are:wanted} wanted."},
		{text: "{i:failed} instances in a row were ready and ended within minutes[, last {w:instance}][ ({w:why})]. {are:wanted} wanted; nothing more is started before {at:next}."},
		{text: "instances end again and again within minutes; the next start waits."},
	},
	CodeRolloutStep: {
		{text: "a changed template is rolled out: {i:fresh} of {i:wanted} follow it, {are:old} to be replaced[; {are:starting} starting][; budget {w:budget} does not pay for another beside them]."},
		{text: "a changed template is rolled out."},
	},
	CodeRolloutBack: {
		{text: "the template {w:revision} was taken back at {t:since}: {w:why}. Instances are made from {w:good} until the template changes again."},
		{text: "a changed template failed and was taken back."},
	},
	CodeStartFailing: {
		{when: "most=1", text: "{i:failed} starts in a row failed[, last {w:instance}][ ({w:why})]. {are:wanted} wanted; one more is tried."},
		{text: "{i:failed} starts in a row failed[, last {w:instance}][ ({w:why})]. {are:wanted} wanted; the next try is at {at:next}."},
		{text: "starts failed again and again; the next one waits."},
	},
}

// Sentence says what was decided, then why, then the number that tipped it, in
// local time of loc. The weekday is given when it is not that of the decision.
func (d Decision) Sentence(loc *time.Location) string {
	if len(d.Reasons) == 0 {
		return ""
	}
	s := say{r: d.Reasons[0], from: d.From, to: d.To, today: d.At.In(locOrUTC(loc)), last: d.LastAt, would: d.Outcome == OutcomeWould && !holds(d.Code())}
	return s.whole()
}

// ReasonSentence says reason i alone, without the count, in local time of loc. It suits
// the reasons after the first.
func (d Decision) ReasonSentence(i int, loc *time.Location) string {
	s := say{r: d.Reasons[i], today: d.At.In(locOrUTC(loc)), last: d.LastAt}
	return capital(s.body())
}

// holds reports whether the code itself says that nothing is done, so that
// "would" adds nothing.
func holds(c Code) bool {
	return c == CodeHoldBlind || c == CodeHoldClock || c == CodeOff || c == CodePaused
}

// Sentence says a reason that is of no decision, in local time of loc, as of today.
func (r Reason) Sentence(loc *time.Location, today time.Time) string {
	s := say{r: r, today: today.In(locOrUTC(loc))}
	return capital(s.body())
}

// ChangeSentence says change i of the plan in local time of loc, as of when the
// plan was made; the first is what is wanted now.
func (p ServicePlan) ChangeSentence(i int, loc *time.Location) string {
	c := p.Changes[i]
	s := say{from: c.Wanted, to: c.Wanted, today: p.MadeAt.In(locOrUTC(loc)), would: !p.Acting}
	if i > 0 {
		s.from = p.Changes[i-1].Wanted
	}
	what := s.what()
	if i > 0 {
		what += " at " + s.clock(c.At)
	}
	why := "what demand asks for is not known"
	switch {
	case c.Required == 0:
	case i == 0:
		why = fmt.Sprintf("%s busy instances require %d", significant(c.Demand), c.Required)
	case c.Wanted > s.from:
		why = fmt.Sprintf("demand rises to at most %s busy instances", significant(c.Demand))
	default:
		why = fmt.Sprintf("demand stays under %s busy instances for the whole window", significant(c.Demand))
	}
	switch {
	case c.Code == CodeMaxBound:
		why += fmt.Sprintf("; %d required, max is %d", c.Required, c.Wanted)
	case c.Code == CodeMinBound:
		why += fmt.Sprintf("; min is %d", c.Wanted)
	}
	return what + ": " + why + "."
}

func locOrUTC(loc *time.Location) *time.Location {
	if loc == nil {
		return time.UTC
	}
	return loc
}

// say renders one reason.
type say struct {
	r        Reason
	from, to int
	today    time.Time // when it was first said, in the zone to write in
	last     time.Time // when it was said again; zero: never
	would    bool
}

// over reports whether a time was ahead when it was first said, and is not any more.
func (s say) over(t time.Time) bool { return t.After(s.today) && !t.After(s.last) }

func (s say) whole() string {
	p := s.pick(s.change())
	head := p.head
	if head == "" {
		head = "{what}"
		if s.change() {
			head = "{what} now"
		}
	}
	head = strings.ReplaceAll(head, "{what at}", s.what()+s.at())
	head = strings.ReplaceAll(head, "{what}", s.what())
	text, _ := s.fill(p.text)
	return head + ": " + text
}

func (s say) at() string {
	if !s.change() {
		return ""
	}
	if s.last.After(s.today) {
		return " since " + s.clock(s.today)
	}
	return " at " + s.clock(s.today)
}

func (s say) body() string {
	text, _ := s.fill(s.pick(false).text)
	return text
}

func (s say) change() bool { return s.from != s.to }

// what is the count before and after, or that it stays.
func (s say) what() string {
	switch {
	case s.change() && s.would:
		return fmt.Sprintf("Would go %d → %s", s.from, instances(s.to))
	case s.change():
		return fmt.Sprintf("%d → %s", s.from, instances(s.to))
	case s.would:
		return fmt.Sprintf("Would stay at %d", s.to)
	default:
		return fmt.Sprintf("Stays at %d", s.to)
	}
}

func instances(n int) string {
	if n == 1 {
		return "1 instance"
	}
	return strconv.Itoa(n) + " instances"
}

// pick is the first way to say the code that fits.
func (s say) pick(change bool) sentence {
	for _, p := range slices.Concat(nodeSentences[s.r.Code], sentences[s.r.Code]) {
		if _, ok := s.fill(p.text); ok && s.holds(p.when, change) {
			return p
		}
	}
	return sentence{text: strings.ReplaceAll(string(s.r.Code), "_", " ") + "."}
}

func (s say) holds(when string, change bool) bool {
	for when != "" {
		var one string
		one, when, _ = strings.Cut(when, ",")
		key, value, _ := strings.Cut(one, "=")
		n, known := s.r.Numbers[key]
		switch {
		case one == "change" && change:
		case value != "" && s.r.Words[key] == value:
		case value != "" && known && strconv.FormatFloat(n, 'g', -1, 64) == value:
		default:
			return false
		}
	}
	return true
}

// fill replaces the placeholders; ok is false when one outside of brackets is missing.
func (s say) fill(text string) (string, bool) {
	var b strings.Builder
	ok := true
	for text != "" {
		i := strings.IndexAny(text, "[{")
		if i < 0 {
			b.WriteString(text)
			break
		}
		b.WriteString(text[:i])
		end := strings.IndexByte(text[i:], closing[text[i]]) + i
		inner := text[i+1 : end]
		if text[i] == '[' {
			if part, whole := s.fill(inner); whole {
				b.WriteString(part)
			}
		} else {
			v, known := s.value(inner)
			b.WriteString(v)
			ok = ok && known
		}
		text = text[end+1:]
	}
	return b.String(), ok
}

var closing = map[byte]byte{'[': ']', '{': '}'}

// value is one placeholder, such as n:demand.
func (s say) value(p string) (string, bool) {
	kind, key, _ := strings.Cut(p, ":")
	switch kind {
	case "w":
		v := s.r.Words[key]
		return v, v != ""
	case "t", "at", "day", "past":
		t, ok := s.r.Times[key]
		ok = ok && !t.IsZero() && s.over(t) == (kind == "past")
		switch kind {
		case "day":
			return t.In(s.today.Location()).Weekday().String() + "s", ok && s.r.Words["basis"] == "weekday"
		case "at":
			return s.written(t, "15:04:05"), ok
		}
		return s.clock(t), ok
	}
	v, ok := s.r.Numbers[key]
	ok = ok && !math.IsNaN(v) && !math.IsInf(v, 0)
	if !ok {
		return "", false
	}
	switch kind {
	case "i":
		return strconv.Itoa(int(math.Round(v))), true
	case "are", "were":
		if math.Round(v) == 1 {
			kind = map[string]string{"are": "is", "were": "was"}[kind]
		}
		return strconv.Itoa(int(math.Round(v))) + " " + kind, true
	case "p":
		return percent(v), true
	case "q":
		return percent(100 * v), true
	case "d":
		return span(v), true
	default:
		return significant(v), true
	}
}

// clock is the local time of t: alone on the same day, with its weekday within a
// week, else with its date. A time that the change of clocks doubles carries its
// offset.
func (s say) clock(t time.Time) string { return s.written(t, "15:04") }

func (s say) written(t time.Time, layout string) string {
	t = t.In(s.today.Location())
	text := t.Format(layout)
	if doubled(t) {
		text += t.Format(" (-07)")
		text = strings.Replace(strings.Replace(text, "(+0", "(+", 1), "(-0", "(-", 1)
	}
	day := func(t time.Time) int {
		y, m, d := t.Date()
		return int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
	}
	switch far := day(t) - day(s.today); {
	case far == 0:
		return text
	case far > -7 && far < 7:
		return t.Format("Mon ") + text
	default:
		return t.Format("Mon 2 Jan ") + text
	}
}

// doubled reports whether the wall shows the same time once more, because the
// clocks are put back by an hour (or half of it, as on Lord Howe Island).
func doubled(t time.Time) bool {
	for _, d := range []time.Duration{time.Hour, -time.Hour, 30 * time.Minute, -30 * time.Minute} {
		if t.Add(d).Format("2 15:04") == t.Format("2 15:04") {
			return true
		}
	}
	return false
}

// significant writes v with two significant digits: 0.42, 4.7, 12, 130.
func significant(v float64) string {
	if v == 0 {
		return "0"
	}
	a := math.Abs(v)
	if a >= 100 {
		unit := math.Pow(10, math.Floor(math.Log10(a))-1)
		return strconv.FormatFloat(math.Round(v/unit)*unit, 'f', 0, 64)
	}
	decimals := max(0, 1-int(math.Floor(math.Log10(a))))
	text := strconv.FormatFloat(v, 'f', min(decimals, 6), 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text
}

// percent writes v without decimals, or with one where two objectives differ by it.
func percent(v float64) string {
	if v > 99 && v < 100 {
		return strconv.FormatFloat(math.Floor(v*10+1e-9)/10, 'f', -1, 64) + " %"
	}
	if v > 0 && v < 2 {
		return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) + " %"
	}
	return strconv.FormatFloat(math.Round(v), 'f', 0, 64) + " %"
}

// span writes seconds as its two largest units: "4 min 10 s".
func span(seconds float64) string {
	d := time.Duration(math.Abs(seconds) * float64(time.Second)).Round(time.Second)
	if d == 0 && seconds != 0 {
		return strconv.Itoa(int(math.Round(math.Abs(seconds)*1000))) + " ms"
	}
	parts := make([]string, 0, 2)
	for _, u := range []struct {
		d    time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}} {
		if n := d / u.d; n > 0 && len(parts) < 2 {
			parts = append(parts, fmt.Sprintf("%d %s", n, u.name))
			d -= n * u.d
		} else if len(parts) > 0 {
			break
		}
	}
	if len(parts) == 0 {
		return "0 s"
	}
	return strings.Join(parts, " ")
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
