package forescale_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/forescale/forescale"
)

func TestClocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var system forescale.Clock = forescale.NewSystemClock()
		var fast forescale.Clock = forescale.NewFastClock(noon, 60)

		time.Sleep(10 * time.Second)
		if got := system.Elapsed(); got != 10*time.Second {
			t.Errorf("the system clock went on by %v", got)
		}
		if got := fast.Elapsed(); got != 10*time.Minute {
			t.Errorf("the fast clock went on by %v", got)
		}
		if got := fast.Now(); !got.Equal(noon.Add(10*time.Minute)) || got.Location() != time.UTC {
			t.Errorf("the fast clock shows %v", got)
		}
		if got := system.Now(); !got.Equal(start.Add(10*time.Second)) || got.Location() != time.UTC {
			t.Errorf("the system clock shows %v", got)
		}

		before := time.Now()
		<-fast.After(30 * time.Minute)
		if got := time.Since(before); got != 30*time.Second {
			t.Errorf("half an hour of the fast clock took %v", got)
		}
		before = time.Now()
		<-system.After(time.Second)
		if got := time.Since(before); got != time.Second {
			t.Errorf("a second took %v", got)
		}
	})
	if got := forescale.NewFastClock(noon, 60).Real(time.Hour); got != time.Minute {
		t.Errorf("an hour takes %v", got)
	}
}

func TestAClockCannotStandStill(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a factor of 0 is taken")
		}
	}()
	forescale.NewFastClock(noon, 0)
}
