package money

import (
	"slices"
	"sync"
	"time"

	"github.com/forescale/forescale"
)

// Bill is what an instance has been charged so far by the meter of one zone.
type Bill struct {
	Zone, Instance, Service string
	Price                   forescale.Money // of an hour, as agreed when it was last charged
	Step                    time.Duration
	Ordered                 time.Time     // as the instance said when it was last charged
	Extra                   time.Duration // that it ran longer than its times say: the clock was set back
	Paid                    time.Duration // of its life that is in the sums
	Open                    bool          // it may come to cost more
}

// Sum is what a service's instances cost in one month of a zone, as far as it is
// settled.
type Sum struct {
	Zone    string
	Month   Month
	Service string
	Amount  forescale.Money
}

// Meter is how far the charging of a zone has come. Its month never falls, so a
// clock that is set back refills nothing.
type Meter struct {
	Zone  string
	Month Month
	At    time.Time
}

// Book is all that a store knows of money.
type Book struct {
	Budgets   []forescale.Budget
	Services  []forescale.Service  // those with a price, and those with an open bill
	Pauses    []forescale.Pause    // that have not ended
	Instances []forescale.Instance // of these services: live ones, and those that Charge asks for
	Bills     []Bill               // open ones, and those of live instances
	Meters    []Meter
	Sums      []Sum // of each meter's month and later
	// Pace is the time between two planning rounds.
	Pace time.Duration

	bills    map[billKey]int
	live     map[string][]int // service → its live instances
	services map[string]int
	sums     map[sumKey]forescale.Money
	accounts map[accountKey]Account
	ranked   []forescale.Service
	room     []running // of what was asked for last
	news     Changes
}

type (
	billKey struct{ zone, instance string }
	sumKey  struct {
		zone, service string
		month         Month
	}
)

// index is done first: all else goes by it.
func (b *Book) index() {
	b.bills, b.live = make(map[billKey]int, len(b.Bills)), map[string][]int{}
	b.services, b.sums = make(map[string]int, len(b.Services)), make(map[sumKey]forescale.Money, len(b.Sums))
	b.accounts, b.ranked = map[accountKey]Account{}, nil
	for k, x := range b.Bills {
		b.bills[billKey{x.Zone, x.Instance}] = k
	}
	for k, i := range b.Instances {
		if i.State.Live() {
			b.live[i.Service] = append(b.live[i.Service], k)
		}
	}
	for k, s := range b.Services {
		b.services[s.Name] = k
	}
	for _, x := range b.Sums {
		key := sumKey{x.Zone, x.Service, x.Month}
		b.sums[key] = b.sums[key].Plus(x.Amount)
	}
}

// Changes is what charging brought, to be stored in the transaction of its cause.
type Changes struct {
	Bills  []Bill // to be written whole
	Sums   []Sum  // to be added
	Meters []Meter
}

// Zones are those that budgets count months in, each once, in the order of budgets.
func Zones(budgets []forescale.Budget) (names []string) {
	for _, b := range budgets {
		if !slices.Contains(names, b.TimeZone) {
			names = append(names, b.TimeZone)
		}
	}
	return names
}

// Since is from when on instances that have ended are still to be charged: since
// the month's begin in a zone that has no meter yet. Zero: none are.
func Since(now time.Time, budgets []forescale.Budget, meters []Meter) (since time.Time) {
	for _, zone := range Zones(budgets) {
		if meterOf(meters, zone) != nil {
			continue
		}
		loc := location(zone)
		if t := MonthOf(now, loc).Begin(loc); since.IsZero() || t.Before(since) {
			since = t
		}
	}
	return since
}

func meterOf(meters []Meter, zone string) *Meter {
	for k := range meters {
		if meters[k].Zone == zone {
			return &meters[k]
		}
	}
	return nil
}

// zones holds those that were loaded: that takes a read of a file each time.
var zones sync.Map

func location(zone string) *time.Location {
	if loc, ok := zones.Load(zone); ok {
		return loc.(*time.Location)
	}
	loc, ok := endingZone(zone)
	if !ok {
		loc = forescale.Budget{TimeZone: zone}.Location()
	}
	zones.Store(zone, loc)
	return loc
}

// Charge brings all bills up to now. Bills of what ended are settled; those of
// what runs are when a month ended or their price changed. What it changed is in
// Changes.
func (b *Book) Charge(now time.Time) {
	b.index()
	for _, zone := range Zones(b.Budgets) {
		b.chargeZone(zone, now)
	}
}

func (b *Book) chargeZone(zone string, now time.Time) {
	loc := location(zone)
	m := meterOf(b.Meters, zone)
	fresh := m == nil
	if fresh {
		b.Meters = append(b.Meters, Meter{Zone: zone, At: now})
		m = &b.Meters[len(b.Meters)-1]
	}
	month := max(m.Month, MonthOf(now, loc))
	rolled := month > m.Month
	back := m.At.Sub(now)
	for _, i := range b.Instances {
		b.chargeInstance(m, loc, i, now, rolled, fresh, back)
	}
	m.Month, m.At = month, now
	b.news.Meters = append(b.news.Meters, *m)
}

func (b *Book) chargeInstance(m *Meter, loc *time.Location, i forescale.Instance, now time.Time, rolled, fresh bool, back time.Duration) {
	s := b.service(i.Service)
	k, known := b.bills[billKey{m.Zone, i.ID}]
	if !known {
		if s.PricePerHour == 0 || !i.State.Live() && !fresh {
			return
		}
		k = b.open(m.Zone, s, i)
	}
	x := &b.Bills[k]
	before := *x
	if x.Ordered.Equal(i.OrderedAt) && back > 0 && known {
		x.Extra += back // it ran on while the clock said what it had said before
	}
	x.Ordered = i.OrderedAt
	dearer := x.Price != s.PricePerHour || x.Step != s.BillingStep
	if x.Open && (!i.State.Live() || rolled || dearer) {
		b.settle(m, loc, x, end(i, now))
	}
	x.Open = i.State.Live()
	x.Price, x.Step = s.PricePerHour, s.BillingStep
	if *x != before || !known {
		b.news.Bills = append(b.news.Bills, *x)
	}
}

// open begins the bill of an instance.
func (b *Book) open(zone string, s forescale.Service, i forescale.Instance) int {
	b.Bills = append(b.Bills, Bill{Zone: zone, Instance: i.ID, Service: i.Service, Price: s.PricePerHour, Step: s.BillingStep, Ordered: i.OrderedAt, Open: true})
	k := len(b.Bills) - 1
	b.bills[billKey{zone, i.ID}] = k
	return k
}

// end is until when an instance costs, as far as is known.
func end(i forescale.Instance, now time.Time) time.Time {
	switch {
	case i.State.Live():
		return now
	case !i.StoppedAt.IsZero():
		return i.StoppedAt
	}
	return i.LastSeen // it ended without saying when
}

// begin is when the instance would have to have begun to have run as long as it did.
func (x Bill) begin() time.Time { return x.Ordered.Add(-x.Extra) }

// until is the end of the last step that is started at t.
func (x Bill) until(t time.Time) time.Time {
	return x.begin().Add(max(x.Paid, whole(t.Sub(x.begin()), x.Step)))
}

// settle moves what a bill comes to at t into the sums.
func (b *Book) settle(m *Meter, loc *time.Location, x *Bill, t time.Time) {
	from, until := x.begin().Add(x.Paid), x.until(t)
	for from.Before(until) {
		month := MonthOf(from, loc)
		to := month.End(loc)
		if to.After(until) {
			to = until
		}
		b.add(Sum{m.Zone, max(month, m.Month), x.Service, x.Price.For(to.Sub(from))})
		from = to
	}
	x.Paid = until.Sub(x.begin())
}

func (b *Book) add(s Sum) {
	if s.Amount == 0 {
		return
	}
	key := sumKey{s.Zone, s.Service, s.Month}
	b.sums[key] = b.sums[key].Plus(s.Amount)
	for k := range b.news.Sums {
		if n := &b.news.Sums[k]; n.Zone == s.Zone && n.Month == s.Month && n.Service == s.Service {
			n.Amount = n.Amount.Plus(s.Amount)
			return
		}
	}
	b.news.Sums = append(b.news.Sums, s)
}

// Changes is what was charged and started since the book was read.
func (b *Book) Changes() Changes { return b.news }

// service is one of the book; without a price if it is none of it.
func (b *Book) service(name string) forescale.Service {
	if k, ok := b.services[name]; ok {
		return b.Services[k]
	}
	return forescale.Service{Name: name}
}
