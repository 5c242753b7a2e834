package forescale

import (
	"fmt"
	"time"
)

// Resources are what one instance takes of its node, and which nodes it may be on.
// Zero amounts are not known: what was measured, or the limits of the template, take
// their place in the plan of nodes.
type Resources struct {
	Cores     float64           `json:"cores,omitempty"`     // of the reference type: cores × speed
	Memory    int64             `json:"memory,omitempty"`    // bytes
	Disk      int64             `json:"disk,omitempty"`      // bytes
	Bandwidth float64           `json:"bandwidth,omitempty"` // Mbit/s
	DiskKind  string            `json:"disk_kind,omitempty"` // "": any
	Labels    map[string]string `json:"labels,omitempty"`    // that its nodes must carry
	Node      string            `json:"node,omitempty"`      // the one node that it may run on; "": any
	Spread    int               `json:"spread,omitempty"`    // nodes that it is spread over at least; 0: two, where that costs nothing
}

// The most that one instance may ask for, and that a node may have.
const (
	MaxCores     = 4096
	MaxBytes     = 1 << 50 // 1 PiB
	MaxBandwidth = 1e9     // Mbit/s
)

// validate hands each fault to bad, with the field's JSON name.
func (r Resources) validate(bad func(field, what, help string)) {
	if !(r.Cores >= 0 && r.Cores <= MaxCores) {
		bad("resources.cores", fmt.Sprintf("cores is %g", r.Cores), fmt.Sprintf("use 0 to %d", MaxCores))
	}
	for _, b := range []struct {
		field string
		v     int64
	}{{"memory", r.Memory}, {"disk", r.Disk}} {
		if b.v < 0 || b.v > MaxBytes {
			bad("resources."+b.field, fmt.Sprintf("%s is %d", b.field, b.v), "use 0 bytes to 1 PiB, such as 512MiB")
		}
	}
	if !(r.Bandwidth >= 0 && r.Bandwidth <= MaxBandwidth) {
		bad("resources.bandwidth", fmt.Sprintf("bandwidth is %g", r.Bandwidth), "use 0 to 1e9 Mbit/s")
	}
	if r.Spread < 0 || r.Spread > MaxInstances {
		bad("resources.spread", fmt.Sprintf("spread is %d", r.Spread), fmt.Sprintf("use 0 to %d nodes", MaxInstances))
	}
}

// InstanceUse is what one instance of a service usually uses on nodes of a type.
type InstanceUse struct {
	Service string    `json:"service"`
	Type    string    `json:"type"` // name of its NodeType
	At      time.Time `json:"at"`   // when it was learned
	Cores   float64   `json:"cores"`
	Memory  int64     `json:"memory"`  // bytes
	Samples int       `json:"samples"` // readings of the processor behind it
}

// Valid returns an error if no planner can count with it.
func (u InstanceUse) Valid() error {
	if !(u.Cores >= 0 && u.Cores <= MaxCores) || u.Memory < 0 || u.Memory > MaxBytes || u.Samples < 0 {
		return fmt.Errorf("%g cores and %d bytes of %d samples are no use of an instance", u.Cores, u.Memory, u.Samples)
	}
	return nil
}
