package forescale_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/forescale/forescale"
)

func TestElasticityByHand(t *testing.T) {
	t.Parallel()
	steps := []forescale.ElasticityStep{{1.2, 2, 2}, {2.6, 4, 3}, {3.5, 5, 3}, {0.9, 2, 4}}
	var e forescale.Elasticity
	var before *forescale.ElasticityStep
	for i := range steps {
		e.Step(steps[i], before)
		before = &steps[i]
	}
	// Short by 1 of 4 and 2 of 5, over by 2 of 2; up, still below a rise, up below a fall.
	for name, x := range map[string][2]float64{
		"θ_U": {e.ThetaUnder(), (0.25 + 0.4) / 4}, "θ_O": {e.ThetaOver(), 1.0 / 4}, "τ_U": {e.TimeUnder(), 0.5}, "τ_O": {e.TimeOver(), 0.25},
		"υ": {e.Instability(), 2.0 / 3}, "not served": {e.NotServed(), 0.5 / 8.2}, "hours": {e.InstanceHours(time.Hour), 12},
	} {
		if d := x[0] - x[1]; d > 1e-12 || d < -1e-12 {
			t.Errorf("%s is %v, want %v", name, x[0], x[1])
		}
	}
	var none forescale.Elasticity
	if none.ThetaUnder() != 0 || none.Instability() != 0 || none.NotServed() != 0 {
		t.Error("of nothing a measure is not 0")
	}
}

// Days are added up: that is the same as measuring all at once, but for the pairs
// across midnight.
func TestElasticityAddsUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var whole, sum forescale.Elasticity
		for range rapid.IntRange(1, 5).Draw(t, "days") {
			var day forescale.Elasticity
			for range rapid.IntRange(0, 20).Draw(t, "steps") {
				s := forescale.ElasticityStep{Demand: float64(rapid.IntRange(0, 50).Draw(t, "demand")), Required: rapid.IntRange(1, 60).Draw(t, "required"), Ready: float64(rapid.IntRange(0, 60).Draw(t, "ready"))}
				day.Step(s, nil)
				whole.Step(s, nil)
			}
			sum.Add(day)
		}
		if sum.Steps != whole.Steps || sum.StepsUnder != whole.StepsUnder || sum.StepsOver != whole.StepsOver || sum.Supply != whole.Supply || sum.Need != whole.Need ||
			sum.Lost != whole.Lost || sum.Demand != whole.Demand || sum.ThetaUnder()-whole.ThetaUnder() > 1e-9 || whole.ThetaUnder()-sum.ThetaUnder() > 1e-9 {
			t.Fatalf("added up %+v, at once %+v", sum, whole)
		}
	})
}
