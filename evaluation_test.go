package forescale_test

import (
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

func TestVerdicts(t *testing.T) {
	t.Parallel()
	const steps = 10_000 // of a minute
	// outcome is below need in so many of 10,000 steps, with so many instances on average.
	outcome := func(name string, under int64, ready float64) forescale.Outcomes {
		return forescale.Outcomes{Name: name, Elasticity: forescale.Elasticity{Steps: steps, StepsUnder: under, Supply: ready * steps, Need: 10 * steps}}
	}
	happened := func(under int64, ready float64) forescale.Outcomes {
		return outcome(forescale.HappenedName, under, ready)
	}
	ours := func(under int64, ready float64) forescale.Outcomes {
		return outcome(forescale.PredictiveName, under, ready)
	}
	for _, c := range []struct {
		name string
		was  forescale.Outcomes
		ours forescale.Outcomes
		edit func(*forescale.Evaluation)
		want forescale.Verdict
		says string
	}{
		{"fewer hours, less below need", happened(500, 14), ours(80, 11), nil, forescale.VerdictOn, "below need in 0.8 % of the time"},
		{"fewer hours, within the objective", happened(0, 30), ours(90, 11), nil, forescale.VerdictOn, ""},
		{"the objective takes more hours", happened(900, 9), ours(90, 11), nil, forescale.VerdictOn, "misses the objective of 99 %"},
		{"fewer hours, beyond the objective", happened(50, 12), ours(400, 11), nil, forescale.VerdictOff, "the objective allows 1 %"},
		{"more hours for nothing", happened(50, 10), ours(50, 11), nil, forescale.VerdictOff, "fewer instance-hours"},
		{"max is what keeps it below need", happened(2050, 10), ours(2050, 9), func(e *forescale.Evaluation) { e.Beyond, e.Max = 0.2, 8 }, forescale.VerdictOn, "more than max_instances 8"},
		{"it is on", happened(50, 10), ours(50, 11), func(e *forescale.Evaluation) { e.Mode = forescale.ModeActive }, forescale.VerdictKeep, "what forescale did"},
		{"a day of history", happened(500, 14), ours(80, 11), func(e *forescale.Evaluation) { e.Learned = 24 * time.Hour }, forescale.VerdictWait, "24 hours of history"},
		{"hours measured", happened(500, 14), ours(80, 11), func(e *forescale.Evaluation) { e.To = e.From.Add(time.Hour) }, forescale.VerdictWait, "1 hours"},
		{"samples are missing", happened(500, 14), ours(80, 11), func(e *forescale.Evaluation) { e.Known = 0.3 }, forescale.VerdictWait, "30 %"},
		{"saturated", happened(500, 14), ours(80, 11), func(e *forescale.Evaluation) { e.Censored = 0.1 }, forescale.VerdictOn, "10 % of the time all instances were saturated"},
		{"instances are not known", outcome(forescale.UsualName, 500, 14), ours(80, 11), nil, forescale.VerdictOn, "not known of this history"},
		{"nothing", happened(0, 1), forescale.Outcomes{Name: "hpa"}, nil, forescale.VerdictWait, "Nothing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			from := time.Date(2026, 11, 16, 0, 0, 0, 0, time.UTC)
			e := forescale.Evaluation{Objective: 0.99, From: from, To: from.Add(7 * 24 * time.Hour), Learned: 14 * 24 * time.Hour, Known: 1, Step: time.Minute,
				Outcomes: []forescale.Outcomes{c.was, c.ours}}
			if c.edit != nil {
				c.edit(&e)
			}
			e.Judge()
			if e.Verdict != c.want || !strings.Contains(strings.Join(e.Why, " "), c.says) {
				t.Errorf("%s, want %s: %q", e.Verdict, c.want, e.Why)
			}
		})
	}
}
