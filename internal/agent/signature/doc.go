// Package signature signs the requests between a server and its agents, in both
// directions, and finds those that were changed, sent again, or are old. It is a
// subset of RFC 9421 (HTTP Message Signatures) with HMAC-SHA256 and of RFC 9530
// (Digest Fields):
//
//   - one signature a request, labelled "forescale";
//   - it covers exactly [Covered], in that order, without component parameters;
//   - its parameters are created, nonce, keyid, alg="hmac-sha256" and tag, all of
//     them, in that order; tag says which way the request goes;
//   - the body is covered by its Content-Digest, sha-256 alone.
//
// Whatever else the RFCs allow is refused. TLS protects the requests on their way
// already; the signature binds each to its node, cluster, fence and decision, so
// that one that is recorded anywhere has no effect anywhere else, nor a second time.
package signature

import "time"

// The header fields that the signature covers besides what a request has anyway.
const (
	FieldNode     = "Forescale-Node"     // name of the agent's node
	FieldCluster  = "Forescale-Cluster"  // of the authority, see authority.Pin
	FieldFence    = "Forescale-Fence"    // of the leader who asks; 0 where there is one server, and from an agent
	FieldDecision = "Forescale-Decision" // that is carried out; "-" for none
	// FieldTime is the verifier's time in the answer, in milliseconds since 1970:
	// who signs by it is not refused for its own clock.
	FieldTime = "Forescale-Time"
)

// Covered are the components that every signature covers.
var Covered = []string{"@method", "@authority", "@path", "@query", "content-digest",
	"forescale-node", "forescale-cluster", "forescale-fence", "forescale-decision"}

// The tags: which way a request goes. One that is sent back is refused by it.
const (
	ToServer = "forescale-to-server"
	ToAgent  = "forescale-to-agent"
)

// Window is how far a signature's time may be from the verifier's.
const Window = time.Minute
