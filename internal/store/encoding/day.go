package encoding

import "time"

// Day is the day that t lies in, in UTC, counted from 1970.
func Day(t time.Time) int64 {
	const day = 24 * 60 * 60
	n := t.Unix()
	d := n / day
	if n%day < 0 {
		d--
	}
	return d
}

// FromDay is the midnight in UTC that the day of that number begins with.
func FromDay(day int64) time.Time { return time.Unix(day*24*60*60, 0).UTC() }
