package timescale

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
)

// SaveInstances implements [store.Fleet].
func (s *Store) SaveInstances(ctx context.Context, is []forescale.Instance) error {
	return s.putInstances(ctx, unfenced, is)
}

func (s *Store) putInstances(ctx context.Context, fence int64, is []forescale.Instance) error {
	if len(is) == 0 {
		return ctx.Err()
	}
	return s.writeUnder(ctx, fence, "save instances", func(ctx context.Context, t *tx) error { return t.saveInstances(ctx, is) })
}

const saveInstances = `INSERT INTO instance (id, service, node, state, origin, address, decision, stop_by, failure,
		ordered_at, started_at, ready_at, draining_at, stopped_at, deadline, last_seen, ended, unready_since, revision)
	SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
		$10::timestamptz[], $11::timestamptz[], $12::timestamptz[], $13::timestamptz[], $14::timestamptz[], $15::timestamptz[],
		$16::timestamptz[], $17::timestamptz[], $18::timestamptz[], $19::text[])
	ON CONFLICT (id) DO UPDATE SET service = excluded.service, node = excluded.node, state = excluded.state, origin = excluded.origin,
		address = excluded.address, decision = excluded.decision, stop_by = excluded.stop_by, failure = excluded.failure,
		ordered_at = excluded.ordered_at, started_at = excluded.started_at, ready_at = excluded.ready_at,
		draining_at = excluded.draining_at, stopped_at = excluded.stopped_at, deadline = excluded.deadline,
		last_seen = excluded.last_seen, ended = excluded.ended, unready_since = excluded.unready_since,
		revision = excluded.revision`

func (t *tx) saveInstances(ctx context.Context, is []forescale.Instance) error {
	if len(is) == 0 {
		return nil
	}
	is = lastOf(is, func(i forescale.Instance) string { return i.ID })
	slices.SortFunc(is, func(a, b forescale.Instance) int { return strings.Compare(a.ID, b.ID) })
	text := func(f func(forescale.Instance) string) []string { return column(is, f) }
	at := func(f func(forescale.Instance) time.Time) []*time.Time {
		return column(is, func(i forescale.Instance) *time.Time { return optional(f(i)) })
	}
	return t.exec(ctx, saveInstances,
		text(func(i forescale.Instance) string { return i.ID }),
		text(func(i forescale.Instance) string { return i.Service }),
		text(func(i forescale.Instance) string { return i.Node }),
		text(func(i forescale.Instance) string { return string(i.State) }),
		text(func(i forescale.Instance) string { return string(i.Origin) }),
		text(func(i forescale.Instance) string { return i.Address }),
		text(func(i forescale.Instance) string { return i.Decision }),
		text(func(i forescale.Instance) string { return i.StopBy }),
		text(func(i forescale.Instance) string { return free(i.Failure) }),
		column(is, func(i forescale.Instance) time.Time { return utc(i.OrderedAt) }),
		at(func(i forescale.Instance) time.Time { return i.StartedAt }),
		at(func(i forescale.Instance) time.Time { return i.ReadyAt }),
		at(func(i forescale.Instance) time.Time { return i.DrainingAt }),
		at(func(i forescale.Instance) time.Time { return i.StoppedAt }),
		at(func(i forescale.Instance) time.Time { return i.Deadline }),
		at(func(i forescale.Instance) time.Time { return i.LastSeen }),
		column(is, ended),
		at(func(i forescale.Instance) time.Time { return i.UnreadySince }),
		text(func(i forescale.Instance) string { return i.Revision }))
}

// ended is when an instance's life ended, as stored: NULL while it is live. For
// one that ended without saying when, it is the last time known of it.
func ended(i forescale.Instance) *time.Time {
	if i.State.Live() {
		return nil
	}
	last := i.StoppedAt
	if last.IsZero() {
		last = i.OrderedAt
		for _, t := range []time.Time{i.StartedAt, i.ReadyAt, i.DrainingAt, i.LastSeen} {
			if t.After(last) {
				last = t
			}
		}
	}
	last = utc(last)
	return &last
}

// Instances implements [store.Fleet].
func (s *Store) Instances(ctx context.Context, q forescale.InstanceQuery) ([]forescale.Instance, error) {
	var w where
	w.equal("service", q.Service)
	w.among("service", q.Services)
	if q.Live {
		w.add("ended IS NULL")
	}
	if !q.Since.IsZero() {
		w.add("(ended IS NULL OR ended >= " + w.arg(utc(q.Since)) + ")")
	}
	return list(ctx, s, "read instances", scanInstance, "SELECT "+instanceColumns+" FROM instance"+w.String()+" ORDER BY service, ordered_at, id", w.args...)
}

const instanceColumns = `id, service, node, state, origin, address, decision, stop_by, failure,
	ordered_at, started_at, ready_at, draining_at, stopped_at, deadline, last_seen, unready_since, revision`

func scanInstance(r row) (i forescale.Instance, err error) {
	var started, ready, draining, stopped, deadline, seen, unready *time.Time
	err = r.Scan(&i.ID, &i.Service, &i.Node, &i.State, &i.Origin, &i.Address, &i.Decision, &i.StopBy, &i.Failure,
		&i.OrderedAt, &started, &ready, &draining, &stopped, &deadline, &seen, &unready, &i.Revision)
	i.OrderedAt, i.StartedAt, i.ReadyAt = i.OrderedAt.UTC(), fromOptional(started), fromOptional(ready)
	i.DrainingAt, i.StoppedAt = fromOptional(draining), fromOptional(stopped)
	i.Deadline, i.LastSeen, i.UnreadySince = fromOptional(deadline), fromOptional(seen), fromOptional(unready)
	if err != nil {
		return i, err
	}
	return i, knownWords(i)
}

// knownWords refuses an instance in a state or of an origin that there is not: it
// would count as absent, and another would be started in its place.
func knownWords(i forescale.Instance) error {
	switch i.State {
	case forescale.InstanceStarting, forescale.InstanceReady, forescale.InstanceDraining, forescale.InstanceStopped, forescale.InstanceFailed:
	default:
		return store.Contradiction("instance", i.ID, fmt.Errorf("%q is not a state", i.State))
	}
	switch i.Origin {
	case forescale.OriginStarted, forescale.OriginAdopted, forescale.OriginPushed, "":
		return nil
	}
	return store.Contradiction("instance", i.ID, fmt.Errorf("%q is not an origin", i.Origin))
}
