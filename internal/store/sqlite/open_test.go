package sqlite

import (
	"os"
	"path/filepath"
	"testing"
)

// openIn opens a store in a folder and closes it at the end of the test.
func openIn(tb testing.TB, dir string, opts ...Option) *Store {
	tb.Helper()
	s, err := Open(tb.Context(), filepath.Join(dir, "state.db"), opts...)
	if err != nil {
		tb.Fatalf("open: %v", err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return s
}

// memoryDir is a folder in memory where there is one. Tests that are not about
// durability need not wait for the disk.
func memoryDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "forescale-store-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
