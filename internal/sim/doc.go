// Package sim is a fake world under the real loop: a Source and a Target whose
// instances start, warm up, saturate, drain and stop, with failures on demand.
// It keeps the truth that no product can know about itself: how long capacity
// was below the need, how much demand was not served, and which promises were
// broken. Beside it are the policies that forescale is compared with, replayed
// on the same load, and the measures of elasticity.
//
// Everything is deterministic for a seed. Randomness is drawn from the seed and
// the name or the minute that it is for, never from a shared stream, so that
// one more start does not change the warm-up of another.
package sim
