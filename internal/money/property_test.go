package money_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/money"
	"github.com/forescale/forescale/internal/store/storetest"
)

// town is a world of instances with a bill of its own: it knows when each really
// ran, and never looks into the book.
type town struct {
	*rapid.T
	dice     *rand.Rand
	begin    time.Time
	now      time.Time
	budgets  []forescale.Budget
	services []forescale.Service
	rows     map[string]forescale.Instance // what the store holds
	real     map[string]*stay              // what runs and ran
	ledger   money.Ledger
	n        int
	ended    map[string]bool // rows that the store need not be asked for again
	before   forescale.Money // what had been spent of the first month
	limited  int             // rounds in which money bounded something
}

// stay is how long an instance really ran.
type stay struct {
	service     string
	from, until time.Time // until is zero while it runs
}

const interval = time.Minute

func TestNoMonthCostsMoreThanItsLimitWhateverHappens(t *testing.T) {
	storetest.Fewer(t, "15")
	limited := 0
	rapid.Check(t, func(t *rapid.T) {
		w := newTown(t)
		for range 300 {
			w.round()
		}
		w.check()
		limited += w.limited
	})
	if limited == 0 {
		t.Error("money never bounded anything: the limits were too high to tell")
	}
}

func newTown(t *rapid.T) *town {
	zone := rapid.SampledFrom([]string{"UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati", "Australia/Lord_Howe"}).Draw(t, "zone")
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	month := time.Date(2026, time.Month(rapid.IntRange(1, 12).Draw(t, "month")), 1, 0, 0, 0, 0, loc)
	w := &town{T: t, dice: rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0)), ended: map[string]bool{}, rows: map[string]forescale.Instance{}, real: map[string]*stay{},
		now: month.Add(-time.Duration(rapid.IntRange(1, 4).Draw(t, "hours before")) * time.Hour).UTC()}
	for k := range rapid.IntRange(1, 3).Draw(t, "services") {
		w.services = append(w.services, forescale.Service{
			Name: fmt.Sprint("s", k), Mode: forescale.ModeActive, Min: rapid.IntRange(1, 3).Draw(t, "min"), Max: 40,
			PricePerHour: forescale.Money(rapid.IntRange(1, 3_000_000).Draw(t, "price")), Priority: k % 2,
			BillingStep: rapid.SampledFrom([]time.Duration{0, time.Second, time.Minute, 17 * time.Minute, time.Hour}).Draw(t, "step"),
			Cooldown:    rapid.SampledFrom([]time.Duration{10 * time.Second, 5 * time.Minute}).Draw(t, "cool-down"),
		}.WithDefaults())
	}
	all := forescale.Budget{Name: "all", Scope: forescale.BudgetAll, TimeZone: zone}
	all.Limit = w.affordable(all, "all")
	w.budgets = append(w.budgets, all)
	if rapid.Bool().Draw(t, "one more") {
		one := forescale.Budget{Name: "one", Scope: forescale.BudgetService, Of: "s0", TimeZone: "UTC"}
		one.Limit = w.affordable(one, "one")
		w.budgets = append(w.budgets, one)
	}
	w.begin = w.now
	w.spendBefore()
	return w
}

// spendBefore leaves little of the first month: nobody looks at what was before.
func (w *town) spendBefore() {
	w.before = forescale.MaxMoney
	for _, b := range w.budgets {
		left := forescale.Money(0)
		for _, s := range w.services {
			if b.Covers(s.Name) {
				left += s.PricePerHour.For(money.MonthOf(w.now, b.Location()).End(b.Location()).Sub(w.now)) * forescale.Money(s.Min)
			}
		}
		w.before = min(w.before, max(0, b.Limit-left-left/forescale.Money(1+w.dice.IntN(4))))
	}
	for _, zone := range money.Zones(w.budgets) {
		m := money.MonthOf(w.now, forescale.Budget{TimeZone: zone}.Location())
		w.ledger.Keep(money.Changes{Meters: []money.Meter{{Zone: zone, Month: m, At: w.now}}, Sums: []money.Sum{{Zone: zone, Month: m, Service: "s0", Amount: w.before}}})
	}
}

// affordable is a limit that leaves little beyond min.
func (w *town) affordable(b forescale.Budget, label string) forescale.Money {
	least := b.LeastCost(w.services)
	return least + least/forescale.Money(rapid.IntRange(3, 400).Draw(w.T, "room of "+label))
}

func (w *town) roll(low, high int) int { return low + w.dice.IntN(high-low+1) }

// round is a minute, or an outage of up to nine: then a decision round, which may
// be cut off before its commit, or between the commit and the effects.
func (w *town) round() {
	w.now = w.now.Add(interval)
	if w.roll(0, 9) == 0 {
		w.now = w.now.Add(time.Duration(w.roll(1, 8)) * time.Minute)
	}
	w.effects()
	b := &money.Book{Budgets: w.budgets, Services: w.services, Pace: interval}
	for _, id := range sorted(w.rows) {
		if !w.ended[id] {
			b.Instances = append(b.Instances, w.rows[id])
		}
	}
	w.ledger.Read(b)
	b.Charge(w.now)
	var written []forescale.Instance
	for _, s := range w.services {
		written = append(written, w.decide(b, s)...)
	}
	if w.roll(0, 19) == 0 {
		return // before the commit: nothing is written
	}
	w.ledger.Keep(b.Changes())
	for id, i := range w.rows {
		w.ended[id] = !i.State.Live()
	}
	for _, i := range written {
		w.rows[i.ID] = i
	}
}

func (w *town) decide(b *money.Book, s forescale.Service) (written []forescale.Instance) {
	var up []forescale.Instance
	for _, id := range sorted(w.rows) {
		if i := w.rows[id]; !w.ended[id] && i.Service == s.Name && i.State == forescale.InstanceReady {
			up = append(up, i)
		}
	}
	want := max(s.Min, w.roll(0, 20))
	if a := b.Allow(s.Name, w.now, interval); a != nil && a.Most < want {
		want = a.Most
		w.limited++
	}
	for k := want; k < len(up); k++ {
		if k-want >= max(1, len(up)/10) {
			break
		}
		i := up[k]
		i.State, i.DrainingAt = forescale.InstanceDraining, w.now
		written = append(written, i)
	}
	var starts []forescale.Instance
	for range want - len(up) {
		w.n++
		starts = append(starts, forescale.Instance{ID: fmt.Sprintf("%s-%06d", s.Name, w.n), Service: s.Name, State: forescale.InstanceReady, OrderedAt: w.now})
	}
	if b.Start(s.Name, starts, w.now) == nil {
		written = append(written, starts...)
	}
	return written
}

// effects makes the world what the rows ask for, now or later, and lets some die.
func (w *town) effects() {
	for _, id := range sorted(w.rows) {
		if w.ended[id] {
			continue
		}
		i := w.rows[id]
		r := w.real[id]
		switch {
		case i.State == forescale.InstanceReady && r == nil:
			w.real[id] = &stay{service: i.Service, from: w.now}
		case i.State == forescale.InstanceReady && w.roll(0, 499) == 0,
			i.State == forescale.InstanceDraining && w.now.Sub(i.DrainingAt) >= w.service(i.Service).Cooldown:
			i.State, i.StoppedAt = forescale.InstanceStopped, w.now
			w.rows[id] = i
			if r != nil {
				r.until = w.now
			}
		}
	}
}

func (w *town) service(name string) forescale.Service {
	return w.services[slices.IndexFunc(w.services, func(s forescale.Service) bool { return s.Name == name })]
}

// check writes the invoice: each instance step by step, each second in the month
// that the wall shows.
func (w *town) check() {
	for _, budget := range w.budgets {
		loc := budget.Location()
		seconds := map[string]map[string]int64{} // month → service
		for _, r := range w.real {
			if !budget.Covers(r.service) {
				continue
			}
			until := r.until
			if until.IsZero() {
				until = w.now
			}
			step := max(time.Second, w.service(r.service).BillingStep)
			t := r.from
			for first := true; first || t.Before(until); first = false {
				// A step that lies over midnight is looked at second by second.
				if a, z := month(t, loc), month(t.Add(step-time.Second), loc); a == z {
					count(seconds, a, r.service, int64(step/time.Second))
				} else {
					for d := time.Duration(0); d < step; d += time.Second {
						count(seconds, month(t.Add(d), loc), r.service, 1)
					}
				}
				t = t.Add(step)
			}
		}
		first := month(w.begin, loc)
		for m, by := range seconds {
			cost := 0.0
			if m == first {
				cost = w.before.Float()
			}
			if m == month(w.now, loc) { // what min will cost for the rest of it is not to be spent on more
				left := monthEnd(w.now, loc).Sub(w.now).Hours()
				for _, s := range w.services { // but for what is paid ahead
					if budget.Covers(s.Name) {
						cost += s.PricePerHour.Float() * float64(s.Min) * max(0, left-s.BillingStep.Hours())
					}
				}
			}
			for name, n := range by {
				cost += w.service(name).PricePerHour.Float() * float64(n) / 3600
			}
			if cost > budget.Limit.Float() {
				w.Fatalf("%s costs %g in %s, the limit is %s", budget.Name, cost, m, budget.Limit)
			}
		}
	}
}

func count(seconds map[string]map[string]int64, month, service string, n int64) {
	if seconds[month] == nil {
		seconds[month] = map[string]int64{}
	}
	seconds[month][service] += n
}

// monthEnd is looked for hour by hour, then second by second.
func monthEnd(t time.Time, loc *time.Location) time.Time {
	m, t := month(t, loc), t.Truncate(time.Hour)
	for month(t.Add(time.Hour), loc) == m {
		t = t.Add(time.Hour)
	}
	for month(t, loc) == m {
		t = t.Add(time.Second)
	}
	return t
}

func month(t time.Time, loc *time.Location) string { return t.In(loc).Format("2006-01") }

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
