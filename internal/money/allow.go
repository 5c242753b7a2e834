package money

import (
	"cmp"
	"slices"
	"time"

	"github.com/forescale/forescale"
)

// stay is how long what is started can be paid for at least, beyond its notice:
// else it would be stopped as soon as it is of use.
const stay = 30 * time.Minute

// Refusal is why money does not allow more.
type Refusal struct {
	Code   forescale.Code // budget_capped, or budget_reserved
	Budget forescale.Budget
	Spent  forescale.Money
	Bound  forescale.Money // reserved, without what was asked for
	Cost   forescale.Money // what was asked for binds on top
}

// Reason is the refusal as a decision tells it.
func (r Refusal) Reason(numbers map[string]float64) forescale.Reason {
	n := map[string]float64{"limit": r.Budget.Limit.Float(), "spent": r.Spent.Float(), "reserved": r.Bound.Float(), "cost": r.Cost.Float()}
	for k, v := range numbers {
		n[k] = v
	}
	return forescale.Reason{Code: r.Code, Numbers: n, Words: map[string]string{"budget": r.Budget.Name}}
}

// refuse tells why n more instances of s cannot be paid for; nil if they can. Both
// this month and the next are looked at, as far as what is started reaches into it.
func (b *Book) refuse(s forescale.Service, n int, now time.Time, longer time.Duration) *Refusal {
	for _, budget := range b.Budgets {
		if !budget.Covers(s.Name) {
			continue
		}
		for ahead := range 2 {
			was := b.account(budget, ahead, now)
			own := b.tally(budget.TimeZone, s, was.Month, now, 0, 0)
			will := was.without(own).with(b.tally(budget.TimeZone, s, was.Month, now, n, longer))
			cost := will.Bound() - was.Bound()
			if will.Free() >= 0 || ahead == 1 && cost == 0 {
				continue
			}
			r := Refusal{Code: forescale.CodeBudgetCapped, Budget: budget, Spent: was.Spent, Bound: was.Bound() - was.Spent, Cost: cost}
			if others := was.Min - own.min; was.Spent.Plus(was.Rest).Plus(own.min).Plus(cost) <= budget.Limit && others > 0 {
				r.Code = forescale.CodeBudgetReserved
			}
			return &r
		}
	}
	return nil
}

// Start books the starts of instances of a service, or refuses all of them: then
// the book is as it was.
func (b *Book) Start(service string, is []forescale.Instance, now time.Time) *Refusal {
	s := b.service(service)
	if s.PricePerHour == 0 || len(is) == 0 {
		return nil
	}
	if r := b.refuse(s, len(is), now, 0); r != nil {
		return r
	}
	for key, a := range b.accounts {
		if a.Budget.Covers(service) {
			b.accounts[key] = a.without(b.tally(a.Budget.TimeZone, s, a.Month, key.at, 0, 0))
		}
	}
	for _, i := range is {
		b.Instances = append(b.Instances, i)
		b.live[service] = append(b.live[service], len(b.Instances)-1)
		for _, zone := range Zones(b.Budgets) {
			b.news.Bills = append(b.news.Bills, b.Bills[b.open(zone, s, i)])
		}
	}
	for key, a := range b.accounts {
		if a.Budget.Covers(service) {
			b.accounts[key] = a.with(b.tally(a.Budget.TimeZone, s, a.Month, key.at, 0, 0))
		}
	}
	return nil
}

// Allowance is how many instances of a service money pays for.
type Allowance struct {
	Most   int // never below what runs, unless some have to go; never below min
	Reason forescale.Reason
}

// Allow is how many instances of a service may run, at most its max; nil when
// money does not bound it. What runs has to go, those of least priority first,
// when before the round after next more would be bound than a limit allows.
func (b *Book) Allow(service string, now time.Time, interval time.Duration) *Allowance {
	s := b.service(service)
	if s.PricePerHour == 0 || s.Mode != forescale.ModeActive || !slices.ContainsFunc(b.Budgets, func(x forescale.Budget) bool { return x.Covers(service) }) {
		return nil
	}
	supply := b.supply(service)
	if r := b.must(s, now.Add(2*interval)); r != nil && supply > s.Min {
		return &Allowance{Most: s.Min, Reason: r.Reason(nil)}
	}
	// Binding grows with each start: look for the most that can be paid for.
	low, high := 0, s.Max-supply
	if high <= 0 {
		return nil
	}
	last := b.refuse(s, high, now.Add(2*interval), stay)
	if last == nil { // as nearly always
		return nil
	}
	high--
	for low < high {
		n := (low + high + 1) / 2
		if r := b.refuse(s, n, now.Add(2*interval), stay); r != nil {
			high, last = n-1, r
		} else {
			low = n
		}
	}
	return &Allowance{Most: max(s.Min, supply+low), Reason: last.Reason(nil)}
}

// supply is how many instances run and are to go on.
func (b *Book) supply(service string) (n int) {
	for _, k := range b.live[service] {
		if b.Instances[k].State != forescale.InstanceDraining && b.Instances[k].Origin != forescale.OriginPushed {
			n++
		}
	}
	return n
}

// must tells whether instances of s have to go so that a limit holds: more is bound
// than there is, and giving up what services of less priority run does not make up
// for it.
func (b *Book) must(s forescale.Service, at time.Time) *Refusal {
	for _, budget := range b.Budgets {
		if !budget.Covers(s.Name) {
			continue
		}
		for ahead := range 2 {
			a := b.account(budget, ahead, at)
			if a.Free() >= 0 || a.Rest == 0 {
				continue
			}
			missing := -a.Free()
			for _, x := range b.byPriority() {
				if !budget.Covers(x.Name) {
					continue
				}
				if x.Name == s.Name {
					return &Refusal{Code: forescale.CodeBudgetCapped, Budget: budget, Spent: a.Spent, Bound: a.Bound() - a.Spent}
				}
				if missing -= b.tally(budget.TimeZone, x, a.Month, at, 0, 0).rest; missing <= 0 {
					break
				}
			}
		}
	}
	return nil
}

// byPriority are the services, those first that give way first.
func (b *Book) byPriority() []forescale.Service {
	if b.ranked == nil {
		b.ranked = ranked(b.Services)
	}
	return b.ranked
}

func ranked(services []forescale.Service) []forescale.Service {
	ss := slices.Clone(services)
	slices.SortStableFunc(ss, func(x, y forescale.Service) int {
		return cmp.Or(cmp.Compare(x.Priority, y.Priority), cmp.Compare(x.Name, y.Name))
	})
	return ss
}
