package timescale

import (
	"encoding/binary"
	"time"
)

// utc is t as it is stored and read back: whole milliseconds, rounded down. What
// is asked for is rounded in the same way, so that a row is found by the time it
// was given.
func utc(t time.Time) time.Time { return time.UnixMilli(t.UnixMilli()).UTC() }

// optional is t as it is stored where NULL means that there is none yet.
func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = utc(t)
	return &t
}

// fromOptional is a stored time that may be NULL.
func fromOptional(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// minuteOf is the begin of the cell that t lies in.
func minuteOf(t time.Time) time.Time { return utc(t).Truncate(time.Minute) }

// minuteFrom is the first cell that begins at or after t.
func minuteFrom(t time.Time) time.Time {
	m := minuteOf(t)
	if m.Before(utc(t)) {
		m = m.Add(time.Minute)
	}
	return m
}

// postgresEpoch is where PostgreSQL counts microseconds from.
var postgresEpoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()

// fromBinary is a timestamptz in PostgreSQL's binary form.
func fromBinary(b []byte) time.Time {
	return time.UnixMicro(postgresEpoch + int64(binary.BigEndian.Uint64(b))).UTC()
}
