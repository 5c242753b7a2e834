package forecast

import "math"

// transform is the scale on which a profile and its corrections add up. On the
// level they are additive; on the log they are factors; the root is in between
// and evens out the noise of counts.
type transform int

const (
	level transform = iota
	root
	logarithm
)

// softening keeps the log and the root calm near zero; in units of the
// history's mean.
const (
	logSoftening  = 0.1
	rootSoftening = 0.02
)

func (t transform) forward(y float64) float64 {
	switch t {
	case logarithm:
		return math.Log(y + logSoftening)
	case root:
		return math.Sqrt(y + rootSoftening)
	default:
		return y
	}
}

// back inverts forward; what falls below zero is zero.
func (t transform) back(z float64) float64 {
	switch t {
	case logarithm:
		z = math.Exp(z) - logSoftening
	case root:
		z = max(z, 0)
		z = z*z - rootSoftening
	}
	return max(z, 0)
}
