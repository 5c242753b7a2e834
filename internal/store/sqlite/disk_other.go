//go:build !unix

package sqlite

// diskIsFull is not known here; SQLite's own code for a full disk remains.
func diskIsFull(string) bool { return false }
