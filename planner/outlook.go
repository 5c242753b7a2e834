package planner

import (
	"math"
	"slices"
	"time"

	"github.com/forescale/forescale"
)

const (
	// softening keeps the root calm near zero, in units of the mean demand.
	softening = 0.02
	// leastDeviation is the standard deviation, on the root scale, below which no
	// forecast is believed.
	leastDeviation = 0.005
	// newestMinutes are looked at to tell how far off the forecast is now. Each
	// counts half as much as the one after it.
	newestMinutes = 14
	// fading is the time beyond the lead in which half of what a forecast is off is gone.
	fading = 30 * time.Minute
	// roughNews is the share of each minute in roughness, so that half of it is of the
	// newest quarter of an hour: 1 - 2^(-1/15). None is below calmest.
	roughNews, calmest = 0.0452, 1e-6
	// leastRough and mostRough bound how far roughness may be from what is usual.
	leastRough, mostRough = 0.05, 20
	// widthLevel is the quantile whose distance from the median tells a forecast's width.
	widthLevel = 0.9
)

// outlook is a forecast as it is read at one moment: moved by what the newest
// minutes show it to be off, and widened from means of steps to single minutes. Of a
// forecast around which no minutes are known it is the forecast as issued.
type outlook struct {
	f     *forescale.Forecast
	at    time.Time
	begin time.Duration // of f, after at
	lead  time.Duration
	q     float64 // the objective
	stays float64 // standard deviations above the median
	off   float64 // what the newest minutes are above it, on the root scale
	left  float64 // share of that which is left after a lead time
	rough float64 // what the width is multiplied with when it goes by how rough the newest minutes were
	width float64 // what it is multiplied with

	mid, wide int     // positions of the median and of the level that tells the width
	widths    float64 // standard deviations between both, 0: the width is not told
}

// lookAhead reads f at a time, for an objective; demand is that of the minute so many
// minutes before, NaN if not known.
func lookAhead(f *forescale.Forecast, q float64, at time.Time, lead time.Duration, demand func(ago int) float64) outlook {
	o := outlook{f: f, q: q, at: at, begin: f.Start.Sub(at), lead: lead}
	if !f.Minutes.Known() {
		return o
	}
	o.setLevels()
	o.left = f.Minutes.Follow
	sum, weights, weight := 0.0, 0.0, 1.0
	minute := at.Truncate(forescale.DemandStep)
	var roots [newestMinutes + 1]float64
	for ago := 1; ago <= newestMinutes; ago++ {
		roots[ago] = math.NaN()
		if v := demand(ago); isNumber(v) {
			roots[ago] = o.root(v)
			sum += weight * (roots[ago] - o.root(o.median(minute.Add(-time.Duration(ago)*forescale.DemandStep))))
			weights += weight
		}
		weight /= 2
	}
	if weights > 0 {
		o.off = sum / weights
	}
	o.rough = o.roughness(int(minute.Sub(f.Issued.Truncate(forescale.DemandStep))/forescale.DemandStep), roots[:])
	o.by(f.Minutes.Width, f.Minutes.Shift)
	return o
}

// by sets how the width is read, and the shift that goes with it.
func (o *outlook) by(w forescale.WidthBy, shift float64) {
	o.stays, o.width = deviations(o.q)+shift, 1
	if w == forescale.WidthByRough {
		o.width = o.rough
	}
}

// lower brings the plan closer to the median, by a share of the way.
func (o *outlook) lower(by float64) {
	if by > 0 {
		o.stays, o.q = closer(o.stays, by), LowerQuantile(o.q, by)
	}
}

// closer takes a share off what lies above the median.
func closer(deviations, by float64) float64 { return min(deviations, deviations*(1-by)) }

// LowerQuantile is what is left of a quantile that a share of the way to the median is
// taken off.
func LowerQuantile(q, by float64) float64 {
	if by <= 0 {
		return q
	}
	return quantile(closer(deviations(q), by))
}

// roughness is what the width is multiplied with for what the newest minutes did,
// given by how many minutes ago they were; since is how many have come since the forecast.
func (o *outlook) roughness(since int, roots []float64) float64 {
	m := &o.f.Minutes
	if m.Rough <= 0 || m.Usual <= 0 {
		return 1
	}
	rough := m.Rough
	for ago := min(since, len(roots)-2); ago >= 1; ago-- {
		rough = rougher(rough, roots[ago]-roots[ago+1])
	}
	// A standard deviation goes with the square root, and half of it lasts.
	return math.Sqrt(math.Sqrt(min(max(rough/m.Usual, leastRough), mostRough)))
}

// rougher is the roughness after one more step from minute to minute.
func rougher(rough, step float64) float64 {
	if !isNumber(step) {
		return rough
	}
	return rough + roughNews*(step*step/2+calmest-rough)
}

// high is the demand that the plan is made for at t; ok is false beyond the forecast.
func (o *outlook) high(t time.Time) (demand float64, ok bool) {
	demand, _, ok = o.step(t)
	return demand, ok
}

// step is the demand that the plan is made for at t, and the median.
func (o *outlook) step(t time.Time) (high, middle float64, ok bool) { return o.after(t.Sub(o.at)) }

// after is step so long after the moment at which the forecast is read.
func (o *outlook) after(d time.Duration) (high, middle float64, ok bool) {
	if !o.f.Minutes.Known() {
		t := o.at.Add(d)
		high, ok = o.f.At(t, o.q)
		middle, _ = o.f.At(t, 0.5)
		return high, middle, ok
	}
	z, deviation, ok := o.minute(d)
	if !ok {
		return 0, 0, false
	}
	return o.unroot(z + o.stays*deviation), o.unroot(z), true
}

// minute is the median of the minute so long after the moment at which the forecast is
// read, and its standard deviation, both on the root scale.
func (o *outlook) minute(d time.Duration) (z, deviation float64, ok bool) {
	since := d - o.begin
	if since < 0 || o.f.Step <= 0 || int(since/o.f.Step) >= len(o.f.Values) {
		return 0, 0, false
	}
	row := o.f.Values[since/o.f.Step]
	median := o.root(row[o.mid])
	return median + o.remains(d), o.deviation(row, median), true
}

// remains is what so much later is left of what the newest minutes are off. It ends
// where there is nothing to speak of.
func (o *outlook) remains(after time.Duration) float64 {
	beyond := after - o.lead
	switch {
	case beyond <= 0:
		return o.off * o.left
	case beyond > 12*fading:
		return 0
	}
	return o.off * o.left * math.Exp2(-float64(beyond)/float64(fading))
}

// deviation is the standard deviation of a minute: what steps and minutes do
// has nothing to do with each other, so it adds up by squares.
func (o *outlook) deviation(row []float64, median float64) float64 {
	width := 0.0
	if o.widths > 0 {
		width = (o.root(row[o.wide]) - median) / o.widths
	}
	scatter := o.f.Minutes.Scatter
	return max(o.width*math.Sqrt(width*width+scatter*scatter), leastDeviation)
}

// setLevels finds the levels that are looked at.
func (o *outlook) setLevels() {
	levels := o.f.Levels
	o.mid, _ = slices.BinarySearch(levels, 0.5)
	o.wide, _ = slices.BinarySearch(levels, widthLevel)
	o.mid, o.wide = min(o.mid, len(levels)-1), min(o.wide, len(levels)-1)
	if o.wide > o.mid {
		o.widths = deviations(levels[o.wide])
	}
}

// median is that of the step at t, before the forecast begins as it was foreseen.
func (o *outlook) median(t time.Time) float64 {
	if v, ok := o.f.At(t, 0.5); ok {
		return v
	}
	before := o.f.Minutes.Before
	if t.Before(o.f.Start) && len(before) > 0 {
		k := int((o.f.Start.Sub(t) + o.f.Step - 1) / o.f.Step) // steps back
		return before[max(0, len(before)-k)]
	}
	v, _ := o.f.At(o.f.Start, 0.5)
	return v
}

func (o *outlook) root(demand float64) float64 {
	return math.Sqrt(max(0, demand)/o.f.Minutes.Unit + softening)
}

func (o *outlook) unroot(z float64) float64 {
	z = max(z, 0)
	return max(0, z*z-softening) * o.f.Minutes.Unit
}

// deviations is how many standard deviations above the mean the q-quantile of a
// normal distribution lies.
func deviations(q float64) float64 { return math.Sqrt2 * math.Erfinv(2*q-1) }

// quantile inverts deviations.
func quantile(deviations float64) float64 { return 0.5 * math.Erfc(-deviations/math.Sqrt2) }
