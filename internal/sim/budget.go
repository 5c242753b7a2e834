package sim

import (
	"context"
	"fmt"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/loop"
	"github.com/forescale/forescale/internal/money"
)

// Limit is what a budget allows in one month of a simulation, or in what it has of it.
type Limit struct {
	From   time.Time       `json:"from"`
	To     time.Time       `json:"to"`
	Amount forescale.Money `json:"amount"`
}

// Limits are the months of a study and what its budget allows in each. The last one
// ends at To; of the first there is what lies after Train, and as large a share of the
// money.
func (s Study) Limits() (limits []Limit) {
	zone := money.EndingAt(s.To)
	for t := s.Train; t.Before(s.To); {
		begin, end := money.Of(t, zone)
		share := float64(end.Sub(t)) / float64(end.Sub(begin))
		limits = append(limits, Limit{From: t, To: end, Amount: forescale.Amount(s.Budget.Float() * share)})
		t = end
	}
	return limits
}

// CheckBudget says when the budget does not pay for min.
func (s Study) CheckBudget() error {
	for _, l := range s.Limits() {
		hours := l.To.Sub(l.From).Hours()
		if least := s.Service.PricePerHour.Float() * hours * float64(s.Service.Min); s.Budget > 0 && least >= l.Amount.Float() {
			return &forescale.Fault{Code: "budget_invalid", Where: "--budget",
				What: fmt.Sprintf("%s of the budget are for the %.4g hours from %s on, but min alone costs %.6g", l.Amount, hours, l.From.Format(time.RFC3339), least),
				Help: "raise the budget, or lower min or the price"}
		}
	}
	return nil
}

// purse gives a simulation the money of each month.
type purse struct {
	study Study
	store loop.Store
	until time.Time
}

// fill sets the limit of the month that t lies in, and tells how much of it is left.
func (p *purse) fill(ctx context.Context, t time.Time) (time.Duration, error) {
	if p.study.Budget == 0 {
		return time.Hour, nil
	}
	for _, l := range p.study.Limits() {
		if t.Before(l.From) || !t.Before(l.To) || l.To.Equal(p.until) {
			continue
		}
		p.until = l.To
		b := forescale.Budget{Name: "simulated", Scope: forescale.BudgetAll, Limit: l.Amount, TimeZone: money.EndingAt(p.study.To), Origin: forescale.OriginConfig, UpdatedAt: t}
		if _, err := p.store.PutBudget(ctx, b, -1); err != nil {
			return 0, fmt.Errorf("set the budget: %w", err)
		}
	}
	return max(time.Second, p.until.Sub(t)), nil
}

// Cost is what a row's instances cost at a price an hour: from their order until they
// are gone.
func (r Row) Cost(perHour forescale.Money, step time.Duration) float64 {
	return perHour.Float() * (r.Starting + r.Ready + r.Draining) * step.Hours()
}

// Cost is what rows cost.
func Cost(rows []Row, perHour forescale.Money, step time.Duration) (sum float64) {
	for _, r := range rows {
		sum += r.Cost(perHour, step)
	}
	return sum
}

// ShareOf is the budget per month that comes to a share of a cost since Train.
func (s Study) ShareOf(cost, share float64) forescale.Money {
	s.Budget = forescale.Unit
	months := 0.0
	for _, l := range s.Limits() {
		months += l.Amount.Float()
	}
	return forescale.Amount(share * cost / months)
}
