package pace

import (
	"slices"
	"testing"
	"time"

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
			h.needs[k] = within(rapid.Float64Range(0, 40).Draw(t, "need"), float64(s.Min), 100)
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
	x := curveOf(c.Start, c.Start.Add(time.Duration(len(c.Hours))*time.Hour), s, c, 0)
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

// What a curve costs until the end is less the later it is read.
func TestWhatIsToComeOfACurve(t *testing.T) {
	at := time.Date(2026, 3, 30, 12, 0, 0, 0, time.UTC)
	c := &Curve{at: at, until: at.Add(time.Hour)}
	for after, want := range map[time.Duration]float64{-time.Minute: 1, 0: 1, 15 * time.Minute: 0.75, time.Hour: 0, 2 * time.Hour: 0} {
		if got := c.ahead(at.Add(after)); got != want {
			t.Errorf("%v later %g of it is to come, want %g", after, got, want)
		}
	}
	tl := tally{curves: []*Curve{{Degrees: []Degree{{Cost: 8}}}, {Degrees: []Degree{{Cost: 2}}}}, ahead: []float64{0.75, 0.5}}
	if got := tl.cost(nil); got != 7 {
		t.Errorf("both cost %g, want 7", got)
	}
}
