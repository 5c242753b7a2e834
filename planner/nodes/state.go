package nodes

import (
	"time"

	"github.com/forescale/forescale"
)

// State is everything that a plan of nodes is made from. Decide reads it and
// changes nothing in it. The order of its lists means nothing.
type State struct {
	Types    []Type    // what can be ordered, and what present nodes are
	Nodes    []Node    // what is there or on its way; stopped ones are ignored
	Services []Service // what is to run
}

// Type is a node type with what is known of it.
type Type struct {
	forescale.NodeType // MaxCount 0: none can be ordered, it only describes nodes
	// Lead is how long before the need a node has to be ordered: the quantile of
	// boot, image pull and warm-up together. Zero: the declared boot time.
	Lead time.Duration
}

func (t Type) lead() time.Duration {
	if t.Lead > 0 {
		return t.Lead
	}
	return max(0, t.BootTime)
}

// Node is a machine that is there, or on its way. What it can hold is that of its
// type; a node without a type has its own Cores and Memory, at the speed of the
// reference type, and neither disk nor bandwidth to count on.
type Node struct {
	forescale.Node
	Cordoned  bool      // nothing new is placed on it; what runs there stays
	Static    bool      // its owner's: never ordered or stopped by us
	OrderedAt time.Time // billing steps count from here; zero: not known
	ReadyBy   time.Time // of a booting node: when it is expected to be ready
	Deadline  time.Time // of a booting node: from then on nobody counts on it; zero: never
	Runs      []Running // what is on it
}

// Running is an instance on a node.
type Running struct {
	ID      string
	Service string
	State   forescale.InstanceState // starting and ready are supply; draining still takes its room
}

// Need is what one instance takes of its node.
type Need struct {
	Cores     float64 // of the reference type: cores × speed
	Memory    int64   // bytes
	Disk      int64   // bytes
	Bandwidth float64 // Mbit/s
}

// Service is a workload with the instances that it wants.
type Service struct {
	Name     string
	Priority int // when not all fit, higher ones are placed first
	Need     Need
	// Learned is the usual use of an instance by node type (P95); there its Cores
	// are those of that type, as measured. It takes the place of Need on such
	// nodes. On types without measurements Need holds.
	Learned  map[string]Need
	DiskKind string            // "": any
	Labels   map[string]string // that its nodes must carry
	Node     string            // the one node that it may run on; "": any
	// Spread is how many nodes it must be spread over at least, once it has as many
	// instances; more nodes are ordered for it. At 0 two are tried for, and
	// nothing is ordered for it.
	Spread int
	Min    int // instances that must always fit: for Check alone
	Wanted []Want
}

// Want is a step of how many instances are wanted to be ready. Before the first
// one holds what the first one says.
type Want struct {
	At    time.Time
	Count int
}

// Options are the settings of planning nodes. A field that is zero takes its default.
type Options struct {
	// Interval is the time between two plans. What has to be ordered before the
	// next one is ordered now. Default 30 s.
	Interval time.Duration
	// Horizon is how far ahead nodes are planned, Step how finely. Defaults 4 h,
	// 15 min.
	Horizon, Step time.Duration
	// Payback is the time within which emptying a node must have earned more than
	// its moves cost; a node is emptied only if it is not needed for as long, and
	// not when it is younger. Default 1 h.
	Payback time.Duration
	// MoveCost is what moving one instance costs, in the currency of the prices.
	// Default 0.01; negative: nothing.
	MoveCost float64
	// StopAhead is how long before the end of a paid billing step a node begins to
	// be emptied: earlier saves nothing. Default 10 min.
	StopAhead time.Duration
	// DrainShare is the share of the nodes, and always one, that may be on their
	// way out at once. Default 0.1.
	DrainShare float64
	// MaxNodes bounds the nodes that one plan knows. Default 10,000.
	MaxNodes int
}

// DefaultOptions are the options with every default filled in.
func DefaultOptions() Options { return Options{}.withDefaults() }

func (o Options) withDefaults() Options {
	for _, f := range []struct {
		d *time.Duration
		v time.Duration
	}{
		{&o.Interval, 30 * time.Second}, {&o.Horizon, 4 * time.Hour}, {&o.Step, 15 * time.Minute},
		{&o.Payback, time.Hour}, {&o.StopAhead, 10 * time.Minute},
	} {
		if *f.d <= 0 {
			*f.d = f.v
		}
	}
	o.Horizon = min(o.Horizon, 1000*o.Step)
	switch {
	case o.MoveCost == 0:
		o.MoveCost = 0.01
	case !(o.MoveCost > 0):
		o.MoveCost = 0
	}
	if !(o.DrainShare > 0) {
		o.DrainShare = 0.1
	}
	if o.MaxNodes <= 0 {
		o.MaxNodes = 10_000
	}
	return o
}
