package nodes

import (
	"time"

	"github.com/forescale/forescale"
)

// Result is a plan of nodes. All lists are in a fixed order.
type Result struct {
	At     time.Time
	Starts []Start // instances to start now or when their node is ready, by node and service
	Orders []Order // by OrderAt
	Drains []Drain // nodes that begin to be emptied now
	Stops  []Stop  // nodes that are empty and on their way out: switch them off
	Retire []Retire
	Kept   []Kept // nodes that are not needed and stay all the same, with the reason
	Unmet  []Unmet
	Notes  []Note // what is odd in the state, and what was made of it
	Steps  []Step // nodes by type from now on; falls within Options.Payback are not counted on
	Cost   Cost
	// Probes counts how often an instance was held against a node: the work that
	// the plan took, for tests of how it grows.
	Probes int
}

// Start is instances to start on one node.
type Start struct {
	Service string
	Node    string // name of a node, or of an Order
	Count   int
	Moved   int       // of them: take the place of instances that leave another node
	Waits   bool      // what is on its way out of the node has to be gone first
	ReadyBy time.Time // when the node is expected to be ready; zero: it is
}

// Order is one node to order.
type Order struct {
	Name         string // within this plan only: type, '+', number
	Type         string
	OrderAt      time.Time
	NeedAt       time.Time // when its instances are wanted
	ReadyBy      time.Time // OrderAt + lead
	PricePerHour float64
	Holds        []Share
	Replaces     string            // the node whose place it takes, "" if it is for more instances
	Reason       forescale.Reason  // node_needed or node_replaced, with the numbers that tipped it
	Beside       *forescale.Reason // why this type: the next best one; nil when no other holds the same
}

// Due reports whether the order has to go out at now rather than after the next plan.
func (o Order) Due(now time.Time, p Options) bool {
	return o.OrderAt.Before(now.Add(p.withDefaults().Interval))
}

// Share is how many instances of a service.
type Share struct {
	Service string
	Count   int
}

// Drain is a node that begins to be emptied: it gets no new instances from now
// on. What runs on it runs on until as many are ready elsewhere; Result.Retire
// names what may be stopped by then.
type Drain struct {
	Node   string
	Moves  []Move
	Saves  float64 // within Options.Payback, after the cost of the moves
	Reason forescale.Reason
}

// Move is instances that are to start elsewhere before they are stopped here.
type Move struct {
	Service string
	To      string
	Count   int
}

// Stop is a node to switch off.
type Stop struct {
	Node   string
	Reason forescale.Reason
}

// Retire is an instance that may be drained now: as many as are wanted stay ready.
type Retire struct {
	Service, Instance, Node string
	Reason                  forescale.Reason
}

// Kept is a node that is not needed and stays.
type Kept struct {
	Node   string
	Reason forescale.Reason
}

// Unmet is instances that have no place.
type Unmet struct {
	Service string
	Count   int
	At      time.Time // from when on
	Reason  forescale.Reason
}

// Note is what a person should know of one thing in the state.
type Note struct {
	Subject string // nodes/NAME, node_types/NAME, services/NAME
	Reason  forescale.Reason
}

// Step is the nodes from a time on until the next step.
type Step struct {
	At      time.Time
	Nodes   []TypeCount // by type; nodes without one under ""
	PerHour float64
}

// TypeCount is how many nodes of a type.
type TypeCount struct {
	Type  string
	Count int
}

// Cost is what nodes cost an hour, in the currency of the prices.
type Cost struct {
	Now     float64 // of what is there or ordered before this plan
	Planned float64 // when what is due now is carried out
	Peak    float64 // the dearest step ahead
}
