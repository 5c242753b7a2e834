package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/forescale/forescale"
)

// moment is the now and the zone that a command shows times in.
type moment struct {
	now time.Time
	loc *time.Location
}

// moment asks the server for its clock, which a demonstration runs faster than
// the machine's, and picks the zone: the flag's, else of service, else the server's.
func (c *apiClient) moment(about aboutView, f *clientFlags, service string) (moment, error) {
	loc, err := zoneOf(firstOf(f.zone, service, about.Zone))
	return moment{now: about.Clock.Now, loc: loc}, err
}

func zoneOf(name string) (*time.Location, error) {
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, &forescale.Fault{Code: "usage", What: fmt.Sprintf("%q is not a time zone", name), Help: "use an IANA name such as Europe/Berlin"}
	}
	return loc, nil
}

// clock is a time of day, with the weekday if it is not today, with the date if
// it is more than six days away.
func (m moment) clock(t time.Time) string {
	t, now := t.In(m.loc), m.now.In(m.loc)
	switch {
	case t.Format(time.DateOnly) == now.Format(time.DateOnly):
		return t.Format("15:04")
	case t.Sub(now).Abs() < 6*24*time.Hour:
		return t.Format("Mon 15:04")
	}
	return t.Format("2 Jan 2006 15:04")
}

// zone names the zone with its offset: Europe/Berlin (UTC+1).
func (m moment) zone() string {
	name, offset := m.now.In(m.loc).Zone()
	if m.loc != time.Local {
		name = m.loc.String()
	}
	if offset == 0 && (name == "UTC" || m.loc == time.Local) {
		return "UTC"
	}
	sign := '+'
	if offset < 0 {
		sign, offset = '-', -offset
	}
	s := fmt.Sprintf("UTC%c%d", sign, offset/3600)
	if minutes := offset / 60 % 60; minutes != 0 {
		s += fmt.Sprintf(":%02d", minutes)
	}
	return fmt.Sprintf("%s (%s)", name, s)
}

// header is the line that names now and the zone: Mon 23 Nov 08:40 Europe/Berlin (UTC+1).
func (m moment) header() string {
	return m.now.In(m.loc).Format("Mon 2 Jan 15:04 ") + m.zone()
}

// ago is how long ago t was, in words.
func (m moment) ago(t time.Time) string {
	d := m.now.Sub(t)
	if d < 0 {
		return "in " + inWords(-d)
	}
	return inWords(d) + " ago"
}

// inWords is a duration in its two largest units: 4 min 10 s, 2 h, 3 d 4 h.
func inWords(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%d s", int(d.Round(time.Second)/time.Second))
	}
	units := []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}}
	for i, u := range units {
		if d < u.size {
			continue
		}
		s := fmt.Sprintf("%d %s", d/u.size, u.name)
		if i+1 < len(units) {
			next := units[i+1]
			if n := d % u.size / next.size; n > 0 {
				s += fmt.Sprintf(" %d %s", n, next.name)
			}
		}
		return s
	}
	return "0 s"
}

// stamp is a time for machines: RFC 3339 in UTC, "" for none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// durationText reads a duration as the API writes it; 0 when it is not one.
func durationText(s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0
	}
	return d
}

// parseMoment reads a time as people write it: 02:10 (the latest one that is
// past), 2026-11-23 02:10, RFC 3339, or 3h for three hours ago.
func (m moment) parseMoment(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"} {
		if t, err := time.ParseInLocation(layout, s, m.loc); err == nil {
			return m.existing(t, layout, s)
		}
	}
	for _, layout := range []string{"15:04:05", "15:04"} {
		t, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		y, mo, d := m.now.In(m.loc).Date()
		at := time.Date(y, mo, d, t.Hour(), t.Minute(), t.Second(), 0, m.loc)
		if at.After(m.now) {
			at = time.Date(y, mo, d-1, t.Hour(), t.Minute(), t.Second(), 0, m.loc)
		}
		return at, nil
	}
	if d, err := parseDuration(strings.TrimSuffix(s, " ago")); err == nil && d > 0 {
		return m.now.Add(-d), nil
	}
	return time.Time{}, usage(fmt.Sprintf("%q is not a time", s), `write 02:10, "2026-11-23 02:10", 2026-11-23T02:10:00Z, or 3h for three hours ago`)
}

// existing refuses a local time that a clock change leaves out.
func (m moment) existing(t time.Time, layout, s string) (time.Time, error) {
	if t.Format(layout) != s {
		return t, &forescale.Fault{Code: "time_not_existing", What: fmt.Sprintf("%s does not exist in %s (clock change)", s, m.loc),
			Help: `write the time in UTC ("…Z") or with an offset ("+01:00")`}
	}
	return t, nil
}
