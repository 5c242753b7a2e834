package planner

import (
	"slices"
	"time"

	"github.com/forescale/forescale"
)

const (
	// warmupQuantile is the share of starts that are ready within the lead time.
	warmupQuantile = 0.9
	// warmupWeight is how many measured starts the declared warm-up weighs as much as.
	warmupWeight = 5
	// warmupLongest bounds what a broken measurement can do.
	warmupLongest = 24 * time.Hour
)

// LeadTime is how long before the demand an order has to go out: the warm-up that
// nine of ten starts keep, and one planning interval, as an order waits for the
// next planning step. With n measured starts the warm-up is
//
//	(n·P90 + 5·declared) / (n + 5)
//
// so that one odd start does not rule, rounded up to the second.
func LeadTime(s forescale.Service, w []forescale.Warmup, interval time.Duration) time.Duration {
	return warmup(s, w) + interval
}

func warmup(s forescale.Service, w []forescale.Warmup) time.Duration {
	var buf [64]time.Duration
	ds := buf[:0]
	for _, x := range w {
		if x.Duration > 0 && x.Duration <= warmupLongest {
			ds = append(ds, x.Duration)
		}
	}
	declared := max(0, s.Warmup)
	if len(ds) == 0 {
		return declared
	}
	slices.Sort(ds)
	n := len(ds)
	p90 := ds[min(n-1, int(warmupQuantile*float64(n)))]
	mean := (float64(n)*p90.Seconds() + warmupWeight*declared.Seconds()) / float64(n+warmupWeight)
	return wholeSeconds(time.Duration(mean * float64(time.Second)))
}

// wholeSeconds rounds up to the second; less than a millisecond above is noise.
func wholeSeconds(d time.Duration) time.Duration {
	d = d.Round(time.Millisecond)
	if r := d % time.Second; r > 0 {
		d += time.Second - r
	}
	return d
}
