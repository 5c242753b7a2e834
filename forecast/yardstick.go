package forecast

import (
	"math"
	"slices"
	"time"

	"github.com/forescale/forescale"
)

// Yardstick measures models from outside: at origins spread over the later part
// of a series each forecasts a day ahead, and its pinball loss is held against the
// best, in hindsight and for each range of lead times, of last value, last day and
// last week, each with the quantiles of its own past errors.
type Yardstick struct {
	Origins  int            // 0: 6
	Location *time.Location // nil: UTC
}

// YardstickLevels are the quantiles that the loss is a mean of.
func YardstickLevels() []float64 { return []float64{0.05, 0.5, 0.9, 0.95, 0.99} }

// YardstickLeads are the ends of the ranges of lead times.
func YardstickLeads() []time.Duration {
	return []time.Duration{5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 24 * time.Hour}
}

// Measured is what a yardstick found, in the ranges of lead times.
type Measured struct {
	Loss     []float64 // mean pinball loss; NaN where nothing was tested
	Naive    []float64 // of the best naive forecast in hindsight; NaN where there is none
	Covered  []float64 // share of truths between the levels 0.05 and 0.95
	Tested   []int     // truths
	Made     int       // forecasts
	Failed   int       // origins at which the model gave none
	Spent    time.Duration
	Absolute float64 // mean absolute error of the medians over the mean move within a day, as MASE
}

// Ratio is the loss of a range against the best naive forecast; NaN when it has no
// value.
func (m Measured) Ratio(lead int) float64 {
	if !(m.Naive[lead] > 0) {
		return math.NaN()
	}
	return m.Loss[lead] / m.Naive[lead]
}

// Settings of the yardstick.
const (
	yardOrigins = 6
	yardBegin   = 0.6 // of the series lies before the first origin
	yardMost    = 56  // days that a model sees
	yardLeast   = 200 // values that a model has to see
	yardDays    = 9   // that a series has to span
	yardErrors  = 4000
)

// Measure holds a model against a series; ok is false when that is too short. The
// clock tells how long the model took; nil: nobody asks.
func (y Yardstick) Measure(m Model, s forescale.Series, clock func() time.Time) (r Measured, ok bool) {
	if clock == nil {
		clock = func() time.Time { return time.Time{} }
	}
	leads := YardstickLeads()
	r = Measured{Loss: make([]float64, len(leads)), Naive: make([]float64, len(leads)), Covered: make([]float64, len(leads)), Tested: make([]int, len(leads))}
	origins := y.Origins
	if origins == 0 {
		origins = yardOrigins
	}
	day := int(24 * time.Hour / s.Step)
	n := len(s.Values)
	if n < yardDays*day || day < 1 {
		return r, false
	}
	naive := make([][]running, len(leads)) // [lead][naive]
	for i := range naive {
		naive[i] = make([]running, naives)
	}
	loss, covered := make([]running, len(leads)), make([]running, len(leads))
	var off, moves running
	for k := range origins {
		at := int(float64(n-1-day) * (yardBegin + (1-yardBegin)*(float64(k)+0.5)/float64(origins)))
		from := max(0, at+1-yardMost*day)
		hist := s.Values[from : at+1]
		known := 0
		for i, v := range hist {
			if math.IsNaN(v) {
				continue
			}
			known++
			if i >= day && !math.IsNaN(hist[i-day]) {
				moves.add(math.Abs(v - hist[i-day]))
			}
		}
		newest := at
		for newest > from && math.IsNaN(s.Values[newest]) {
			newest--
		}
		if known < yardLeast || at-newest > day {
			continue
		}
		begun := clock()
		p, err := m.Forecast(Input{
			Series:   forescale.Series{Start: s.At(from), Step: s.Step, Values: slices.Clip(hist)},
			Location: y.Location, Horizon: day, Levels: YardstickLevels(),
		})
		r.Spent += clock().Sub(begun)
		if err != nil {
			r.Failed++
			continue
		}
		r.Made++
		c := comparison{s: s, from: from, at: at, newest: newest, day: day, hist: hist}
		c.compare(p, leads, naive, loss, covered, &off)
	}
	for i := range leads {
		r.Loss[i], r.Covered[i], r.Tested[i], r.Naive[i] = loss[i].mean, covered[i].mean, loss[i].n, math.NaN()
		if loss[i].n == 0 {
			r.Loss[i], r.Covered[i] = math.NaN(), math.NaN()
		}
		for _, b := range naive[i] {
			if b.n == loss[i].n && b.n > 0 && !(b.mean > r.Naive[i]) {
				r.Naive[i] = b.mean
			}
		}
	}
	r.Absolute = math.NaN()
	if moves.mean > 0 && off.n > 0 {
		r.Absolute = off.mean / moves.mean
	}
	return r, off.n > 0
}

// naives are last value, last day and last week.
const naives = 3

// comparison is one origin of a yardstick.
type comparison struct {
	s        forescale.Series
	from, at int // the history is [from, at]
	newest   int
	day      int
	hist     []float64
}

func (c *comparison) compare(p Prediction, leads []time.Duration, naive [][]running, loss, covered []running, off *running) {
	levels := YardstickLevels()
	prev := 0
	for i, lead := range leads {
		last := int(lead / c.s.Step)
		mid := max(1, int((float64(prev)+float64(lead/time.Second))/2/c.s.Step.Seconds()))
		lags := [naives]int{mid, c.day, 7 * c.day}
		var offsets [naives][]float64
		for j, lag := range lags {
			offsets[j] = c.offsets(lag, levels)
		}
		begin := int(time.Duration(prev) * time.Second / c.s.Step)
		for h := begin + 1; h <= last && h <= len(p.Values) && c.at+h < len(c.s.Values); h++ {
			t := c.at + h
			y := c.s.Values[t]
			if math.IsNaN(y) {
				continue
			}
			row := p.Values[h-1]
			loss[i].add(meanPinball(levels, row, y))
			in := 0.0
			if row[0] <= y && y <= row[3] {
				in = 1
			}
			covered[i].add(in)
			off.add(math.Abs(y - row[1]))
			for j, base := range [naives]int{c.newest, t - c.day, t - 7*c.day} {
				if offsets[j] == nil || base < 0 || math.IsNaN(c.s.Values[base]) {
					continue
				}
				l := 0.0
				for q, o := range offsets[j] {
					l += Pinball(levels[q], y, c.s.Values[base]+o)
				}
				naive[i][j].add(l / float64(len(levels)))
			}
		}
		prev = int(lead / time.Second)
	}
}

// offsets are the quantiles of the errors of repeating the value some steps earlier.
func (c *comparison) offsets(lag int, levels []float64) []float64 {
	var errs []float64
	for i := 0; i < len(c.hist); i += max(1, len(c.hist)/yardErrors) {
		j := c.from + i - lag
		if j < 0 || math.IsNaN(c.hist[i]) || math.IsNaN(c.s.Values[j]) {
			continue
		}
		errs = append(errs, c.hist[i]-c.s.Values[j])
	}
	if len(errs) <= 50 {
		return nil
	}
	slices.Sort(errs)
	out := make([]float64, len(levels))
	for q, l := range levels {
		out[q] = errs[min(len(errs)-1, int(l*float64(len(errs))))]
	}
	return out
}
