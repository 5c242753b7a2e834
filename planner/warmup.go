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
	// warmupLately is of how many of the newest starts the most at once is expected.
	warmupLately = 5
)

// LeadTime is how long before the demand an order has to go out: the warm-up that
// nine of ten starts keep, and one planning interval, as an order waits for the
// next planning step. With n measured starts the warm-up is
//
//	(n·P90 + 5·declared) / (n + 5)
//
// so that one odd start does not rule, rounded up to the second. P90 is what was
// learned for the circumstances, within what was ever measured; while nothing was
// learned, the plain one of the measured starts.
func LeadTime(now time.Time, s forescale.Service, w []forescale.Warmup, l *forescale.LearnedTimes, interval time.Duration) time.Duration {
	return warmup(now, s, w, l, 0).is + interval
}

// startTime is the expected warm-up and what it rests on.
type startTime struct {
	is     time.Duration
	starts int    // measured
	basis  string // "declared", "measured" or "learned"
}

func warmup(now time.Time, s forescale.Service, w []forescale.Warmup, l *forescale.LearnedTimes, starting int) startTime {
	declared := max(0, s.Warmup)
	alone := ofImage(s.Template.Image, w)
	if l != nil && !alone && l.Measured > 0 && l.Valid() == nil {
		p90 := l.Quantile(expected(now, s, w, starting), warmupQuantile)
		p90 = min(max(p90, l.Shortest), l.Longest, warmupLongest)
		return startTime{shrunk(p90, declared, l.Measured), l.Measured, "learned"}
	}
	var buf [64]time.Duration
	ds := buf[:0]
	for _, x := range w {
		if alone && x.Image != s.Template.Image {
			continue
		}
		if x.Duration > 0 && x.Duration <= warmupLongest {
			ds = append(ds, x.Duration)
		}
	}
	if len(ds) == 0 {
		return startTime{declared, 0, "declared"}
	}
	slices.Sort(ds)
	n := len(ds)
	return startTime{shrunk(ds[min(n-1, int(warmupQuantile*float64(n)))], declared, n), n, "measured"}
}

// ofImage reports whether starts of several images are among w, and those of this one
// tell enough for the others to be left out: another image may start otherwise.
func ofImage(image string, w []forescale.Warmup) bool {
	n := 0
	for k := range w {
		if w[k].Image == image {
			n++
		}
	}
	return image != "" && n >= warmupLately && n < len(w)
}

func shrunk(p90, declared time.Duration, n int) time.Duration {
	mean := (float64(n)*p90.Seconds() + warmupWeight*declared.Seconds()) / float64(n+warmupWeight)
	return wholeSeconds(time.Duration(mean * float64(time.Second)))
}

// expected is under which circumstances the next start will be: as many at once as
// lately, or one more than start now, where and from what the newest was.
func expected(now time.Time, s forescale.Service, w []forescale.Warmup, starting int) forescale.LapseContext {
	c := forescale.LapseContext{AtOnce: starting + 1, Image: s.Template.Image, Hour: forescale.HourOfDay(now.In(s.Location()))}
	for i, x := range w {
		if i < warmupLately {
			c.AtOnce = max(c.AtOnce, x.AtOnce)
		}
		if i == 0 {
			c.Node, c.NodeCPU = x.Node, x.NodeCPU
			if c.Image == "" {
				c.Image = x.Image
			}
		}
	}
	c.NewImage = c.Image != "" && !slices.ContainsFunc(w, func(x forescale.Warmup) bool { return x.Image == c.Image && x.Node == c.Node })
	return c
}

// wholeSeconds rounds up to the second; less than a millisecond above is noise.
func wholeSeconds(d time.Duration) time.Duration {
	d = d.Round(time.Millisecond)
	if r := d % time.Second; r > 0 {
		d += time.Second - r
	}
	return d
}
