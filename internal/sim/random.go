package sim

import (
	"hash/fnv"
	"math"
	"time"

	"github.com/forescale/forescale/datasets"
)

// hash makes a key of a name.
func hash(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()
}

// Spread is a distribution of durations: log-normal around its median, never
// longer than four times it. Start-ups look like this: seldom much faster,
// sometimes much slower. Or it is what was measured.
type Spread struct {
	Median   time.Duration
	Sigma    float64         // standard deviation of the logarithm; 0: always the median
	Measured []time.Duration // if there are any, one of these is drawn, each as likely as the others
}

// Draw is the duration for name.
func (s Spread) Draw(seed uint64, name string) time.Duration {
	if n := len(s.Measured); n > 0 {
		return s.Measured[datasets.Draw(seed, "measured", hash(name)).IntN(n)]
	}
	f := math.Exp(s.Sigma * datasets.Draw(seed, "spread", hash(name)).NormFloat64())
	return time.Duration(float64(s.Median) * min(f, 4)).Round(time.Millisecond)
}
