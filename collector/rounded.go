package collector

import "math"

// rounded is a percentage that this package measured, in sixteenths: finer than
// any measurement of a busy machine is, and exact in few bits, so that a database
// packs it four times as tightly as one with every digit. What is pushed stays as
// it was given.
func rounded(percent float64) float64 { return math.Round(percent*16) / 16 }
