package riverjobs

import (
	"context"
	"time"

	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// migrateTime bounds bringing River's tables up to date, waiting for another
// server that does so included.
const migrateTime = 5 * time.Minute

// lockKey is the lock of who migrates: the store's are numbered from 1.
const lockKey = "100, hashtext('forescale ' || current_schema())"

// migrate brings River's tables up to date. Its steps cannot share a transaction,
// since one adds a value to a type, so it is the session that holds the lock. What
// is up to date, or newer, is left alone.
func (r *Runner) migrate(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, migrateTime)
	defer cancel()
	m, err := rivermigrate.New(riverpgxv5.New(r.Store.Pool()), &rivermigrate.Config{Schema: r.schema, Logger: quiet(r.Log)})
	if err != nil {
		return err
	}
	if v, err := m.Validate(ctx, nil); err == nil && v.OK {
		return nil
	}
	conn, err := r.Store.Pool().Acquire(ctx)
	if err != nil {
		return err
	}
	own := conn.Hijack() // the lock goes with it
	defer func() {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
		defer cancel()
		_ = own.Close(stop)
	}()
	if _, err := own.Exec(ctx, "SELECT pg_advisory_lock("+lockKey+")"); err != nil {
		return err
	}
	_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return err
}
