package memory

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/money"
	"github.com/forescale/forescale/internal/store"
)

// budget is a budget, or the version of one that was deleted.
type budget struct {
	forescale.Budget
	gone bool
}

// PutBudget implements [store.Money].
func (s *Store) PutBudget(ctx context.Context, b forescale.Budget, ifVersion int64) (forescale.Budget, error) {
	b.UpdatedAt = utc(b.UpdatedAt)
	err := s.write(ctx, unfenced, func() (err error) {
		last, known := s.budgets[b.Name]
		if b.Version, err = store.NextVersion("budgets/", b.Name, last.Version, known && !last.gone, ifVersion); err != nil {
			return err
		}
		s.budgets[b.Name] = budget{Budget: b}
		return nil
	})
	if err != nil {
		return forescale.Budget{}, err
	}
	return b, nil
}

// Budgets implements [store.Money].
func (s *Store) Budgets(ctx context.Context) (out []forescale.Budget, err error) {
	err = s.read(ctx, func() { out = s.allBudgets() })
	return out, err
}

func (s *Store) allBudgets() (out []forescale.Budget) {
	for _, name := range slices.Sorted(maps.Keys(s.budgets)) {
		if b := s.budgets[name]; !b.gone {
			out = append(out, b.Budget)
		}
	}
	return out
}

// DeleteBudget implements [store.Money].
func (s *Store) DeleteBudget(ctx context.Context, name string) error {
	return s.write(ctx, unfenced, func() error {
		b, known := s.budgets[name]
		if !known || b.gone {
			return store.NotFound("budget", name)
		}
		b.gone = true
		s.budgets[name] = b
		return nil
	})
}

// Book implements [store.Money].
func (s *Store) Book(ctx context.Context, now time.Time) (b *money.Book, err error) {
	err = s.read(ctx, func() { b = s.book(now) })
	if err != nil {
		return nil, err
	}
	b.Charge(now)
	return b, nil
}

// book is what is known of money, not charged yet.
func (s *Store) book(now time.Time) *money.Book {
	b := &money.Book{Budgets: s.allBudgets()}
	if len(b.Budgets) == 0 {
		return b
	}
	priced := map[string]bool{}
	b.Services = make([]forescale.Service, 0, len(s.services))
	for _, name := range slices.Sorted(maps.Keys(s.services)) {
		if r := s.services[name]; !r.gone && r.PricePerHour > 0 {
			b.Services = append(b.Services, r.Clone())
			priced[name] = true
		}
	}
	b.AddNodes(byName(s.nodeTypes), s.livesSince(money.NodesSince(now, b.Budgets, s.charged.Meters())))
	for _, p := range s.pauses {
		if p.Until.After(now) {
			b.Pauses = append(b.Pauses, p)
		}
	}
	slices.SortFunc(b.Pauses, func(x, y forescale.Pause) int { return cmp.Compare(x.Service, y.Service) })
	since := money.Since(now, b.Budgets, s.charged.Meters())
	var counted []*forescale.Instance // they are large: sorted here, and copied once
	for k := range b.Instances {      // nodes
		counted = append(counted, &b.Instances[k])
	}
	for _, i := range s.instances {
		late := !since.IsZero() && !i.State.Live() && i.end >= since.UnixMilli()
		if s.charged.Open(i.ID) || priced[i.Service] && (i.State.Live() || late) {
			counted = append(counted, &i.Instance)
		}
	}
	slices.SortFunc(counted, func(x, y *forescale.Instance) int {
		return cmp.Or(cmp.Compare(x.Service, y.Service), x.OrderedAt.Compare(y.OrderedAt), cmp.Compare(x.ID, y.ID))
	})
	b.Instances = make([]forescale.Instance, 0, len(counted))
	for _, i := range counted {
		b.Instances = append(b.Instances, *i)
	}
	s.charged.Read(b)
	return b
}

// charge brings the bills up to the round, and gives it as money allows.
func (s *Store) charge(p forescale.Plan, instances []forescale.Instance) (forescale.Plan, []forescale.Instance) {
	b := s.book(p.At)
	if len(b.Budgets) == 0 {
		return p, instances
	}
	b.Pace = p.Pace
	b.Charge(p.At)
	p, instances = b.Record(p, instances)
	s.charged.Keep(b.Changes())
	return p, instances
}
