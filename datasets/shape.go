package datasets

import (
	"math"
	"time"
)

// Shape is a week: how far the load is on the way from Night (0) to Peak (1) at an
// hour of a weekday, such as 13.5. That of weekends is further scaled by Weekend.
type Shape func(day time.Weekday, hour float64) float64

// ShopHours is a steep morning rise, a dip at lunch, an afternoon peak, a smaller one
// in the evening, and quieter, later weekends.
func ShopHours(day time.Weekday, h float64) float64 {
	if isWeekend(day) {
		return 0.9*rise(h, 10, 0.6) - 0.2*rise(h, 14, 0.8) + 0.3*rise(h, 18.5, 0.5) - rise(h, 22.6, 0.5)
	}
	return 0.92*rise(h, 7.75, 0.22) - 0.30*rise(h, 12.1, 0.15) + 0.38*rise(h, 13.25, 0.2) -
		0.72*rise(h, 17.5, 0.45) + 0.34*rise(h, 19.6, 0.3) - 0.62*rise(h, 22.2, 0.4)
}

// OfficeHours is people at work: from eight to six, with a break, and early home on Fridays.
func OfficeHours(day time.Weekday, h float64) float64 {
	home := 17.4
	if day == time.Friday {
		home = 15.6
	}
	return rise(h, 8.2, 0.2) - 0.35*rise(h, 12, 0.12) + 0.3*rise(h, 13, 0.15) - 0.95*rise(h, home, 0.3)
}

// NightJobs is work that is due at night: a long job from one o'clock on, which is
// longer on Sundays, and a short one at each full hour.
func NightJobs(day time.Weekday, h float64) float64 {
	end := 3.4
	if day == time.Sunday {
		end = 5
	}
	job := rise(h, 1, 0.02) - rise(h, end, 0.05)
	_, past := math.Modf(h)
	return math.Max(job, 0.3*(1-rise(past, 0.1, 0.01)))
}

// Evenings is leisure: hardly anything in the morning, a slow rise, and a peak at
// half past eight.
func Evenings(_ time.Weekday, h float64) float64 {
	return 0.25*rise(h, 9, 0.5) + 0.75*rise(h, 18.7, 0.5) - rise(h, 22.8, 0.4)
}

// Steady is the same at any time.
func Steady(time.Weekday, float64) float64 { return 1 }

// rise goes from 0 to 1 around hour at; width is a quarter of the time it takes.
func rise(h, at, width float64) float64 { return 1 / (1 + math.Exp(-(h-at)/width)) }
