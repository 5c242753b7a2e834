package dockertest

import (
	"testing"
	"time"

	"github.com/containerd/errdefs"
)

// gone reports whether a removal failed because it is done or under way.
func gone(err error) bool { return errdefs.IsNotFound(err) || errdefs.IsConflict(err) }

// Until asks again and again until ok, and fails the test after a while. The
// world outside has no other way of telling.
func Until(t testing.TB, within time.Duration, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	end := time.After(within)
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("after %v it is still not so that %s", within, what)
		}
	}
}
