package forescale

import (
	"slices"
	"time"
)

// Code says why a decision was made. The codes are stable: they are in the
// database, the API and the dashboard.
type Code string

// The codes. Those of nodes join with the rooms that need them.
const (
	CodeForecastRise   Code = "forecast_rise"      // the forecast needs more within the lead time
	CodeForecastFall   Code = "forecast_fall"      // the forecast allows fewer for the whole cool-down window
	CodeReactiveHigh   Code = "reactive_high"      // live demand needs more than is there
	CodeSaturated      Code = "saturated"          // all instances at 95 % or more: the true demand is hidden
	CodeSteady         Code = "steady"             // what is there is what is needed
	CodeMinBound       Code = "min_bound"          // min decides
	CodeMaxBound       Code = "max_bound"          // more are required than max allows
	CodeWarmingUp      Code = "warming_up"         // what is needed is on its way already
	CodeCoolingDown    Code = "cooling_down"       // fewer would do, but not for the whole window yet
	CodeStepLimit      Code = "step_limit"         // more starts or stops than one window allows: the rest follows
	CodeHoldNoMetrics  Code = "hold_no_metrics"    // there was never a sample
	CodeHoldStale      Code = "hold_stale_metrics" // samples stopped
	CodeHoldBlind      Code = "hold_blind"         // the world could not be read in full
	CodeHoldClock      Code = "hold_clock_jump"    // the wall clock jumped
	CodeModelFallback  Code = "model_fallback"     // the forecast is missing, old or a simpler one
	CodePaused         Code = "paused"             // paused by a person
	CodeOff            Code = "off"                // mode off
	CodeSecondWriter   Code = "second_writer"      // somebody else changes the same instances
	CodeReplaceFailed  Code = "replace_failed"     // an instance died or did not start; another takes its place
	CodeBudgetCapped   Code = "budget_capped"      // more would pass a budget's limit
	CodeBudgetReserved Code = "budget_reserved"    // what a budget has left is kept for the min of other services
	CodeLowered        Code = "objective_lowered"  // so that a budget lasts until the month's end
	CodeStartFailing   Code = "start_failing"      // starts failed again and again: backing off
	CodeCrashLoop      Code = "crash_loop"         // instances were ready and ended again and again: backing off
	CodeNodeDrained    Code = "node_drained"       // instances move, as their node is to be emptied
	CodeRolloutStep    Code = "rollout_step"       // instances of an older template are replaced, one step after the other
	CodeRolloutBack    Code = "rollout_back"       // a new template failed: instances are made from the last good one
	CodeWarmupLong     Code = "warmup_long"        // starting takes longer than the forecast reaches
)

// Codes are all of them.
var Codes = []Code{CodeForecastRise, CodeForecastFall, CodeReactiveHigh, CodeSaturated, CodeSteady, CodeMinBound, CodeMaxBound, CodeWarmingUp,
	CodeCoolingDown, CodeStepLimit, CodeHoldNoMetrics, CodeHoldStale, CodeHoldBlind, CodeHoldClock, CodeModelFallback, CodePaused, CodeOff,
	CodeSecondWriter, CodeReplaceFailed, CodeBudgetCapped, CodeBudgetReserved, CodeStartFailing, CodeCrashLoop, CodeRolloutStep, CodeRolloutBack, CodeWarmupLong, CodeLowered, CodeNodeDrained}

// AlertCodes are those that somebody should look at while they are among the reasons
// of the newest decision: what is asked for cannot be had, or somebody stands in the way.
var AlertCodes = []Code{CodeSecondWriter, CodeStartFailing, CodeCrashLoop, CodeRolloutBack, CodeHoldBlind, CodeMaxBound, CodeBudgetCapped, CodeBudgetReserved, CodeWarmupLong, CodeLowered}

// Alerts are the reasons of d whose codes are among [AlertCodes].
func (d Decision) Alerts() []Reason {
	var rs []Reason
	for _, r := range d.Reasons {
		if slices.Contains(AlertCodes, r.Code) {
			rs = append(rs, r)
		}
	}
	return rs
}

// Reason is one code with the numbers that tipped it.
type Reason struct {
	Code    Code                 `json:"code"`
	Numbers map[string]float64   `json:"numbers,omitempty"`
	Times   map[string]time.Time `json:"times,omitempty"`
	Words   map[string]string    `json:"words,omitempty"`
}

// ActionKind is what is done to one instance.
type ActionKind string

// The kinds of actions.
const (
	ActionStart ActionKind = "start"
	ActionStop  ActionKind = "stop" // drain, wait for the cool-down, stop, remove
)

// Action is one effect of a decision in the world.
type Action struct {
	Kind     ActionKind `json:"kind"`
	Instance string     `json:"instance"` // ID of the instance to start or stop
}

// Outcome is what came of a decision.
type Outcome string

// The outcomes.
const (
	OutcomeNone       Outcome = "none"       // there was nothing to do
	OutcomeWould      Outcome = "would"      // not acting: forecast-only, paused or held
	OutcomePending    Outcome = "pending"    // recorded, being carried out
	OutcomeDone       Outcome = "done"       // the world matches
	OutcomeFailed     Outcome = "failed"     // given up, see Error
	OutcomeSuperseded Outcome = "superseded" // a later decision took over
)

// Decision is what was done for one service at one time, and why. Doing nothing
// is a decision too.
type Decision struct {
	ID       string    `json:"id"`
	Service  string    `json:"service"`
	At       time.Time `json:"at"`
	Mode     Mode      `json:"mode"`
	From     int       `json:"from"`     // supply before: ready and starting
	To       int       `json:"to"`       // wanted now
	Required int       `json:"required"` // before limits: what the demand asks for
	Metric   Metric    `json:"metric,omitempty"`
	Reasons  []Reason  `json:"reasons"` // the first decides, the others limit or explain
	Actions  []Action  `json:"actions,omitempty"`
	Outcome  Outcome   `json:"outcome"`
	Error    string    `json:"error,omitempty"`
	EndedAt  time.Time `json:"ended_at,omitzero"`
	// Repeats counts how often the same decision was made again, LastAt when last.
	Repeats int       `json:"repeats"`
	LastAt  time.Time `json:"last_at"`
	Fence   int64     `json:"fence,omitempty"` // of the leader that recorded it; 0: there was but one server
	// Weighed is nil for a decision that only repeats, that weighed nothing, as in mode
	// off, or that was read without it.
	Weighed *Weighing `json:"weighed,omitempty"`
}

// Code is the code that decided.
func (d Decision) Code() Code {
	if len(d.Reasons) == 0 {
		return ""
	}
	return d.Reasons[0].Code
}

// Same reports whether e says what d says, so that it can be folded into it:
// same numbers, same deciding code, nothing to do.
func (d Decision) Same(e Decision) bool {
	return d.Service == e.Service && d.Mode == e.Mode && d.From == e.From && d.To == e.To &&
		d.Code() == e.Code() && len(d.Actions) == 0 && len(e.Actions) == 0 && d.Outcome == e.Outcome
}

// ServicePlan is what is wanted of one service from now on.
type ServicePlan struct {
	Service  string        `json:"service"`
	MadeAt   time.Time     `json:"made_at"`
	Lead     time.Duration `json:"lead"`    // warm-up quantile + one planning interval
	Changes  []PlanChange  `json:"changes"` // rising times; the first is now
	Until    time.Time     `json:"until"`   // how far the forecast reaches
	Acting   bool          `json:"acting"`  // false: these are what it would do
	Decision Decision      `json:"-"`
	// Rollout is how far instances follow the template. Nil in a plan to record: it is
	// as it was.
	Rollout *Rollout `json:"-"`
}

// PlanChange is one step of the wanted count.
type PlanChange struct {
	At       time.Time `json:"at"`       // when the order goes out
	Wanted   int       `json:"wanted"`   // from then on
	Required int       `json:"required"` // at the demand it is for
	Demand   float64   `json:"demand"`   // objective's quantile, busy instances
	Code     Code      `json:"code"`
}

// Plan is one planning round over all services.
type Plan struct {
	At       time.Time
	Services []ServicePlan
	Nodes    *NodePlan     // nil: none was made, the one before stays
	Orders   []NodeLife    // nodes to order, before anything is done for them
	Pace     time.Duration // time between two rounds; 0: not known
}
