// Package memory is a store that forgets everything when it is closed: for
// simulations, which ask it again and again and need nothing afterwards. It passes
// the same suite as the others, but for what is about closing and opening.
//
// It is maps and sorted slices under one lock. What comes in is copied and brought
// into the form in which other stores give it back: times in UTC to the
// millisecond, forecasts in 32 bits, empty lists as none. So a simulation does the
// same with it, byte for byte, as with a file. Reasons, actions and changes of plans are shared with those
// who read them, and are not to be changed.
//
// New rows mostly come last in their lists and questions are mostly about the end,
// so neither grows with what is kept. Nothing is kept longer than Prune lets it.
package memory
