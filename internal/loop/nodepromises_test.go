package loop_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/forescale/forescale"
)

// Whatever is wanted, drained, protected and restarted in whatever order: what is
// protected while it is there stays there, and no node is stopped while min needs what
// runs on it.
func TestAProtectedNodeIsNeverStopped(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		s := newSite(t, large())
		s.unlisted(large())
		var protected, before []string
		s.each = func() {
			there := s.there()
			for _, n := range before {
				if slices.Contains(protected, n) && !slices.Contains(there, n) {
					r.Fatalf("%s was protected and is gone; did %v", n, s.lives())
				}
			}
			before = there
		}
		low := 2
		for range rapid.IntRange(5, 14).Draw(r, "changes") {
			switch rapid.SampledFrom([]string{"want", "wish", "wish", "wish", "restart"}).Draw(r, "change") {
			case "want":
				low = rapid.IntRange(1, 9).Draw(r, "low")
				s.wants(low, low+rapid.IntRange(0, 3).Draw(r, "more"))
			case "restart":
				s.restart()
			case "wish":
				if there := s.there(); len(there) > 0 {
					w := forescale.NodeWish{Node: rapid.SampledFrom(there).Draw(r, "node"), At: s.clock.Now(), Cordoned: rapid.Bool().Draw(r, "cordoned"),
						Draining: rapid.Bool().Draw(r, "draining"), Protected: rapid.Bool().Draw(r, "protected")}
					late := slices.ContainsFunc(s.lives(), func(l forescale.NodeLife) bool { return l.Node == w.Node && l.State == forescale.NodeStopping })
					s.wish(w)
					protected = slices.DeleteFunc(protected, func(n string) bool { return n == w.Node })
					if w.Protected && !late { // its stop command may be out already
						protected = append(protected, w.Node)
					}
				}
			}
			s.run(time.Duration(rapid.SampledFrom([]int{1, 1, 2, 5, 70}).Draw(r, "minutes")) * time.Minute)
		}
	})
}

// A hard limit holds with nodes, whatever happens: what is there is charged here by
// itself, each started step whole, from the round in which a node was ordered.
func TestNodesNeverPassAHardLimit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		kind := large()
		kind.BillingStep = rapid.SampledFrom([]time.Duration{time.Second, time.Minute, time.Hour}).Draw(r, "step")
		kind.PricePerHour = rapid.SampledFrom([]float64{0.25, 1, 3}).Draw(r, "price")
		s := newSite(t, kind)
		s.unlisted(kind)
		limit := rapid.Float64Range(0.2, 30).Draw(r, "limit")
		budget := forescale.Budget{Name: "all", Limit: forescale.Amount(limit)}.WithDefaults()
		if rapid.Bool().Draw(r, "of the type") {
			budget.Scope, budget.Of = forescale.BudgetNodeType, "large"
		}
		_, err := s.store.PutBudget(t.Context(), budget, -1)
		s.ok(err)
		begun, paid, cost := map[string]time.Time{}, map[string]time.Duration{}, time.Duration(0)
		s.each = func() {
			now := s.clock.Now()
			for _, n := range s.there() {
				if begun[n].IsZero() {
					begun[n] = now
				}
				steps := now.Sub(begun[n])/kind.BillingStep + 1
				cost += steps*kind.BillingStep - paid[n]
				paid[n] = steps * kind.BillingStep
			}
			if c := cost.Hours() * kind.PricePerHour; c > limit+1e-6 {
				r.Fatalf("at %v nodes cost %g, the limit is %g; lives %+v", now, c, limit, s.lives())
			}
		}
		s.wants(rapid.IntRange(1, 3).Draw(r, "low"), rapid.IntRange(6, 12).Draw(r, "most"))
		for range rapid.IntRange(2, 4).Draw(r, "changes") {
			s.load(rapid.Float64Range(0.5, 9).Draw(r, "load"))
			s.run(time.Duration(rapid.IntRange(10, 150).Draw(r, "minutes")) * time.Minute)
		}
	})
}

// What min does not need is given back when the month has no more money for it, and the
// limit is still made use of before.
func TestMoneyIsSpentOnNodesAndThenTheyAreGivenBack(t *testing.T) {
	s := newSite(t, large())
	s.wants(2, 9)
	_, err := s.store.PutBudget(t.Context(), forescale.Budget{Name: "all", Limit: forescale.Amount(6)}.WithDefaults(), -1)
	s.ok(err)
	s.run(5 * time.Minute)
	s.load(4) // as many are asked for, min are two
	most := 0
	s.each = func() { most = max(most, len(s.there())) }
	s.run(9 * time.Hour)
	s.want("a node was paid for", most > 0 && strings.Contains(fmt.Sprint(s.states()), "large stopped"))
	s.want("and min runs on without", len(s.there()) == 0 && len(s.runs) >= 2)
	l := s.lives()[0]
	if l.DrainedBy != forescale.DrainedByMoney || l.Reason.Code != forescale.CodeBudgetCapped {
		t.Errorf("the life tells that it was drained by %s for %s", l.DrainedBy, l.Reason.Code)
	}
	book, err := s.store.Book(t.Context(), s.clock.Now())
	s.ok(err)
	if spent := book.States(s.clock.Now())[0].Spent.Float(); spent < 4 || spent > 6 {
		t.Errorf("%g of 6 was spent", spent)
	}
}
