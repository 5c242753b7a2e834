package agent

import (
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/agent/wire"
)

// kept is how much the buffer holds.
const kept = time.Hour

// buffer holds what was measured and is not delivered, at most an hour of it. Its
// times are of the steady clock: a wall clock that jumps does not move them.
type buffer struct {
	waiting []measured // oldest first
}

// measured is one reading of the node.
type measured struct {
	at      time.Duration
	samples []forescale.Sample
}

// add takes a reading, and lets go of what is older than an hour.
func (b *buffer) add(o forescale.Observation, now time.Duration) {
	if len(o.Samples) > 0 {
		b.waiting = append(b.waiting, measured{now, o.Samples})
	}
	old := 0
	for old < len(b.waiting) && now-b.waiting[old].at > kept {
		old++
	}
	b.drop(old)
}

// oldest are the samples of the first readings, as many as one beat takes, with
// the server's time of when they were measured; serverNow is that of now.
func (b *buffer) oldest(serverNow time.Time, now time.Duration) (samples []wire.Sample, readings int) {
	for _, m := range b.waiting {
		if len(samples)+len(m.samples) > wire.MaxSamples {
			break
		}
		at := serverNow.Add(m.at - now).Truncate(time.Millisecond)
		for _, s := range m.samples {
			samples = append(samples, wire.Sample{Metric: s.Metric, Time: at, Value: s.Value})
		}
		readings++
	}
	return samples, readings
}

// drop forgets the first readings.
func (b *buffer) drop(readings int) {
	if readings > 0 {
		b.waiting = append(b.waiting[:0:0], b.waiting[readings:]...)
	}
}
