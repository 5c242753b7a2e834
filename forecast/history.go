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
	if oldest := end.Add(-time.Duration(maxValues) * h.Step); first.Before(oldest) {
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
	return issue(in, sp, forescale.Forecast{Service: h.Name, Issued: end}, warnings)
}

// maxValues bounds the history that is looked at: fifteen years of hours, three
// months of minutes.
const maxValues = 131_072
