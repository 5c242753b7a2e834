// Package encoding is how every backend writes what it keeps as one value: the
// quantiles of a forecast, the reasons and actions of a decision, the changes of
// a plan, the day of a tally. What is written is read by all later versions.
package encoding

import "time"

// ms is t as it is stored: whole milliseconds, rounded down.
func ms(t time.Time) int64 { return t.UnixMilli() }

// fromMS is the time of a stored number.
func fromMS(n int64) time.Time { return time.UnixMilli(n).UTC() }
