package encoding

import (
	"testing"
	"time"
)

func TestADayBeginsAtMidnightOfUTCAlsoBefore1970(t *testing.T) {
	midnight := time.Date(1970, 1, 2, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		at   time.Time
		want int64
	}{
		{midnight, 1},
		{midnight.Add(-time.Nanosecond), 0},
		{midnight.AddDate(0, 0, -1).Add(-time.Nanosecond), -1},
		{midnight.AddDate(0, 0, -2), -1},
		{midnight.In(time.FixedZone("east", 3600)), 1},
	} {
		if got := Day(c.at); got != c.want {
			t.Errorf("%v is of day %d, want %d", c.at, got, c.want)
		}
	}
}
