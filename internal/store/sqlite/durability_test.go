package sqlite

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestEveryAcknowledgedRowSurvivesKillingTheProcess(t *testing.T) {
	path := storeIn(t.TempDir())
	next := 0
	for round := range 6 {
		c := startChild(t, path, next, 0, false)
		if !c.read(1 + rand.IntN(60)) {
			t.Fatalf("the child ended by itself: %v", c.said)
		}
		time.AfterFunc(time.Duration(rand.IntN(8000))*time.Microsecond, func() { c.cmd.Process.Kill() })
		c.read(-1) // until it is gone
		c.cmd.Wait()
		if what := lost(t, path, c.last); what != "" {
			t.Fatalf("round %d: %s", round, what)
		}
		t.Logf("killed after %d batches", c.acks)
		next = c.last + 1
	}
}
