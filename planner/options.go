package planner

import (
	"time"

	"github.com/forescale/forescale"
)

// Options are the settings of planning that hold for all services. A field that
// is zero or negative takes its default.
type Options struct {
	// Interval is the time between two planning steps. Default 30 s.
	Interval time.Duration
	// Refresh is the time between two forecasts of a service. Default 15 min.
	Refresh time.Duration
	// ForecastAge is how old a forecast may be and still count. Default 3 × Refresh:
	// two refreshes were missed.
	ForecastAge time.Duration
	// Window is how long fewer instances must suffice, behind and ahead, before
	// any is stopped, and how long after a start nothing is stopped. A service
	// whose lead time is longer uses that. Default 10 min.
	Window time.Duration
	// ReactiveWindow is the same, behind only, for a service that has no forecast
	// at all. Default 5 min, as the Kubernetes HPA has it.
	ReactiveWindow time.Duration
	// StopWindow and StopShare bound the stops: at most StopShare of the ready
	// instances, or one, within any StopWindow. Defaults 1 min, 0.1.
	StopWindow time.Duration
	StopShare  float64
	// SaturationFactor is what the ready count is multiplied with when all are
	// saturated and the true demand is hidden. Default 1.5.
	SaturationFactor float64
	// RetryAfter and RetryMax bound the waiting between starts when they fail again
	// and again: RetryAfter, then twice as long each time, up to RetryMax.
	// Defaults 30 s, 10 min.
	RetryAfter, RetryMax time.Duration
}

// DefaultOptions are the options for planning every 30 s and forecasts every 15 min.
func DefaultOptions() Options { return Options{}.withDefaults() }

func (o Options) withDefaults() Options {
	for _, f := range []struct {
		d *time.Duration
		v time.Duration
	}{
		{&o.Interval, 30 * time.Second}, {&o.Refresh, 15 * time.Minute},
		{&o.Window, 10 * time.Minute}, {&o.ReactiveWindow, 5 * time.Minute},
		{&o.StopWindow, time.Minute}, {&o.RetryAfter, 30 * time.Second}, {&o.RetryMax, 10 * time.Minute},
	} {
		if *f.d <= 0 {
			*f.d = f.v
		}
	}
	if o.ForecastAge <= 0 {
		o.ForecastAge = 3 * o.Refresh
	}
	if o.StopShare <= 0 {
		o.StopShare = 0.1
	}
	if o.SaturationFactor <= 1 {
		o.SaturationFactor = 1.5
	}
	return o
}

// History is how far State.Demand reaches back.
const History = 15 * time.Minute

// State is everything that a decision about one service is made from. Decide
// reads it and changes nothing in it.
type State struct {
	Service    forescale.Service
	Instances  []forescale.Instance    // live ones (starting, ready, draining) and those that failed in the last hour
	Demand     []forescale.DemandPoint // the last History, all metrics, by metric then time
	LastSample time.Time               // newest sample of the service; zero: never
	Forecasts  []forescale.Forecast    // latest per metric
	Warmups    []forescale.Warmup      // newest first, up to 50
	Learned    *forescale.LearnedTimes // of its starts, nil while nothing was learned
	Recent     []forescale.Decision    // those with actions of the last hour, newest first
	Last       *forescale.Decision     // newest one, nil if none
	Pauses     []forescale.Pause
	Money      *Money             // what is paid for, nil: no budget bounds it
	Lowered    *forescale.Reason  // that a budget lowers the objective, nil: it does not
	Lower      float64            // by what share of the way to the median of demand the plan stays below the objective's quantile for that
	Rollout    *forescale.Rollout // how far instances follow the template, nil: not known yet
	Heat       *Heat              // of a roll-out's instances, nil: not known, or there is none
	Leaving    map[string]bool    // IDs of instances whose node is to be emptied
	Foreign    []ForeignChange    // of the last ForeignMemory, in any order
	Blind      string             // why the world could not be read in full; "" if it was
	ClockJump  time.Duration      // how far the wall clock jumped since the last step; 0: not
}

// Result is a decision with what follows from it.
type Result struct {
	// Plan is what is wanted from now on. Its Decision is filled, ID included.
	Plan forescale.ServicePlan
	// Instances are the rows to record with the decision: a new starting one for
	// each start, and for each stop the instance set to draining.
	Instances []forescale.Instance
	// CountsAfter is how much of a minute is over, at the earliest, when what is heard in it
	// counts as live demand.
	CountsAfter time.Duration
}
