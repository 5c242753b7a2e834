package nodes

import "github.com/forescale/forescale"

// The codes of nodes. They are stable; docs/nodes.md tells what each means.
const (
	CodeNeeded   forescale.Code = "node_needed"   // ordered: the instances fit on no node that is there
	CodeReplaced forescale.Code = "node_replaced" // ordered, or emptied: a cheaper node takes over
	CodeIdle     forescale.Code = "node_idle"     // emptied or stopped: nothing runs on it, or all fits elsewhere

	CodeProtected forescale.Code = "node_protected" // kept: it must not be shut down
	CodeStatic    forescale.Code = "node_static"    // kept: its owner's, not ours to stop
	CodeNamed     forescale.Code = "node_named"     // kept: a service may run there only
	CodeLast      forescale.Code = "node_last"      // kept: the last that fulfils what a service asks for, and no type does
	CodeForeign   forescale.Code = "node_foreign"   // kept: something runs there that the plan knows nothing of
	CodePaid      forescale.Code = "node_paid"      // kept: paid for until then
	CodeSettling  forescale.Code = "node_settling"  // kept: younger than the payback time
	CodeDisrupts  forescale.Code = "node_disrupts"  // kept: moving its instances costs more than it saves
	CodeRadius    forescale.Code = "node_radius"    // kept: as many as may be on their way out are

	CodeOverdue  forescale.Code = "node_overdue"  // noted: not ready by its deadline, nobody counts on it
	CodeOverfull forescale.Code = "node_overfull" // noted, retired: what runs there needs more than it has
	CodeMisfit   forescale.Code = "node_misfit"   // retired: the node is not what the service asks for
	CodeSurplus  forescale.Code = "surplus"       // retired: more run than are wanted
	CodeInvalid  forescale.Code = "invalid"       // noted: numbers that make no sense, left out

	CodeMaxBound                   = forescale.CodeMaxBound // unmet: as many nodes as are allowed are there
	CodeTooBig      forescale.Code = "instance_too_big"     // unmet: an instance needs more than any node or type has
	CodeUnknownNode forescale.Code = "node_unknown"         // unmet: there is no node of that name
	CodeNodeFull    forescale.Code = "node_full"            // unmet: the named node has no room left
	CodeNoMatch     forescale.Code = "node_no_match"        // unmet: no node or type has the labels and the disk
	CodeNoTypes     forescale.Code = "node_types_none"      // unmet: the nodes are full and nothing can be ordered
	CodeSpread      forescale.Code = "spread_short"         // noted: on fewer nodes than it should be
)
