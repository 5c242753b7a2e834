package forescale

import (
	"fmt"
	"math"
	"sort"
	"time"
)

// Capacity is the load that one instance of a service counts as serving at 100 %,
// from a time on until that of the service's next one. Demand by load is the load
// divided by the capacity of its minute.
type Capacity struct {
	Service  string           `json:"service"`
	From     time.Time        `json:"from"`
	At       time.Time        `json:"at"`       // when it was looked at last
	Value    float64          `json:"value"`    // in units of load
	Declared float64          `json:"declared"` // the service's own word at At
	Learned  CapacityEstimate `json:"learned"`  // at At; Value follows it in steps, and leans on the declared one
}

// Valid reports an error when nothing can be divided by the capacity: what came from
// a store is not trusted.
func (c Capacity) Valid() error {
	if !(c.Value > 0) || math.IsInf(c.Value, 1) {
		return fmt.Errorf("the capacity is %g", c.Value)
	}
	return nil
}

// CapacityEstimate is what load and utilization tell of a capacity.
type CapacityEstimate struct {
	Value   float64       `json:"value"` // load at which an instance is at 100 %; 0: nothing could be learned
	Low     float64       `json:"low"`   // the capacity lies between Low and High in 9 of 10 cases
	High    float64       `json:"high"`
	Spread  float64       `json:"spread"`  // standard deviation of its logarithm
	Idle    float64       `json:"idle"`    // utilization without load, in %
	Reach   float64       `json:"reach"`   // utilization that was seen, in %: 95 of 100 minutes were below
	Minutes int           `json:"minutes"` // learned from
	Since   time.Time     `json:"since"`   // the first of them; what was before is another cost, or too old
	Doubt   CapacityDoubt `json:"doubt"`   // why nothing could be learned, or not all of it is believed
}

// CapacityDoubt is why a capacity is not what was learned.
type CapacityDoubt string

// The doubts.
const (
	CapacityCertain         CapacityDoubt = ""
	CapacityTooLittle       CapacityDoubt = "too_little"       // fewer than two hours with load and utilization
	CapacitySaturated       CapacityDoubt = "saturated"        // the instances are at 95 % or more nearly all the time
	CapacityLoadFlat        CapacityDoubt = "load_flat"        // load hardly varies: what it costs and what idling costs look the same
	CapacityUtilizationFlat CapacityDoubt = "utilization_flat" // utilization does not follow load
	CapacityFarOff          CapacityDoubt = "far_off"          // more than four times more or less than declared: the limit counts
)

// Capacities are those of one service, by From.
type Capacities []Capacity

// At is the capacity at t: before the first it is the first one's. With none it is
// the declared one.
func (cs Capacities) At(t time.Time, declared float64) float64 {
	if len(cs) == 0 {
		return declared
	}
	i := sort.Search(len(cs), func(i int) bool { return cs[i].From.After(t) })
	return cs[max(0, i-1)].Value
}

// Factor turns demand by load that was worked out at t into that of now.
func (cs Capacities) Factor(t, now time.Time) float64 {
	if len(cs) < 2 {
		return 1
	}
	return cs.At(t, 1) / cs.At(now, 1)
}
