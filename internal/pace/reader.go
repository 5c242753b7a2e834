package pace

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
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
	// freshFor is how long an outlook is used before it is reckoned anew: forecasts come as often.
	freshFor = 15 * time.Minute
	// servicesAtOnce bounds what is read in one query.
	servicesAtOnce = 500
	// forecastsSince bounds how old forecasts are that are read.
	forecastsSince = 24 * time.Hour
)

// Reader reads outlooks. What a service will cost is reckoned anew after a quarter of an hour,
// and when it or a budget changed; its newest week is read again when an hour is over.
// Services take turns, at moments that their names give: rounds share the work, and
// whoever reads goes by the same. It is safe for concurrent use.
type Reader struct {
	Options planner.Options // of the planner that objectives are lowered for

	mu     sync.Mutex
	months string // of the budgets, and their versions: all is reckoned anew when they change
	known  map[string]known
	last   *Outlook
}

// known is what was read of a service, and when.
type known struct {
	turn    time.Time // in which its curves were reckoned
	version int64     // of the service
	week    *Week
	hour    time.Time // in which the week was read
}

// Read gives the outlook for the budgets and services of a book.
func (r *Reader) Read(ctx context.Context, st Store, b *money.Book, now time.Time) (*Outlook, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	services := covered(b)
	if len(services) == 0 {
		return &Outlook{}, nil
	}
	months, was, old := monthsOf(b, now), r.known, r.last
	if r.months != months {
		was, old = nil, &Outlook{}
	}
	next, o := make(map[string]known, len(services)), &Outlook{Curves: make(map[CurveOf]*Curve, len(services))}
	var due []forescale.Service
	for _, s := range services {
		k := was[s.Name]
		next[s.Name] = k
		if k.version != s.Version || !k.turn.Equal(forescale.Turn(now, freshFor, s.Name)) {
			due = append(due, s.WithDefaults())
			continue
		}
		for _, x := range b.Budgets {
			if c, ok := old.Curves[CurveOf{x.TimeZone, s.Name}]; ok {
				o.Curves[CurveOf{x.TimeZone, s.Name}] = c
			}
		}
	}
	if len(due) == 0 && len(was) == len(next) {
		return old, nil
	}
	for part := range slices.Chunk(due, servicesAtOnce) {
		if err := readWeeks(ctx, st, part, now, next); err != nil {
			return nil, err
		}
		fs, err := st.LatestForecasts(ctx, now.Add(-forecastsSince), forescale.ServiceNames(part)...)
		if err != nil {
			return nil, fmt.Errorf("read forecasts: %w", err)
		}
		o.add(b, part, fs, next, now, r.Options)
	}
	r.months, r.known, r.last = months, next, o
	return o, nil
}

// monthsOf tells which budgets there are, in which of their months.
func monthsOf(b *money.Book, now time.Time) string {
	var s strings.Builder
	for _, x := range b.Budgets {
		fmt.Fprintf(&s, "%s %d %d\n", x.Name, x.Version, b.MonthEnd(x.TimeZone, now).Unix())
	}
	return s.String()
}

// covered are the active services with a price that some budget covers, as the book has them.
func covered(b *money.Book) []*forescale.Service {
	services := make([]*forescale.Service, 0, len(b.Services))
	for k := range b.Services {
		s := &b.Services[k]
		if s.PricePerHour > 0 && !forescale.IsNodeAccount(s.Name) && s.Mode == forescale.ModeActive && slices.ContainsFunc(b.Budgets, func(x forescale.Budget) bool { return x.Covers(s.Name) }) {
			services = append(services, s)
		}
	}
	return services
}

// readWeeks reads the newest week of demand by the hour, up to the hour of now, of those
// of whom it is not known, and notes that these services have their turn now.
func readWeeks(ctx context.Context, st Store, services []forescale.Service, now time.Time, all map[string]known) error {
	hour := now.Truncate(time.Hour)
	by := map[string]forescale.Service{} // those to read
	for _, s := range services {
		k := known{turn: forescale.Turn(now, freshFor, s.Name), version: s.Version, week: all[s.Name].week, hour: hour}
		if k.week == nil || !all[s.Name].hour.Equal(hour) {
			k.week, by[s.Name] = noWeek(), s
		}
		all[s.Name] = k
	}
	if len(by) == 0 {
		return nil
	}
	hours, err := st.HoursOf(ctx, hour.Add(-hoursOfWeek*time.Hour), hour, slices.Sorted(maps.Keys(by)))
	if err != nil {
		return fmt.Errorf("read demand by the hour: %w", err)
	}
	for _, h := range hours {
		if h.Points > 0 && by[h.Service].Uses(h.Metric) {
			all[h.Service].week.note(h)
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
func (o *Outlook) add(b *money.Book, services []forescale.Service, fs []forescale.Forecast, all map[string]known, now time.Time, opt planner.Options) {
	of := map[string][]forescale.Forecast{}
	for _, f := range fs {
		of[f.Service] = append(of[f.Service], f)
	}
	for _, x := range b.Budgets {
		until := b.MonthEnd(x.TimeZone, now)
		for _, s := range services {
			at := CurveOf{x.TimeZone, s.Name}
			if _, done := o.Curves[at]; !done && x.Covers(s.Name) {
				c := courseOf(now, until, s, of[s.Name], all[s.Name].week, opt)
				o.Curves[at] = curveOf(now, until, s, c, s.Warmup+opt.Interval+freshFor)
			}
		}
	}
}
