package forescale

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"time"
)

// Money is an exact amount in millionths of the currency that the budgets are in.
// It is written as a decimal number. Sums that do not fit stay at the largest
// amount there is: nobody has it.
type Money int64

// Unit is one of the currency.
const Unit Money = 1_000_000

// MaxMoney is the largest amount of a price, a limit or a sum.
const MaxMoney = 1_000_000_000_000 * Unit

// ParseMoney reads a decimal number with at most six decimals, exactly.
func ParseMoney(s string) (Money, error) {
	text := strings.TrimSpace(s)
	negative := strings.HasPrefix(text, "-")
	whole, decimals, point := strings.Cut(strings.TrimPrefix(text, "-"), ".")
	if whole == "" || point && decimals == "" || len(decimals) > 6 || strings.Trim(whole+decimals, "0123456789") != "" {
		return 0, fmt.Errorf("%q is not an amount: write a number with at most six decimals, such as 0.125", s)
	}
	n, err := strconv.ParseInt(whole+decimals+strings.Repeat("0", 6-len(decimals)), 10, 64)
	if err != nil || Money(n) > MaxMoney {
		return 0, fmt.Errorf("%q is more than %s", s, MaxMoney)
	}
	if negative {
		n = -n
	}
	return Money(n), nil
}

// String is the amount as a decimal number without needless zeros.
func (m Money) String() string {
	sign, n := "", uint64(m)
	if m < 0 {
		sign, n = "-", -uint64(m)
	}
	s := sign + strconv.FormatUint(n/uint64(Unit), 10)
	if rest := n % uint64(Unit); rest > 0 {
		s += "." + strings.TrimRight(fmt.Sprintf("%06d", rest), "0")
	}
	return s
}

// MarshalJSON writes a decimal number.
func (m Money) MarshalJSON() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalJSON reads a decimal number.
func (m *Money) UnmarshalJSON(data []byte) (err error) {
	if string(data) == "null" {
		return nil
	}
	*m, err = ParseMoney(string(data))
	return err
}

// Float is the amount as a number, for charts and reasons. It may be rounded.
func (m Money) Float() float64 { return float64(m) / float64(Unit) }

// Amount is a number as an amount, rounded to a millionth and within what there is.
func Amount(v float64) Money {
	switch {
	case v >= MaxMoney.Float():
		return MaxMoney
	case !(v > -MaxMoney.Float()):
		return -MaxMoney
	}
	return Money(math.Round(v * float64(Unit)))
}

// Plus is a sum that does not overflow.
func (m Money) Plus(n Money) Money {
	if m > 0 && n > math.MaxInt64-m {
		return math.MaxInt64
	}
	return m + n
}

// For is what a time costs at m an hour, rounded up to a millionth.
func (m Money) For(d time.Duration) Money {
	if m <= 0 || d <= 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(m), uint64(d))
	if hi >= uint64(time.Hour) {
		return math.MaxInt64
	}
	n, rest := bits.Div64(hi, lo, uint64(time.Hour))
	if rest > 0 {
		n++
	}
	if n > math.MaxInt64 {
		return math.MaxInt64
	}
	return Money(n)
}

// BudgetScope says what a budget is for.
type BudgetScope string

// The scopes.
const (
	BudgetAll      BudgetScope = "all"       // all that costs
	BudgetService  BudgetScope = "service"   // the instances of one service
	BudgetNodeType BudgetScope = "node_type" // the nodes of one type
)

// Budget is money per calendar month. Its limit is hard: nothing is started that
// would pass it.
type Budget struct {
	Name      string      `json:"name"` // unique
	Scope     BudgetScope `json:"scope"`
	Of        string      `json:"of,omitempty"` // name of the service or node type; "" for all
	Limit     Money       `json:"limit"`        // of a calendar month
	TimeZone  string      `json:"time_zone"`    // IANA name; months begin at its midnight
	Origin    Origin      `json:"origin"`       // config or api
	Version   int64       `json:"version"`      // grows with each change
	UpdatedAt time.Time   `json:"updated_at"`
}

// WithDefaults fills what was left open. It does not validate.
func (b Budget) WithDefaults() Budget {
	if b.Scope == "" {
		b.Scope = BudgetAll
	}
	if b.TimeZone == "" {
		b.TimeZone = "UTC"
	}
	if b.Origin == "" {
		b.Origin = OriginAPI
	}
	return b
}

// Covers reports whether what the service's instances, or the nodes of an account
// ([NodeAccount]), cost counts.
func (b Budget) Covers(service string) bool {
	return b.Scope == BudgetAll || b.Scope == BudgetService && b.Of == service || b.Scope == BudgetNodeType && NodeAccount(b.Of) == service
}

// Location is the zone that the budget's months are of. UTC stands in for one that
// does not exist, which Validate refuses.
func (b Budget) Location() *time.Location {
	loc, err := time.LoadLocation(b.TimeZone)
	if err != nil {
		return time.UTC
	}
	return loc
}

// Validate gathers every fault of the budget itself. The faults' Where is the JSON
// name of the field.
func (b Budget) Validate() error {
	var fs Faults
	bad := func(field, what, help string) {
		fs = append(fs, &Fault{Code: "budget_invalid", What: what, Where: field, Help: help})
	}
	if !ValidName(b.Name) {
		bad("name", fmt.Sprintf("%q is not a name of a budget", b.Name), "use up to 42 lower-case letters, digits and inner hyphens")
	}
	switch b.Scope {
	case BudgetAll:
		if b.Of != "" {
			bad("of", "a budget for all is not of "+b.Of, "leave of out, or set the scope to service or node_type")
		}
	case BudgetService, BudgetNodeType:
		if b.Of == "" {
			bad("of", fmt.Sprintf("the scope is %s, but not of which", b.Scope), "name it in of")
		}
	default:
		bad("scope", fmt.Sprintf("%q is not a scope", b.Scope), "use all, service or node_type")
	}
	if b.Limit <= 0 || b.Limit > MaxMoney {
		bad("limit", fmt.Sprintf("limit is %s", b.Limit), "give the money of a calendar month, such as 500; to spend nothing, switch services off")
	}
	if _, err := time.LoadLocation(b.TimeZone); err != nil || b.TimeZone == "Local" {
		bad("time_zone", fmt.Sprintf("%q is not a time zone", b.TimeZone), "use an IANA name such as Europe/Berlin")
	}
	return fs.OrNil()
}

// longestMonth is one of 31 days in which the clocks are put back.
const longestMonth = 31*24*time.Hour + time.Hour

// LeastCost is what the min instances of the services that b covers cost in a
// month of 31 days.
func (b Budget) LeastCost(services []Service) (sum Money) {
	for _, s := range services {
		if s.Mode == ModeOff || !b.Covers(s.Name) {
			continue
		}
		sum = sum.Plus(s.PricePerHour.For(longestMonth).times(s.Min))
	}
	return sum
}

func (m Money) times(n int) Money {
	hi, lo := bits.Mul64(uint64(max(0, m)), uint64(max(0, n)))
	if hi > 0 || lo > math.MaxInt64 {
		return math.MaxInt64
	}
	return Money(lo)
}

// CheckBudgets gathers the faults that budgets have beside each other and beside
// what they are for. The faults' Where is NAME.FIELD.
func CheckBudgets(budgets []Budget, services []Service, types []NodeType) error {
	var fs Faults
	bad := func(b Budget, field, what, help string) {
		fs = append(fs, &Fault{Code: "budget_invalid", What: what, Where: b.Name + "." + field, Help: help})
	}
	first := map[string]string{} // scope and of → the budget
	for _, b := range budgets {
		key := string(b.Scope) + "/" + b.Of
		if other, twice := first[key]; twice {
			bad(b, "scope", fmt.Sprintf("budgets %q and %q are for the same", other, b.Name), "keep the smaller one")
			continue
		}
		first[key] = b.Name
		known := b.Scope == BudgetAll
		for _, s := range services {
			known = known || b.Scope == BudgetService && s.Name == b.Of
		}
		for _, t := range types {
			known = known || b.Scope == BudgetNodeType && t.Name == b.Of
		}
		if !known {
			bad(b, "of", fmt.Sprintf("there is no %s %q", strings.ReplaceAll(string(b.Scope), "_", " "), b.Of), "name one that is registered")
			continue
		}
		if least := b.LeastCost(services); least > b.Limit {
			bad(b, "limit", fmt.Sprintf("the limit is %s, but min_instances alone cost %s in a month of 31 days", b.Limit, least), "raise the limit, or lower min_instances")
		}
	}
	return fs.OrNil()
}

// BudgetState is how a budget stands.
type BudgetState struct {
	Budget
	From     time.Time // when the month began
	Until    time.Time // when it ends
	Spent    Money     // this month, paid steps included
	Reserved Money     // what is bound on top: min until the month's end, and what runs until it could be stopped
}

// Left is what may still be bound; below 0 when more is bound than the limit.
func (b BudgetState) Left() Money { return b.Limit - b.Spent - b.Reserved }

// BudgetOutlook is how a budget stands and how its month is foreseen to end.
type BudgetOutlook struct {
	BudgetState
	Projected Money     // what the month would cost with no objective lowered
	Low, High Money     // the same when demand stays at its 10 % or 90 % quantile all the time
	Paced     Money     // what it will cost with objectives lowered as they are now
	MetAt     time.Time // when Projected passes the limit, to a day; zero: not in this month
	Lowered   []LoweredObjective
}

// LoweredObjective is how far the objective of a service is lowered so that a budget
// lasts until the month's end.
type LoweredObjective struct {
	Service   string
	Stated    float64 // the objective as it is set
	Objective float64 // share of the time to come in which demand is to fit the band
	Quantile  float64 // of demand, that hours which are not given up have room for, in their mean
	GivenUp   float64 // share of the time, the dearest hours first, in which a part of the need is kept
}

// Tradeoff is what a limit would buy for the rest of a month.
type Tradeoff struct {
	Limit   Money
	Cost    Money   // of the month
	InBand  float64 // share of the time to come in which demand is to fit the band, mean of the services weighed by what they need
	Pays    bool    // whether the limit pays for it; else even what is least costs more
	Lowered []LoweredObjective
}

// WhatIf is what another limit would mean, and the trade around it.
type WhatIf struct {
	Now    BudgetState // with the limit that was asked about
	Asked  Tradeoff
	Trades []Tradeoff // by rising limits; the last one pays for all objectives
}

// MaxPrice is the highest price of an hour.
const MaxPrice = 1_000_000 * Unit
