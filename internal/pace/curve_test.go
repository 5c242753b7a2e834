package pace

import (
	"cmp"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/forescale/forescale"
)

// plans are the shares of time in band under lower and lower plans.
var plans = byPlan{0.99, 0.97, 0.94, 0.9, 0.82, 0.68, 0.5}

// The ways through an hour bring less and less for each instance more, and no plan under
// any bound would bring more for what it costs than they do.
func TestTheWaysThroughAnHourAreTheBest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := forescale.Service{Name: "a", Min: rapid.IntRange(1, 4).Draw(t, "min"), Max: 100, Objective: 0.99}.WithDefaults()
		c := Course{Shares: plans}
		h := hour{share: 1}
		drawn := func(name string) float64 {
			return within(rapid.Float64Range(0, 40).Draw(t, name), float64(s.Min), 100)
		}
		for k := range h.needs {
			h.needs[k] = drawn("need")
		}
		slices.Sort(h.needs[:])
		for k, n := range h.needs {
			h.tops[k] = math.Ceil(n)
		}
		for k := range h.kept {
			h.kept[k] = max(h.needs.mean(), drawn("kept"))
		}
		slices.SortFunc(h.kept[:], func(a, b float64) int { return cmp.Compare(b, a) })
		before := way{count: 1e9} // of the hour before, which must not matter
		ways := waysOf(s, &h, &c, []way{before})[1:]
		last := ways[len(ways)-1]
		if last != (way{count: h.kept[0], share: plans[0]}) {
			t.Fatalf("the last way is %+v of %+v", last, h)
		}
		for k := 1; k < len(ways); k++ {
			if ways[k].count <= ways[k-1].count || ways[k].share <= ways[k-1].share || k > 1 && slope(ways[k-1], ways[k]) >= slope(ways[k-2], ways[k-1]) {
				t.Fatalf("%+v of %+v", ways, h)
			}
		}
		bound := float64(rapid.IntRange(int(keptOf(s, &h)), 101).Draw(t, "bound"))
		for plan, share := range plans {
			count, fits := h.under(h.kept[plan]-h.needs.mean(), bound), h.fits(bound)
			if count < ways[0].count-1e-9 {
				t.Fatalf("%d at most cost %g, the cheapest way is %+v", int(bound), count, ways[0])
			}
			for k := 1; k < len(ways); k++ {
				if a, b := ways[k-1], ways[k]; count >= a.count && count <= b.count && share*fits > a.share+slope(a, b)*(count-a.count)+1e-9 {
					t.Fatalf("plan %d under %g, which costs %g, lies above %+v", plan, bound, count, ways)
				}
			}
		}
	})
}

// A rare peak costs much for little time in band: it is not followed any more before any
// hour is given up.
func TestRareHighDemandIsNotFollowedBeforeAnHourIsGivenUp(t *testing.T) {
	s := forescale.Service{Name: "a", Min: 1, Max: 100, Objective: 0.99, PricePerHour: forescale.Unit}.WithDefaults()
	c := Course{Shares: plans, Hours: make([]hour, 48)}
	for k := range c.Hours {
		h := hour{share: 1, like: k}
		for p := range h.needs {
			if h.needs[p] = 16; parts[p].middle > 0.9 {
				h.needs[p] = 60
			}
		}
		h.tops = h.needs
		for p := range h.kept {
			h.kept[p] = h.needs.mean() + 1
		}
		c.Hours[k] = h
	}
	x := curveOf(c.Start, c.Start.Add(time.Duration(len(c.Hours))*time.Hour), s, c, 0)
	at := func(objective float64) Degree {
		return x.Degrees[int((1-objective/s.Objective)*degrees)]
	}
	if d := at(0.88); d.GivenUp > 0 || d.Cost > 0.8*x.Degrees[0].Cost || d.Most != 16 {
		t.Errorf("for 88 %% of the time: %+v of %+v", d, x.Degrees[0])
	}
	if d := x.Degrees[degrees]; !d.Gone || d.GivenUp == 0 {
		t.Errorf("at last: %+v", d)
	}
}

// Where a day ahead little is known of what an hour will need, and most of the cost is
// what plans keep to spare, plans are lower before anything is bounded or given up.
func TestWhatIsSparedIsSavedFirst(t *testing.T) {
	s := forescale.Service{Name: "a", Min: 1, Max: 100, Objective: 0.99, PricePerHour: forescale.Unit}.WithDefaults()
	c := Course{Shares: plans, Hours: make([]hour, 48)}
	for k := range c.Hours {
		h := hour{share: 1, like: k}
		h.needs = byPart{1, 2, 4, 6, 8, 10, 14, 20, 30, 40}
		h.tops = h.needs
		for p, spare := range [...]float64{20, 12, 8, 6, 5, 4, 3.5} {
			h.kept[p] = h.needs.mean() + spare
		}
		c.Hours[k] = h
	}
	x := curveOf(c.Start, c.Start.Add(time.Duration(len(c.Hours))*time.Hour), s, c, 0)
	lower := 0.0
	for _, d := range x.Degrees[:degrees/20] {
		if d.Lower < lower || d.GivenUp > 0 || d.Most > 0 {
			t.Errorf("plans are lower by %g for %+v", lower, d)
		}
		lower = d.Lower
	}
	if d := x.Degrees[degrees/20]; d.Lower == 0 || d.Cost > 0.7*x.Degrees[0].Cost {
		t.Errorf("for nineteen twentieths of the objective: %+v of %+v", d, x.Degrees[0])
	}
}

// An objective costs what the plan as it asks keeps, also where lower ones were never too small.
func TestLowerPlansThatWereNeverTooSmallAreStillLower(t *testing.T) {
	s := forescale.Service{Name: "a", Min: 1, Max: 100, Objective: 0.99, PricePerHour: forescale.Unit}.WithDefaults()
	f := foreseen{quantiles: plans, lower: &forescale.LowerPlans{Seen: 5000, Needed: 4, Spare: [...]float64{3, 2.5, 2, 1.5, 1, 0.5, 0.5}}}
	c := Course{Shares: f.shares(), Hours: make([]hour, 24)}
	for k := range c.Hours {
		f.set(&c.Hours[k], s, told{parts: byPart{4, 4, 4, 4, 4, 4, 4, 4, 4, 4}}, byPart{4, 4, 4, 4, 4, 4, 4, 4, 4, 4})
		c.Hours[k].share, c.Hours[k].like = 1, k
	}
	if x := curveOf(c.Start, c.Start.Add(24*time.Hour), s, c, 0); math.Abs(x.Degrees[0].Cost-24*7) > 1e-9 || x.Degrees[1].Cost > 24*4.5 || x.Degrees[1].Lower != 0.8 {
		t.Errorf("as asked %+v, one degree lower %+v", x.Degrees[0], x.Degrees[1])
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
