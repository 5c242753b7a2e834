package forescale

import "time"

// NodePlan is what is wanted of the machines from now on. Where it is acting, orders that
// are due go out, of node types that have commands, and ordered nodes are emptied and
// stopped; else it is shown alone.
type NodePlan struct {
	MadeAt  time.Time    `json:"made_at"`
	Acting  bool         `json:"acting,omitempty"`
	Horizon time.Time    `json:"horizon"` // how far it reaches
	Orders  []NodeOrder  `json:"orders"`  // by OrderAt
	Starts  []NodeStart  `json:"starts"`  // where what is missing now goes, by node and service
	Drains  []NodeDrain  `json:"drains"`  // nodes that begin to be emptied now
	Stops   []NodeReason `json:"stops"`   // nodes that are empty and may be switched off
	Kept    []NodeReason `json:"kept"`    // nodes that are not needed and stay all the same
	Unmet   []NodeUnmet  `json:"unmet"`   // instances that have no place, by time
	Notes   []NodeNote   `json:"notes"`
	Steps   []NodeStep   `json:"steps"` // nodes by type from now on
	Cost    NodeCost     `json:"cost"`
}

// NodeOrder is one node to order.
type NodeOrder struct {
	Name         string      `json:"name"` // of the node if the order goes out, else within this plan only
	Type         string      `json:"type"`
	OrderAt      time.Time   `json:"order_at"`
	NeedAt       time.Time   `json:"need_at"`  // when its first instance is to be started
	ReadyBy      time.Time   `json:"ready_by"` // OrderAt and the lead time of its type
	Due          bool        `json:"due"`      // it has to go out before the next plan
	PricePerHour float64     `json:"price_per_hour"`
	Holds        []NodeShare `json:"holds"`
	Replaces     string      `json:"replaces,omitempty"` // the node whose place it takes
	Reason       Reason      `json:"reason"`
	Beside       *Reason     `json:"beside,omitempty"` // the next best type, and what it would cost
}

// NodeShare is how many instances of a service.
type NodeShare struct {
	Service string `json:"service"`
	Count   int    `json:"count"`
}

// NodeStart is instances to start on one node.
type NodeStart struct {
	Service string    `json:"service"`
	Node    string    `json:"node"` // of a node, or of an order
	Count   int       `json:"count"`
	ReadyBy time.Time `json:"ready_by,omitzero"` // when the node is expected to be ready; zero: it is
}

// NodeDrain is a node that begins to be emptied.
type NodeDrain struct {
	Node   string     `json:"node"`
	Moves  []NodeMove `json:"moves"`
	Saves  float64    `json:"saves"` // within the payback time, after the cost of the moves
	Reason Reason     `json:"reason"`
}

// NodeMove is instances that start elsewhere before they are stopped.
type NodeMove struct {
	Service string `json:"service"`
	To      string `json:"to"`
	Count   int    `json:"count"`
}

// NodeReason is a node, and why what is said of it is so.
type NodeReason struct {
	Node   string `json:"node"`
	Reason Reason `json:"reason"`
}

// NodeUnmet is instances that have no place.
type NodeUnmet struct {
	Service string    `json:"service"`
	Count   int       `json:"count"` // all of the service that have none then
	At      time.Time `json:"at"`    // from when on
	Reason  Reason    `json:"reason"`
}

// NodeNote is what a person should know of a node, a type or a service.
type NodeNote struct {
	Subject string `json:"subject"` // nodes/NAME, node_types/NAME, services/NAME
	Reason  Reason `json:"reason"`
}

// NodeStep is the nodes from a time on until the next step.
type NodeStep struct {
	At      time.Time   `json:"at"`
	Nodes   []NodeCount `json:"nodes"` // nodes without a type under ""
	PerHour float64     `json:"per_hour"`
}

// NodeCount is how many nodes of a type.
type NodeCount struct {
	Type  string `json:"type"`
	Count int    `json:"count"`
}

// NodeCost is what nodes cost an hour, in the currency of the prices.
type NodeCost struct {
	Now     float64 `json:"now"`     // of what is there or ordered
	Planned float64 `json:"planned"` // when what is due now is carried out
	Peak    float64 `json:"peak"`    // the dearest step ahead
	// Least is what nodes for all that is wanted now would cost at least, were all of
	// them ordered anew and divisible.
	Least float64 `json:"least"`
}

// NodesPlanned is how many nodes the plan has now, orders that are due among them.
func (p *NodePlan) NodesPlanned() (n int) {
	if len(p.Steps) > 0 {
		for _, c := range p.Steps[0].Nodes {
			n += c.Count
		}
	}
	return n
}

// UnmetNow is how many instances have no place at a time.
func (p *NodePlan) UnmetNow(t time.Time) (n int) {
	last := map[string]int{} // of each service the newest step holds
	for _, u := range p.Unmet {
		if !u.At.After(t) {
			n += u.Count - last[u.Service]
			last[u.Service] = u.Count
		}
	}
	return n
}
