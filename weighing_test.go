package forescale

import (
	"strings"
	"testing"
	"time"
)

func weighedDecision() Decision {
	at := time.Date(2026, 11, 23, 7, 38, 0, 0, time.UTC)
	return Decision{ID: "dec_1", Service: "checkout", At: at, Mode: ModeActive, From: 4, To: 7, Weighed: &Weighing{
		Serves: 5.25, FewerServe: 4.5, Demand: 5.2, By: at.Add(5 * time.Minute), Since: at.Add(-2 * time.Minute), Until: at.Add(15 * time.Minute), Price: Unit / 8,
		Bounds: []Bound{
			{Kind: BoundLive, Side: SideLeast, Count: 4, Demand: 2.6, At: at},
			{Kind: BoundForecast, Side: SideLeast, Count: 7, Demand: 5.2, Quantile: 0.93, At: at.Add(5 * time.Minute), Holds: true},
			{Kind: BoundMin, Side: SideLeast, Count: 7, Holds: true},
			{Kind: BoundMax, Side: SideMost, Count: 12},
			{Kind: BoundStarts, Side: SideMost, Count: 8, At: at.Add(30 * time.Second)},
			{Kind: BoundNeed, Side: SideMost, Count: 7, At: at.Add(5 * time.Minute), Holds: true},
		}}}
}

func TestWhatADecisionSaysOfOneFewerAndOneMore(t *testing.T) {
	berlin, _ := time.LoadLocation("Europe/Berlin")
	d := weighedDecision()
	for _, c := range []struct{ got, want string }{
		{d.BoundsSentence(berlin), "live 4, forecast 7 at 08:43*, min 7*, max 12, starts at most 8"},
		{d.WhyNotFewer(berlin), "Not 6: at 08:43 the forecast needs 7 (5.2 busy instances, 93 % sure), and 6 serve 4.5. 6 would be at 87 % and save 0.125 an hour."},
		{d.WhyNotMore(berlin), "Not 8: nothing needs more: the most is 5.2 busy instances, and 7 serve 5.2. One more would be at 65 % rather than 74 % and cost 0.125 an hour."},
		{strings.Join(d.WhatWouldChange(berlin), "|"), "6 if demand stays under 4.5 busy instances until 08:53 and min is at most 6.|8 if demand rises above 5.2 busy instances by 08:43."},
		{d.HourlyCost().String(), "0.375"},
	} {
		if c.got != c.want {
			t.Errorf("got  %s\nwant %s", c.got, c.want)
		}
	}
	d.From, d.To = 7, 4
	if got := d.HourlyCost(); got != -375_000 {
		t.Errorf("three fewer cost %s", got)
	}
	if d.Weighed = nil; d.BoundsSentence(berlin)+d.WhyNotFewer(berlin)+d.WhyNotMore(berlin) != "" || d.WhatWouldChange(berlin) != nil || d.HourlyCost() != 0 {
		t.Error("a decision that weighed nothing says something of it")
	}
}

// What only repeats is not weighed again: it says of when it was, once a time that it
// names is over.
func TestAWeighingWhoseTimesAreOverSaysOfWhenItIs(t *testing.T) {
	d := weighedDecision()
	d.LastAt = d.At.Add(10 * time.Second)
	if got, want := d.BoundsSentence(nil), "live 4, forecast 7 at 07:43*, min 7*, max 12, starts at most 8"; got != want {
		t.Errorf("while its times are ahead:\ngot  %s\nwant %s", got, want)
	}
	d.LastAt = d.At.Add(3 * time.Hour)
	for _, c := range []struct{ got, want string }{
		{d.BoundsSentence(nil), "as of 07:38: live 4, forecast 7 at 07:43*, min 7*, max 12, starts at most 8"},
		{d.WhyNotFewer(nil), "Not 6 as of 07:38: at 07:43 the forecast needs 7 (5.2 busy instances, 93 % sure), and 6 serve 4.5. 6 would be at 87 % and save 0.125 an hour."},
		{d.WhyNotMore(nil), "Not 8 as of 07:38: nothing needs more: the most is 5.2 busy instances, and 7 serve 5.2. One more would be at 65 % rather than 74 % and cost 0.125 an hour."},
		{strings.Join(d.WhatWouldChange(nil), "|"), "6 as of 07:38 if demand stays under 4.5 busy instances until 07:53 and min is at most 6.|8 as of 07:38 if demand rises above 5.2 busy instances by 07:43."},
	} {
		if c.got != c.want {
			t.Errorf("got  %s\nwant %s", c.got, c.want)
		}
	}
	d.Weighed.Bounds = nil
	if got := d.BoundsSentence(nil); got != "" {
		t.Errorf("nothing was weighed, and it says %q", got)
	}
}

// Each kind of bound that can hold has its words, on the side where it can, and none
// is left unfilled.
func TestEachBoundHasItsWords(t *testing.T) {
	sides := map[BoundKind]int{}
	for side, kinds := range boundSentences {
		for kind, words := range kinds {
			sides[kind]++
			d := weighedDecision()
			d.Weighed.Bounds = []Bound{{Kind: kind, Side: side, Count: 7, Demand: 5.2, Quantile: 0.93, Of: "load", At: d.At, Holds: true}}
			text := strings.Join(append(d.WhatWouldChange(nil), d.WhyNotFewer(nil), d.WhyNotMore(nil), d.BoundsSentence(nil)), " ")
			if words.forbids == "" || words.unless == "" || strings.ContainsAny(text, "{}[]") || !strings.Contains(text, "Not ") || !strings.Contains(text, " if ") {
				t.Errorf("%s of side %s: %s", kind, side, text)
			}
		}
	}
	for _, k := range BoundKinds {
		if sides[k] == 0 {
			t.Errorf("%s has no words", k)
		}
	}
}
