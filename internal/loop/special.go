package loop

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/forecast"
)

// holidayHistory is how far back holidays are learned from: the same ones a year ago,
// and what lies around them.
const holidayHistory = 400 * 24 * time.Hour

// maxLearned bounds the effects that are remembered.
const maxLearned = 50_000

// effects remembers what was learned of holidays for a day: it takes a year of hours,
// and hardly changes. A server that starts learns it again.
type effects struct {
	mu sync.Mutex
	by map[lineOf]learned
}

type learned struct {
	country string
	day     string // in the service's zone
	effect  forecast.HolidayEffect
}

func (e *effects) get(line lineOf, country, day string) (forecast.HolidayEffect, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	l, ok := e.by[line]
	return l.effect, ok && l.country == country && l.day == day
}

func (e *effects) put(line lineOf, l learned) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.by == nil || len(e.by) >= maxLearned {
		e.by = map[lineOf]learned{}
	}
	e.by[line] = l
}

// special is what makes days of the service unlike others between the begin of its
// history and the end of its forecast.
func (l *Loop) special(ctx context.Context, now time.Time, s forescale.Service, m forescale.Metric, from time.Time, events []forescale.Event) (forecast.Special, error) {
	var sp forecast.Special
	for _, e := range events {
		if e.Covers(s.Name) {
			sp.Events = append(sp.Events, e)
		}
	}
	loc := s.Location()
	if !forecast.HolidaysLie(s.Country, from, now.Add(l.opt.Horizon), loc) {
		return sp, nil
	}
	sp.Country = s.Country
	line, day := lineOf{s.Name, m}, now.In(loc).Format(time.DateOnly)
	if e, ok := l.effects.get(line, s.Country, day); ok {
		sp.Effect = e
		return sp, nil
	}
	begin := now.Add(-holidayHistory).Truncate(forescale.HourStep)
	hours, err := l.store.DemandHours(ctx, s.Name, m, begin, now)
	if err != nil {
		return sp, fmt.Errorf("read demand by the hour: %w", err)
	}
	if len(hours) > 0 {
		begin = hours[0].Time
	}
	series, _ := forecast.Grid(forecast.Spread(hours, forescale.HourStep), begin, now, forescale.HourStep)
	sp.Effect = forecast.LearnHolidays(series, s.Country, loc)
	l.effects.put(line, learned{s.Country, day, sp.Effect})
	return sp, nil
}
