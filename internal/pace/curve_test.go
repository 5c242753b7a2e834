package pace

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/forescale/forescale"
)

// The ways through an hour bring less and less for each instance more, and no quantile
// of its demand would bring more for what it costs than they do.
func TestTheWaysThroughAnHourAreTheBest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := forescale.Service{Name: "a", Min: rapid.IntRange(1, 4).Draw(t, "min"), Max: 100, Objective: 0.99}.WithDefaults()
		c := Course{Quantiles: quantilesOf(s)}
		h := hour{share: 1, needs: make([]float64, len(c.Quantiles))}
		for k := range h.needs {
			h.needs[k] = within(s, rapid.Float64Range(0, 40).Draw(t, "need"))
		}
		slices.SortFunc(h.needs, func(a, b float64) int { return int(1e6 * (b - a)) })
		before := way{count: 1e9} // of the hour before, which must not matter
		ways := waysOf(s, h, c, []way{before})[1:]
		first, last := ways[0], ways[len(ways)-1]
		if first.count > kept(s, h) || last.count != max(first.count, h.needs[0]) || last.share != c.Quantiles[0] {
			t.Fatalf("from %+v to %+v of %v", first, last, h.needs)
		}
		for k := 1; k < len(ways); k++ {
			if ways[k].count <= ways[k-1].count || ways[k].share <= ways[k-1].share || k > 1 && slope(ways[k-1], ways[k]) >= slope(ways[k-2], ways[k-1]) {
				t.Fatalf("%+v of %v", ways, h.needs)
			}
			for l, n := range h.needs {
				if a, b := ways[k-1], ways[k]; n >= a.count && n <= b.count && c.Quantiles[l] > a.share+slope(a, b)*(n-a.count)+1e-9 {
					t.Fatalf("the quantile %g at %g lies above %+v", c.Quantiles[l], n, ways)
				}
			}
		}
	})
}

// A rare peak costs much for little time in band: what keeps room for it goes before any
// hour is given up.
func TestRareHighDemandIsNotFollowedBeforeAnHourIsGivenUp(t *testing.T) {
	s := forescale.Service{Name: "a", Min: 1, Max: 100, Objective: 0.99, PricePerHour: forescale.Unit}.WithDefaults()
	c := Course{Quantiles: quantilesOf(s), Hours: make([]hour, 48)}
	for k := range c.Hours {
		needs := make([]float64, len(c.Quantiles))
		for l, q := range c.Quantiles {
			if needs[l] = 16; q > 0.9 {
				needs[l] = 30
			}
		}
		c.Hours[k] = hour{share: 1, needs: needs, tops: needs}
	}
	x := curveOf(c.Start, s, c, 0)
	at := func(objective float64) Degree {
		return x.Degrees[int((1-objective/s.Objective)*degrees)]
	}
	if d := at(0.9); d.GivenUp > 0 || d.Cost > 0.54*x.Degrees[0].Cost || d.Most != 16 {
		t.Errorf("for nine tenths of the time: %+v of %+v", d, x.Degrees[0])
	}
	if d := x.Degrees[degrees]; !d.Gone || d.GivenUp == 0 {
		t.Errorf("at last: %+v", d)
	}
}
