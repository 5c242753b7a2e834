package datasets

import "time"

// Holiday reports whether the local day is one that most of Europe keeps: New Year's
// Day, Good Friday, Easter Monday, the first of May, and two days of Christmas.
func Holiday(local time.Time) bool {
	y, m, d := local.Date()
	switch {
	case m == time.January && d == 1, m == time.May && d == 1, m == time.December && (d == 25 || d == 26):
		return true
	}
	easter := time.Date(y, time.March, easterInMarch(y), 0, 0, 0, 0, time.UTC)
	since := time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Sub(easter)
	return since == -2*day || since == day
}

// easterInMarch is the day of Easter Sunday, counted from the start of March: 32 is
// the first of April. It is the Gregorian rule as Butcher wrote it down in 1876.
func easterInMarch(year int) int {
	a, b, c := year%19, year/100, year%100
	g := (8*b + 13) / 25
	h := (19*a + b - b/4 - g + 15) % 30
	l := (32 + 2*(b%4) + 2*(c/4) - h - c%4) % 7
	m := (a + 11*h + 19*l) / 433
	n := (h + l - 7*m + 90) / 25
	return (n-3)*31 + (h+l-7*m+33*n+19)%32
}
