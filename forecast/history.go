package forecast

import (
	"fmt"
	"slices"
	"time"

	"github.com/forescale/forescale"
)

// History is measurements of one thing in any unit, in any order and uneven.
type History struct {
	Name     string      // of the series
	Times    []time.Time // as many as Values
	Values   []float64   // not negative; others are left out with a warning
	Step     time.Duration
	Horizon  int            // steps ahead, the first right after the newest value's step
	Levels   []float64      // rising, in (0, 1); kept as asked
	Location *time.Location // nil: UTC
	Country  string         // whose public holidays count, of forescale.Countries; "": none

	seen condensed
}

// condensed is what [History.Condense] saw and no longer holds.
type condensed struct {
	begin       time.Time // oldest time; zero: nothing was condensed
	pairs       int       // how many of the held times were looked at already
	twice, back int       // times that are the same as the one before, or before it
}

// FromHistory forecasts the steps that follow the newest value: the values are
// averaged on an even grid, which begins at multiples of Step in UTC. The
// forecast's Service is the name, and its values are in the unit of the history.
func FromHistory(h History) (forescale.Forecast, error) {
	levels := slices.Clone(h.Levels)
	if err := checkRequest(h.Step, h.Step, h.Horizon, levels); err != nil {
		return forescale.Forecast{}, err
	}
	n := min(len(h.Times), len(h.Values))
	var first, last time.Time
	strange, found := 0, false
	for i, t := range h.Times[:n] {
		switch {
		case !usable(h.Values[i]):
			strange++
			continue
		case !found:
			first, last, found = t, t, true
		case t.Before(first):
			first = t
		case t.After(last):
			last = t
		}
	}
	if !found {
		return forescale.Forecast{}, nothing()
	}
	var warnings []string
	if strange > 0 {
		warnings = append(warnings, fmt.Sprintf("%d values of the history are no numbers of zero or more and were left out", strange))
	}
	end := last.UTC().Truncate(h.Step).Add(h.Step)
	if b := h.seen.begin; !b.IsZero() && b.Before(first) {
		first = b
	}
	warnings = append(warnings, h.doubts(end.Sub(first))...)
	if oldest := h.oldest(first, end); oldest.After(first) {
		warnings = append(warnings, fmt.Sprintf("the history spans more than the %d steps that are looked at: what was before %s was left out", MaxHistory, oldest.UTC().Format(time.RFC3339)))
		first = oldest
	}
	g := newGridder(first, end, h.Step)
	for i, t := range h.Times[:n] {
		g.add(t, h.Values[i])
	}
	in := Input{Series: g.series(), Location: h.Location, Horizon: h.Horizon, Levels: levels}
	sp := Special{Country: h.Country}
	if sp.Country != "" {
		sp.Effect = LearnHolidays(in.Series, h.Country, h.Location)
	}
	_, f, err := prepared{in: in, special: sp, f: forescale.Forecast{Service: h.Name, Issued: end}, warnings: warnings}.learn()
	return f, err
}

// MaxHistory bounds the steps of a history that are looked at: fifteen years of hours, three
// months of minutes.
const MaxHistory = 131_072

// oldest is first, or the oldest time that is looked at when that is later.
func (h History) oldest(first, end time.Time) time.Time {
	if end.Sub(first)/h.Step < MaxHistory { // so that long steps do not overflow
		return first
	}
	return end.Add(-MaxHistory * h.Step)
}

// Condense averages the values over their steps, but for the newest step and what
// came after it, and lets go what no forecast looks at. It says by how many values
// the history is shorter now. What was seen of the times is not forgotten: a forecast
// has the same warnings.
func (h *History) Condense() (fewer int) {
	n := min(len(h.Times), len(h.Values))
	var first, last time.Time
	for i, t := range h.Times[:n] {
		if i == 0 || t.Before(first) {
			first = t
		}
		if i == 0 || t.After(last) {
			last = t
		}
	}
	if n == 0 || h.Step <= 0 {
		return 0
	}
	open := last.UTC().Truncate(h.Step)
	h.seen = h.order()
	if h.seen.begin.IsZero() || first.Before(h.seen.begin) {
		h.seen.begin = first
	}
	g := newGridder(h.oldest(first, open), open, h.Step)
	var times []time.Time
	var values []float64
	for i, t := range h.Times[:n] {
		if _, ok := g.add(t, h.Values[i]); !ok && !t.Before(g.start) { // the newest step, and what is strange
			times, values = append(times, t), append(values, h.Values[i])
		}
	}
	s := g.series()
	h.Times, h.Values = make([]time.Time, 0, len(s.Values)+len(times)), make([]float64, 0, len(s.Values)+len(times))
	for i, v := range s.Values {
		if usable(v) {
			h.Times, h.Values = append(h.Times, s.At(i)), append(h.Values, v)
		}
	}
	h.Times, h.Values = append(h.Times, times...), append(h.Values, values...)
	h.seen.pairs = len(h.Times)
	return n - len(h.Times)
}

// order counts the times that are not after the one before, those of rows that were
// condensed too.
func (h *History) order() condensed {
	c := h.seen
	for i := max(1, c.pairs); i < min(len(h.Times), len(h.Values)); i++ {
		switch d := h.Times[i].Sub(h.Times[i-1]); {
		case d == 0:
			c.twice++
		case d < 0:
			c.back++
		}
	}
	return c
}

// doubts are warnings about the times of a history that spans so much.
func (h History) doubts(span time.Duration) (warnings []string) {
	n := min(len(h.Times), len(h.Values))
	order := h.order()
	var gaps []time.Duration
	for i := 1; i < n && len(gaps) < 1000; i++ {
		if d := h.Times[i].Sub(h.Times[i-1]); d > 0 {
			gaps = append(gaps, d)
		}
	}
	if order.back > 0 {
		warnings = append(warnings, fmt.Sprintf("%d times are before the one of the row above; the rows were put in order", order.back))
	}
	if order.twice > 0 {
		warnings = append(warnings, fmt.Sprintf("%d times are the same as in the row above; their values were averaged", order.twice))
	}
	if len(gaps) > 0 {
		slices.Sort(gaps)
		switch usual := gaps[len(gaps)/2]; {
		case usual > h.Step:
			warnings = append(warnings, fmt.Sprintf("most times are %v apart: steps of %v in between have no value", usual, h.Step))
		case h.Step%usual != 0 && h.Step < 4*usual:
			warnings = append(warnings, fmt.Sprintf("most times are %v apart, which does not divide steps of %v: some hold more values than others", usual, h.Step))
		}
	}
	if ahead := time.Duration(h.Horizon) * h.Step; ahead > span {
		warnings = append(warnings, fmt.Sprintf("%v are forecast from a history of %v", ahead, span))
	}
	return warnings
}
