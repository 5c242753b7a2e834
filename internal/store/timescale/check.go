package timescale

import (
	"context"
	"fmt"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/migration"
)

// Check implements [store.Store].
func (s *Store) Check(ctx context.Context) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	if err := ctx.Err(); err != nil {
		return s.fault("check the store", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, readTime, errSlow)
	defer cancel()
	return s.fault("check the store", withCause(ctx, s.check(ctx)))
}

func (s *Store) check(ctx context.Context) error {
	known, err := migration.Read(s.options.migrations)
	if err != nil {
		return err
	}
	done, err := readApplied(ctx, s.pool, trackSchema)
	if err != nil {
		return err
	}
	if s.opened && len(done) > len(known) {
		// A newer program came while this one ran: migrations only add, so it goes on
		// beside until it is stopped.
		done = done[:len(known)]
	}
	if err := s.refuse(done, known); err != nil {
		return err
	}
	var canary, copied *string
	if err := s.pool.QueryRow(ctx, "SELECT max(value) FILTER (WHERE key = 'canary'), max(value) FILTER (WHERE key = 'copy') FROM meta").Scan(&canary, &copied); err != nil {
		return err
	}
	if copied != nil && !s.options.copying {
		return store.Unfinished(s.place, *copied)
	}
	if canary == nil || *canary != "sings" || len(done) < len(known) {
		return fmt.Errorf("the row that proves that the store can be read is missing or changed: %w", forescale.ErrDamaged)
	}
	return nil
}

// ahead is how far the clock of the database may be off before it is told.
const ahead = time.Minute

// ClockOff is how far the clock of the database is ahead of this machine's,
// negative if it is behind, as a fault if it should be told, else nil. forescale
// judges samples and plans by this machine's clock alone; what runs inside the
// database, compression and roll-ups, goes by the database's.
func (s *Store) ClockOff(ctx context.Context) (*forescale.Fault, error) {
	clock, err := first(ctx, s, "read the clock of the database", nil, func(r row) (t time.Time, err error) {
		return t, r.Scan(&t)
	}, "SELECT clock_timestamp()")
	if err != nil {
		return nil, err
	}
	return s.clockFault(time.Until(clock)), nil
}

// clockFault tells of a clock that is off, nil for one that is not.
func (s *Store) clockFault(off time.Duration) *forescale.Fault {
	if off.Abs() <= ahead {
		return nil
	}
	way := "ahead of"
	if off < 0 {
		way = "behind"
	}
	return &forescale.Fault{Code: "clock_off", Where: s.place,
		What: fmt.Sprintf("the clock of the database is %s %s this machine's", off.Abs().Round(time.Second), way),
		Help: "synchronize both; forescale itself goes by this machine's clock, compression and roll-ups go by the database's"}
}

// look notices what will not fail but should be known.
func (s *Store) look(ctx context.Context) error {
	var clock time.Time
	var sync, pages string
	if err := s.pool.QueryRow(ctx, "SELECT clock_timestamp(), current_setting('fsync'), current_setting('full_page_writes')").Scan(&clock, &sync, &pages); err != nil {
		return err
	}
	if f := s.clockFault(time.Until(clock)); f != nil {
		s.warnings = append(s.warnings, f)
	}
	if sync != "on" || pages != "on" {
		s.warn("store_not_durable", "the database runs with fsync or full_page_writes off: a power cut may destroy it",
			"set both to on in its configuration")
	}
	return nil
}
