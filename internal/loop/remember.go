package loop

import (
	"context"
	"slices"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
)

// forecastCache holds the newest forecasts of the services there are, so that a
// round reads only those that are new since the last.
type forecastCache struct {
	names []string // of the services, sorted
	upTo  time.Time
	late  time.Time         // when to look for late ones
	by    map[string][]kept // service → one per metric
}

// kept is a forecast whose values are as precise as the store keeps them, in half of
// the room: those of ten thousand services are most of what a loop remembers.
type kept struct {
	forescale.Forecast // without values
	values             []float32
	made               *forescale.Forecast // with them, while it is asked for round by round
}

func keep(f forescale.Forecast) kept {
	k := kept{Forecast: f, values: make([]float32, 0, len(f.Values)*len(f.Levels))}
	for _, row := range f.Values {
		for _, v := range row {
			k.values = append(k.values, float32(v))
		}
	}
	k.Values = nil
	return k
}

// room is where the forecasts and the demand of one service are laid out, to be used
// again for the next.
type room struct {
	demand    []forescale.DemandPoint
	forecasts []forescale.Forecast
	values    []float64
	rows      [][]float64
}

// take is room for n values, in rows of a width.
func (r *room) take(n, wide int) [][]float64 {
	if n == 0 {
		return nil
	}
	from, first := len(r.values), len(r.rows)
	r.values = slices.Grow(r.values, n)[:from+n]
	for i := from; i < from+n; i += wide {
		r.rows = append(r.rows, r.values[i:min(i+wide, from+n):min(i+wide, from+n)])
	}
	return r.rows[first:len(r.rows):len(r.rows)]
}

// whole is the forecast with its values, which lie in the room.
func (k kept) whole(r *room) forescale.Forecast {
	f := k.Forecast
	f.Values = r.take(len(k.values), max(1, len(f.Levels)))
	at := len(r.values) - len(k.values)
	for i, v := range k.values {
		r.values[at+i] = float64(v)
	}
	return f
}

// readAtOnce bounds the services whose forecasts are read in one query: as they come
// they take several times the room that they are kept in.
const readAtOnce = 1000

// lateLooks is how often in a refresh pace late forecasts are looked for.
const lateLooks = 5

// update reads what is new; everything when services came or went, as one that
// is back has the forecasts it had. Not all that is new was issued after all that
// was read: the forecasts of one refresh are kept bit by bit and were issued at
// one time, and another server's clock may be behind. So it also looks back by two
// paces, for those that it does not have: after each news until there are no more, and now
// and then.
func (c *forecastCache) update(ctx context.Context, s store.Forecasts, names []string, now time.Time, pace time.Duration) error {
	since := c.upTo
	all := since.IsZero() || !slices.Equal(c.names, names)
	look := all || !now.Before(c.late) || c.late.Sub(now) > pace // the clock was set back
	switch {
	case all:
		since = time.Time{}
	case look:
		since = since.Add(-2 * pace)
	}
	into, upTo := c, c.upTo
	if all { // put in its place when it is whole
		into = &forecastCache{names: slices.Clone(names), by: map[string][]kept{}}
	}
	news := false
	if look && !all {
		newer, err := c.newer(ctx, s, since, names)
		if err != nil {
			return err
		}
		names = newer
	}
	for some := range slices.Chunk(names, readAtOnce) {
		fresh, err := s.LatestForecasts(ctx, since, some...)
		if err != nil {
			c.upTo = upTo // those that come after the failure are new next time, too
			return err
		}
		for _, f := range fresh {
			news = into.take(f) || news
		}
	}
	*c = *into
	if news {
		c.late = now
	} else if look {
		c.late = now.Add(pace / lateLooks)
	}
	return nil
}

// newer are the services that have a forecast that was issued after since, and after that at hand.
func (c *forecastCache) newer(ctx context.Context, s store.Forecasts, since time.Time, names []string) (newer []string, err error) {
	for some := range slices.Chunk(names, readAtOnce) {
		issued, err := s.LatestIssued(ctx, since, some...)
		if err != nil {
			return nil, err
		}
		for _, i := range issued {
			held := slices.ContainsFunc(c.by[i.Service], func(o kept) bool { return o.Metric == i.Metric && !i.At.After(o.Issued) })
			if !held && (len(newer) == 0 || newer[len(newer)-1] != i.Service) {
				newer = append(newer, i.Service)
			}
		}
	}
	return newer, nil
}

// take keeps a forecast unless it is older than that at hand, and reports whether
// it is newer.
func (c *forecastCache) take(f forescale.Forecast) (news bool) {
	if f.Issued.After(c.upTo) {
		c.upTo = f.Issued
	}
	list := c.by[f.Service]
	k := slices.IndexFunc(list, func(o kept) bool { return o.Metric == f.Metric })
	switch {
	case k < 0:
		c.by[f.Service] = append(list, keep(f))
		return true
	case f.Issued.Before(list[k].Issued):
		return false
	}
	news = f.Issued.After(list[k].Issued)
	list[k] = keep(f)
	return news
}

// wholeAtMost is how many services may have their forecasts kept whole, so that
// they are not made anew for each round: a few megabytes.
const wholeAtMost = 100

// of are the newest forecasts of a service, for the caller to read. They may lie in
// the room: then they hold until it is used again.
func (c *forecastCache) of(service string, r *room) []forescale.Forecast {
	list := c.by[service]
	r.forecasts, r.values, r.rows = r.forecasts[:0], r.values[:0], r.rows[:0]
	for i := range list {
		k := &list[i]
		switch {
		case k.made != nil:
		case len(c.names) <= wholeAtMost:
			whole := k.whole(&room{})
			k.made = &whole
		default:
			r.forecasts = append(r.forecasts, k.whole(r))
			continue
		}
		r.forecasts = append(r.forecasts, *k.made)
	}
	return r.forecasts
}
