package forecast

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// What a history must hold for each rung of the ladder.
const (
	weeklyDays = 9.0 // some weekdays seen twice; how much they count is learned
	dailyDays  = 2.0 // a time of day seen twice
	fillShare  = 0.5 // of that time must hold values

	combinationDays = 12.0             // a week to learn, and origins to test at
	coarseStep      = 30 * time.Minute // a combination of finer steps was not measured to be better
)

// Ladder is the model that takes the best rung that the history carries: the
// combination where steps are coarse, weekly profile, daily profile, damped level.
// It says which, and why not a higher one.
type Ladder struct{}

// Name implements [Model].
func (Ladder) Name() string { return "ladder" }

var _ Model = Ladder{}

// Forecast implements [Model]. It fails only when there is no value at all.
func (m Ladder) Forecast(in Input) (Prediction, error) {
	v, err := newView(in)
	if err != nil {
		return Prediction{}, err
	}
	_, pr := m.climb(v, in.Levels)
	return pr, nil
}

// rung is a lesson of the ladder, and why it is not a higher one.
type rung struct {
	lesson lesson
	why    []string
}

// climb learns the best rung that the history carries, and forecasts with it.
func (Ladder) climb(v *view, levels []float64) (rung, Prediction) {
	var r rung
	try := func(m teachable) (pr Prediction, ok bool) {
		l, err := m.learn(v, levels)
		if err != nil {
			return pr, false
		}
		r.lesson = l
		pr, ok = r.tell(v, levels)
		return pr, ok
	}
	carries := func(days float64) bool {
		return v.p.days() >= days-1e-9 && v.p.filledDays() >= days*fillShare
	}
	if v.p.step >= coarseStep && carries(combinationDays) {
		if pr, ok := try(Combination{}); ok {
			return r, pr
		}
	}
	for _, x := range []struct {
		model Profile
		days  float64
		why   string
	}{
		{Profile{Weekly: true}, weeklyDays, "less than nine days of history: no difference between weekdays"},
		{Profile{}, dailyDays, "less than two days of history: no pattern by time of day"},
	} {
		if !carries(x.days) {
			r.why = append(r.why, x.why)
			continue
		}
		if pr, ok := try(x.model); ok {
			return r, pr
		}
		r.why = append(r.why, fmt.Sprintf("the history does not carry a %s", x.model.Name()))
	}
	pr, _ := try(Level{})
	return r, pr
}

// tell forecasts with the rung; ok is false when what comes out are no numbers.
func (r rung) tell(v *view, levels []float64) (pr Prediction, ok bool) {
	pr = r.lesson.tell(v, levels)
	var warnings []string
	if stale := time.Duration(v.p.gap) * v.p.step; stale > staleAfter(v.p.step) {
		warnings = append(warnings, fmt.Sprintf("the newest value is %v old", stale))
	}
	warnings = append(warnings, v.shifted()...)
	pr.Warnings = slices.Concat(warnings, r.why, pr.Warnings)
	return pr, finite(pr.Values)
}

// finite reports whether all values are numbers: the last guard against values
// so wild that arithmetic gives out.
func finite(values [][]float64) bool {
	for _, row := range values {
		for _, v := range row {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return false
			}
		}
	}
	return true
}

// staleAfter is the age from which a missing newest value is worth a warning.
func staleAfter(step time.Duration) time.Duration { return max(3*step, 15*time.Minute) }

// errThin says that a history has too few usable pairs of origin and target.
var errThin = errors.New("too few pairs of past and later values to learn from")
