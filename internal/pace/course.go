package pace

import (
	"math"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/money"
	"github.com/forescale/forescale/planner"
)

// ladder are the quantiles of demand below an objective that may be planned for.
var ladder = [...]float64{0.98, 0.95, 0.9, 0.8, 0.65, 0.5, 0.3}

// quantilesOf are those that a service may be planned for, falling; the first is its
// objective.
func quantilesOf(s forescale.Service) []float64 {
	qs := []float64{s.Objective}
	for _, q := range ladder {
		if q < s.Objective {
			qs = append(qs, q)
		}
	}
	return qs
}

// The quantiles between which demand is expected, for the low and the high estimate.
const lowQuantile, middleQuantile, highQuantile = 0.1, 0.5, 0.9

// Course is what a service will need, by the hour.
type Course struct {
	Start     time.Time // of the first hour, which may have begun before now
	Quantiles []float64 // of demand, that Needs is for
	Hours     []hour
}

// hour is one hour of a course: means of instances, within min and max.
type hour struct {
	share     float64   // of the hour that lies ahead, 0 to 1
	needs     []float64 // one for each quantile
	tops      []float64 // the highest of the hour, one for each quantile
	low, high float64   // at the objective, when demand is low or high
}

// Week is the demand of the newest week that is known, by the hour of the week in UTC:
// busy instances; NaN where nothing is known.
type Week struct {
	Mean, Most [hoursOfWeek]float32
}

const hoursOfWeek = 7 * 24

// noWeek knows nothing.
func noWeek() *Week {
	w := &Week{}
	for k := range w.Mean {
		w.Mean[k], w.Most[k] = float32(math.NaN()), float32(math.NaN())
	}
	return w
}

// hourOfWeek counts hours since the Thursday on which Unix time began.
func hourOfWeek(t time.Time) int {
	return int((t.Unix()/3600%hoursOfWeek + hoursOfWeek) % hoursOfWeek)
}

// at is the demand of the hour: that of the same hour a week before, else that of
// the newest day before it that is known.
func (w *Week) at(t time.Time) (mean, most float64, ok bool) {
	k := hourOfWeek(t)
	for day := range 7 {
		i := (k - 24*day + hoursOfWeek) % hoursOfWeek
		if m := float64(w.Mean[i]); !math.IsNaN(m) {
			return m, float64(w.Most[i]), true
		}
	}
	return 0, 0, false
}

// courseOf lays out what s will need during [now, until). Hours of which nothing at
// all is known need min.
func courseOf(now, until time.Time, s forescale.Service, forecasts []forescale.Forecast, w *Week, o planner.Options) Course {
	c := Course{Start: now.Truncate(time.Hour), Quantiles: quantilesOf(s)}
	n := int((until.Sub(c.Start) + time.Hour - 1) / time.Hour)
	if n <= 0 {
		return c
	}
	c.Hours = make([]hour, n)
	f := foreseenOf(now, s, forecasts, c, o)
	var usual [hoursOfWeek]hour // those that no forecast reaches
	for k := range c.Hours {
		h, at := &c.Hours[k], c.Start.Add(time.Duration(k)*time.Hour)
		h.share = money.Overlap(at, at.Add(time.Hour), now, until).Hours()
		if f.sums[k] != nil {
			h.set(s, f, f.of(k), f.tops[k])
			continue
		}
		u := &usual[hourOfWeek(at)]
		if u.needs == nil {
			needs := f.like(s, w, at, c.Quantiles)
			u.set(s, f, needs, needs)
		}
		h.needs, h.tops, h.low, h.high = u.needs, u.tops, u.low, u.high
	}
	return c
}

// set keeps what an hour needs, within min and max.
func (h *hour) set(s forescale.Service, f foreseen, needs, tops []float64) {
	h.needs, h.tops = needs, tops
	least, most := float64(s.Min), float64(max(s.Max, s.Min))
	h.low, h.high = within(needs[0]*f.low, least, most), within(needs[0]*f.high, least, most)
	for i := range needs {
		needs[i], tops[i] = within(needs[i], least, most), within(tops[i], least, most)
	}
}

func within(n, least, most float64) float64 { return min(max(n, least), most) }

// foreseen is what the forecasts say, by the hour, and in what relation the quantiles
// of demand stand to its middle.
type foreseen struct {
	sums      [][]float64 // by the hour, one sum for each quantile; nil: not covered
	tops      [][]float64 // the highest in place of the sum
	counts    []int
	ratios    []float64 // of needs to that of the middle of demand; nil: no forecast
	low, high float64   // of the need for low and high demand to that for the middle
}

func foreseenOf(now time.Time, s forescale.Service, forecasts []forescale.Forecast, c Course, o planner.Options) foreseen {
	f := foreseen{sums: make([][]float64, len(c.Hours)), tops: make([][]float64, len(c.Hours)), counts: make([]int, len(c.Hours)), low: 1, high: 1}
	n := len(c.Quantiles)
	totals := make([]float64, n+3)
	for _, x := range planner.Foresee(now, o, s, forecasts, append(append([]float64{}, c.Quantiles...), lowQuantile, middleQuantile, highQuantile)) {
		for k, v := range x.Needs {
			totals[k] += v
		}
		from := x.At.Sub(c.Start)
		for at := from; at < from+x.Width; at += min(x.Width, time.Hour) {
			if k := int(at / time.Hour); at >= 0 && k < len(f.sums) {
				f.add(k, x.Needs[:n])
			}
		}
	}
	if middle := totals[n+1]; middle > 0 {
		f.ratios = make([]float64, n)
		for k := range f.ratios {
			f.ratios[k] = totals[k] / middle
		}
		f.low, f.high = totals[n]/middle, totals[n+2]/middle
	}
	return f
}

func (f *foreseen) add(hour int, needs []float64) {
	if f.sums[hour] == nil {
		f.sums[hour], f.tops[hour] = make([]float64, len(needs)), make([]float64, len(needs))
	}
	for k, v := range needs {
		f.sums[hour][k] += v
		f.tops[hour][k] = max(f.tops[hour][k], v)
	}
	f.counts[hour]++
}

// of is the mean need of an hour that forecasts cover.
func (f *foreseen) of(hour int) []float64 {
	needs := f.sums[hour]
	for k := range needs {
		needs[k] /= float64(f.counts[hour])
	}
	return needs
}

// like is the need of an hour that no forecast reaches. Where there is no forecast at
// all, the highest minute of the hour stands for the objective.
func (f *foreseen) like(s forescale.Service, w *Week, at time.Time, quantiles []float64) []float64 {
	needs := make([]float64, len(quantiles))
	mean, most, ok := w.at(at)
	if !ok {
		return needs
	}
	middle := float64(s.Band.Required(mean))
	for k, q := range quantiles {
		if f.ratios != nil {
			needs[k] = middle * f.ratios[k]
			continue
		}
		up := (q - middleQuantile) / (s.Objective - middleQuantile + 1e-9)
		needs[k] = float64(s.Band.Required(mean + (most-mean)*min(1, max(0, up))))
	}
	return needs
}
