// Package warmup learns how long starts and cool-downs take, and what it depends
// on: golearn's regression tree over the context, with calibrated quantiles at its
// leaves. What is learned is a [forescale.LearnedTimes], which needs no learner to
// be asked. The package is pure: no I/O, no clock.
package warmup
