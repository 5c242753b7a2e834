package sim

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"time"
)

// draw is a random source of its own for one thing: the same seed, kind and key
// always give the same values.
func draw(seed uint64, kind string, key uint64) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(kind))
	return rand.New(rand.NewPCG(seed^h.Sum64(), key*0x9e3779b97f4a7c15+1))
}

// hash makes a key of a name.
func hash(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()
}

// normal is one standard normal value for the key.
func normal(seed uint64, kind string, key int64) float64 {
	return draw(seed, kind, uint64(key)).NormFloat64()
}

// Spread is a distribution of durations: log-normal around its median, never
// longer than four times it. Start-ups look like this: seldom much faster,
// sometimes much slower.
type Spread struct {
	Median time.Duration
	Sigma  float64 // standard deviation of the logarithm; 0: always the median
}

// Draw is the duration for name.
func (s Spread) Draw(seed uint64, name string) time.Duration {
	f := math.Exp(s.Sigma * draw(seed, "spread", hash(name)).NormFloat64())
	return time.Duration(float64(s.Median) * min(f, 4)).Round(time.Millisecond)
}
