package loop_test

import (
	"testing"
	"time"

	"github.com/forescale/forescale"
)

// The demand asks for eight, the month pays for min and a few hours more. What the
// world ran is added up here, round by round, and never passes the limit.
func TestABudgetHoldsInTheWorld(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(s *forescale.Service) { s.PricePerHour = forescale.Unit })
	month := time.Date(monday.Year(), monday.Month()+1, 1, 0, 0, 0, 0, time.UTC)
	limit := month.Sub(monday).Hours() + 9
	budget := forescale.Budget{Name: "shop", Limit: forescale.Money(limit * float64(forescale.Unit))}.WithDefaults()
	if _, err := b.store.PutBudget(t.Context(), budget, 0); err != nil {
		t.Fatal(err)
	}
	b.run(5 * time.Minute)
	b.load = 600
	cost, most := (5 * time.Minute).Hours(), 0
	for range 960 { // eight hours
		b.step(interval)
		n := b.world.Ready("web")
		most = max(most, n)
		cost += float64(n) * interval.Hours()
		if left := month.Sub(b.clock.Now()).Hours(); cost+left > limit {
			t.Fatalf("at %v it costs %g, and min another %g; the limit is %g", b.clock.Now(), cost, left, limit)
		}
		if n < 1 {
			t.Fatalf("min is not kept; %s", b.why())
		}
	}
	if most < 5 || b.world.Ready("web") > 2 {
		t.Errorf("at most %d ran, %d do now; the money for more than min was to be spent, and then kept", most, b.world.Ready("web"))
	}
	ds, err := b.store.LatestDecisions(t.Context(), "web")
	if err != nil || len(ds) != 1 || ds[0].Reasons[0].Words["budget"] != "shop" {
		t.Errorf("the decision does not tell of the budget: %+v, %v", ds, err)
	}
}
