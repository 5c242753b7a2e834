package main

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/forescale/forescale"
)

// offBy is a database whose clock goes off and comes back, minute by minute.
type offBy struct {
	off   []bool
	asked int
}

func (o *offBy) ClockOff(context.Context) (*forescale.Fault, error) {
	o.asked++
	if i := min(o.asked, len(o.off)) - 1; o.off[i] {
		return &forescale.Fault{Code: "clock_off", What: "the clock is off", Help: "synchronize"}, nil
	}
	return nil, nil
}

func TestAClockThatGoesOffIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out lines
		db := &offBy{off: []bool{false, true, true, false, false, true}}
		stop := watchClock(t.Context(), db, forescale.NewSystemClock(), slog.New(slog.NewTextHandler(&out, nil)))
		for range 20 {
			<-forescale.NewSystemClock().After(clockEvery)
		}
		synctest.Wait()
		stop()
		if off, right := strings.Count(out.String(), "clock_off"), strings.Count(out.String(), "right again"); off != 2 || right != 1 {
			t.Errorf("told %d times that it is off, %d times that it is right again:\n%s", off, right, out.String())
		}
	})
}
