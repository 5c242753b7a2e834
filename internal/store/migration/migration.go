// Package migration reads the numbered scripts that make a store's schema. How
// they are run and recorded is each store's own: the dialects differ.
package migration

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// Migration is one step of a schema. Released ones are never edited: their
// checksum is in every store that they were run on.
type Migration struct {
	Number   int
	Name     string
	Script   string
	Checksum string // SHA-256 of the script, in hex
}

// Read gives NNNN_name.sql of a folder in order. Numbers begin at 1 without gaps.
func Read(dir fs.FS) ([]Migration, error) {
	names, err := fs.Glob(dir, "*.sql")
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	var ms []Migration
	for i, name := range names { // Glob sorts
		prefix, rest, _ := strings.Cut(strings.TrimSuffix(name, ".sql"), "_")
		n, err := strconv.Atoi(prefix)
		if err != nil || n != i+1 {
			return nil, fmt.Errorf("migration %s should have number %04d", name, i+1)
		}
		script, err := fs.ReadFile(dir, name)
		if err != nil {
			return nil, fmt.Errorf("read migration %s: %w", name, err)
		}
		sum := sha256.Sum256(script)
		ms = append(ms, Migration{Number: n, Name: rest, Script: string(script), Checksum: hex.EncodeToString(sum[:])})
	}
	return ms, nil
}
