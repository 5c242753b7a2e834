package forescale

import (
	"fmt"
	"time"
)

// Leads are the lead times at whose far ends issued forecasts are scored: a step
// belongs to the first that its end is not further ahead than, and is scored by the
// forecast that was issued earliest within it.
var Leads = []time.Duration{5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 24 * time.Hour}

// Tally is how issued forecasts did, as sums over steps whose truth has arrived.
// Steps that were saturated, or silent for more than half of the time, are not in.
type Tally struct {
	Service string
	Metric  Metric
	Day     time.Time // midnight in UTC of the day that the steps lie in; zero in sums over days
	Model   string
	Lead    time.Duration // one of Leads

	Steps  int64
	Inside int64   // steps whose truth lay between the 5 and the 95 % quantile
	Loss   float64 // Σ of the mean pinball loss at 5, 50, 90, 95 and 99 %, in busy instances
	Error  float64 // Σ |truth − median|
	Truth  float64 // Σ truth

	Compared  int64   // of the steps, those that last week's value is known of
	TheirMiss float64 // Σ |truth − median| of these
	LastWeek  float64 // Σ |truth − last week's value| of these
}

// Add adds another's sums.
func (t *Tally) Add(o Tally) {
	t.Steps, t.Inside, t.Compared = t.Steps+o.Steps, t.Inside+o.Inside, t.Compared+o.Compared
	t.Loss, t.Error, t.Truth = t.Loss+o.Loss, t.Error+o.Error, t.Truth+o.Truth
	t.TheirMiss, t.LastWeek = t.TheirMiss+o.TheirMiss, t.LastWeek+o.LastWeek
}

// Coverage is the share of truths in the 90 % interval; ok is false without any.
func (t Tally) Coverage() (share float64, ok bool) {
	return float64(t.Inside) / float64(t.Steps), t.Steps > 0
}

// RelativeError is Σ|truth − median| / Σ truth; ok is false when all truths are zero.
func (t Tally) RelativeError() (share float64, ok bool) { return t.Error / t.Truth, t.Truth > 0 }

// AgainstLastWeek is the error as a multiple of that of last week's value; ok is
// false when that had none, or is not known.
func (t Tally) AgainstLastWeek() (ratio float64, ok bool) {
	return t.TheirMiss / t.LastWeek, t.LastWeek > 0
}

// LastWeekError is that of last week's value, on the scale of RelativeError, which
// is 0 for ok false.
func (t Tally) LastWeekError() (share float64, ok bool) {
	r, ok := t.AgainstLastWeek()
	e, ok2 := t.RelativeError()
	if !ok || !ok2 || r == 0 {
		return 0, false
	}
	return e / r, true
}

// TallyQuery picks tallies, and whatever else is kept by service and day.
type TallyQuery struct {
	Services []string  // none: all
	From, To time.Time // days; zero: open
}

// Alarm names what drifted.
type Alarm string

// The alarms.
const (
	AlarmNone     Alarm = ""
	AlarmCoverage Alarm = "coverage" // the 90 % interval holds far too seldom
	AlarmError    Alarm = "error"    // last week's value is the better forecast
)

// Drift is how far the forecasts of a service have moved from what they promise.
type Drift struct {
	Coverage float64   `json:"coverage"`        // cumulative sum of the share of misses above what is allowed
	Error    float64   `json:"error"`           // the same of the error against last week's value
	Alarm    Alarm     `json:"alarm,omitempty"` // holds now
	Since    time.Time `json:"since,omitzero"`  // when the newest alarm was raised
	Last     Alarm     `json:"last,omitempty"`  // the newest alarm, also when it is over
	Ended    time.Time `json:"ended,omitzero"`  // when it ended
	Times    int       `json:"times,omitempty"` // alarms so far
	Wider    float64   `json:"wider,omitempty"` // factor by which intervals are widened; 0 or 1: not
}

// Sentence tells of the newest alarm in the local time of its service; "" if there
// never was one.
func (d Drift) Sentence(loc *time.Location) string {
	if d.Last == AlarmNone {
		return ""
	}
	at := func(t time.Time) string { return t.In(loc).Format("Mon 2 Jan 15:04") }
	what := map[Alarm]string{
		AlarmCoverage: "truths left the 90 % interval far more often than 1 in 10",
		AlarmError:    "last week's value was the better forecast",
	}[d.Last]
	switch {
	case d.Alarm == AlarmNone:
		return fmt.Sprintf("The forecasts hold again since %s; from %s on %s.", at(d.Ended), at(d.Since), what)
	case d.Wider > 1.05:
		return fmt.Sprintf("The forecasts have drifted since %s: %s. Intervals are widened by %.1f until they hold.", at(d.Since), what, d.Wider)
	}
	return fmt.Sprintf("The forecasts have drifted since %s: %s.", at(d.Since), what)
}

// Track is how far the forecasts of a service in a metric have been scored.
type Track struct {
	Service string
	Metric  Metric
	Until   time.Time // truths before this are in the tallies
	Drift   Drift
}

// Scoring is what a run of scoring adds: sums over truths of [From, Track.Until).
type Scoring struct {
	Track
	From    time.Time // where the track was before; zero: there was none
	Tallies []Tally   // their Service and Metric are those of the track
}
