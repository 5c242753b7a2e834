package forescale

import (
	"fmt"
	"time"
)

// Evaluation sets what happened to a service against what would have happened under
// forescale and what others use, replayed on the demand of its own history.
type Evaluation struct {
	Service   string
	Mode      Mode          // of the service, when it was evaluated
	Objective float64       // of the service
	From, To  time.Time     // what is measured
	Learned   time.Duration // history before From
	Known     float64       // share of the steps between From and To whose demand is known; the others are left out
	Censored  float64       // share of the known steps in which demand was at least this
	Beyond    float64       // share of the known steps whose demand needs more than max allows
	Max       int           // of the service
	Warmup    time.Duration // that was taken for each start
	Step      time.Duration
	Outcomes  []Outcomes // what happened first, then forescale, then the others
	Verdict   Verdict
	Why       []string // in sentences
}

// Outcomes is how one way of scaling did.
type Outcomes struct {
	Name       string // HappenedName, or that of a policy
	Elasticity Elasticity
	Starts     int
}

// The names of outcomes: what happened, what forescale would have done, and what most
// people use.
const (
	HappenedName   = "happened"
	PredictiveName = "predictive"
	UsualName      = "hpa"
)

// Verdict is the advice of an evaluation.
type Verdict string

// The verdicts.
const (
	VerdictOn   Verdict = "switch-on"  // forescale would have done better
	VerdictOff  Verdict = "leave"      // it would not have
	VerdictWait Verdict = "wait"       // there is too little to tell
	VerdictKeep Verdict = "keep-it-on" // it is on, and does as it would
)

// Bounds of what an evaluation needs to tell anything.
const (
	leastLearned  = 2 * 24 * time.Hour
	leastMeasured = 12 * time.Hour
	leastKnown    = 0.5
	// slack is how much more than the objective allows time below need may be:
	// a few days do not measure it more closely.
	slack = 1.5
)

// outcome is the one of that name, nil if there is none.
func (e *Evaluation) outcome(name string) *Outcomes {
	for i := range e.Outcomes {
		if e.Outcomes[i].Name == name {
			return &e.Outcomes[i]
		}
	}
	return nil
}

// Judge fills in the verdict and why. What counts is time below need and
// instance-hours: better in one and no worse in the other, or within the objective
// with fewer hours.
func (e *Evaluation) Judge() {
	e.Verdict, e.Why = VerdictWait, nil
	say := func(format string, args ...any) { e.Why = append(e.Why, fmt.Sprintf(format, args...)) }
	was, ours := e.outcome(HappenedName), e.outcome(PredictiveName)
	words := "what happened"
	if was == nil { // imported load tells nothing of instances
		was, words = e.outcome(UsualName), "a Kubernetes HPA at 70 %"
	}
	switch measured := e.To.Sub(e.From); {
	case was == nil || ours == nil || was.Elasticity.Steps == 0:
		say("Nothing could be measured.")
		return
	case e.Learned < leastLearned:
		say("Only %s of history lie before what is measured; patterns of a day need %s, those of a week two weeks.", inDays(e.Learned), inDays(leastLearned))
		return
	case measured < leastMeasured:
		say("Only %s are measured; it takes at least %s.", inDays(measured), inDays(leastMeasured))
		return
	case e.Known < leastKnown:
		say("Demand is known in %.0f %% of the time only: samples are missing.", 100*e.Known)
		return
	}
	say("%s", compared(words, was, ours, e.Step))
	if words != "what happened" {
		say("How many instances were there is not known of this history.")
	}
	tried, is := ours.Elasticity, was.Elasticity
	allowed := slack*(1-e.Objective) + e.Beyond
	fewerHours, more := tried.Supply <= is.Supply, tried.Supply/is.Supply-1
	noLater := tried.TimeUnder() <= is.TimeUnder() || tried.TimeUnder() <= allowed
	switch {
	case e.Mode == ModeActive:
		e.Verdict = VerdictKeep
		say("It is on: what happened is what forescale did.")
	case fewerHours && noLater:
		e.Verdict = VerdictOn
	case is.TimeUnder() > allowed && tried.TimeUnder() < is.TimeUnder():
		e.Verdict = VerdictOn
		say("That misses the objective of %.4g %%; the %.0f %% more instance-hours are what it takes.", 100*e.Objective, 100*more)
	case fewerHours:
		e.Verdict = VerdictOff
		say("The hours saved would have been paid for with time below need; the objective allows %.4g %%.", 100*(1-e.Objective))
	default:
		e.Verdict = VerdictOff
		say("That keeps the objective of %.4g %% with fewer instance-hours.", 100*e.Objective)
	}
	if e.Beyond > 0.001 {
		say("In %.2g %% of the time demand needs more than max_instances %d.", 100*e.Beyond, e.Max)
	}
	if e.Censored > 0.01 {
		say("In %.0f %% of the time all instances were saturated: true demand was higher than what is replayed.", 100*e.Censored)
	}
}

func compared(words string, was, ours *Outcomes, step time.Duration) string {
	return fmt.Sprintf("forescale would have been below need in %.2g %% of the time with %.0f instance-hours and %d starts; %s was at %.2g %% with %.0f.",
		100*ours.Elasticity.TimeUnder(), ours.Elasticity.InstanceHours(step), ours.Starts,
		words, 100*was.Elasticity.TimeUnder(), was.Elasticity.InstanceHours(step))
}

// inDays is a duration in days, or hours below two days.
func inDays(d time.Duration) string {
	if d < 48*time.Hour {
		return fmt.Sprintf("%.0f hours", d.Hours())
	}
	return fmt.Sprintf("%.0f days", d.Hours()/24)
}
