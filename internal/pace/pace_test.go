package pace_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/money"
	"github.com/forescale/forescale/internal/pace"
)

// month begins a month of 30 days.
var month = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// past is a store that knows the demand of the newest week, by the hour, and no forecast.
type past map[string]func(t time.Time) float64

func (p past) HoursOf(_ context.Context, from, to time.Time, services []string) (hours []forescale.DemandHour, _ error) {
	for _, s := range services {
		for t := from; t.Before(to); t = t.Add(time.Hour) {
			if v := p[s](t); v >= 0 {
				hours = append(hours, forescale.DemandHour{Service: s, Metric: forescale.MetricLoad, Time: t, Mean: v, Most: v + 1, Points: 60})
			}
		}
	}
	return hours, nil
}

func (past) LatestForecasts(context.Context, time.Time, ...string) ([]forescale.Forecast, error) {
	return nil, nil
}

// day is low at night and high by day.
func day(t time.Time) float64 {
	if h := t.Hour(); h >= 8 && h < 20 {
		return 16
	}
	return 4
}

func service(name string, priority int) forescale.Service {
	return forescale.Service{Name: name, Mode: forescale.ModeActive, Min: 1, Max: 100, Objective: 0.99, PricePerHour: forescale.Unit, Priority: priority}.WithDefaults()
}

// book is one of which nothing runs yet.
func book(t testing.TB, now time.Time, limit float64, spent float64, services ...forescale.Service) *money.Book {
	b := &money.Book{Budgets: []forescale.Budget{{Name: "all", Scope: forescale.BudgetAll, Limit: forescale.Amount(limit), TimeZone: "UTC"}}, Services: services, Pace: time.Minute,
		Meters: []money.Meter{{Zone: "UTC", Month: money.MonthOf(now, time.UTC), At: now}},
		Sums:   []money.Sum{{Zone: "UTC", Month: money.MonthOf(now, time.UTC), Service: services[0].Name, Amount: forescale.Amount(spent)}}}
	b.Charge(now)
	return b
}

func outlook(t testing.TB, p past, b *money.Book, now time.Time) *pace.Outlook {
	t.Helper()
	r := &pace.Reader{}
	o, err := r.Read(context.Background(), p, b, now)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestAMonthIsProjectedByTheNewestWeek(t *testing.T) {
	p := past{"a": day}
	b := book(t, month, 1e6, 0, service("a", 0))
	x := outlook(t, p, b, month).Budgets(b, month)[0]
	band := forescale.DefaultBand()
	want := 30 * 12 * float64(band.Required(17)+band.Required(5))
	if got := x.Projected.Float(); got != want || x.Low != x.Projected || len(x.Lowered) != 0 || !x.MetAt.IsZero() || x.Paced != x.Projected {
		t.Errorf("projected %g, want %g: %+v", got, want, x)
	}
	later := month.Add(10*24*time.Hour + 30*time.Minute)
	b = book(t, later, 1e6, 777, service("a", 0))
	rest := want*20/30 - 0.5*float64(band.Required(5))
	if got := outlook(t, p, b, later).Budgets(b, later)[0].Projected.Float(); got < 777+rest-1e-3 || got > 777+rest+1e-3 {
		t.Errorf("after ten days %g, want %g", got, 777+rest)
	}
}

func TestTheDayIsToldOnWhichALimitWouldBeMet(t *testing.T) {
	p := past{"a": day}
	b := book(t, month, 1e6, 0, service("a", 0))
	whole := outlook(t, p, b, month).Budgets(b, month)[0].Projected.Float()
	b = book(t, month, whole/3, 0, service("a", 0))
	x := outlook(t, p, b, month).Budgets(b, month)[0]
	if got := x.MetAt; got.Before(month.Add(9*24*time.Hour)) || got.After(month.Add(11*24*time.Hour)) {
		t.Errorf("a third is met at %s", got)
	}
}

func TestAShortBudgetLowersThoseOfLeastPriorityFirst(t *testing.T) {
	p := past{"low": day, "high": day}
	services := []forescale.Service{service("high", 5), service("low", 1)}
	whole := func() float64 {
		b := book(t, month, 1e6, 0, services...)
		return outlook(t, p, b, month).Budgets(b, month)[0].Projected.Float()
	}()
	b := book(t, month, 0.9*whole, 0, services...)
	x := outlook(t, p, b, month).Budgets(b, month)[0]
	if len(x.Lowered) != 1 || x.Lowered[0].Service != "low" || x.Lowered[0].Objective >= 0.99 || x.Lowered[0].Objective < 0.4 {
		t.Errorf("lowered %+v", x.Lowered)
	}
	b = book(t, month, 0.5*whole, 0, services...)
	if x = outlook(t, p, b, month).Budgets(b, month)[0]; len(x.Lowered) != 2 || x.Lowered[0].Objective > 1e-9 || x.Lowered[1].Objective <= 0 {
		t.Errorf("at half: %+v", x.Lowered)
	}
}

// By day more is needed than at night: when some time has to be given up, it is by day.
func TestTheDearestHoursAreGivenUp(t *testing.T) {
	p := past{"a": day}
	b := book(t, month, 1e6, 0, service("a", 0))
	whole := outlook(t, p, b, month).Budgets(b, month)[0].Projected.Float()
	given := func(now time.Time) bool {
		part := now.Sub(month).Hours() / (30 * 24)
		b := book(t, now, 0.7*whole, 0.7*whole*part, service("a", 0))
		return outlook(t, p, b, now).Paces(b, now)["a"].Gone
	}
	at := func(day, hour int) time.Time { return month.Add(time.Duration(24*day+hour) * time.Hour) }
	days, nights := 0, 0
	for d := 3; d < 12; d++ {
		if given(at(d, 12)) {
			days++
		}
		if given(at(d, 2)) {
			nights++
		}
	}
	if nights > 0 || days < 6 {
		t.Errorf("given up on %d noons and %d nights of 9", days, nights)
	}
}

// Whatever the demand: what a budget can pay for is paid for, in the order of
// priorities, a larger limit never brings less, and min is never touched.
func TestWhatIsForeseenToBeSpentStaysWithinTheLimit(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		now := month.Add(time.Duration(rapid.IntRange(0, 29*24*60).Draw(r, "minute")) * time.Minute)
		p, services := past{}, []forescale.Service{}
		for k := range rapid.IntRange(1, 4).Draw(r, "services") {
			s := service(fmt.Sprint("s", k), rapid.IntRange(0, 2).Draw(r, "priority"))
			s.Min = rapid.IntRange(1, 3).Draw(r, "min")
			level, swing := rapid.Float64Range(0.1, 20).Draw(r, "level"), rapid.Float64Range(0, 1).Draw(r, "swing")
			p[s.Name] = func(t time.Time) float64 {
				if t.Unix()/3600%7 == 3 {
					return -1
				}
				return level * (1 + swing*float64(t.Hour()%12)/12)
			}
			services = append(services, s)
		}
		free := book(t, now, 1e9, 0, services...)
		o := outlook(t, p, free, now)
		whole := o.Budgets(free, now)[0].Projected.Float()
		before := -1.0
		for _, tr := range o.WhatIf(free, free.Budgets[0], now).Trades {
			if tr.InBand < before-1e-9 {
				r.Fatalf("a limit of %s brings %g, a smaller one %g", tr.Limit, tr.InBand, before)
			}
			before = tr.InBand
			if tr.Pays && tr.Cost > tr.Limit {
				r.Fatalf("%+v is said to pay", tr)
			}
		}
		limit := rapid.Float64Range(0.2, 1.2).Draw(r, "limit") * whole
		b := book(t, now, limit, 0, services...)
		x := outlook(t, p, b, now).Budgets(b, now)[0]
		all := len(x.Lowered) == len(services)
		for _, l := range x.Lowered {
			all = all && l.Objective < 1e-9
		}
		if x.Paced.Float() > limit && !all {
			r.Fatalf("%s would be spent of %g, lowered %+v", x.Paced, limit, x.Lowered)
		}
		if x.Projected.Float() <= 0.99*limit && len(x.Lowered) > 0 {
			r.Fatalf("%s of %g, but lowered %+v", x.Projected, limit, x.Lowered)
		}
		for name, pc := range outlook(t, p, b, now).Paces(b, now) {
			for _, s := range services {
				if s.Name == name && pc.Most > 0 && pc.Most < s.Min {
					r.Fatalf("%s keeps %d, min is %d", name, pc.Most, s.Min)
				}
			}
		}
	})
}
