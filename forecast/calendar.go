package forecast

import (
	"time"
)

// calendar gives each step of an even grid its place in the local week. Where
// clocks go forward the slots of the missing hour do not occur; where they go
// back those of the doubled hour occur twice.
type calendar struct {
	perDay int     // slots of a day, at least 1
	slot   []int32 // slot of the local day, by step
	week   []int32 // slot of the local week, weekday·perDay + slot
	offset []int32 // zone's offset in steps, rounded down
	day    float64 // steps of a day, perhaps not whole
}

const dayLength = 24 * time.Hour

// newCalendar covers n steps from start on.
func newCalendar(start time.Time, step time.Duration, n int, loc *time.Location) *calendar {
	c := &calendar{
		perDay: max(1, int((dayLength+step-1)/step)),
		day:    float64(dayLength) / float64(step),
		slot:   make([]int32, n), week: make([]int32, n), offset: make([]int32, n),
	}
	for i := 0; i < n; {
		t := start.Add(time.Duration(i) * step).In(loc)
		_, seconds := t.Zone()
		until := n
		if _, end := t.ZoneBounds(); !end.IsZero() {
			if left := end.Sub(t); left < time.Duration(n-i)*step {
				// At least one step on: beyond the zone file's table the bounds can
				// end before t.
				until = i + max(1, int((left+step-1)/step))
			}
		}
		c.fill(i, until, t, step, time.Duration(seconds)*time.Second)
		i = until
	}
	return c
}

// fill sets the steps [i, until), which share one offset from UTC; t is the
// local time of step i.
func (c *calendar) fill(i, until int, t time.Time, step, offset time.Duration) {
	weekday := int32(t.Weekday())
	ofDay := time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute +
		time.Duration(t.Second())*time.Second + time.Duration(t.Nanosecond())
	offsetSteps := int32(floorDiv(offset, step))
	for ; i < until; i++ {
		slot := int32(ofDay / step)
		c.slot[i], c.week[i], c.offset[i] = slot, weekday*int32(c.perDay)+slot, offsetSteps
		for ofDay += step; ofDay >= dayLength; ofDay -= dayLength {
			weekday = (weekday + 1) % 7
		}
	}
}

// back is the step with the same local time of day the given number of days
// earlier, or -1 when it lies before the grid.
func (c *calendar) back(i, days int) int {
	j := i - int(float64(days)*c.day+0.5)
	if j < 0 {
		return -1
	}
	return min(max(j+int(c.offset[i]-c.offset[j]), -1), len(c.slot)-1)
}

func floorDiv(a, b time.Duration) time.Duration {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
