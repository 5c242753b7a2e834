package datasets

import (
	"hash/fnv"
	"math/rand/v2"
)

// Draw is a random source of its own for one thing: the same seed, kind and key
// always give the same values.
func Draw(seed uint64, kind string, key uint64) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(kind))
	return rand.New(rand.NewPCG(seed^h.Sum64(), key*0x9e3779b97f4a7c15+1))
}

// normal is one standard normal value for the key.
func normal(seed uint64, kind string, key int64) float64 {
	return Draw(seed, kind, uint64(key)).NormFloat64()
}
