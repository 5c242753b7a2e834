package forecast

import (
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/forescale/forescale"
)

// Special is what makes days unlike others of their weekday. Its zero value says that
// nothing does.
type Special struct {
	Country string            // whose public holidays count; "": none
	Effect  HolidayEffect     // how holidays behave here
	Events  []forescale.Event // that cover the service
}

// empty reports whether nothing is special.
func (s Special) empty() bool { return s.Country == "" && len(s.Events) == 0 }

// digest tells apart what is special: a change of it bends the history another way.
// What was learned of holidays changes a little every day, and does not count.
func (s Special) digest() uint64 {
	if s.empty() {
		return 0
	}
	h := fnv.New64a()
	fmt.Fprint(h, s.Country)
	for _, e := range s.Events {
		fmt.Fprintln(h, e.From.UnixMilli(), e.Until.UnixMilli(), e.LeaveOut, e.Factor)
	}
	return h.Sum64()
}

// bend makes a history as if nothing had been special, in a copy: values are divided
// by the factor of their step, those that are no example become gaps.
func (s Special) bend(in Input) Input {
	if s.empty() {
		return in
	}
	values := make([]float64, len(in.Series.Values))
	factors, _ := s.factors(in.Series.Start, in.Series.Step, len(values), in.Location)
	for i, v := range in.Series.Values {
		switch f := factors[i]; {
		case math.IsNaN(f) || f <= leastFactor:
			values[i] = math.NaN()
		default:
			values[i] = min(v/f, math.MaxFloat64)
		}
	}
	in.Series.Values = values
	return in
}

// leastFactor is the factor below which a value tells nothing of the usual demand.
const leastFactor = .02

// unbend multiplies a prediction of the steps after the series by their factors, and
// says which days are special.
func (s Special) unbend(in Input, p *Prediction) {
	if s.empty() {
		return
	}
	factors, told := s.factors(in.Series.End(), in.Series.Step, len(p.Values), in.Location)
	for h, row := range p.Values {
		if f := factors[h]; !math.IsNaN(f) && f != 1 {
			for k := range row {
				row[k] = min(row[k]*f, math.MaxFloat64)
			}
		}
	}
	p.Warnings = append(p.Warnings, told...)
}

// factors are what the usual demand is multiplied by in each step, NaN where it is no
// example, and the holidays in words.
func (s Special) factors(start time.Time, step time.Duration, n int, loc *time.Location) (factors []float64, told []string) {
	if loc == nil {
		loc = time.UTC
	}
	factors = make([]float64, n)
	end := start.Add(time.Duration(n) * step)
	holidays := holidaysOf(s.Country, start.In(loc), end.In(loc))
	last := date{}
	for i := range factors {
		t := start.Add(time.Duration(i) * step).In(loc)
		factors[i] = 1
		if len(holidays) == 0 {
			continue
		}
		d := dateOf(t)
		name, off := holidays[d]
		if !off || d.weekday() == time.Sunday {
			continue
		}
		factors[i] = s.Effect.factor(d.weekday(), t.Hour())
		if d != last {
			told, last = append(told, s.Effect.sentence(d, name)), d
		}
	}
	for _, e := range s.Events {
		// Steps that an event only touches count by the part of them that it covers.
		first := max(0, int(e.From.Sub(start)/step))
		for i := first; i < n; i++ {
			from, until := start.Add(time.Duration(i)*step), start.Add(time.Duration(i+1)*step)
			if !from.Before(e.Until) {
				break
			}
			part := float64(earlier(until, e.Until).Sub(later(from, e.From))) / float64(step)
			switch {
			case part <= 0:
			case e.LeaveOut:
				factors[i] = math.NaN()
			default:
				factors[i] *= 1 + part*(e.Factor-1)
			}
		}
	}
	return factors, told
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// HolidayEffect is how holidays behave for one service: somewhere between an ordinary
// day of their weekday and a Sunday, times a ratio. Its zero value is no effect.
type HolidayEffect struct {
	Known  int            // past holidays that it was learned from
	Sunday float64        // from 0, an ordinary day, to 1, a Sunday
	Ratio  float64        // of such a day
	Usual  [7][24]float64 // ordinary demand by weekday and hour of late; NaN: not known
}

// Bounds of what is learned of holidays.
const (
	fullDay      = 20    // hours that a day must have
	nearDays     = 4 * 7 // ordinary days are looked for as far as this
	usualDays    = 5 * 7 // for the usual week of late
	leastRatio   = .05
	mostRatio    = 10.0
	mostOfFactor = 20.0
)

// LearnHolidays learns from past holidays how they behave. The history may be years
// long, in steps of an hour or less. With few holidays the effect is pulled towards
// none: what n of them say counts n/(n+1).
func LearnHolidays(s forescale.Series, country string, loc *time.Location) HolidayEffect {
	if loc == nil {
		loc = time.UTC
	}
	holidays := holidaysOf(country, s.Start.In(loc), s.End().In(loc))
	if len(holidays) == 0 || s.Step > time.Hour {
		return HolidayEffect{}
	}
	days := map[date]*[24]running{}
	newest := date{}
	for i, v := range s.Values {
		if math.IsNaN(v) {
			continue
		}
		t := s.At(i).In(loc)
		newest = dateOf(t)
		if days[newest] == nil {
			days[newest] = &[24]running{}
		}
		days[newest][t.Hour()].add(v)
	}
	e := HolidayEffect{Ratio: 1}
	mean := func(from date, step, count int, hour int) running {
		var m running
		for k := range count {
			d := from.add(step * k)
			if _, off := holidays[d]; off || days[d] == nil || days[d][hour].n == 0 {
				continue
			}
			m.add(days[d][hour].mean)
		}
		return m
	}
	// Σ over hours of holidays: how far they and Sundays are from ordinary days.
	var num, den float64
	type hour struct{ value, usual, sunday float64 }
	var hours []hour
	sorted := slices.SortedFunc(maps.Keys(holidays), func(a, b date) int { return a.noon().Compare(b.noon()) })
	for _, d := range sorted { // always in the same order: sums depend on it
		day := days[d]
		if day == nil || d.weekday() == time.Sunday {
			continue
		}
		var of []hour
		toSunday := int(d.weekday())
		for h := range day {
			if day[h].n == 0 {
				continue
			}
			w, s := mean(d.add(-nearDays), 7, 2*nearDays/7+1, h), mean(d.add(-nearDays-toSunday), 7, 2*nearDays/7+1, h)
			if w.n > 0 && s.n > 0 {
				of = append(of, hour{day[h].mean, w.mean, s.mean})
			}
		}
		if len(of) < fullDay {
			continue
		}
		hours = append(hours, of...)
		e.Known++
	}
	if e.Known == 0 {
		return e
	}
	shrunk := float64(e.Known) / float64(e.Known+1)
	for _, x := range hours {
		num += (x.value - x.usual) * (x.sunday - x.usual)
		den += (x.sunday - x.usual) * (x.sunday - x.usual)
	}
	if den > 0 {
		e.Sunday = shrunk * min(max(num/den, 0), 1)
	}
	var got, mixed float64
	for _, x := range hours {
		got += x.value
		mixed += x.usual + e.Sunday*(x.sunday-x.usual)
	}
	if got > 0 && mixed > 0 {
		e.Ratio = math.Exp(shrunk * math.Log(min(max(got/mixed, leastRatio), mostRatio)))
	}
	for w := range e.Usual {
		back := (int(newest.weekday()) - w + 7) % 7
		for h := range e.Usual[w] {
			m := mean(newest.add(-back-usualDays+7), 7, usualDays/7, h)
			if e.Usual[w][h] = m.mean; m.n == 0 {
				e.Usual[w][h] = math.NaN()
			}
		}
	}
	return e
}

// factor is what an ordinary day's demand is multiplied by in an hour of a holiday.
func (e HolidayEffect) factor(weekday time.Weekday, hour int) float64 {
	if e.Known == 0 {
		return 1
	}
	f := e.Ratio
	if u, s := e.Usual[weekday][hour], e.Usual[time.Sunday][hour]; u > 0 && s >= 0 {
		f *= (u + e.Sunday*(s-u)) / u
	}
	return min(max(f, leastFactor), mostOfFactor)
}

// sentence tells what is made of a holiday.
func (e HolidayEffect) sentence(d date, name string) string {
	day := d.noon().Format("Mon 2 Jan")
	if e.Known == 0 {
		return fmt.Sprintf("%s is a holiday (%s), but how holidays behave here is not known yet: taken as an ordinary day", day, name)
	}
	var usual, expected float64
	for h := range 24 {
		if u := e.Usual[d.weekday()][h]; u > 0 {
			usual += u
			expected += u * e.factor(d.weekday(), h)
		}
	}
	if usual == 0 {
		usual, expected = 1, e.Ratio
	}
	return fmt.Sprintf("%s is a holiday (%s): %.0f %% of an ordinary %s, as %s", day, name, 100*expected/usual, d.weekday(), counted(e.Known))
}

func counted(n int) string {
	if n == 1 {
		return "the past holiday"
	}
	return fmt.Sprintf("%d past holidays", n)
}
