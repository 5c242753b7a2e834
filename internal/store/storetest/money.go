package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/money"
	"github.com/forescale/forescale/internal/store"
)

// budget is one for all; its months are of UTC, where November goes on for 688
// hours after monday.
func budget(limit forescale.Money) forescale.Budget {
	return forescale.Budget{Name: "all", Scope: forescale.BudgetAll, Limit: limit * forescale.Unit, TimeZone: "UTC", Origin: forescale.OriginAPI, UpdatedAt: at(0)}
}

// priced is a service whose instances cost one an hour, paid by the hour, of
// which one is kept.
func priced(name string) forescale.Service {
	return forescale.Service{Name: name, Mode: forescale.ModeActive, Max: 50, PricePerHour: forescale.Unit, BillingStep: time.Hour}.WithDefaults()
}

// starts is a decision that starts n instances, n seconds after monday, and their rows.
func starts(service string, second, n int) (forescale.Decision, []forescale.Instance) {
	d := decide(service, second, forescale.CodeReactiveHigh)
	d.From, d.To, d.Outcome = 0, n, forescale.OutcomePending
	var is []forescale.Instance
	for k := range n {
		id := fmt.Sprintf("%s-%d-%d", service, second, k)
		d.Actions = append(d.Actions, start(id))
		is = append(is, forescale.Instance{ID: id, Service: service, State: forescale.InstanceStarting, Origin: forescale.OriginStarted, Decision: d.ID, OrderedAt: d.At})
	}
	return d, is
}

func (f *fixture) startUp(service string, second, n int) forescale.Decision {
	f.Helper()
	d, is := starts(service, second, n)
	f.ok(f.RecordPlan(f.ctx, planOf(d), is))
	return f.decisions(forescale.DecisionQuery{Service: service})[0]
}

func (f *fixture) started(service string) int {
	f.Helper()
	return len(f.instances(forescale.InstanceQuery{Service: service}))
}

func (f *fixture) book(second float64) *money.Book {
	f.Helper()
	return must[*money.Book](f)(f.Book(f.ctx, at(second)))
}

// spent is how the first budget stands: spent and reserved, in units.
func (f *fixture) spent(second float64) [2]float64 {
	f.Helper()
	s := f.book(second).States(at(second))[0]
	return [2]float64{s.Spent.Float(), s.Reserved.Float()}
}

func (f *fixture) putBudget(limit forescale.Money) {
	f.Helper()
	_, err := f.PutBudget(f.ctx, budget(limit), -1)
	f.ok(err)
}

var moneyCases = []testCase{
	{"budgets come back by name, and a change goes by the version", func(f *fixture) {
		one, two := budget(9), budget(7)
		two.Name, two.Scope, two.Of, two.TimeZone = "a", forescale.BudgetService, "a", "Europe/Berlin"
		one = must[forescale.Budget](f)(f.PutBudget(f.ctx, one, 0))
		two = must[forescale.Budget](f)(f.PutBudget(f.ctx, two, -1))
		f.equal(one.Version, int64(1))
		f.equal(must[[]forescale.Budget](f)(f.Budgets(f.ctx)), []forescale.Budget{two, one})
		_, err := f.PutBudget(f.ctx, one, 0)
		f.is(err, forescale.ErrConflict)
		_, err = f.PutBudget(f.ctx, one, 7)
		f.is(err, forescale.ErrConflict)
		f.ok(f.DeleteBudget(f.ctx, "a"))
		f.is(f.DeleteBudget(f.ctx, "a"), forescale.ErrNotFound)
		_, err = f.PutBudget(f.ctx, two, 1)
		f.is(err, forescale.ErrConflict)
		f.equal(must[forescale.Budget](f)(f.PutBudget(f.ctx, two, 0)).Version, int64(2))
	}},
	{"what would pass a limit is not started, and the rest of the round is recorded", func(f *fixture) {
		f.put(priced("a"), 0)
		f.put(forescale.Service{Name: "free", Mode: forescale.ModeActive}.WithDefaults(), 0)
		f.putBudget(700)
		f.equal(f.spent(0), [2]float64{0, 688})
		f.startUp("a", 0, 1)
		f.equal(f.spent(0), [2]float64{1, 687})

		no, is := starts("a", 60, 13)
		yes, more := starts("free", 60, 5)
		f.ok(f.RecordPlan(f.ctx, planOf(no, yes), append(is, more...)))
		f.equal([]int{f.started("a"), f.started("free")}, []int{1, 5})
		d := f.decisions(forescale.DecisionQuery{Service: "a"})[0]
		f.equal([]any{d.Code(), len(d.Actions), d.To, d.Outcome}, []any{forescale.CodeBudgetCapped, 0, d.From, forescale.OutcomeNone})
		f.equal(d.Reasons[0].Numbers, map[string]float64{"limit": 700, "spent": 1, "reserved": 687, "cost": 13, "wanted": 13, "supply": 0})
		f.equal(f.decisions(forescale.DecisionQuery{Service: "free"}), []forescale.Decision{yes})

		f.startUp("a", 120, 12)
		f.equal(f.started("a"), 13)
		f.equal(f.startUp("a", 150, 1).Code(), forescale.CodeBudgetCapped)
		f.equal(f.started("a"), 13)
	}},
	{"what is left for the min of others says so", func(f *fixture) {
		f.put(priced("a"), 0)
		f.put(priced("b"), 0)
		f.putBudget(2 * 688)
		f.startUp("a", 0, 1)
		f.equal(f.startUp("a", 60, 1).Code(), forescale.CodeBudgetReserved)
		f.equal(f.startUp("b", 90, 1).Code(), forescale.CodeReactiveHigh)
	}},
	{"planners who do not know of each other do not pass a limit together", func(f *fixture) {
		for n := range 8 {
			f.put(priced(fmt.Sprint("s", n)), 0)
		}
		f.putBudget(8*688 + 10)
		var wait sync.WaitGroup
		for n := range 8 {
			wait.Go(func() {
				d, is := starts(fmt.Sprint("s", n), 0, 4) // one is min, three are more
				if err := f.RecordPlan(f.ctx, planOf(d), is); err != nil {
					f.Error(err)
				}
			})
		}
		wait.Wait()
		n := len(f.instances(forescale.InstanceQuery{}))
		if n != 3*4 {
			f.Errorf("%d were started; three services could have three more than min", n)
		}
		if s := f.spent(0); s[0]+s[1] > 8*688+10 {
			f.Errorf("spent and reserved %v", s)
		}
	}},
	{"what has ended is charged once, also when it is saved again and its row is gone", func(f *fixture) {
		f.put(priced("a"), 0)
		f.putBudget(10_000)
		f.startUp("a", 0, 2)
		ended := f.instances(forescale.InstanceQuery{})
		for k := range ended {
			ended[k].State, ended[k].StoppedAt = forescale.InstanceStopped, at(5400)
		}
		f.ok(f.SaveInstances(f.ctx, ended))
		f.equal(f.spent(7300)[0], 4.0)
		for n := 7200; n <= 7260; n += 30 {
			f.record(decide("a", n, forescale.CodeSteady))
			f.ok(f.SaveInstances(f.ctx, ended))
			f.equal(f.spent(7300)[0], 4.0)
		}
		must[int64](f)(f.Prune(f.ctx, store.Before(at(7000))))
		f.equal(f.started("a"), 0)
		f.reopen()
		f.record(decide("a", 7290, forescale.CodeMinBound))
		f.equal(f.spent(7300)[0], 4.0)
	}},
	{"what ran before there was a budget counts from the begin of the month", func(f *fixture) {
		f.put(priced("a"), 0)
		i := func(id string, from, until float64) forescale.Instance {
			x := forescale.Instance{ID: id, Service: "a", State: forescale.InstanceReady, OrderedAt: at(from)}
			if until > from {
				x.State, x.StoppedAt = forescale.InstanceStopped, at(until)
			}
			return x
		}
		day := 86400.0 // monday is the second
		f.ok(f.SaveInstances(f.ctx, []forescale.Instance{i("old", -9*day, -8*day), i("over", -2*day, -1*day), i("new", -7200, -3600), i("now", -3600, 0)}))
		f.putBudget(10_000)
		f.equal(f.spent(0)[0], 8.0+1+1) // eight of the hours of "over" are of this month
		f.record(decide("a", 0, forescale.CodeSteady))
		f.equal(f.spent(0)[0], 8.0+1+1)
	}},
	{"a month ends at its zone's midnight, and a clock that is set back refills nothing", func(f *fixture) {
		f.put(priced("a"), 0)
		b := budget(1000)
		b.TimeZone = "Europe/Berlin"
		must[forescale.Budget](f)(f.PutBudget(f.ctx, b, 0))
		f.startUp("a", 0, 1)
		end := 687 * 3600 // 1 December, 0:00 in Berlin
		f.record(decide("a", end-1800, forescale.CodeSteady))
		f.equal(f.spent(float64(end)-1), [2]float64{687, 0})
		f.record(decide("a", end+1800, forescale.CodeMinBound))
		f.equal(f.spent(float64(end)+1800), [2]float64{1, 743})
		f.record(decide("a", end-7200, forescale.CodeMaxBound)) // two and a half hours back
		before := f.spent(float64(end) - 7200)
		f.record(decide("a", end-3600, forescale.CodeSteady))
		if after := f.spent(float64(end) - 3600); after[0] <= before[0] || before[0] < 1 {
			f.Errorf("set back: spent %v, an hour later %v", before, after)
		}
		f.equal(f.book(float64(end) - 3600).Meters[0].Month.String(), "2026-12")
	}},
	{"another price holds from then on", func(f *fixture) {
		s := f.put(priced("a"), 0)
		f.putBudget(10_000)
		f.startUp("a", 0, 1)
		s.PricePerHour = 3 * forescale.Unit
		f.put(s, -1)
		f.record(decide("a", 5400, forescale.CodeSteady))
		f.equal(f.spent(7000)[0], 2.0)
		f.equal(f.spent(9000)[0], 5.0)
	}},
	{"a stale fence charges nothing", func(f *fixture) {
		f.put(priced("a"), 0)
		f.putBudget(10_000)
		one := f.take("a", time.Hour)
		f.ok(f.Resign(f.ctx, one.Fence))
		d, is := starts("a", 0, 3)
		f.fenced("recording", f.Under(one.Fence).RecordPlan(f.ctx, planOf(d), is))
		b := f.book(0)
		f.equal([]int{len(b.Bills), f.started("a")}, []int{0, 0})
	}},
}

// checkMoney plays planners against a store: rounds of whoever leads and of who
// does not any more, cut off before their effects, take-overs and restarts. An
// invoice that is written from what was started alone never passes the limit.
func checkMoney(t *testing.T, fresh func(t *testing.T) Open, forgets bool) {
	Fewer(t, "4")
	rapid.Check(t, func(r *rapid.T) {
		f := newFixture(t, fresh(t))
		services := []forescale.Service{priced("a"), priced("b")}
		services[1].BillingStep, services[1].Priority = 20*time.Minute, 1
		for _, s := range services {
			f.put(s, 0)
		}
		limit := forescale.Money(2*688 + rapid.IntRange(2, 30).Draw(r, "room"))
		f.putBudget(limit)
		term, old := f.take("0", time.Hour), int64(0)
		now, n := 0, 0
		for range 40 {
			now += rapid.IntRange(30, 600).Draw(r, "seconds")
			if rapid.IntRange(0, 7).Draw(r, "take-over") == 0 {
				f.ok(f.Resign(f.ctx, term.Fence))
				old, term = term.Fence, f.take(fmt.Sprint(now), time.Hour)
			}
			if !forgets && rapid.IntRange(0, 15).Draw(r, "restart") == 0 {
				f.reopen()
			}
			f.stopMost(r, services, now)
			var ds []forescale.Decision
			var all []forescale.Instance
			for _, s := range services {
				d, is := starts(s.Name, now, rapid.IntRange(0, 6).Draw(r, "wanted"))
				ds, all = append(ds, d), append(all, is...)
			}
			p := planOf(ds...)
			if old != 0 {
				if err := f.Under(old).RecordPlan(context.Background(), p, all); !errors.Is(err, forescale.ErrFenced) {
					t.Fatalf("under the fence %d: %v", old, err)
				}
			}
			f.ok(f.Under(term.Fence).RecordPlan(context.Background(), p, all))
			for _, i := range f.instances(forescale.InstanceQuery{Live: true}) {
				i.State, i.ReadyAt = forescale.InstanceReady, at(float64(now))
				f.ok(f.SaveInstances(f.ctx, []forescale.Instance{i}))
			}
			n = max(n, f.invoice(services, now, limit))
		}
		if n < 3 {
			t.Errorf("there were never more than %d instances: nothing was tried", n)
		}
	})
}

// stopMost stops what money does not pay for any more, and some besides.
func (f *fixture) stopMost(r *rapid.T, services []forescale.Service, now int) {
	b := f.book(float64(now))
	for _, s := range services {
		live := f.instances(forescale.InstanceQuery{Service: s.Name, Live: true})
		most := len(live) - rapid.IntRange(0, 1).Draw(r, "fewer")
		if a := b.Allow(s.Name, at(float64(now)), 10*time.Minute); a != nil {
			most = min(most, a.Most)
		}
		for _, i := range live[:max(0, len(live)-max(most, s.Min))] {
			i.State, i.StoppedAt = forescale.InstanceStopped, at(float64(now))
			f.ok(f.SaveInstances(f.ctx, []forescale.Instance{i}))
		}
	}
}

// invoice adds up the started steps of all that ever ran, and what min will cost
// for the rest of the month.
func (f *fixture) invoice(services []forescale.Service, now int, limit forescale.Money) (live int) {
	f.Helper()
	cost := 0.0
	left := 688 - float64(now)/3600
	for _, s := range services {
		ahead := 0.0
		for _, i := range f.instances(forescale.InstanceQuery{Service: s.Name}) {
			end := at(float64(now))
			if i.State.Live() {
				live++
			} else {
				end = i.StoppedAt
			}
			steps := 1
			for ; i.OrderedAt.Add(time.Duration(steps) * s.BillingStep).Before(end); steps++ {
			}
			cost += float64(steps) * s.BillingStep.Hours()
			ahead = s.BillingStep.Hours()
		}
		cost += max(0, left-ahead)
	}
	if cost > float64(limit) {
		f.Fatalf("after %d s it costs %g, the limit is %d", now, cost, limit)
	}
	return live
}
