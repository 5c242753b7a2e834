package sim

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

var monday = time.Date(2026, 3, 2, 5, 0, 0, 0, time.UTC)

func TestClockWakesInOrderAndOnTime(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := NewClock(monday)
		waits := rapid.SliceOfN(rapid.IntRange(0, 1000), 1, 20).Draw(t, "waits")
		wakes := make([]<-chan time.Time, len(waits))
		for i, s := range waits {
			wakes[i] = c.After(time.Duration(s) * time.Second)
		}
		gone := 0
		for gone < 1000 {
			d := rapid.IntRange(1, 400).Draw(t, "advance")
			gone += d
			c.Advance(time.Duration(d) * time.Second)
			for i, s := range waits {
				if s > gone || wakes[i] == nil {
					continue
				}
				select {
				case at := <-wakes[i]:
					if want := monday.Add(time.Duration(s) * time.Second); !at.Equal(want) {
						t.Fatalf("a wait of %d s ended at %v, want %v", s, at, want)
					}
					wakes[i] = nil
				default:
					t.Fatalf("a wait of %d s is not over after %d s", s, gone)
				}
			}
		}
		if c.Waiting() != 0 {
			t.Fatalf("%d waits are left", c.Waiting())
		}
	})
}

func TestAJumpOfTheWallClockLetsNoTimeGoBy(t *testing.T) {
	t.Parallel()
	c := NewClock(monday)
	wake := c.After(time.Minute)
	c.Jump(time.Hour)
	if got := c.Now(); !got.Equal(monday.Add(time.Hour)) {
		t.Errorf("now is %v", got)
	}
	if c.Elapsed() != 0 {
		t.Errorf("%v went by", c.Elapsed())
	}
	select {
	case <-wake:
		t.Error("a wait of a minute ended by the jump")
	default:
	}
}
