package forecast

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/forescale/forescale"
)

// scoredLevels are the quantiles that issued forecasts are scored at.
var scoredLevels = [...]float64{.05, .5, .9, .95, .99}

// The interval that 90 of 100 truths are to lie in.
const lowBound, highBound = .05, .95

// Truths are what came, on an even grid, and what came a week before at the same
// time of day. NaN is what is not known.
type Truths struct {
	Start    time.Time
	Step     time.Duration
	Values   []float64
	LastWeek []float64
}

// TruthsOf lays minutes of demand onto the steps of [from, to). A step counts when
// most of its minutes are known and none was saturated. The week before is counted
// by the clocks of loc. History that came in wider steps, of up to 15 min, is known
// in every minute that its values stand for.
func TruthsOf(points []forescale.DemandPoint, from, to time.Time, step time.Duration, loc *time.Location) Truths {
	means := newMeans(points, step)
	tr := Truths{Start: from.UTC().Truncate(step), Step: step}
	for t := tr.Start; t.Before(to); t = t.Add(step) {
		tr.Values = append(tr.Values, means.at(t))
		tr.LastWeek = append(tr.LastWeek, means.at(WeekBefore(t, loc)))
	}
	return tr
}

// WeekBefore is the same time of day a week earlier by the clocks of loc.
func WeekBefore(t time.Time, loc *time.Location) time.Time { return t.In(loc).AddDate(0, 0, -7).UTC() }

// means are minutes by the step that they lie in.
type means struct {
	step  time.Duration
	least int // minutes that a step needs
	by    map[int64]*stepMean
}

type stepMean struct {
	running
	censored bool
}

func newMeans(points []forescale.DemandPoint, step time.Duration) means {
	m := means{step: step, least: max(1, int((step/forescale.DemandStep+1)/2)), by: map[int64]*stepMean{}}
	points = slices.DeleteFunc(slices.Clone(points), func(p forescale.DemandPoint) bool { return !usable(p.Value) })
	slices.SortStableFunc(points, func(a, b forescale.DemandPoint) int { return a.Time.Compare(b.Time) })
	for i, p := range points {
		for t := p.Time.UTC(); t.Before(p.Time.Add(standsFor(points, i))); t = t.Add(forescale.DemandStep) {
			m.add(t, p)
		}
	}
	return m
}

func (m means) add(t time.Time, p forescale.DemandPoint) {
	k := t.Truncate(m.step).UnixNano()
	c := m.by[k]
	if c == nil {
		c = &stepMean{}
		m.by[k] = c
	}
	c.add(p.Value)
	c.censored = c.censored || p.Censored
}

// widestStand is how long one value may stand for. The mean of an hour does not tell
// what its minutes were.
const widestStand = 15 * time.Minute

// standsFor is how long the value of point i stands for: its own minute; or, where it
// is one of three at even distances, as history that was imported in wider steps has
// them, until the next. Minutes that are missing among others make no such pattern.
func standsFor(points []forescale.DemandPoint, i int) time.Duration {
	stand := time.Duration(0)
	for first := max(0, i-2); first <= i && first+2 < len(points); first++ {
		d := points[first+1].Time.Sub(points[first].Time)
		if d == points[first+2].Time.Sub(points[first+1].Time) && d > 0 && d <= widestStand && (stand == 0 || d < stand) {
			stand = d
		}
	}
	if i+1 < len(points) {
		stand = min(stand, points[i+1].Time.Sub(points[i].Time))
	}
	return max(stand, forescale.DemandStep)
}

func (m means) at(t time.Time) float64 {
	c := m.by[t.Truncate(m.step).UnixNano()]
	if c == nil || c.n < m.least || c.censored {
		return math.NaN()
	}
	return c.running.mean
}

// ScoreIssued holds issued forecasts against what came. Each step is scored at each
// of forescale.Leads once, by the forecast that was issued earliest of those whose
// lead time lies between the lead before and this one: so the error "2 h ahead" is
// that of forecasts which are nearly 2 h old. The sums come by model and lead, all of
// one day: the caller hands in steps of one day at a time.
func ScoreIssued(fs []forescale.Forecast, tr Truths) []forescale.Tally {
	fs = slices.SortedFunc(slices.Values(fs), func(a, b forescale.Forecast) int { return a.Start.Compare(b.Start) })
	var all []forescale.Tally
	for i, y := range tr.Values {
		if math.IsNaN(y) {
			continue
		}
		t := tr.Start.Add(time.Duration(i) * tr.Step)
		above := time.Duration(0)
		for _, lead := range forescale.Leads {
			if f := earliest(fs, t, tr.Step, above, lead); f != nil {
				all = addTo(all, *f, lead, t, y, tr.LastWeek[i])
			}
			above = lead
		}
	}
	slices.SortFunc(all, func(a, b forescale.Tally) int {
		return cmp.Or(cmp.Compare(a.Lead, b.Lead), cmp.Compare(a.Model, b.Model))
	})
	return all
}

// earliest is the first of the forecasts, which are sorted, that has the end of the
// step at t further ahead than above and not further than lead.
func earliest(fs []forescale.Forecast, t time.Time, step, above, lead time.Duration) *forescale.Forecast {
	end := t.Add(step)
	k, _ := slices.BinarySearchFunc(fs, end.Add(-lead), func(f forescale.Forecast, start time.Time) int { return f.Start.Compare(start) })
	for ; k < len(fs) && end.Sub(fs[k].Start) > above; k++ {
		if _, ok := fs[k].At(t, .5); ok && !fs[k].Issued.After(end) {
			return &fs[k]
		}
	}
	return nil
}

func addTo(all []forescale.Tally, f forescale.Forecast, lead time.Duration, t time.Time, y, week float64) []forescale.Tally {
	k := slices.IndexFunc(all, func(x forescale.Tally) bool { return x.Lead == lead && x.Model == f.Model })
	if k < 0 {
		k = len(all)
		all = append(all, forescale.Tally{Service: f.Service, Metric: f.Metric, Day: t.UTC().Truncate(dayLength), Model: f.Model, Lead: lead})
	}
	x := &all[k]
	at := func(q float64) float64 { v, _ := f.At(t, q); return v }
	x.Steps++
	if at(lowBound) <= y && y <= at(highBound) {
		x.Inside++
	}
	for _, q := range scoredLevels {
		x.Loss += Pinball(q, y, at(q)) / float64(len(scoredLevels))
	}
	miss := math.Abs(y - at(.5))
	x.Error += miss
	x.Truth += y
	if !math.IsNaN(week) {
		x.Compared++
		x.TheirMiss += miss
		x.LastWeek += math.Abs(y - week)
	}
	return all
}
