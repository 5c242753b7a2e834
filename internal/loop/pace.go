package loop

import (
	"context"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/money"
	"github.com/forescale/forescale/internal/pace"
	"github.com/forescale/forescale/planner"
)

// paces are the services whose objectives are lowered so that budgets last. Limits
// hold without them: what cannot be read lowers nothing.
func (l *Loop) paces(ctx context.Context, book *money.Book, now time.Time) map[string]pace.Pace {
	if len(book.Budgets) == 0 {
		return nil
	}
	o, err := l.outlooks.Read(ctx, l.store, book, now)
	if err != nil {
		l.log.Warn("what budgets have to last for cannot be read, no objective is lowered", "error", err)
		return nil
	}
	return o.Paces(book, now)
}

// slowDown plans lower for a service, and gives it no more than its lowered objective is
// worth in this hour, never less than min.
func slowDown(s *planner.State, p pace.Pace) {
	reason := forescale.Reason{Code: forescale.CodeLowered, Words: map[string]string{"budget": p.Budget.Name}, Numbers: map[string]float64{
		"from": 100 * p.Stated, "to": 100 * p.Objective, "quantile": p.Quantile, "given_up": p.GivenUp,
		"projected": p.Budget.Projected.Float(), "limit": p.Budget.Limit.Float(), "spent": p.Budget.Spent.Float()}}
	s.Lowered, s.Lower = &reason, p.Lower
	if p.Most > 0 && (s.Money == nil || p.Most < s.Money.Most) {
		bound := reason
		bound.Numbers = map[string]float64{"bound": 1, "most": float64(p.Most)}
		if p.Gone {
			bound.Numbers["now"] = 1
		}
		for k, v := range reason.Numbers {
			bound.Numbers[k] = v
		}
		s.Money = &planner.Money{Most: p.Most, Reason: bound}
	}
}
