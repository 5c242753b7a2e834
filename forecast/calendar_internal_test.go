package forecast

import (
	"testing"
	"time"
)

func berlin(t *testing.T) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skipf("time zone data is missing: %v; install tzdata", err)
	}
	return loc
}

func TestCalendarAgreesWithTheClockOnTheWall(t *testing.T) {
	for _, zone := range []string{"UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"} {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Skipf("time zone data is missing: %v; install tzdata", err)
		}
		for _, step := range []time.Duration{5 * time.Minute, 30 * time.Minute, time.Hour} {
			start := time.Date(2011, 1, 1, 0, 0, 0, 0, time.UTC)
			n := int(400 * 24 * time.Hour / step)
			c := newCalendar(start, step, n, loc)
			for i := 0; i < n; i += 7 {
				local := start.Add(time.Duration(i) * step).In(loc)
				slot := int32((time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute) / step)
				if c.slot[i] != slot || c.week[i] != int32(local.Weekday())*int32(c.perDay)+slot {
					t.Fatalf("%s %v: %v has slot %d of the day and %d of the week", zone, step, local, c.slot[i], c.week[i])
				}
			}
		}
	}
}

func TestBackKeepsTheLocalTimeAcrossBothChanges(t *testing.T) {
	loc := berlin(t)
	for _, c := range []struct {
		sentence string
		at       time.Time
		days     int
		want     time.Time
	}{
		{"a day back in winter is 24 hours", time.Date(2026, 1, 8, 9, 0, 0, 0, loc), 1, time.Date(2026, 1, 7, 9, 0, 0, 0, loc)},
		{"a day back across the missing hour is 23 hours", time.Date(2026, 3, 29, 9, 0, 0, 0, loc), 1, time.Date(2026, 3, 28, 9, 0, 0, 0, loc)},
		{"a week back across the missing hour", time.Date(2026, 4, 1, 9, 0, 0, 0, loc), 7, time.Date(2026, 3, 25, 9, 0, 0, 0, loc)},
		{"a day back across the doubled hour is 25 hours", time.Date(2026, 10, 25, 9, 0, 0, 0, loc), 1, time.Date(2026, 10, 24, 9, 0, 0, 0, loc)},
		{"a week back across the doubled hour", time.Date(2026, 10, 30, 9, 0, 0, 0, loc), 7, time.Date(2026, 10, 23, 9, 0, 0, 0, loc)},
	} {
		start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		cal := newCalendar(start, time.Hour, 365*24, loc)
		i := int(c.at.Sub(start) / time.Hour)
		if got := start.Add(time.Duration(cal.back(i, c.days)) * time.Hour); !got.Equal(c.want) {
			t.Errorf("%s: %v, want %v", c.sentence, got.In(loc), c.want)
		}
	}
}

func TestTheMissingHourHasNoSlotAndTheDoubledHourHasTwo(t *testing.T) {
	loc := berlin(t)
	seen := func(day time.Time) (n int) {
		cal := newCalendar(day, time.Hour, 26, loc)
		for i := range 25 {
			if cal.slot[i] == 2 && day.Add(time.Duration(i)*time.Hour).In(loc).Day() == day.Day() {
				n++
			}
		}
		return n
	}
	if n := seen(time.Date(2026, 3, 29, 0, 0, 0, 0, loc)); n != 0 {
		t.Errorf("two o'clock occurs %d times on the day the clocks go forward", n)
	}
	if n := seen(time.Date(2026, 10, 25, 0, 0, 0, 0, loc)); n != 2 {
		t.Errorf("two o'clock occurs %d times on the day the clocks go back", n)
	}
}

func TestBackBeforeTheGridIsNothing(t *testing.T) {
	cal := newCalendar(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.Hour, 30, time.UTC)
	if j := cal.back(23, 1); j != -1 {
		t.Errorf("a day before hour 23 is step %d", j)
	}
	if j := cal.back(24, 1); j != 0 {
		t.Errorf("a day before hour 24 is step %d", j)
	}
}

func TestCalendarReachesDecadesAheadInLongSteps(t *testing.T) {
	start := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	for second := range 20 {
		for hours := 1; hours < 200; hours += 13 {
			step := time.Duration(hours) * time.Hour
			c := newCalendar(start.Add(time.Duration(second)*time.Second), step, 1200, berlin(t))
			if len(c.week) != 1200 {
				t.Fatal("the calendar is short")
			}
		}
	}
}
