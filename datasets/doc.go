// Package datasets makes loads to learn and to test from: seeded, so that the
// same seed is the same load everywhere. README.md tells of the public traces,
// which are read from outside the project.
package datasets
