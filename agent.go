package forescale

import (
	"fmt"
	"regexp"
	"time"
)

// JoinToken lets the agent of one node join once. Its secret is shown when it is
// made; kept is its hash.
type JoinToken struct {
	ID        string    `json:"id"`
	Node      string    `json:"node"`            // that may join, and no other
	Order     string    `json:"order,omitempty"` // of the node; "" for one that nobody ordered
	Hash      []byte    `json:"-"`               // SHA-256 of the secret, which is 256 random bits
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
	UsedAt    time.Time `json:"used_at,omitzero"`
}

// JoinTokenLife is how long a join token may be used.
const JoinTokenLife = 15 * time.Minute

// AgentAway is after how long without a word from it an agent counts as silent: three beats.
const AgentAway = 30 * time.Second

// Agent is the process on a node that reports and acts for the server. There is
// one of a node.
type Agent struct {
	Node     string            `json:"node"`
	Type     string            `json:"type,omitempty"` // name of the node's NodeType
	Address  string            `json:"address,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"`
	Cores    float64           `json:"cores"`
	Memory   int64             `json:"memory"`              // bytes
	DiskKind string            `json:"disk_kind,omitempty"` // ssd or hdd; "" is not known
	Order    string            `json:"order,omitempty"`     // of the token that it joined by

	Serial    string    `json:"serial"`             // of its certificate
	Previous  string    `json:"previous,omitempty"` // of the one before: the answer to a renewal may have been lost
	JoinedAt  time.Time `json:"joined_at"`
	ExpiresAt time.Time `json:"expires_at"` // of its certificate
}

// Shows reports whether the agent has a certificate of this serial number.
func (a Agent) Shows(serial string) bool {
	return serial != "" && (serial == a.Serial || serial == a.Previous)
}

// The most that an agent may tell of its node: it could lie, and what it tells is
// kept and shown.
const (
	maxLabels = 64
	maxLabel  = 200     // bytes of a name or a value
	maxMemory = 1 << 46 // bytes
)

var labelName = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9._/-]*[a-zA-Z0-9])?$`)

// Validate gathers every fault of what an agent tells of its node. The error is
// nil or a [Faults].
func (a Agent) Validate() error {
	var fs Faults
	bad := func(where, help, what string, args ...any) {
		fs = append(fs, &Fault{Code: "agent_invalid", Where: where, What: fmt.Sprintf(what, args...), Help: help})
	}
	if !ValidName(a.Node) {
		bad("node", "use up to 42 lower-case letters, digits and inner hyphens", "%q is not a node name", a.Node)
	}
	if a.Type != "" && !ValidName(a.Type) {
		bad("type", "use the name of a node type", "%q is not the name of a node type", a.Type)
	}
	if len(a.Address) > maxLabel || !plain(a.Address) {
		bad("address", "use a host name or an IP address", "%.50q is not an address", a.Address)
	}
	if len(a.Labels) > maxLabels {
		bad("labels", fmt.Sprintf("use at most %d", maxLabels), "the node has %d labels", len(a.Labels))
	}
	for name, value := range a.Labels {
		if len(name) > maxLabel || !labelName.MatchString(name) || len(value) > maxLabel || !plain(value) {
			bad("labels", "use letters, digits, '.', '_', '/' and '-' in names, and no line breaks in values", "the label %.50q=%.50q is not usable", name, value)
		}
	}
	if !(a.Cores > 0 && a.Cores <= MaxCores) {
		bad("cores", fmt.Sprintf("a node has up to %d", MaxCores), "the node has %g cores", a.Cores)
	}
	if a.Memory <= 0 || a.Memory > maxMemory {
		bad("memory", fmt.Sprintf("a node has up to %d", int64(maxMemory)), "the node has %d bytes of memory", a.Memory)
	}
	switch a.DiskKind {
	case "", "ssd", "hdd":
	default:
		bad("disk_kind", "use ssd or hdd, or leave it out", "%.50q is not a kind of disk", a.DiskKind)
	}
	return fs.OrNil()
}

// plain reports whether a text is of printable ASCII alone.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
