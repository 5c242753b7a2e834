package api

import (
	"context"
	"testing"
	"time"

	"github.com/forescale/forescale"
)

// evaluating makes the evaluation fail with err.
func evaluating(err error) func(*Config) {
	return func(c *Config) {
		c.Evaluate = func(context.Context, forescale.Service, int) (forescale.Evaluation, error) {
			return forescale.Evaluation{}, err
		}
	}
}

func TestAnEvaluationSetsWhatHappenedAgainstWhatWouldHave(t *testing.T) {
	asked := 0
	f := setup(t, func(c *Config) {
		c.Evaluate = func(_ context.Context, s forescale.Service, days int) (forescale.Evaluation, error) {
			asked = days
			e := forescale.Evaluation{Service: s.Name, Mode: s.Mode, Objective: 0.99, From: monday, To: monday.Add(48 * time.Hour),
				Learned: 14 * 24 * time.Hour, Known: 0.98, Warmup: 3 * time.Minute, Step: time.Minute,
				Outcomes: []forescale.Outcomes{
					{Name: forescale.HappenedName, Elasticity: forescale.Elasticity{Steps: 2000, StepsUnder: 100, Supply: 12_000, Need: 9000, Demand: 5000, Lost: 50}, Starts: 9},
					{Name: forescale.PredictiveName, Elasticity: forescale.Elasticity{Steps: 2000, StepsUnder: 10, Supply: 9600, Need: 9000, Demand: 5000}, Starts: 12}}}
			e.Judge()
			return e, nil
		}
	})
	f.service("checkout")
	var v EvaluationView
	f.do("GET", "/v1/services/checkout/evaluation?days=2", "").is(200).read(&v)
	if asked != 2 || v.Verdict != forescale.VerdictKeep || len(v.Why) == 0 || v.Warmup != "3m0s" || v.Learned != "336h0m0s" || len(v.Outcomes) != 2 {
		t.Fatalf("for %d days: %+v", asked, v)
	}
	if was := v.Outcomes[0]; was.Name != "happened" || was.TimeUnder != 0.05 || was.NotServed != 0.01 || was.InstanceHours != 200 || was.Starts != 9 {
		t.Errorf("what happened: %+v", was)
	}
}

// Evaluations take seconds of a core each: one runs at a time.
func TestASecondEvaluationIsAskedToComeAgain(t *testing.T) {
	began, end := make(chan struct{}), make(chan struct{})
	f := setup(t, func(c *Config) {
		c.Evaluate = func(context.Context, forescale.Service, int) (forescale.Evaluation, error) {
			close(began)
			<-end
			return forescale.Evaluation{Verdict: forescale.VerdictWait, Why: []string{}}, nil
		}
	})
	f.service("checkout")
	first := make(chan int)
	go func() { first <- f.do("GET", "/v1/services/checkout/evaluation", "").status }()
	<-began
	a := f.do("GET", "/v1/services/checkout/evaluation", "").is(429)
	if a.header.Get("Retry-After") == "" {
		t.Error("it is not said when to come again")
	}
	close(end)
	if status := <-first; status != 200 {
		t.Errorf("the first ends with %d", status)
	}
}
