package jobs_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/jobs"
)

func cronIn(t *testing.T, expression, zone string) jobs.Schedule {
	t.Helper()
	s, err := jobs.Cron(expression, zone)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// In Europe/Berlin clocks went from 02:00 to 03:00 on 29 March 2026 (01:00 UTC)
// and from 03:00 to 02:00 on 25 October 2026 (01:00 UTC).
func TestAScheduleAcrossClockChanges(t *testing.T) {
	for _, c := range []struct {
		sentence, cron, from, to string
		due                      []string
	}{
		{"what lies in the hour that is left out is due when it would have begun", "30 2 * * *",
			"2026-03-28 00:00", "2026-03-31 00:00", []string{"2026-03-28 01:30", "2026-03-29 01:00", "2026-03-30 00:30"}},
		{"several that lie in it are due once", "0,20,40 2 * * *",
			"2026-03-29 00:00", "2026-03-30 00:00", []string{"2026-03-29 01:00"}},
		{"in the hour that comes twice only the first counts", "30 2 * * *",
			"2026-10-24 12:00", "2026-10-27 00:00", []string{"2026-10-25 00:30", "2026-10-26 01:30"}},
		{"the end of the hour that comes twice counts once, too", "0 3 * * *",
			"2026-10-25 00:00", "2026-10-26 00:00", []string{"2026-10-25 02:00"}},
		{"each quarter of an hour goes by the time that goes by, in spring", "*/15 * * * *",
			"2026-03-29 00:40", "2026-03-29 01:20", []string{"2026-03-29 00:45", "2026-03-29 01:00", "2026-03-29 01:15"}},
		{"and in autumn", "*/30 * * * *",
			"2026-10-24 23:50", "2026-10-25 02:10", []string{"2026-10-25 00:00", "2026-10-25 00:30", "2026-10-25 01:00", "2026-10-25 01:30", "2026-10-25 02:00"}},
		{"weekdays are those of the zone", "5 0 * * 1",
			"2026-03-21 00:00", "2026-04-01 00:00", []string{"2026-03-22 23:05", "2026-03-29 22:05"}},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			s := cronIn(t, c.cron, "Europe/Berlin")
			at := func(text string) time.Time {
				v, err := time.Parse("2006-01-02 15:04", text)
				if err != nil {
					t.Fatal(err)
				}
				return v
			}
			var due, back []string
			for v := s.Next(at(c.from)); v.Before(at(c.to)); v = s.Next(v) {
				due = append(due, v.Format("2006-01-02 15:04"))
			}
			for v := s.Prev(at(c.to).Add(-time.Nanosecond)); v.After(at(c.from)); v = s.Prev(v.Add(-time.Nanosecond)) {
				back = append(back, v.Format("2006-01-02 15:04"))
			}
			slices.Reverse(back)
			if !slices.Equal(due, c.due) || !slices.Equal(back, c.due) {
				t.Errorf("due at %v, looking back %v; want %v", due, back, c.due)
			}
		})
	}
}

// Every daily time of day is due once on each day of a year, wherever clocks change.
func TestEachDayHasOneRunInAnyZone(t *testing.T) {
	for _, zone := range []string{"Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns", "Africa/Cairo", "America/Santiago", "UTC"} {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		for _, hour := range []int{0, 1, 2, 3, 23} {
			s := cronIn(t, fmt.Sprintf("30 %d * * *", hour), zone)
			begin := time.Date(2026, 1, 1, 0, 0, 0, 0, loc)
			due := begin
			for day := range 365 {
				due = s.Next(due)
				if want := time.Date(2026, 1, 1+day, 12, 0, 0, 0, loc); due.In(loc).YearDay() != want.YearDay() {
					t.Fatalf("%02d:30 in %s: run %d is at %v", hour, zone, day, due.In(loc))
				}
			}
		}
	}
}

func TestSchedulesThatCannotBeAreRefused(t *testing.T) {
	for _, c := range []struct{ cron, zone, where, says string }{
		{"", "UTC", "cron", "five fields"},
		{"*/15 * * *", "UTC", "cron", "five fields"},
		{"0 */15 * * * *", "UTC", "cron", "five fields"},
		{"@every 15m", "UTC", "cron", "five fields"},
		{"TZ=Europe/Berlin 0 3 * * *", "UTC", "cron", "five fields"},
		{"61 * * * *", "UTC", "cron", "61"},
		{"0 3 * * someday", "UTC", "cron", "someday"},
		{"0 0 30 2 *", "UTC", "cron", "never comes"},
		{"0 3 * * *", "Europe/Berln", "time_zone", "Europe/Berln"},
		{"0 3 * * *", "", "time_zone", "not a time zone"},
		{"0 3 * * *", "Local", "time_zone", "not a time zone"},
	} {
		_, err := jobs.Cron(c.cron, c.zone)
		var f *forescale.Fault
		if !errors.As(err, &f) || f.Where != c.where || f.Help == "" || !strings.Contains(f.What, c.says) {
			t.Errorf("%q in %q: %v; want a fault of %s that says %q", c.cron, c.zone, err, c.where, c.says)
		}
	}
}

func TestPaces(t *testing.T) {
	at := time.Date(2026, 11, 2, 8, 7, 3, 0, time.UTC)
	quarter := jobs.Every(15 * time.Minute)
	if got := quarter.Next(at); !got.Equal(time.Date(2026, 11, 2, 8, 15, 0, 0, time.UTC)) {
		t.Errorf("next %v", got)
	}
	if got := quarter.Prev(at); !got.Equal(time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)) {
		t.Errorf("before %v", got)
	}
	for _, c := range []struct {
		s    jobs.Schedule
		want time.Duration
	}{
		{quarter, 15 * time.Minute},
		{cronIn(t, "*/20 * * * *", "Europe/Berlin"), 20 * time.Minute},
		{cronIn(t, "*/10 8-18 * * *", "UTC"), 13*time.Hour + 10*time.Minute},
		{cronIn(t, "0 0 1 * *", "UTC"), 31 * 24 * time.Hour},
	} {
		if got := c.s.Longest(at); got != c.want {
			t.Errorf("%s: the longest time between two runs is %v, want %v", c.s, got, c.want)
		}
	}
	if s := cronIn(t, "0 0 29 2 *", "UTC"); !s.Prev(at).Equal(time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("the last 29 February was %v", s.Prev(at))
	}
}
