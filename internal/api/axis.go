package api

import (
	"fmt"
	"slices"
	"time"

	"github.com/forescale/forescale"
)

// axis is the one x of all columns: even steps of UTC.
type axis struct {
	from time.Time
	step time.Duration
	n    int
}

func (x axis) at(i int) time.Time { return x.from.Add(time.Duration(i) * x.step) }
func (x axis) to() time.Time      { return x.at(x.n) }

// index is the step that covers t; it may be outside.
func (x axis) index(t time.Time) int {
	d := t.Sub(x.from)
	i := int(d / x.step)
	if d < 0 && d%x.step != 0 {
		i--
	}
	return i
}

// ladder is the step by range: wide enough for at most 1,500 points.
var ladder = []struct{ upTo, step time.Duration }{
	{25 * time.Hour, time.Minute},
	{5 * day, 5 * time.Minute},
	{15 * day, 15 * time.Minute},
	{62 * day, time.Hour},
	{187 * day, 3 * time.Hour},
	{375 * day, 6 * time.Hour},
	{maxPoints * day, day},
}

const day = 24 * time.Hour

// axis checks the range and picks the step.
func (in *capacityInput) axis(now time.Time, latest *forescale.Forecast) (axis, error) {
	from, to := in.From.UTC(), in.To.UTC()
	if in.From.IsZero() {
		from = now.Add(-defaultPast)
		if !in.To.IsZero() && to.Before(now) {
			from = to.Add(-defaultPast)
		}
	}
	if in.To.IsZero() {
		to = now.Add(defaultAhead)
		if latest != nil && latest.End().After(now) {
			to = latest.End()
		}
	}
	bad := func(where, what, help string) (axis, error) {
		return axis{}, &forescale.Fault{Code: "range_invalid", Where: where, What: what, Help: help}
	}
	length := to.Sub(from)
	if length < forescale.DemandStep {
		return bad("query.from", "the range ends before it begins, or is shorter than 1 minute", "give from before to")
	}
	if length > ladder[len(ladder)-1].upTo {
		return bad("query.from", "the range is longer than 1,500 days", "ask for a part of it")
	}
	i := slices.IndexFunc(ladder, func(l struct{ upTo, step time.Duration }) bool { return length <= l.upTo })
	step := ladder[i].step
	if in.Step != "" {
		d, err := time.ParseDuration(in.Step)
		if err != nil || d < forescale.DemandStep || d%forescale.DemandStep != 0 {
			return bad("query.step", fmt.Sprintf("%q is not a whole number of minutes", in.Step), `use a step such as "5m"`)
		}
		step = min(d, length.Truncate(forescale.DemandStep))
		for i := 0; i < len(ladder) && int(length/step) >= maxPoints-1; i++ {
			step = max(step, ladder[i].step)
		}
	}
	from = from.Truncate(step)
	n := int((to.Sub(from) + step - 1) / step)
	return axis{from: from, step: step, n: min(n, maxPoints)}, nil
}
