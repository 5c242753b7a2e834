package demo

import (
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/sim"
)

// hostDay are rows of single minutes, with what was required and ready in each.
func hostDay(begin time.Time, minutes ...[2]int) (rows []sim.Row) {
	for k, m := range minutes {
		rows = append(rows, sim.Row{Time: begin.Add(time.Duration(k) * time.Minute), Required: m[0], Ready: float64(m[1])})
	}
	return rows
}

func TestWhenAHostWasNeeded(t *testing.T) {
	t.Parallel()
	begin := monday(time.UTC)
	at := func(minute int) time.Time { return begin.Add(time.Duration(minute) * time.Minute) }
	rows := hostDay(begin, [2]int{1, 1}, [2]int{2, 2}, [2]int{3, 3}, [2]int{4, 4}, [2]int{5, 5}, [2]int{2, 5}, [2]int{3, 3})
	life := func(ordered, drained, ended int) forescale.NodeLife {
		x := forescale.NodeLife{State: forescale.NodeReady, OrderedAt: at(ordered)}
		if drained > 0 {
			x.DrainingAt = at(drained)
		}
		if ended > 0 {
			x.State, x.EndedAt = forescale.NodeStopped, at(ended)
		}
		return x
	}
	for _, c := range []struct {
		name  string
		lives []forescale.NodeLife // the last one is asked for
		want  time.Time
	}{
		{"when the protected one was full", []forescale.NodeLife{life(1, 0, 0)}, at(2)},
		{"when that was so already, at its order", []forescale.NodeLife{life(3, 0, 0)}, at(3)},
		{"when two were full", []forescale.NodeLife{life(0, 0, 0), life(1, 0, 0)}, at(4)},
		{"never, as three were not full", []forescale.NodeLife{life(0, 0, 0), life(0, 0, 0), life(1, 0, 0)}, time.Time{}},
		{"never, as it went before", []forescale.NodeLife{life(0, 1, 1)}, time.Time{}},
		{"one that was emptied before holds nothing", []forescale.NodeLife{life(0, 1, 2), life(2, 0, 0)}, at(2)},
		{"one that is emptied later holds", []forescale.NodeLife{life(0, 5, 0), life(1, 0, 0)}, at(4)},
	} {
		if got := needed(rows, c.lives, len(c.lives)-1); !got.Equal(c.want) {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestMinutesWithTooFewInstances(t *testing.T) {
	t.Parallel()
	begin := monday(time.UTC)
	at := func(minute int) time.Time { return begin.Add(time.Duration(minute) * time.Minute) }
	// Enough; too few where there is room; too few for want of a host; it is ready; it is gone.
	rows := hostDay(begin, [2]int{2, 2}, [2]int{2, 1}, [2]int{3, 2}, [2]int{3, 2}, [2]int{3, 2})
	lives := []forescale.NodeLife{{State: forescale.NodeStopped, OrderedAt: at(1), ReadyAt: at(3), StoppingAt: at(4), EndedAt: at(4)}}
	for _, c := range []struct {
		from, to             int
		short, unhoused, all int
	}{{0, 9, 4, 2, 5}, {0, 2, 1, 0, 2}, {3, 4, 1, 0, 1}, {2, 3, 1, 1, 1}, {7, 9, 0, 0, 0}} {
		short, unhoused, all := shortfall(rows, lives, at(c.from), at(c.to))
		if short != c.short || unhoused != c.unhoused || all != c.all {
			t.Errorf("from %d to %d: %d, %d of %d; want %+v", c.from, c.to, short, unhoused, all, c)
		}
	}
}

func TestAHostIsToldOfOnceEach(t *testing.T) {
	t.Parallel()
	var out script
	h := &hosts{say: newStory(&out, time.UTC), told: map[string]bool{}}
	at := monday(time.UTC)
	x := forescale.NodeLife{Node: "host-1", State: forescale.NodeOrdered, OrderedAt: at, Reason: forescale.Reason{Code: "node_replaced"}}
	h.tellOf(x)
	h.tellOf(x)
	x.State, x.ReadyAt = forescale.NodeReady, at.Add(5*time.Minute)
	h.tellOf(x)
	x.State, x.DrainingAt, x.Reason = forescale.NodeDraining, at.Add(time.Hour), forescale.Reason{Code: "node_idle"}
	h.tellOf(x)
	x.State, x.EndedAt = forescale.NodeStopped, at.Add(2*time.Hour)
	h.tellOf(x)
	want := `Mon 05:00  host-1 is ordered. It takes the place of a dearer node, which stays until this one is ready.
Mon 05:05  host-1 is ready.
Mon 06:00  host-1 is emptied. It is not needed.
Mon 07:00  host-1 is gone.
`
	if out.String() != want {
		t.Errorf("told:\n%s", out.String())
	}
}

func TestAClockIsTakenOver(t *testing.T) {
	t.Parallel()
	own := forescale.NewFastClock(monday(time.UTC), 60)
	c, err := ReadClock(clockText(own, 60))
	if err != nil {
		t.Fatal(err)
	}
	// Each reads the machine's clock a moment after the other: it lies between.
	before, other, after := own.Now(), c.Now(), own.Now()
	if other.Before(before.Add(-time.Minute)) || other.After(after.Add(time.Minute)) {
		t.Errorf("it shows %s, the first between %s and %s", other, before, after)
	}
	if fast, ok := c.(forescale.FastClock); !ok || fast.Real(time.Minute) != time.Second {
		t.Errorf("its pace is another: %v", c)
	}
}
