package money

import (
	"cmp"
	"maps"
	"slices"

	"github.com/forescale/forescale"
)

// Ledger is what charging left behind, held in memory, for stores that have no
// tables. It is not safe for concurrent use.
type Ledger struct {
	bills  map[billKey]Bill
	sums   map[sumKey]forescale.Money
	meters map[string]Meter
}

// Keep takes over what charging brought.
func (l *Ledger) Keep(c Changes) {
	if l.bills == nil {
		l.bills, l.sums, l.meters = map[billKey]Bill{}, map[sumKey]forescale.Money{}, map[string]Meter{}
	}
	for _, x := range c.Bills {
		l.bills[billKey{x.Zone, x.Instance}] = x
	}
	for _, x := range c.Sums {
		key := sumKey{x.Zone, x.Service, x.Month}
		l.sums[key] = l.sums[key].Plus(x.Amount)
	}
	for _, m := range c.Meters {
		l.meters[m.Zone] = m
	}
}

// Meters are how far the charging of each zone has come.
func (l *Ledger) Meters() []Meter { return slices.Collect(maps.Values(l.meters)) }

// Open reports whether an instance may come to cost more.
func (l *Ledger) Open(instance string) bool {
	for zone := range l.meters {
		if l.bills[billKey{zone, instance}].Open {
			return true
		}
	}
	return false
}

// Forget drops the bills of instances that are not known any more, and what was spent
// in months before one that are over.
func (l *Ledger) Forget(known func(instance string) bool, before Month) {
	maps.DeleteFunc(l.bills, func(k billKey, _ Bill) bool { return !known(k.instance) })
	maps.DeleteFunc(l.sums, func(k sumKey, _ forescale.Money) bool { return k.month < before && k.month < l.meters[k.zone].Month })
}

// Read fills a book's meters, bills and sums; its instances are there already.
func (l *Ledger) Read(b *Book) {
	asked := make(map[string]bool, len(b.Instances))
	for _, i := range b.Instances {
		asked[i.ID] = true
	}
	for _, m := range l.meters {
		b.Meters = append(b.Meters, m)
	}
	for _, x := range l.bills {
		if x.Open || asked[x.Instance] {
			b.Bills = append(b.Bills, x)
		}
	}
	for k, amount := range l.sums {
		if k.month >= l.meters[k.zone].Month {
			b.Sums = append(b.Sums, Sum{k.zone, k.month, k.service, amount})
		}
	}
	slices.SortFunc(b.Meters, func(x, y Meter) int { return cmp.Compare(x.Zone, y.Zone) })
	slices.SortFunc(b.Bills, func(x, y Bill) int {
		return cmp.Or(cmp.Compare(x.Zone, y.Zone), cmp.Compare(x.Instance, y.Instance))
	})
	slices.SortFunc(b.Sums, func(x, y Sum) int {
		return cmp.Or(cmp.Compare(x.Zone, y.Zone), cmp.Compare(x.Month, y.Month), cmp.Compare(x.Service, y.Service))
	})
}
