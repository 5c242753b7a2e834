package forescale

import (
	"maps"
	"strings"
	"time"
)

// InstanceState is where an instance is in its life:
//
//	starting → ready → draining → stopped
//	    └────────┴────────┴──────→ failed
type InstanceState string

// The states.
const (
	InstanceStarting InstanceState = "starting" // ordered or running, not ready yet; counts as supply until its deadline
	InstanceReady    InstanceState = "ready"    // takes load
	InstanceDraining InstanceState = "draining" // out of the registry, cooling down
	InstanceStopped  InstanceState = "stopped"  // stopped and removed by us, or gone
	InstanceFailed   InstanceState = "failed"   // did not start, died, or vanished
)

// FailureLost is how Instance.Failure begins where nothing is known of the node. The
// instance may run on; it is taken back when its node is heard of again.
const FailureLost = "lost"

// What Instance.Failure says where somebody else ended an instance.
const (
	FailureVanished = "vanished: somebody else removed it"
	ExitAsked       = "asked to end"     // the end of the text: its process was told to
	ExitRemoved     = "is being removed" // the same: its container is
)

// Live reports whether the instance may still exist in the world.
func (s InstanceState) Live() bool {
	return s == InstanceStarting || s == InstanceReady || s == InstanceDraining
}

// Instance is one running copy of a service on a node. Its ID is its name in
// the engine; the ID of one that forescale starts carries the decision, so that
// the engine itself refuses to make it twice.
type Instance struct {
	ID       string        `json:"id"`
	Service  string        `json:"service"`
	Node     string        `json:"node"`
	State    InstanceState `json:"state"`
	Origin   Origin        `json:"origin"`             // started, adopted or pushed
	Address  string        `json:"address"`            // host:port, "" while not known
	Decision string        `json:"decision,omitempty"` // the one that ordered it
	StopBy   string        `json:"stop_by,omitempty"`  // the decision that drained it

	OrderedAt  time.Time `json:"ordered_at"`           // decision recorded, or first seen
	StartedAt  time.Time `json:"started_at,omitzero"`  // the engine started it
	ReadyAt    time.Time `json:"ready_at,omitzero"`    // first seen ready
	DrainingAt time.Time `json:"draining_at,omitzero"` // taken out of the registry
	StoppedAt  time.Time `json:"stopped_at,omitzero"`  // stopped, failed or gone
	Deadline   time.Time `json:"deadline,omitzero"`    // until when starting counts as supply
	LastSeen   time.Time `json:"last_seen,omitzero"`   // in the world, or by its samples
	Failure    string    `json:"failure,omitempty"`    // why it failed

	// UnreadySince is since when a ready instance takes no load, as its readiness probe
	// or health check fails; zero: it takes load.
	UnreadySince time.Time `json:"unready_since,omitzero"`
	// Revision is that of the template that it was made from; "" where there are no roll-outs.
	Revision string `json:"revision,omitempty"`
}

// EndedByOthers reports whether somebody else removed the instance, or told its process
// to end. A process that fails by itself is no sign of anybody.
func (i Instance) EndedByOthers() bool {
	by := i.Failure == FailureVanished || strings.HasSuffix(i.Failure, ExitAsked) || strings.HasSuffix(i.Failure, ExitRemoved)
	return by && i.StopBy == ""
}

// ReadyDuring reports whether the instance was ready at t.
func (i Instance) ReadyDuring(t time.Time) bool {
	if i.ReadyAt.IsZero() || t.Before(i.ReadyAt) {
		return false
	}
	if !i.UnreadySince.IsZero() && !t.Before(i.UnreadySince) {
		return false
	}
	return (i.DrainingAt.IsZero() || t.Before(i.DrainingAt)) && (i.StoppedAt.IsZero() || t.Before(i.StoppedAt))
}

// Supply reports whether the instance counts as supply for planning at now:
// ready and taking load, or starting and not past its deadline.
func (i Instance) Supply(now time.Time) bool {
	switch i.State {
	case InstanceReady:
		return i.UnreadySince.IsZero()
	case InstanceStarting:
		return i.Deadline.IsZero() || now.Before(i.Deadline)
	default:
		return false
	}
}

// Warmup is one measured start, from the engine's start until ready; or one
// measured cool-down, from the drain until it is gone.
type Warmup struct {
	Service  string        `json:"service"`
	Instance string        `json:"instance"`
	Node     string        `json:"node"`
	Image    string        `json:"image,omitempty"`
	At       time.Time     `json:"at"` // when the start or the drain began
	Duration time.Duration `json:"duration"`
	AtOnce   int           `json:"at_once"`  // of the service under way at the same time, this one included
	NodeCPU  float64       `json:"node_cpu"` // how busy the node was when it began, in %; 0: not known
}

// Boot is one measured start of a node, from its order until it is ready.
type Boot struct {
	Node     string        `json:"node"`
	Type     string        `json:"type"` // name of its NodeType
	At       time.Time     `json:"at"`   // when it was ordered
	Duration time.Duration `json:"duration"`
	AtOnce   int           `json:"at_once"` // boots under way at the same time, of any type, this one included
	Running  int           `json:"running"` // nodes of the type that ran when it began
}

// NodeState is where a node is in its life.
type NodeState string

// The states.
const (
	NodeOrdered  NodeState = "ordered" // its start command has not succeeded yet
	NodeBooting  NodeState = "booting"
	NodeReady    NodeState = "ready"
	NodeDraining NodeState = "draining"
	NodeStopping NodeState = "stopping" // its stop command goes out until it is gone
	NodeStopped  NodeState = "stopped"
	NodeFailed   NodeState = "failed" // gone without having been of use, or by itself
)

// Node is a machine.
type Node struct {
	Name      string    `json:"name"`
	Type      string    `json:"type,omitempty"` // name of its NodeType
	Address   string    `json:"address,omitempty"`
	State     NodeState `json:"state"`
	Protected bool      `json:"protected"` // must not be shut down
	Cores     float64   `json:"cores"`
	Memory    int64     `json:"memory"` // bytes
	UpdatedAt time.Time `json:"updated_at"`

	// Managed: forescale may empty and stop it. Without it it is its owner's.
	Managed bool              `json:"managed,omitempty"`
	Labels  map[string]string `json:"labels,omitempty"` // beside those of its type
	Origin  Origin            `json:"origin,omitempty"` // config; "": seen, or ordered
}

// Seen is the node as a config has it, with what was seen of it: that it is there, and
// its sizes.
func (n Node) Seen(s Node) Node {
	if s.State != "" {
		n.State = s.State
	}
	if s.Cores > 0 {
		n.Cores = s.Cores
	}
	if s.Memory > 0 {
		n.Memory = s.Memory
	}
	return n
}

// Same reports whether both tell the same but for when.
func (n Node) Same(m Node) bool {
	return n.Name == m.Name && n.Type == m.Type && n.Address == m.Address && n.State == m.State && n.Protected == m.Protected &&
		n.Cores == m.Cores && n.Memory == m.Memory && n.Managed == m.Managed && n.Origin == m.Origin && maps.Equal(n.Labels, m.Labels)
}

// NodeType is what can be ordered.
type NodeType struct {
	Name         string        `json:"name"`
	Cores        float64       `json:"cores"`
	Speed        float64       `json:"speed"`  // of a core, relative to the reference type
	Memory       int64         `json:"memory"` // bytes
	Disk         int64         `json:"disk"`   // bytes
	DiskKind     string        `json:"disk_kind,omitempty"`
	Bandwidth    float64       `json:"bandwidth"`      // Mbit/s
	PricePerHour float64       `json:"price_per_hour"` // in the budget's currency
	BillingStep  time.Duration `json:"billing_step"`
	BootTime     time.Duration `json:"boot_time"`
	MaxCount     int           `json:"max_count"`
	UpdatedAt    time.Time     `json:"updated_at"`

	Labels map[string]string `json:"labels,omitempty"` // that each node of it carries
}

// Observation is what one read of the world gave, all at one instant. A part
// that could not be read is named in Failed, and what is absent from that part
// is unknown, not gone.
type Observation struct {
	Time      time.Time
	Services  []Service  // registered by labels
	Instances []Sighting // every instance of ours in the world
	Nodes     []Node
	Samples   []Sample
	Complete  bool              // the list of instances is whole: absence means gone
	Partial   bool              // there is a list of instances that could not be read whole
	Failed    map[string]string // source → why it could not be read
	// Parts are the nodes that are read apart, by their names; nil: nobody reads nodes
	// apart. Complete and Partial speak of all else.
	Parts map[string]Part
}

// Part is how much of one node was read.
type Part struct {
	Whole  bool          // the list of its instances is whole: absence means gone
	Acts   bool          // instances can be started and stopped there
	Silent time.Duration // where nobody answers: for how long
}

// Sighting is an instance as the engine shows it.
type Sighting struct {
	ID        string // name in the engine
	Service   string
	Node      string
	Image     string
	Alias     string    // other name, by which it may push samples
	Revision  string    // of its template, from its label; "" when there is none
	Decision  string    // from its label; "" when forescale did not make it
	Running   bool      // the engine says its process runs
	Ready     bool      // health check or probe passed
	Unasked   bool      // the probe has not told yet whether it is ready
	Unhealthy string    // the start-up or liveness probe failed for good: why, in words
	Alive     bool      // the liveness probe watches it: not being ready alone does not end it
	Kept      bool      // the engine itself replaces it when it is unwell
	Exit      string    // when not running: why, in words
	Address   string    // host:port
	StartedAt time.Time // when the engine started it; zero before
	ReadyAt   time.Time // when the engine or the probe first found it ready, if known
}
