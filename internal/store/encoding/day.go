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
