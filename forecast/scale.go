package forecast

import "math"

// Profiles and their corrections add up on the scale of the square root: in
// between an additive and a multiplicative pattern, and it evens out the noise of
// counts, whose variance grows with their mean. In back-tests over many kinds of
// load it lost to the log nowhere by much, and the log's upper quantiles explode
// on spiky series.

// softening keeps the root calm near zero, in units of the history's median.
const softening = 0.02

// toRoot takes a value, in units of the history's median, to the root scale.
func toRoot(y float64) float64 { return math.Sqrt(y + softening) }

// fromRoot inverts toRoot; what falls below zero is zero.
func fromRoot(z float64) float64 {
	z = max(z, 0)
	return max(z*z-softening, 0)
}

// transform is the scale that a regression adds up on.
type transform int

const (
	onLevel transform = iota
	onRoot
	onLog
)

// String implements [fmt.Stringer].
func (f transform) String() string { return [...]string{"level", "root", "log"}[f] }

// to takes a value, in units of the history's median, to the scale.
func (f transform) to(y float64) float64 {
	switch f {
	case onRoot:
		return toRoot(y)
	case onLog:
		return math.Log(y + softening)
	}
	return y
}

// from inverts to; it may give less than zero.
func (f transform) from(z float64) float64 {
	switch f {
	case onRoot:
		return fromRoot(z)
	case onLog:
		return math.Exp(z) - softening
	}
	return z
}
