//go:build unix

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/forescale/forescale"
)

// storeLock keeps a second server off the same store. It is an advisory lock of
// the operating system on a file beside the store, so it ends with the process,
// however that ends. Commands such as `keys` do not take it.
type storeLock struct{ file *os.File }

// lockStore takes the lock of the store at path.
func lockStore(path string) (*storeLock, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, storeFault(path, err)
	}
	// The same file by another name is the same store, also while it is not made yet.
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	} else if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		path = filepath.Join(dir, filepath.Base(path))
	}
	f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, storeFault(path, err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, storeFault(path, fmt.Errorf("lock it: %w", err))
		}
		who := "another server"
		if b, _ := io.ReadAll(io.LimitReader(f, 32)); len(b) > 0 {
			who = "the server with process id " + strings.TrimSpace(string(b))
		}
		return nil, &forescale.Fault{Code: "store_in_use", What: who + " runs on this store", Where: path,
			Help: "stop it, or start this one with another --store; nothing was changed", Err: err}
	}
	// The process id is for the message above only; that it cannot be written
	// changes nothing about the lock.
	if f.Truncate(0) == nil {
		_, _ = f.WriteAt([]byte(fmt.Sprintln(os.Getpid())), 0)
	}
	return &storeLock{file: f}, nil
}

// release gives the lock back. The file stays: removing it would let two servers
// lock two files of the same name.
func (l *storeLock) release() error { return l.file.Close() }
