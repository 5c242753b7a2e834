package forescale

import "time"

// NodeLife is a node that forescale ordered, from before its start command until it
// is gone. Its name is given once and never again, so it is the key under which
// commands are safe to repeat.
type NodeLife struct {
	Node   string        `json:"node"`
	Type   string        `json:"type"`
	State  NodeState     `json:"state"`
	Price  Money         `json:"price_per_hour"` // agreed when it was ordered
	Step   time.Duration `json:"billing_step"`
	Reason Reason        `json:"reason"` // why it was ordered; from the drain on, why it goes

	// Kept: min instances have no other place, so money is kept for it until the
	// month's end, and it is not given up for want of money.
	Kept bool `json:"kept,omitempty"`

	OrderedAt  time.Time `json:"ordered_at"`
	Deadline   time.Time `json:"deadline"`             // its agent must have joined by then
	BootingAt  time.Time `json:"booting_at,omitzero"`  // the start command succeeded
	ReadyAt    time.Time `json:"ready_at,omitzero"`    // its agent joined
	DrainingAt time.Time `json:"draining_at,omitzero"` // it began to be emptied
	StopBy     time.Time `json:"stop_by,omitzero"`     // of a node that money does not pay for: it goes then, empty or not
	StoppingAt time.Time `json:"stopping_at,omitzero"` // from then on it is stopped, whatever comes
	StoppedAt  time.Time `json:"stopped_at,omitzero"`  // the stop command succeeded; it may still be seen
	EndedAt    time.Time `json:"ended_at,omitzero"`

	DrainedBy DrainedBy  `json:"drained_by,omitempty"`
	Failure   string     `json:"failure,omitempty"` // why it was no use
	Last      CommandRun `json:"last,omitzero"`     // the newest command for it
}

// Live reports whether the node may be there, and be paid for.
func (l NodeLife) Live() bool { return l.State != NodeStopped && l.State != NodeFailed }

// DrainedBy is who wanted a node emptied.
type DrainedBy string

// Who.
const (
	DrainedByPlan   DrainedBy = "plan"
	DrainedByPerson DrainedBy = "person"
	DrainedByMoney  DrainedBy = "money"
)

// CommandRun is one run of a command for a node.
type CommandRun struct {
	Kind   string        `json:"kind"` // start, stop or list
	At     time.Time     `json:"at"`
	Took   time.Duration `json:"took"`
	Exit   int           `json:"exit"`             // -1: it did not run, or was ended by a signal
	Output string        `json:"output,omitempty"` // the end of what it printed, both streams
}

// NodeWish is what a person wants of a node, whoever owns it.
type NodeWish struct {
	Node      string    `json:"node"`
	Cordoned  bool      `json:"cordoned"`  // nothing new is placed on it
	Draining  bool      `json:"draining"`  // it is emptied; what forescale ordered is stopped then
	Protected bool      `json:"protected"` // it is not shut down
	By        string    `json:"by,omitempty"`
	At        time.Time `json:"at"`
}

// Empty reports whether nothing is wanted.
func (w NodeWish) Empty() bool { return !w.Cordoned && !w.Draining && !w.Protected }

// CodeNodeOrphan notes a node that is there, as a list command says, and that nobody
// knows. docs/nodes.md tells of the other codes.
const CodeNodeOrphan Code = "node_orphan"

// Limits of the commands of nodes, and of giving nodes back.
const (
	// NodeCommandTime is the longest that one command may take.
	NodeCommandTime = 15 * time.Minute
	// NodeTokenLife is how long the token of a node that was ordered may be used: it may
	// boot for long.
	NodeTokenLife = time.Hour
	// NodeGiveBack is how long a node that money does not pay for may be emptied before
	// it is stopped all the same.
	NodeGiveBack = 10 * time.Minute
)

// nodeAccount begins the names under which nodes are booked.
const nodeAccount = "node_types/"

// NodeAccount is the name under which the nodes of a type are booked. No service has it.
func NodeAccount(nodeType string) string { return nodeAccount + nodeType }

// IsNodeAccount reports whether a name is that of an account of nodes.
func IsNodeAccount(name string) bool {
	return len(name) > len(nodeAccount) && name[:len(nodeAccount)] == nodeAccount
}

// NodeBill is the name of the bill of a node that was ordered. No instance has it.
func NodeBill(node string) string { return "nodes/" + node }

// NodeOffer is how nodes of a type are ordered.
type NodeOffer struct {
	JoinWithin time.Duration // from the order until the agent has joined
	Lists      bool          // what is there can be asked for
}
