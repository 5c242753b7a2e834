package jobs

import (
	"fmt"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/forescale/forescale"
)

// Schedule says when a job is due: by a cron expression in a time zone, or at
// an even pace. Its zero value is not usable.
type Schedule struct {
	text string // as it was given
	zone string // "" at an even pace
	next func(time.Time) time.Time
}

// Every is due at each multiple of the pace, on all servers at the same time.
func Every(pace time.Duration) Schedule {
	if pace <= 0 {
		panic("jobs: a pace must be positive")
	}
	return Schedule{text: "every " + pace.String(), next: func(t time.Time) time.Time { return t.UTC().Truncate(pace).Add(pace) }}
}

// fields are the five of a cron expression: minute, hour, day, month, weekday.
var fields = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)

// Cron reads a cron expression of five fields in an IANA time zone. Both are
// refused with a Fault that says in Where which of them is wrong: "cron" or
// "time_zone".
//
// When clocks change, a job with hours of its own is due once on each day: what
// lies in the hour that is left out is due when that hour would have begun, and
// in the hour that comes twice only the first counts. One that is due in every
// hour ("*") goes by the time that goes by.
func Cron(expression, zone string) (Schedule, error) {
	loc, err := time.LoadLocation(zone)
	if err != nil || zone == "" || zone == "Local" {
		return Schedule{}, &forescale.Fault{Code: "schedule_invalid", Where: "time_zone", What: fmt.Sprintf("%q is not a time zone", zone),
			Help: "use an IANA name such as Europe/Berlin"}
	}
	bad := func(what string) (Schedule, error) {
		return Schedule{}, &forescale.Fault{Code: "schedule_invalid", Where: "cron", What: what,
			Help: `write minute, hour, day, month and weekday, such as "*/15 * * * *" or "10 3 * * *"`}
	}
	words := strings.Fields(expression)
	if len(words) != 5 || strings.Contains(expression, "TZ=") || strings.HasPrefix(words[0], "@") {
		return bad(fmt.Sprintf("%q is not a cron expression of five fields", expression))
	}
	parsed, err := fields.Parse(strings.Join(words, " "))
	if err != nil {
		return bad(fmt.Sprintf("%q is not a cron expression: %v", expression, err))
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok || spec.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() { // as 30 February, which leaves out years without 29th, too
		return bad(fmt.Sprintf("%q never comes", expression))
	}
	s := Schedule{text: strings.Join(words, " "), zone: zone}
	if words[1] == "*" {
		spec.Location = loc
		s.next = func(t time.Time) time.Time { return spec.Next(t.In(loc)).UTC() } // zero stays zero
		return s, nil
	}
	spec.Location = time.UTC // of times that are read off the wall, without a zone
	s.next = func(t time.Time) time.Time {
		for wall := onTheWall(t.In(loc)); ; {
			if wall = spec.Next(wall); wall.IsZero() {
				return wall
			}
			if due := first(wall, loc); due.After(t) {
				return due.UTC()
			}
		}
	}
	return s, nil
}

// onTheWall is what a clock shows at t, written as if it were UTC.
func onTheWall(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}

// first is when the clocks of loc first show wall, or, if they never do, when
// they pass over it.
func first(wall time.Time, loc *time.Location) time.Time {
	y, m, d := wall.Date()
	t := time.Date(y, m, d, wall.Hour(), wall.Minute(), wall.Second(), 0, loc)
	begin, end := t.ZoneBounds()
	switch shown := onTheWall(t); {
	case shown.After(wall): // t is told in the offset that holds after the gap
		return begin
	case shown.Before(wall):
		return end
	}
	if begin.IsZero() {
		return t
	}
	_, before := begin.Add(-1).Zone()
	_, after := t.Zone()
	if earlier := t.Add(time.Duration(after-before) * time.Second); earlier.Before(begin) && onTheWall(earlier).Equal(wall) {
		return earlier
	}
	return t
}

// Next is the first due time after t.
func (s Schedule) Next(t time.Time) time.Time { return s.next(t) }

// Prev is the newest due time up to and including t, looked for over the last
// five years; zero if there is none.
func (s Schedule) Prev(t time.Time) time.Time {
	const longest = 5 * 366 * 24 * time.Hour
	for back := time.Minute; back <= 2*longest; back *= 2 {
		due := s.next(t.Add(-back))
		if due.IsZero() || due.After(t) {
			continue
		}
		for {
			next := s.next(due)
			if next.IsZero() || next.After(t) {
				return due
			}
			due = next
		}
	}
	return time.Time{}
}

// Longest is the longest time between two due times in the two weeks after t,
// or until the first ones of a schedule that comes less often.
func (s Schedule) Longest(t time.Time) time.Duration {
	var longest time.Duration
	for due, n := s.next(t), 0; n == 0 || due.Before(t.Add(14*24*time.Hour)); n++ {
		next := s.next(due)
		if next.IsZero() {
			break
		}
		longest = max(longest, next.Sub(due))
		due = next
	}
	return longest
}

// Zone is the IANA zone that it is told in, "" for a schedule at an even pace.
func (s Schedule) Zone() string { return s.zone }

// String is the cron expression, or "every 15m0s".
func (s Schedule) String() string { return s.text }
