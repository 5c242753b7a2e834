// Package datasets makes loads to learn and to test from: seeded, so that the
// same seed is the same load everywhere, and with the truth beside the noisy
// values. What is known of public traces is in datasets/traces.
package datasets
