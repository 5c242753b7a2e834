package planner

import "github.com/forescale/forescale"

// Money is how many instances budgets pay for, and why not more.
type Money struct {
	Most   int // never below what has to run
	Reason forescale.Reason
}

// sayLowered tells that the objective is lowered, beside what decides.
func (r *round) sayLowered() {
	if l := r.st.Lowered; l != nil && !r.said(l.Code) {
		r.d.Reasons = append(r.d.Reasons, *l)
	}
}

// boundByMoney takes what is paid for as max, where that is less. Min is kept: what
// it costs is reserved before all else.
func (r *round) boundByMoney() {
	if m := r.st.Money; m != nil && m.Most < r.s.Max {
		r.paid = m
		r.s.Max = max(m.Most, r.s.Min)
	}
}

// sayMoney tells that max is what money allows, and the numbers of it.
func (r *round) sayMoney(usage numbers) bool {
	if r.paid == nil {
		return false
	}
	n := usage
	for k, v := range r.paid.Reason.Numbers {
		n[k] = v
	}
	n["wanted"] = float64(max(r.up.count, r.supply))
	r.say(r.paid.Reason.Code, n, nil, r.paid.Reason.Words)
	return true
}
