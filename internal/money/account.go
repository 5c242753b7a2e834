package money

import (
	"cmp"
	"slices"
	"time"

	"github.com/forescale/forescale"
)

const (
	// outage is how long nobody may look after what runs without a limit being
	// passed: a server restarts, another takes over, an engine does not answer.
	outage = 10 * time.Minute
	// forever is longer than any month.
	forever = 400 * 24 * time.Hour
	// stopShare is the share of ready instances that may be stopped within
	// stopWindow, or one, as the planner has it.
	stopShare  = 0.1
	stopWindow = time.Minute
)

// Notice is how long n instances may run on before all beyond keep are gone: some
// are stopped at a time, at the pace of planning, each cools down, and for a while
// nobody may see to it.
func Notice(n, keep int, cooldown, pace time.Duration) time.Duration {
	d := outage + cooldown + 2*pace
	for ; n > keep; n -= max(1, int(stopShare*float64(n))) {
		d += max(stopWindow, pace)
	}
	return d
}

// tally is what one service comes to in one month.
type tally struct {
	spent forescale.Money
	min   forescale.Money // bound until the month's end: by min, and by what is not ours to stop
	rest  forescale.Money // bound by what runs beyond, until it could be gone
}

// running is the bill of a live instance.
type running struct {
	*Bill
	draining bool
	fixed    bool // not ours to stop
	bound    time.Time
}

// tally counts one service in a month of a zone, with so many more instances that
// are ordered now, looking after each for so much longer than its notice.
func (b *Book) tally(zone string, s forescale.Service, month Month, now time.Time, more int, longer time.Duration) (t tally) {
	loc := location(zone)
	begin, end := month.Begin(loc), month.End(loc)
	from := begin
	if m := meterOf(b.Meters, zone); m != nil && month == m.Month {
		from = time.Time{} // what seems to be of an older month is of this one: the clock was set back
	}
	t.spent = b.sums[sumKey{zone, s.Name, month}]
	all, kept := b.running(zone, s, now, more, longer), s.Min
	for _, x := range all {
		paid := x.until(now)
		t.spent = t.spent.Plus(x.Price.For(Overlap(x.begin().Add(x.Paid), paid, from, end)))
		switch {
		case x.fixed:
			t.min = t.min.Plus(x.Price.For(Overlap(paid, end, begin, end)))
		case kept > 0 && !x.draining:
			kept--
			t.min = t.min.Plus(x.Price.For(Overlap(paid, end, begin, end)))
		default:
			t.rest = t.rest.Plus(x.Price.For(Overlap(paid, x.bound, begin, end)))
		}
	}
	if s.Mode == forescale.ModeActive {
		for range kept {
			t.min = t.min.Plus(s.PricePerHour.For(Overlap(now, end, begin, end)))
		}
	}
	return t
}

// running are the bills of what runs, those first that are bound for the shortest
// time: counting them as min binds the most. They hold until it is asked again.
func (b *Book) running(zone string, s forescale.Service, now time.Time, more int, longer time.Duration) []running {
	all, n := b.room[:0], 0
	for _, k := range b.live[s.Name] {
		i := &b.Instances[k]
		if x, billed := b.bills[billKey{zone, i.ID}]; billed {
			r := running{Bill: &b.Bills[x], draining: i.State == forescale.InstanceDraining, fixed: i.Origin == forescale.OriginPushed || s.Mode != forescale.ModeActive}
			all = append(all, r)
			if !r.draining {
				n++
			}
		}
	}
	if more > 0 { // all of them are alike
		fresh := &Bill{Zone: zone, Service: s.Name, Price: s.PricePerHour, Step: s.BillingStep, Ordered: now, Open: true}
		for range more {
			all = append(all, running{Bill: fresh})
		}
	}
	notice := Notice(n+more, s.Min, s.Cooldown, b.Pace) + longer
	for _, p := range b.Pauses {
		if left := p.Until.Sub(now); p.Covers(s.Name, now) && left > 0 {
			notice += min(left, forever)
		}
	}
	for k := range all {
		x := &all[k]
		x.bound = x.begin().Add(whole(now.Add(notice).Sub(x.begin()), x.Step))
	}
	slices.SortStableFunc(all, func(a, b running) int {
		return cmp.Or(a.bound.Compare(b.bound), cmp.Compare(a.Instance, b.Instance))
	})
	b.room = all
	return all
}

// Account is how one budget stands in one month.
type Account struct {
	Budget forescale.Budget
	Month  Month
	Spent  forescale.Money
	Min    forescale.Money // bound by min until the month's end
	Rest   forescale.Money // bound by what runs beyond
}

// Bound is all that is spoken for.
func (a Account) Bound() forescale.Money { return a.Spent.Plus(a.Min).Plus(a.Rest) }

// Free is what is left; below 0 when more is bound than the limit.
func (a Account) Free() forescale.Money { return a.Budget.Limit - a.Bound() }

// account adds up what a budget covers, so many months ahead.
func (b *Book) account(budget forescale.Budget, ahead int, now time.Time) Account {
	key := accountKey{budget.Name, ahead, now}
	if a, ok := b.accounts[key]; ok {
		return a
	}
	a := Account{Budget: budget, Month: b.month(budget.TimeZone, now) + Month(ahead)}
	for _, s := range b.Services {
		if budget.Covers(s.Name) {
			a = a.with(b.tally(budget.TimeZone, s, a.Month, now, 0, 0))
		}
	}
	b.accounts[key] = a
	return a
}

type accountKey struct {
	budget string
	ahead  int
	at     time.Time
}

func (a Account) with(t tally) Account {
	a.Spent, a.Min, a.Rest = a.Spent.Plus(t.spent), a.Min.Plus(t.min), a.Rest.Plus(t.rest)
	return a
}

func (a Account) without(t tally) Account {
	a.Spent, a.Min, a.Rest = a.Spent-t.spent, a.Min-t.min, a.Rest-t.rest
	return a
}

// month is the one that is charged to.
func (b *Book) month(zone string, now time.Time) Month {
	m := MonthOf(now, location(zone))
	if x := meterOf(b.Meters, zone); x != nil {
		m = max(m, x.Month)
	}
	return m
}

// MonthEnd is when the month ends that money is counted in by the zone's calendar.
func (b *Book) MonthEnd(zone string, now time.Time) time.Time {
	return b.month(zone, now).End(location(zone))
}

// States are the budgets as they stand, in their order.
func (b *Book) States(now time.Time) []forescale.BudgetState {
	states := make([]forescale.BudgetState, len(b.Budgets))
	for k, budget := range b.Budgets {
		states[k] = b.State(budget, now)
	}
	return states
}

// State is how a budget stands, or would stand, whose months are counted in a zone that
// was charged.
func (b *Book) State(budget forescale.Budget, now time.Time) forescale.BudgetState {
	a, loc := b.account(budget, 0, now), location(budget.TimeZone)
	return forescale.BudgetState{Budget: budget, From: a.Month.Begin(loc), Until: a.Month.End(loc), Spent: a.Spent, Reserved: a.Min.Plus(a.Rest)}
}

// Held is what instances that are not ours to stop will cost until the month's end:
// those of the services under a budget that are not active.
func (b *Book) Held(budget forescale.Budget, now time.Time) (sum forescale.Money) {
	month := b.month(budget.TimeZone, now)
	for _, s := range b.Services {
		if budget.Covers(s.Name) && s.Mode != forescale.ModeActive {
			t := b.tally(budget.TimeZone, s, month, now, 0, 0)
			sum = sum.Plus(t.min).Plus(t.rest)
		}
	}
	return sum
}
