package pace

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/money"
	"github.com/forescale/forescale/planner"
)

// Store is what an outlook is read from.
type Store interface {
	HoursOf(ctx context.Context, from, to time.Time, services []string) ([]forescale.DemandHour, error)
	LatestForecasts(ctx context.Context, since time.Time, services ...string) ([]forescale.Forecast, error)
}

const (
	// freshFor is how long an outlook is used before it is reckoned anew.
	freshFor = 5 * time.Minute
	// servicesAtOnce bounds what is read in one query.
	servicesAtOnce = 500
	// forecastsSince bounds how old forecasts are that are read.
	forecastsSince = 24 * time.Hour
)

// Reader reads outlooks. What it keeps is read again when it is older than five
// minutes (weeks: when an hour is over), or when services or budgets changed: whoever
// reads in the same hour goes by the same. It is safe for concurrent use.
type Reader struct {
	Options planner.Options // of the planner that objectives are lowered for

	mu    sync.Mutex
	hour  time.Time
	weeks map[string]*Week
	key   key
	last  *Outlook
}

// key tells when an outlook has to be reckoned anew.
type key struct {
	slot              time.Time
	services, budgets int64 // sums of versions and counts
}

// Read gives the outlook for the budgets and services of a book.
func (r *Reader) Read(ctx context.Context, st Store, b *money.Book, now time.Time) (*Outlook, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	services := covered(b)
	if len(services) == 0 {
		return &Outlook{}, nil
	}
	k := key{slot: now.Truncate(freshFor)}
	for _, s := range services {
		k.services += 1<<32 + s.Version
	}
	for _, x := range b.Budgets {
		k.budgets += 1<<32 + x.Version
	}
	if r.last != nil && r.key == k {
		return r.last, nil
	}
	if err := r.readWeeks(ctx, st, services, now); err != nil {
		return nil, err
	}
	o := &Outlook{Curves: map[CurveOf]Curve{}}
	for part := range slices.Chunk(services, servicesAtOnce) {
		fs, err := st.LatestForecasts(ctx, now.Add(-forecastsSince), forescale.ServiceNames(part)...)
		if err != nil {
			return nil, fmt.Errorf("read forecasts: %w", err)
		}
		o.add(b, part, fs, r.weeks, now, r.Options)
	}
	r.last, r.key = o, k
	return o, nil
}

// covered are the active services with a price that some budget covers.
func covered(b *money.Book) (services []forescale.Service) {
	for _, s := range b.Services {
		if s.PricePerHour > 0 && !forescale.IsNodeAccount(s.Name) && s.Mode == forescale.ModeActive && slices.ContainsFunc(b.Budgets, func(x forescale.Budget) bool { return x.Covers(s.Name) }) {
			services = append(services, s.WithDefaults())
		}
	}
	return services
}

// readWeeks reads the newest week of demand by the hour, up to the hour of now.
func (r *Reader) readWeeks(ctx context.Context, st Store, services []forescale.Service, now time.Time) error {
	hour := now.Truncate(time.Hour)
	if !r.hour.Equal(hour) {
		r.hour, r.weeks = hour, map[string]*Week{}
	}
	missing := slices.DeleteFunc(slices.Clone(services), func(s forescale.Service) bool { return r.weeks[s.Name] != nil })
	for part := range slices.Chunk(missing, servicesAtOnce) {
		hours, err := st.HoursOf(ctx, hour.Add(-hoursOfWeek*time.Hour), hour, forescale.ServiceNames(part))
		if err != nil {
			return fmt.Errorf("read demand by the hour: %w", err)
		}
		uses := map[string]func(forescale.Metric) bool{}
		for _, s := range part {
			r.weeks[s.Name] = noWeek()
			uses[s.Name] = func(m forescale.Metric) bool { return len(s.Metrics) == 0 || slices.Contains(s.Metrics, m) }
		}
		for _, h := range hours {
			if h.Points > 0 && uses[h.Service](h.Metric) {
				r.weeks[h.Service].note(h)
			}
		}
	}
	return nil
}

// note keeps an hour; of several metrics the one decides that shows most.
func (w *Week) note(h forescale.DemandHour) {
	k := hourOfWeek(h.Time)
	if mean := float32(h.Mean); !(w.Mean[k] >= mean) {
		w.Mean[k], w.Most[k] = mean, float32(h.Most)
	}
}

// add reckons the curves of services, for each zone that budgets count months in.
func (o *Outlook) add(b *money.Book, services []forescale.Service, fs []forescale.Forecast, weeks map[string]*Week, now time.Time, opt planner.Options) {
	of := map[string][]forescale.Forecast{}
	for _, f := range fs {
		of[f.Service] = append(of[f.Service], f)
	}
	for _, state := range b.States(now) {
		for _, s := range services {
			at := CurveOf{state.TimeZone, s.Name}
			if _, done := o.Curves[at]; !done && state.Covers(s.Name) {
				c := courseOf(now, state.Until, s, of[s.Name], weeks[s.Name], opt)
				o.Curves[at] = curveOf(now, s, c, s.Warmup+opt.Interval+freshFor)
			}
		}
	}
}
