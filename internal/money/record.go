package money

import (
	"cmp"
	"slices"

	"github.com/forescale/forescale"
)

// Record books the starts of a planning round. It gives the round as it is to be
// recorded: what cannot be paid for is refused, service by service, those of
// higher priority first, and no half of a decision. Nodes to order come before, since
// instances have no place without them. The plan that is handed in stays as it is.
func (b *Book) Record(p forescale.Plan, instances []forescale.Instance) (forescale.Plan, []forescale.Instance) {
	starts := map[string][]forescale.Instance{} // decision → what it would start
	for _, i := range instances {
		if i.State == forescale.InstanceStarting && i.Decision != "" {
			starts[i.Decision] = append(starts[i.Decision], i)
		}
	}
	if len(b.Budgets) == 0 {
		return p, instances
	}
	p = b.recordOrders(p)
	if len(starts) == 0 {
		return p, instances
	}
	order := make([]int, 0, len(starts))
	for k := range p.Services {
		if len(starts[p.Services[k].Decision.ID]) > 0 {
			order = append(order, k)
		}
	}
	slices.SortStableFunc(order, func(x, y int) int {
		return cmp.Compare(b.service(p.Services[y].Service).Priority, b.service(p.Services[x].Service).Priority)
	})
	refused := map[string]bool{}
	services := slices.Clone(p.Services)
	for _, k := range order {
		d := services[k].Decision
		if r := b.Start(d.Service, starts[d.ID], p.At); r != nil {
			services[k] = Refused(services[k], *r)
			refused[d.ID] = true
		}
	}
	if len(refused) == 0 {
		return p, instances
	}
	p.Services = services
	return p, slices.DeleteFunc(slices.Clone(instances), func(i forescale.Instance) bool {
		return i.State == forescale.InstanceStarting && refused[i.Decision]
	})
}

// Refused is a service's plan whose starts a budget does not pay for: nothing is
// started, and the refusal is what decided.
func Refused(p forescale.ServicePlan, r Refusal) forescale.ServicePlan {
	d := &p.Decision
	wanted := d.To
	d.Reasons = append([]forescale.Reason{r.Reason(map[string]float64{"wanted": float64(wanted), "supply": float64(d.From)})},
		slices.DeleteFunc(slices.Clone(d.Reasons), func(x forescale.Reason) bool { return x.Code == r.Code })...)
	d.Actions = slices.DeleteFunc(slices.Clone(d.Actions), func(a forescale.Action) bool { return a.Kind == forescale.ActionStart })
	d.To, d.Outcome, d.Weighed = d.From, forescale.OutcomeNone, nil // it was weighed for another count
	if len(d.Actions) > 0 {
		d.Outcome = forescale.OutcomePending
	}
	if len(p.Changes) > 0 && p.Changes[0].Wanted == wanted {
		p.Changes = slices.Clone(p.Changes)
		p.Changes[0].Wanted, p.Changes[0].Code = d.To, r.Code
	}
	return p
}
