package memory

import (
	"sort"
	"time"
)

// utc is t as stores give it back: in UTC, rounded down to the millisecond.
func utc(t time.Time) time.Time { return fromMS(t.UnixMilli()) }

func fromMS(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

// floor is n/d, rounded down, also below zero.
func floor(n, d int64) int64 {
	q := n / d
	if n%d < 0 {
		q--
	}
	return q
}

const (
	minuteMS      = 60_000
	minutesOfHour = 60
)

// minuteOf is the minute that t lies in, counted from 1970.
func minuteOf(t time.Time) int64 { return floor(t.UnixMilli(), minuteMS) }

// minuteFrom is the first minute that begins at or after t.
func minuteFrom(t time.Time) int64 { return -floor(-t.UnixMilli(), minuteMS) }

func fromMinute(m int64) time.Time { return fromMS(m * minuteMS) }

// hourOf is the hour that a minute lies in.
func hourOf(minute int64) int64 { return floor(minute, minutesOfHour) }

// hourFrom is the first hour that begins at or after t.
func hourFrom(t time.Time) int64 { return -floor(-minuteFrom(t), minutesOfHour) }

// searchLate is sort.Search for questions that are mostly about the newest ones.
func searchLate(n int, reached func(i int) bool) int {
	for _, back := range [...]int{1, 16, 256} {
		if back > n {
			break
		}
		if lo := n - back; !reached(lo) {
			return lo + sort.Search(back, func(i int) bool { return reached(lo + i) })
		}
	}
	return sort.Search(n, reached)
}
