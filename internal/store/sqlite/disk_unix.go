//go:build unix

package sqlite

import (
	"path/filepath"

	"golang.org/x/sys/unix"
)

// smallestRoom is the space, in bytes, below which SQLite cannot even grow the
// shared memory of its log.
const smallestRoom = 64 << 10

// diskIsFull reports whether the disk that holds path has no space or no file
// entries left.
func diskIsFull(path string) bool {
	var fs unix.Statfs_t
	if unix.Statfs(filepath.Dir(path), &fs) != nil {
		return false
	}
	return uint64(fs.Bavail)*uint64(fs.Bsize) < smallestRoom || fs.Files > 0 && fs.Ffree == 0
}
