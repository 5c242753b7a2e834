package forecast

import (
	"errors"
	"fmt"
	"math"
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
func (Ladder) Forecast(in Input) (Prediction, error) {
	p, err := newPast(in)
	if err != nil {
		return Prediction{}, err
	}
	var warnings []string
	if p.gap > 0 {
		if stale := time.Duration(p.gap) * in.Series.Step; stale > staleAfter(in.Series.Step) {
			warnings = append(warnings, fmt.Sprintf("the newest value is %v old", stale))
		}
	}
	if in.Series.Step >= coarseStep && p.days() >= combinationDays && p.filledDays() >= combinationDays*fillShare {
		pr, err := Combination{}.predict(p, in.Levels)
		if err == nil && finite(pr.Values) {
			pr.Warnings = append(warnings, pr.Warnings...)
			return pr, nil
		}
	}
	rungs := []struct {
		model Profile
		days  float64
		why   string
	}{
		{Profile{Weekly: true}, weeklyDays, "less than nine days of history: no difference between weekdays"},
		{Profile{}, dailyDays, "less than two days of history: no pattern by time of day"},
	}
	for _, r := range rungs {
		if p.days() >= r.days-1e-9 && p.filledDays() >= r.days*fillShare {
			pr, err := r.model.predict(p, in.Levels)
			if err == nil && finite(pr.Values) {
				pr.Warnings = append(warnings, pr.Warnings...)
				return pr, nil
			}
			if err != nil && !errors.Is(err, errThin) {
				return Prediction{}, err
			}
			warnings = append(warnings, fmt.Sprintf("the history does not carry a %s", r.model.Name()))
			continue
		}
		warnings = append(warnings, r.why)
	}
	pr := Level{}.predict(p, in.Levels)
	pr.Warnings = append(warnings, pr.Warnings...)
	return pr, nil
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
