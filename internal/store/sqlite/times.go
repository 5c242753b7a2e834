package sqlite

import (
	"database/sql"
	"time"
)

// ms is t as it is stored: whole milliseconds, rounded down. What is asked for
// is rounded in the same way, so that a row is found by the time it was given.
func ms(t time.Time) int64 { return t.UnixMilli() }

// fromMS is the time of a stored number.
func fromMS(n int64) time.Time { return time.UnixMilli(n).UTC() }

// utc is t as it will be read back.
func utc(t time.Time) time.Time { return fromMS(ms(t)) }

// optional is t as it is stored where NULL means that there is none yet.
func optional(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return ms(t)
}

// fromOptional is the time of a stored number that may be NULL.
func fromOptional(n sql.NullInt64) time.Time {
	if !n.Valid {
		return time.Time{}
	}
	return fromMS(n.Int64)
}

// minuteMS is the width of a demand cell as stored.
const minuteMS = 60_000

// minuteOf is the cell that t lies in.
func minuteOf(t time.Time) int64 {
	n := ms(t)
	m := n / minuteMS
	if n%minuteMS < 0 {
		m--
	}
	return m
}

// minuteFrom is the first cell that begins at or after t.
func minuteFrom(t time.Time) int64 {
	m := minuteOf(t)
	if m*minuteMS < ms(t) {
		m++
	}
	return m
}

// fromMinute is the time at which a cell begins.
func fromMinute(m int64) time.Time { return fromMS(m * minuteMS) }

// minutesOfHour is the width of an hour as stored.
const minutesOfHour = 60

// hourOf is the hour that a cell lies in.
func hourOf(minute int64) int64 {
	h := minute / minutesOfHour
	if minute%minutesOfHour < 0 {
		h--
	}
	return h
}

// hourFrom is the first hour that begins at or after t.
func hourFrom(t time.Time) int64 { return hourOf(minuteFrom(t) + minutesOfHour - 1) }

// fromHour is the time at which an hour begins.
func fromHour(h int64) time.Time { return fromMinute(h * minutesOfHour) }
