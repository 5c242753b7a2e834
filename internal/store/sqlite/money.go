package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/money"
	"github.com/forescale/forescale/internal/store/encoding"
)

// Book implements [store.Money].
func (s *Store) Book(ctx context.Context, now time.Time) (*money.Book, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	b, err := s.readBook(ctx, now)
	if err != nil {
		return nil, s.fault("read what was spent", err)
	}
	b.Charge(now)
	return b, nil
}

// readBook reads all of it as of one moment.
func (s *Store) readBook(ctx context.Context, now time.Time) (*money.Book, error) {
	t, err := s.reader.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer t.Rollback()
	return bookOf(now, &s.writer.decoded, func(scan func(row) error, query string, args ...any) error {
		rows, err := t.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			if err := scan(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	})
}

// each reads the rows of a query, in whatever transaction it is of.
type each func(scan func(row) error, query string, args ...any) error

// gather reads the rows of a query into a list.
func gather[T any](do each, to *[]T, scan func(row) (T, error), query string, args ...any) error {
	return do(func(r row) error {
		t, err := scan(r)
		*to = append(*to, t)
		return err
	}, query, args...)
}

// bookOf reads what is known of money; nothing but that there are no budgets, if
// there are none.
func bookOf(now time.Time, decoded *encoding.Services, do each) (*money.Book, error) {
	b := &money.Book{}
	if err := gather(do, &b.Budgets, scanBudget, selectBudgets); err != nil || len(b.Budgets) == 0 {
		return b, err
	}
	if err := gather(do, &b.Meters, scanMeter, "SELECT zone, month, at FROM meter ORDER BY zone"); err != nil {
		return nil, err
	}
	if err := gather(do, &b.Services, serviceScan(decoded), `SELECT name, version, updated_at, body FROM service
		WHERE body LIKE '%"price_per_hour":%' ORDER BY name`); err != nil {
		return nil, err
	}
	if err := gather(do, &b.Pauses, scanPause, "SELECT service, asked_by, note, since, until FROM pause WHERE until > ? ORDER BY service", ms(now)); err != nil {
		return nil, err
	}
	names := namesOf(forescale.ServiceNames(b.Services))
	instances := "SELECT " + instanceColumns + ` FROM instance WHERE ended IS NULL AND service IN (SELECT value FROM json_each(?1))
		UNION SELECT ` + instanceColumns + " FROM instance WHERE id IN (SELECT instance FROM bill WHERE open = 1)"
	args := []any{names}
	if since := money.Since(now, b.Budgets, b.Meters); !since.IsZero() {
		instances += " UNION SELECT " + instanceColumns + " FROM instance WHERE ended >= ?2 AND service IN (SELECT value FROM json_each(?1))"
		args = append(args, ms(since))
	}
	if err := gather(do, &b.Instances, scanInstance, instances+" ORDER BY service, ordered_at, id", args...); err != nil {
		return nil, err
	}
	if err := gather(do, &b.Bills, scanBill, `SELECT zone, instance, service, price, step, ordered_at, extra, paid, open FROM bill WHERE open = 1
		UNION SELECT zone, instance, bill.service, price, step, bill.ordered_at, extra, paid, open FROM bill JOIN instance ON id = instance WHERE ended IS NULL
		ORDER BY zone, instance`); err != nil {
		return nil, err
	}
	if err := addNodes(b, now, do); err != nil {
		return nil, err
	}
	err := gather(do, &b.Sums, scanSum, `SELECT zone, spent.month, service, amount FROM spent JOIN meter USING (zone)
		WHERE spent.month >= meter.month ORDER BY zone, spent.month, service`)
	return b, err
}

func scanMeter(r row) (m money.Meter, err error) {
	var at int64
	err = r.Scan(&m.Zone, &m.Month, &at)
	m.At = fromMS(at)
	return m, err
}

func scanBill(r row) (x money.Bill, err error) {
	var ordered int64
	err = r.Scan(&x.Zone, &x.Instance, &x.Service, &x.Price, &x.Step, &ordered, &x.Extra, &x.Paid, &x.Open)
	x.Ordered = fromMS(ordered)
	return x, err
}

func scanSum(r row) (s money.Sum, err error) {
	return s, r.Scan(&s.Zone, &s.Month, &s.Service, &s.Amount)
}

// charge brings the bills up to the round, and gives it as money allows.
func (t *tx) charge(p forescale.Plan, instances []forescale.Instance) (forescale.Plan, []forescale.Instance, error) {
	b, err := bookOf(p.At, &t.w.decoded, t.each)
	if err != nil || len(b.Budgets) == 0 {
		return p, instances, err
	}
	b.Pace = p.Pace
	b.Charge(p.At)
	p, instances = b.Record(p, instances)
	return p, instances, t.saveCharges(b.Changes())
}

func (t *tx) saveCharges(c money.Changes) error {
	for _, m := range c.Meters {
		if err := t.exec("INSERT OR REPLACE INTO meter (zone, month, at) VALUES (?, ?, ?)", m.Zone, int64(m.Month), ms(m.At)); err != nil {
			return err
		}
	}
	for _, s := range c.Sums {
		if err := t.exec(`INSERT INTO spent (zone, month, service, amount) VALUES (?, ?, ?, ?)
			ON CONFLICT (zone, month, service) DO UPDATE SET amount = amount + excluded.amount`, s.Zone, int64(s.Month), s.Service, int64(s.Amount)); err != nil {
			return err
		}
	}
	return t.insert(insertBills, len(c.Bills), func(to []any, n int) {
		x := c.Bills[n]
		copy(to, []any{x.Zone, x.Instance, x.Service, int64(x.Price), int64(x.Step), ms(x.Ordered), int64(x.Extra), int64(x.Paid), x.Open})
	})
}

var insertBills = &bulk{
	head:    "INSERT OR REPLACE INTO bill (zone, instance, service, price, step, ordered_at, extra, paid, open)",
	columns: 9,
}
