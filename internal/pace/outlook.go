package pace

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/money"
)

// slack is the share of what is left that is not planned with: rises come early and
// falls late, and a started billing step is paid whole.
const slack = 0.005

// Outlook is what the active services that budgets cover will cost until the month's
// end in the zone of each budget, as foreseen lately.
type Outlook struct {
	Curves map[CurveOf]*Curve // none is changed: outlooks share them
}

// CurveOf names a curve: of a service until the month's end in a zone.
type CurveOf struct{ Zone, Service string }

// Pace is how far the objective of a service is lowered for a budget.
type Pace struct {
	forescale.LoweredObjective
	Lower  float64 // by what share of the way to the median plans are lower now
	Most   int     // instances that are kept now at most, 0: as many as are needed
	Gone   bool    // this hour is given up
	Budget forescale.BudgetOutlook
}

// Budgets are the budgets of a charged book as they stand and as their months are
// foreseen to end, in its order.
func (o *Outlook) Budgets(b *money.Book, now time.Time) []forescale.BudgetOutlook {
	out, _ := o.all(b, now)
	return out
}

// Paces are the services whose objectives are lowered, by name.
func (o *Outlook) Paces(b *money.Book, now time.Time) map[string]Pace {
	_, paces := o.all(b, now)
	return paces
}

func (o *Outlook) all(b *money.Book, now time.Time) (out []forescale.BudgetOutlook, paces map[string]Pace) {
	degrees := map[string]int{} // by service
	paces = map[string]Pace{}
	for _, state := range b.States(now) {
		t := o.tally(b, state, now)
		before := maps.Clone(degrees)
		t.lower(degrees)
		x := t.outlook(now, before, degrees)
		for _, l := range x.Lowered {
			c := o.Curves[CurveOf{state.TimeZone, l.Service}]
			d := c.Degrees[degrees[l.Service]]
			paces[l.Service] = Pace{LoweredObjective: l, Lower: d.Lower, Most: d.Most, Gone: d.Gone, Budget: x}
		}
		out = append(out, x)
	}
	return out, paces
}

// tally is one budget with the curves that it pays for.
type tally struct {
	state  forescale.BudgetState
	held   float64   // what runs that is not ours to stop costs until the end
	curves []*Curve  // by priority, then name
	ahead  []float64 // share of each that is still to come
}

func (o *Outlook) tally(b *money.Book, state forescale.BudgetState, now time.Time) tally {
	t := tally{state: state, held: b.Held(state.Budget, now).Float(), curves: make([]*Curve, 0, len(o.Curves))}
	for at, c := range o.Curves {
		if at.Zone == state.TimeZone && state.Covers(at.Service) {
			t.curves = append(t.curves, c)
		}
	}
	slices.SortFunc(t.curves, func(x, y *Curve) int {
		return cmp.Or(cmp.Compare(x.Service.Priority, y.Service.Priority), cmp.Compare(x.Service.Name, y.Service.Name))
	})
	t.ahead = make([]float64, len(t.curves))
	for k, c := range t.curves {
		t.ahead[k] = c.ahead(now)
	}
	return t
}

// lower lowers objectives until the budget pays for all that is foreseen: those of
// least priority first, as far as it takes. Nothing is raised.
func (t tally) lower(lowered map[string]int) {
	left := t.left()
	for from := 0; from < len(t.curves); {
		to := from
		for to < len(t.curves) && t.curves[to].Service.Priority == t.curves[from].Service.Priority {
			to++
		}
		if t.cost(lowered) <= left {
			return
		}
		class := t.curves[from:to]
		low, high := 0, degrees // costs fall with the degree: look for the first that is paid for
		for low < high {
			j := (low + high) / 2
			if t.cost(withAtLeast(lowered, class, j)) <= left {
				high = j
			} else {
				low = j + 1
			}
		}
		maps.Copy(lowered, withAtLeast(lowered, class, low))
		from = to
	}
}

// left is what there is for the services that can be lowered.
func (t tally) left() float64 {
	left := t.state.Limit.Float() - t.state.Spent.Float()
	return left - t.held - slack*max(0, left)
}

// withAtLeast is lowered with each of the class lowered by j degrees or more.
func withAtLeast(lowered map[string]int, class []*Curve, j int) map[string]int {
	out := make(map[string]int, len(lowered)+len(class))
	maps.Copy(out, lowered)
	for _, c := range class {
		out[c.Service.Name] = max(out[c.Service.Name], j)
	}
	return out
}

// cost is what the curves come to.
func (t tally) cost(lowered map[string]int) (sum float64) {
	for k, c := range t.curves {
		sum += t.ahead[k] * c.Degrees[lowered[c.Service.Name]].Cost
	}
	return sum
}

// sure is what is spent, and what is not ours to stop.
func (t tally) sure() float64 { return t.state.Spent.Float() + t.held }

func (t tally) outlook(now time.Time, before, lowered map[string]int) forescale.BudgetOutlook {
	low, high := t.sure(), t.sure()
	for k, c := range t.curves {
		low, high = low+t.ahead[k]*c.Low, high+t.ahead[k]*c.High
	}
	return forescale.BudgetOutlook{BudgetState: t.state, Projected: forescale.Amount(t.sure() + t.cost(nil)), Low: forescale.Amount(low), High: forescale.Amount(high),
		Paced: forescale.Amount(t.sure() + t.cost(lowered)), MetAt: t.met(now), Lowered: t.lowered(before, lowered)}
}

// lowered are the services that go further down than before.
func (t tally) lowered(before, lowered map[string]int) (out []forescale.LoweredObjective) {
	for _, c := range t.curves {
		if j := lowered[c.Service.Name]; j > before[c.Service.Name] {
			d := c.Degrees[j]
			out = append(out, forescale.LoweredObjective{Service: c.Service.Name, Stated: c.Service.Objective, Objective: d.Objective, Quantile: d.Quantile, GivenUp: d.GivenUp})
		}
	}
	return out
}

// met is when the limit is reached with no objective lowered, to a day; zero if it is
// not within the month.
func (t tally) met(now time.Time) time.Time {
	sum, limit := t.state.Spent.Float(), t.state.Limit.Float()
	span := t.state.Until.Sub(now).Hours() / 24
	for day := 0; float64(day) < span; day++ {
		part := min(1, span-float64(day))
		sum += t.held * part / span
		for _, c := range t.curves {
			if day < len(c.daily) {
				sum += c.daily[day]
			}
		}
		if sum > limit {
			return now.Add(time.Duration(day) * 24 * time.Hour)
		}
	}
	return time.Time{}
}
