package loop

import (
	"time"

	"github.com/forescale/forescale"
)

const (
	// beat is how often an agent gives a sign of life.
	beat = forescale.AgentAway / 3
	// leastSilence is what [forescale.AgentAway] is at least by the machine's clock, where
	// the loop's runs fast: a busy machine is no dead node.
	leastSilence = 3 * time.Second
)

// silences are the nodes that missed a sign of life, and when a round found that first: a
// reading of the steady clock. A server that was held up itself finds all nodes silent for
// long at once; that they are counts only if it had time to hear of them since.
type silences struct{ since map[string]time.Duration }

// note takes in what a round read.
func (s *silences) note(parts map[string]forescale.Part, steady time.Duration) {
	before := s.since
	s.since = map[string]time.Duration{}
	for node, p := range parts {
		if p.Whole || p.Silent <= beat {
			continue
		}
		s.since[node] = steady
		if at, known := before[node]; known {
			s.since[node] = at
		}
	}
}

// lasts reports whether a node was found silent for as long as a sign of life takes.
func (s *silences) lasts(node string, steady time.Duration) bool {
	at, silent := s.since[node]
	return silent && steady-at >= beat
}

// gone are the nodes whose instances count as lost, each with the time that nothing was
// heard of it for: lost, if it is one of few, else [nodeSilent], since it may be the
// server that is cut off. own tells that the server's own engine was read.
func (s *silences) gone(parts map[string]forescale.Part, own bool, lost, steady time.Duration) map[string]time.Duration {
	heard, others := 0, len(parts)-1
	for _, p := range parts {
		if p.Whole {
			heard++
		}
	}
	if own {
		heard, others = heard+1, others+1
	}
	gone := map[string]time.Duration{}
	for node, p := range parts {
		switch {
		case p.Whole:
		case p.Silent >= nodeSilent:
			gone[node] = nodeSilent
		case p.Silent >= lost && 2*heard > others && s.lasts(node, steady):
			gone[node] = lost
		}
	}
	return gone
}

// lostAfter is how long nothing may be heard of a node until its instances count as lost,
// by a clock.
func lostAfter(c forescale.Clock) time.Duration {
	fast, ok := c.(forescale.FastClock)
	if !ok {
		return forescale.AgentAway
	}
	slow := float64(leastSilence) / float64(fast.Real(forescale.AgentAway))
	return min(nodeSilent, time.Duration(max(1, slow)*float64(forescale.AgentAway)))
}
