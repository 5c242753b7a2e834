package money

import (
	"fmt"
	"strings"
	"time"
)

// Month is a calendar month, counted from the year 0, so that later ones are larger.
type Month int

// MonthOf is the month of t in a zone.
func MonthOf(t time.Time, zone *time.Location) Month {
	y, m, _ := t.In(zone).Date()
	return Month(y*12 + int(m) - 1)
}

// Begin is the month's first moment in a zone.
func (m Month) Begin(zone *time.Location) time.Time {
	return time.Date(int(m)/12, time.Month(int(m)%12+1), 1, 0, 0, 0, 0, zone).UTC()
}

// End is the first moment after it.
func (m Month) End(zone *time.Location) time.Time { return (m + 1).Begin(zone) }

// String is the month as 2026-11.
func (m Month) String() string { return fmt.Sprintf("%04d-%02d", int(m)/12, int(m)%12+1) }

// ending begins the names of zones that EndingAt gives out.
const ending = "month ends "

// EndingAt names a zone of no place on earth, for the budgets of simulations: a month
// of it ends at t, rounded up to a second, and has as many days as the month that t
// lies in.
func EndingAt(t time.Time) string {
	return ending + t.Add(time.Second-1).UTC().Truncate(time.Second).Format(time.RFC3339)
}

// endingZone is the zone that EndingAt named.
func endingZone(name string) (*time.Location, bool) {
	text, ok := strings.CutPrefix(name, ending)
	t, err := time.Parse(time.RFC3339, text)
	if !ok || err != nil {
		return nil, false
	}
	ahead := MonthOf(t.Add(-time.Second), time.UTC).End(time.UTC).Sub(t)
	return time.FixedZone(name, int(ahead/time.Second)), true
}

// Of is the month of t in a zone, by its name: when it began and when it ends.
func Of(t time.Time, zone string) (begin, end time.Time) {
	loc := location(zone)
	m := MonthOf(t, loc)
	return m.Begin(loc), m.End(loc)
}

// Overlap is how much of [from, until) lies in [begin, end).
func Overlap(from, until, begin, end time.Time) time.Duration {
	if from.Before(begin) {
		from = begin
	}
	if until.After(end) {
		until = end
	}
	return max(0, until.Sub(from))
}

// whole rounds d up to started steps; the first is started at once.
func whole(d, step time.Duration) time.Duration {
	step = max(step, time.Second)
	return max(1, (d+step-1)/step) * step
}
