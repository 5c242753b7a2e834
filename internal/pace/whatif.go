package pace

import (
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/money"
)

// tradeSteps is in how many steps the trade between the least and the most that a
// month can cost is shown.
const tradeSteps = 10

// WhatIf tells what a budget would mean that replaces all others. The book has been
// charged, and its budgets count months in the zone of the budget.
func (o *Outlook) WhatIf(b *money.Book, budget forescale.Budget, now time.Time) forescale.WhatIf {
	state := b.State(budget, now)
	t := o.tally(b, state, now)
	w := forescale.WhatIf{Now: state, Asked: t.trade(budget.Limit)}
	least, most := t.sure()+t.cost(withAtLeast(nil, t.curves, degrees)), t.sure()+t.cost(nil)
	most /= 1 - slack
	for k := range tradeSteps + 1 {
		w.Trades = append(w.Trades, t.trade(forescale.Amount(least+(most-least)*float64(k)/tradeSteps)))
	}
	return w
}

// trade is what a limit buys.
func (t tally) trade(limit forescale.Money) forescale.Tradeoff {
	t.state.Limit = limit
	lowered := map[string]int{}
	t.lower(lowered)
	cost := t.cost(lowered)
	x := forescale.Tradeoff{Limit: limit, Cost: forescale.Amount(t.sure() + cost), InBand: 1, Pays: t.sure()+cost <= limit.Float()+1e-6, Lowered: t.lowered(nil, lowered)}
	sum, weight := 0.0, 0.0
	for _, c := range t.curves {
		w := c.Degrees[0].Cost
		sum += w * c.Degrees[lowered[c.Service.Name]].Objective
		weight += w
	}
	if weight > 0 {
		x.InBand = sum / weight
	}
	return x
}
