package demo

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// prefix begins the name of everything that a demonstration makes outside of
// its process; the owner follows.
const prefix = "forescale-demo-"

// owner names this process so that nobody mistakes another for it: its id and,
// where the system tells, when it started.
func owner() string { return fmt.Sprintf("%d-%s", os.Getpid(), began(os.Getpid())) }

// alive reports whether the owner still runs.
func alive(owner string) bool {
	id, start, ok := strings.Cut(owner, "-")
	pid, err := strconv.Atoi(id)
	if !ok || err != nil {
		return false
	}
	return began(pid) == start && start != ""
}

// began is when a process started, in ticks since the machine did; "0" where
// the system has no such table, "" when there is no such process.
func began(pid int) string {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		return "0"
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The second field is the name in parentheses and may hold anything.
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(fields) < 20 {
		return ""
	}
	return fields[19]
}

// workDir makes a folder for the store and removes those of owners that were
// killed.
func workDir() (string, error) {
	old, _ := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*-*-*"))
	for _, dir := range old {
		if !alive(ownerOf(dir)) {
			_ = os.RemoveAll(dir) // what cannot be removed is not ours
		}
	}
	dir, err := os.MkdirTemp("", prefix+owner()+"-")
	if err != nil {
		return "", fmt.Errorf("make a folder for the store: %w", err)
	}
	return dir, nil
}

// ownerOf reads the owner out of a folder's name.
func ownerOf(dir string) string {
	parts := strings.SplitN(strings.TrimPrefix(filepath.Base(dir), prefix), "-", 3)
	if len(parts) < 3 {
		return ""
	}
	return parts[0] + "-" + parts[1]
}
