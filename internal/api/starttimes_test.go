package api

import (
	"slices"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

// learnedByAtOnce depends on how many start at once.
func learnedByAtOnce(service string) forescale.LearnedTimes {
	return forescale.LearnedTimes{Service: service, Kind: forescale.LapseWarmup, At: monday, Measured: 99, Shortest: time.Second, Longest: time.Minute, Gain: 0.3,
		Features: []string{forescale.FeatureHour, forescale.FeatureAtOnce}, Levels: []float64{0.5, 0.9}, Nodes: []forescale.LearnedSplit{
			{Feature: 1, Below: 2.5, Left: 1, Right: 2, Count: 99},
			{Feature: -1, Count: 40, Values: []time.Duration{20 * time.Second, 30 * time.Second}},
			{Feature: -1, Count: 59, Values: []time.Duration{40 * time.Second, 70 * time.Second}},
		}}
}

func TestWhatWasLearnedOfStartsIsShownByCase(t *testing.T) {
	f := setup(t)
	f.service("checkout")
	var v StartTimesView
	f.do("GET", "/v1/services/checkout/warmups", "").is(200).read(&v)
	if v.Warmup.Declared != "1m0s" || v.Warmup.Measured != 0 || v.Warmup.LearnedAt != nil || len(v.Warmup.Cases) != 0 {
		t.Errorf("before anything was learned: %+v", v.Warmup)
	}
	cool := learnedByAtOnce("checkout")
	cool.Kind, cool.Nodes = forescale.LapseCooldown, cool.Nodes[1:2]
	if err := f.store.SaveLearned(t.Context(), []forescale.LearnedTimes{learnedByAtOnce("checkout"), cool, learnedByAtOnce("other")}); err != nil {
		t.Fatal(err)
	}
	f.do("GET", "/v1/services/checkout/warmups", "").is(200).read(&v)
	w := v.Warmup
	if w.Measured != 99 || w.Gain != 0.3 || w.LearnedAt == nil || !w.LearnedAt.Equal(monday) || len(w.Cases) != 2 {
		t.Fatalf("learned %+v", w)
	}
	few, many := w.Cases[0], w.Cases[1]
	if !slices.Equal(few.When, []ConditionView{{"at_once", "below", 2.5}}) || !slices.Equal(many.When, []ConditionView{{"at_once", "at_least", 2.5}}) ||
		many.Count != 59 || !slices.Equal(many.Quantiles, []QuantileView{{0.5, "40s"}, {0.9, "1m10s"}}) {
		t.Errorf("cases %+v", w.Cases)
	}
	if c := v.Cooldown.Cases; len(c) != 1 || len(c[0].When) != 0 || c[0].Count != 40 {
		t.Errorf("a cool-down without conditions: %+v", v.Cooldown)
	}
}
