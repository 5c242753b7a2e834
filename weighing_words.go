package forescale

import (
	"fmt"
	"strings"
	"time"
)

// boundWords is how a bound is told: why it forbids one fewer or one more, and what
// would have to be so that it does not. The placeholders are those of sentences.
type boundWords struct {
	short   string // in the list of what each bound wanted
	forbids string // after "Not 11:"
	unless  string // after "11 would do if"
}

var boundSentences = map[Side]map[BoundKind]boundWords{
	SideLeast: {
		BoundLive:         {"live {i:count}", "live demand is {n:demand} busy instances, and {i:fewer} serve {n:fewer_serve}", under},
		BoundForecast:     {"forecast {i:count}[ at {t:at}]", "at {t:at} the forecast needs {i:count} ({n:demand} busy instances[, {q:quantile} sure]), and {i:fewer} serve {n:fewer_serve}", under},
		BoundAhead:        {"ahead {i:count}[ at {t:at}]", "at {t:at} the forecast needs {i:count} ({n:demand} busy instances[, {q:quantile} sure]), and one that is stopped now would not be back", under},
		BoundBehind:       {"behind {i:count}", "live demand was {n:demand} busy instances lately, and {i:fewer} serve {n:fewer_serve}", under},
		BoundSaturated:    {"saturated {i:count}", "all are at 95 % or more, so the true demand is hidden", "not all are at 95 % or more"},
		BoundMin:          {"min {i:count}", "min is {i:count}", "min is at most {i:fewer}"},
		BoundStarted:      {"cool-down {i:count}[ until {at:at}]", "an instance was started lately, and nothing is stopped before {at:at}", "it is past {at:at}"},
		BoundUnseen:       {"unseen {i:count}", "{w:of} is silent or has gaps, and nothing is stopped unseen", "{w:of} reports without gaps"},
		BoundShort:        {"forecast too short {i:count}", "the forecast of {w:of} is missing, too old or too short, and nothing is stopped without", "a new forecast of {w:of} agrees"},
		BoundMissing:      {"samples missing {i:count}", "samples are missing, and nothing is stopped meanwhile", "samples arrive"},
		BoundStops:        {"stops at least {i:count}", "no more may be stopped at once; the next at {at:at}", "it is past {at:at}"},
		BoundForeign:      {"known by samples only {i:count}", "the others are known by their samples only", "whoever runs them stops one"},
		BoundSecondWriter: {"second writer {i:count}", "somebody else changes the same instances, and nothing is stopped until {t:at}", "nobody else changes them until {t:at}"},
	},
	SideMost: {
		BoundNeed:         {"", "nothing needs more[: the most is {n:asked} busy instances, and {i:to} serve {n:serves}]", "demand rises above {n:serves} busy instances[ by {t:at}]"},
		BoundMax:          {"max {i:count}", "max is {i:count}", "max is at least {i:more}"},
		BoundBudget:       {"budget {i:count}", "budget {w:of} does not pay for more", "budget {w:of} pays for one more"},
		BoundMissing:      {"", "samples are missing, and nothing changes meanwhile", "samples arrive"},
		BoundStarts:       {"starts at most {i:count}", "no more may be started at once; the next at {at:at}", "it is past {at:at}"},
		BoundRoom:         {"room {i:count}", "what drains or is overdue still counts towards max", "what drains or is overdue has ended"},
		BoundFailing:      {"failing starts {i:count}", "starts fail; the next try is at {at:at}", "a start succeeds, or it is past {at:at}"},
		BoundSecondWriter: {"second writer {i:count}", "somebody else changes the same instances, and only what live demand needs is started until {t:at}", "nobody else changes them until {t:at}"},
	},
}

// under is what all bounds of demand ask for.
const under = "demand stays under {n:fewer_serve} busy instances until {t:until}"

// words fills a text about one bound of the decision.
func (d Decision) words(b Bound, text string, loc *time.Location) string {
	w := d.Weighed
	n := map[string]float64{"count": float64(b.Count), "to": float64(d.To), "fewer": float64(d.To - 1), "more": float64(d.To + 1),
		"serves": w.Serves, "fewer_serve": w.FewerServe}
	for key, v := range map[string]float64{"demand": b.Demand, "quantile": b.Quantile, "asked": w.Demand} {
		if v != 0 || key == "demand" {
			n[key] = v
		}
	}
	s := say{r: Reason{Numbers: n, Words: map[string]string{"of": b.Of}, Times: map[string]time.Time{"at": b.At, "until": w.Until}}, today: d.At.In(locOrUTC(loc))}
	text, _ = s.fill(text)
	return text
}

// asOf is " as of 08:38" when a time that the bounds go by was ahead then, and is over
// by the decision's last repeat: what only repeats is not weighed again.
func (d Decision) asOf(loc *time.Location) string {
	s := say{today: d.At.In(locOrUTC(loc)), last: d.LastAt}
	over := s.over(d.Weighed.Until)
	for _, b := range d.Weighed.Bounds {
		over = over || s.over(b.At)
	}
	if !over {
		return ""
	}
	return " as of " + s.clock(s.today)
}

// BoundsSentence lists what each bound wanted, in local time of loc. Those that
// hold are marked with an asterisk.
func (d Decision) BoundsSentence(loc *time.Location) string {
	if d.Weighed == nil {
		return ""
	}
	var parts []string
	for _, b := range d.Weighed.Bounds {
		text := d.words(b, boundSentences[b.Side][b.Kind].short, loc)
		if text == "" {
			continue
		}
		if b.Holds {
			text += "*"
		}
		parts = append(parts, text)
	}
	text := strings.Join(parts, ", ")
	if asOf := d.asOf(loc); asOf != "" && text != "" {
		return strings.TrimSpace(asOf) + ": " + text
	}
	return text
}

// WhyNotFewer says why one instance fewer was not decided, "" when that is not known.
func (d Decision) WhyNotFewer(loc *time.Location) string {
	bs := d.Weighed.Holding(SideLeast)
	if d.To < 1 || len(bs) == 0 {
		return ""
	}
	return fmt.Sprintf("Not %d%s: %s.%s", d.To-1, d.asOf(loc), d.words(bs[0], boundSentences[SideLeast][bs[0].Kind].forbids, loc), d.saves())
}

// saves is what one fewer would be: how busy, and how much cheaper.
func (d Decision) saves() string {
	w, n := d.Weighed, d.To-1
	if n < 1 || w.Demand <= 0 {
		return ""
	}
	text := fmt.Sprintf(" %d would be at %s", n, percent(100*w.Demand/float64(n)))
	if w.Price > 0 {
		text += fmt.Sprintf(" and save %s an hour", w.Price)
	}
	return text + "."
}

// WhyNotMore says why one instance more was not decided, and what it would buy and
// cost; "" when that is not known.
func (d Decision) WhyNotMore(loc *time.Location) string {
	bs := d.Weighed.Holding(SideMost)
	if len(bs) == 0 {
		return ""
	}
	first := bs[0] // limits before that nothing is needed: they are persons' words
	text := fmt.Sprintf("Not %d%s: %s.", d.To+1, d.asOf(loc), d.words(first, boundSentences[SideMost][first.Kind].forbids, loc))
	w := d.Weighed
	if w.Demand > 0 && d.To > 0 {
		text += fmt.Sprintf(" One more would be at %s rather than %s", percent(100*w.Demand/float64(d.To+1)), percent(100*w.Demand/float64(d.To)))
		if w.Price > 0 {
			text += fmt.Sprintf(" and cost %s an hour", w.Price)
		}
		text += "."
	}
	return text
}

// WhatWouldChange says what would have to be so that one fewer, and one more, were
// decided; a side of which that is not known is left out.
func (d Decision) WhatWouldChange(loc *time.Location) []string {
	var out []string
	for _, x := range []struct {
		side  Side
		count int
	}{{SideLeast, d.To - 1}, {SideMost, d.To + 1}} {
		if x.count < 1 {
			continue
		}
		var ifs []string
		seen := map[string]bool{}
		for _, b := range d.Weighed.Holding(x.side) {
			if text := d.words(b, boundSentences[x.side][b.Kind].unless, loc); !seen[text] {
				seen[text] = true
				ifs = append(ifs, text)
			}
		}
		if len(ifs) > 0 {
			out = append(out, fmt.Sprintf("%d%s if %s.", x.count, d.asOf(loc), joined(ifs)))
		}
	}
	return out
}

// joined joins parts with commas and a last "and".
func joined(parts []string) string {
	if n := len(parts); n > 1 {
		return strings.Join(parts[:n-1], ", ") + " and " + parts[n-1]
	}
	return strings.Join(parts, "")
}
