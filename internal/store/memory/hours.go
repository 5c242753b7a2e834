package memory

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/forescale/forescale"
)

// hour is worked out from the minutes; ok is false of one without any.
func (l *line) hour(h int64) (hour forescale.DemandHour, ok bool) {
	points := l.during(h*minutesOfHour, (h+1)*minutesOfHour)
	if len(points) == 0 {
		return hour, false
	}
	hour = forescale.DemandHour{Service: l.service, Metric: l.metric, Time: fromMinute(h * minutesOfHour),
		Least: math.Inf(1), Most: math.Inf(-1), Points: len(points)}
	for _, p := range points {
		hour.Mean += p.value
		hour.Least, hour.Most = min(hour.Least, p.value), max(hour.Most, p.value)
		if p.censored {
			hour.Saturated++
		}
	}
	n := float64(len(points))
	hour.Mean, hour.Saturated = hour.Mean/n, hour.Saturated/n
	return hour, true
}

// hoursDuring are those of [from, to), by time. What is due is worked out while it
// is read, so hours never differ from their minutes.
func (l *line) hoursDuring(from, to, final int64) (out []forescale.DemandHour) {
	for h, hour := range l.hours {
		if _, due := l.due[h]; h >= from && h < to && (!due || h < final) {
			out = append(out, hour)
		}
	}
	for h := range l.due {
		if h >= max(from, final) && h < to {
			if hour, ok := l.hour(h); ok {
				out = append(out, hour)
			}
		}
	}
	slices.SortFunc(out, func(a, b forescale.DemandHour) int { return a.Time.Compare(b.Time) })
	return out
}

// DemandHours implements [store.Samples].
func (s *Store) DemandHours(ctx context.Context, service string, metric forescale.Metric, from, to time.Time) (out []forescale.DemandHour, err error) {
	err = s.read(ctx, func() {
		if l := s.lines[lineKey{service, metric}]; l != nil {
			out = l.hoursDuring(hourFrom(from), hourFrom(to), s.final)
		}
	})
	return out, err
}

// HoursOf implements [store.Samples].
func (s *Store) HoursOf(ctx context.Context, from, to time.Time, services []string) (out []forescale.DemandHour, err error) {
	err = s.read(ctx, func() {
		if len(services) == 0 {
			return
		}
		for _, l := range s.linesOf(services) {
			out = append(out, l.hoursDuring(hourFrom(from), hourFrom(to), s.final)...)
		}
	})
	return out, err
}

// RollUp implements [store.Samples].
func (s *Store) RollUp(ctx context.Context) error { return s.put(ctx, unfenced, s.rollUp) }

func (s *Store) rollUp() {
	for _, l := range s.lines {
		for h := range l.due {
			if h < s.final {
				continue
			}
			delete(l.hours, h)
			if hour, ok := l.hour(h); ok {
				l.hours[h] = hour
			}
		}
		clear(l.due)
	}
}
