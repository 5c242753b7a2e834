package loop

import (
	"context"
	"fmt"
	"time"

	"github.com/forescale/forescale"
)

// remeasured is how long a day that is over is measured again: minutes that are
// worked out late still count. What comes later than that is not counted.
const remeasured = 8 * time.Hour

// MeasureServices works out how well supply followed need, minute by minute, on the
// present day of the named services, or of all, and on the day before while that is
// but a few hours over. Days are those of the service's time zone, and are written
// anew each time: any server may do it.
func (l *Loop) MeasureServices(ctx context.Context, now time.Time, names []string) (r Worked, err error) {
	services, err := l.forecastable(ctx, names)
	if err != nil || len(services) == 0 {
		return r, err
	}
	days := make(map[string]*measuredDays, len(services))
	from := now
	for _, s := range services {
		d := newMeasuredDays(s, now)
		days[s.Name] = d
		if d.from.Before(from) {
			from = d.from
		}
	}
	err = l.store.EachDemand(ctx, from, now, forescale.ServiceNames(services), func(p *forescale.DemandPoint) error {
		if d := days[p.Service]; d.service.Uses(p.Metric) {
			d.add(*p)
		}
		return nil
	})
	if err != nil {
		return r, fmt.Errorf("read demand: %w", err)
	}
	var all []forescale.ElasticityDay
	for _, s := range services {
		all = append(all, days[s.Name].measure()...)
		r.Done++
	}
	if err := l.store.SaveElasticity(ctx, all); err != nil {
		return r, fmt.Errorf("keep elasticity: %w", err)
	}
	return r, nil
}

// measuredDays are the minutes of one service's days that are measured: in each the
// largest demand of its metrics, as the largest need decides.
type measuredDays struct {
	service forescale.Service
	from    time.Time // midnight, in the service's time zone
	loc     *time.Location
	minutes []measuredMinute
}

type measuredMinute struct {
	demand float64
	ready  int // 0: it is not known what was there
}

func newMeasuredDays(s forescale.Service, now time.Time) *measuredDays {
	loc := s.Location()
	local := now.In(loc)
	from := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, loc)
	if local.Sub(from) < remeasured {
		from = time.Date(local.Year(), local.Month(), local.Day()-1, 0, 0, 0, 0, loc)
	}
	return &measuredDays{service: s, from: from, loc: loc, minutes: make([]measuredMinute, int(now.Sub(from)/forescale.DemandStep)+1)}
}

func (d *measuredDays) add(p forescale.DemandPoint) {
	i := int(p.Time.Sub(d.from) / forescale.DemandStep)
	if p.Time.Before(d.from) || i >= len(d.minutes) || p.Ready == 0 {
		return
	}
	if m := &d.minutes[i]; m.ready == 0 || p.Value > m.demand {
		*m = measuredMinute{p.Value, p.Ready}
	}
}

// measure gives the days of which anything is known.
func (d *measuredDays) measure() (days []forescale.ElasticityDay) {
	var before *forescale.ElasticityStep
	for i, m := range d.minutes {
		if m.ready == 0 {
			before = nil
			continue
		}
		y, mo, day := d.from.Add(time.Duration(i) * forescale.DemandStep).In(d.loc).Date()
		date := time.Date(y, mo, day, 0, 0, 0, 0, time.UTC)
		if len(days) == 0 || !days[len(days)-1].Day.Equal(date) {
			days, before = append(days, forescale.ElasticityDay{Service: d.service.Name, Day: date}), nil
		}
		x := forescale.ElasticityStep{Demand: m.demand, Required: max(d.service.Band.Required(m.demand), d.service.Min, 1), Ready: float64(m.ready)}
		days[len(days)-1].Step(x, before)
		before = &x
	}
	return days
}
