package timescale

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/money"
	"github.com/forescale/forescale/internal/store/encoding"
)

// Book implements [store.Money]. It is read as of one moment.
func (s *Store) Book(ctx context.Context, now time.Time) (*money.Book, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.leave()
	if err := ctx.Err(); err != nil {
		return nil, s.fault("read what was spent", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, readTime, errSlow)
	defer cancel()
	b, err := s.readBook(ctx, now)
	if s.wasDead(ctx, err) {
		b, err = s.readBook(ctx, now)
	}
	if err != nil {
		return nil, s.fault("read what was spent", withCause(ctx, err))
	}
	b.Charge(now)
	return b, nil
}

func (s *Store) readBook(ctx context.Context, now time.Time) (b *money.Book, err error) {
	err = pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(t pgx.Tx) error {
		b, err = bookOf(ctx, t, &s.decoded, now)
		return err
	})
	return b, err
}

// bookOf reads what is known of money; nothing but that there are no budgets, if
// there are none.
func bookOf(ctx context.Context, q querier, decoded *encoding.Services, now time.Time) (*money.Book, error) {
	b := &money.Book{}
	var err error
	if b.Budgets, err = readAll(ctx, q, scanBudget, selectBudgets); err != nil || len(b.Budgets) == 0 {
		return b, err
	}
	if b.Meters, err = readAll(ctx, q, scanMeter, "SELECT zone, month, at FROM meter ORDER BY zone"); err != nil {
		return nil, err
	}
	if b.Services, err = readAll(ctx, q, serviceScan(decoded), `SELECT name, version, updated_at, body FROM service
		WHERE (body ->> 'price_per_hour') IS NOT NULL ORDER BY name`); err != nil {
		return nil, err
	}
	if b.Pauses, err = readAll(ctx, q, scanPause, "SELECT service, asked_by, note, since, until FROM pause WHERE until > $1 ORDER BY service", utc(now)); err != nil {
		return nil, err
	}
	instances := "SELECT " + instanceColumns + ` FROM instance WHERE ended IS NULL AND service = ANY ($1::text[])
		UNION SELECT ` + instanceColumns + " FROM instance WHERE id IN (SELECT instance FROM bill WHERE open)"
	args := []any{forescale.ServiceNames(b.Services)}
	if since := money.Since(now, b.Budgets, b.Meters); !since.IsZero() {
		instances += " UNION SELECT " + instanceColumns + " FROM instance WHERE ended >= $2 AND service = ANY ($1::text[])"
		args = append(args, utc(since))
	}
	if b.Instances, err = readAll(ctx, q, scanInstance, instances+" ORDER BY service, ordered_at, id", args...); err != nil {
		return nil, err
	}
	if b.Bills, err = readAll(ctx, q, scanBill, `SELECT zone, instance, service, price, step, ordered_at, extra, paid, open FROM bill WHERE open
		UNION SELECT zone, instance, bill.service, price, step, bill.ordered_at, extra, paid, open FROM bill JOIN instance ON id = instance WHERE ended IS NULL
		ORDER BY zone, instance`); err != nil {
		return nil, err
	}
	if err := addNodes(ctx, q, b, now); err != nil {
		return nil, err
	}
	b.Sums, err = readAll(ctx, q, scanSum, `SELECT zone, spent.month, service, amount FROM spent JOIN meter USING (zone)
		WHERE spent.month >= meter.month ORDER BY zone, spent.month, service`)
	return b, err
}

func scanMeter(r row) (m money.Meter, err error) {
	err = r.Scan(&m.Zone, &m.Month, &m.At)
	m.At = m.At.UTC()
	return m, err
}

func scanBill(r row) (x money.Bill, err error) {
	err = r.Scan(&x.Zone, &x.Instance, &x.Service, &x.Price, &x.Step, &x.Ordered, &x.Extra, &x.Paid, &x.Open)
	x.Ordered = x.Ordered.UTC()
	return x, err
}

func scanSum(r row) (s money.Sum, err error) {
	return s, r.Scan(&s.Zone, &s.Month, &s.Service, &s.Amount)
}

// charge brings the bills up to the round, and gives it as money allows. Rounds
// follow each other, so nobody spends what it counts on.
func (t *tx) charge(ctx context.Context, p forescale.Plan, instances []forescale.Instance) (forescale.Plan, []forescale.Instance, error) {
	b, err := bookOf(ctx, t, &t.s.decoded, p.At)
	if err != nil || len(b.Budgets) == 0 {
		return p, instances, err
	}
	b.Pace = p.Pace
	b.Charge(p.At)
	p, instances = b.Record(p, instances)
	return p, instances, t.saveCharges(ctx, b.Changes())
}

func (t *tx) saveCharges(ctx context.Context, c money.Changes) error {
	for _, m := range c.Meters {
		if err := t.exec(ctx, `INSERT INTO meter (zone, month, at) VALUES ($1, $2, $3)
			ON CONFLICT (zone) DO UPDATE SET month = excluded.month, at = excluded.at`, m.Zone, int64(m.Month), utc(m.At)); err != nil {
			return err
		}
	}
	if len(c.Sums) > 0 {
		if err := t.exec(ctx, `INSERT INTO spent (zone, month, service, amount) SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[])
			ON CONFLICT (zone, month, service) DO UPDATE SET amount = spent.amount + excluded.amount`,
			column(c.Sums, func(s money.Sum) string { return s.Zone }), column(c.Sums, func(s money.Sum) int64 { return int64(s.Month) }),
			column(c.Sums, func(s money.Sum) string { return s.Service }), column(c.Sums, func(s money.Sum) int64 { return int64(s.Amount) })); err != nil {
			return err
		}
	}
	if len(c.Bills) == 0 {
		return nil
	}
	of := func(f func(money.Bill) int64) []int64 { return column(c.Bills, f) }
	return t.exec(ctx, `INSERT INTO bill (zone, instance, service, price, step, ordered_at, extra, paid, open)
		SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::timestamptz[], $7::bigint[], $8::bigint[], $9::bool[])
		ON CONFLICT (zone, instance) DO UPDATE SET service = excluded.service, price = excluded.price, step = excluded.step,
			ordered_at = excluded.ordered_at, extra = excluded.extra, paid = excluded.paid, open = excluded.open`,
		column(c.Bills, func(x money.Bill) string { return x.Zone }), column(c.Bills, func(x money.Bill) string { return x.Instance }),
		column(c.Bills, func(x money.Bill) string { return x.Service }), of(func(x money.Bill) int64 { return int64(x.Price) }),
		of(func(x money.Bill) int64 { return int64(x.Step) }), column(c.Bills, func(x money.Bill) time.Time { return utc(x.Ordered) }),
		of(func(x money.Bill) int64 { return int64(x.Extra) }), of(func(x money.Bill) int64 { return int64(x.Paid) }),
		column(c.Bills, func(x money.Bill) bool { return x.Open }))
}
