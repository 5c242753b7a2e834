package sqlite

import (
	"context"
	"database/sql"
	"fmt"
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
	return s.writeUnder(ctx, fence, "save instances", func(t *tx) error { return t.saveInstances(is) })
}

var insertInstances = &bulk{
	head: `INSERT OR REPLACE INTO instance (id, service, node, state, origin, address, decision, stop_by, failure,
		ordered_at, started_at, ready_at, draining_at, stopped_at, deadline, last_seen, unready_since, revision, ended)`,
	columns: 19,
}

func (t *tx) saveInstances(is []forescale.Instance) error {
	return t.insert(insertInstances, len(is), func(to []any, n int) {
		i := is[n]
		copy(to, []any{i.ID, i.Service, i.Node, string(i.State), string(i.Origin), i.Address, i.Decision, i.StopBy, i.Failure,
			ms(i.OrderedAt), optional(i.StartedAt), optional(i.ReadyAt), optional(i.DrainingAt), optional(i.StoppedAt),
			optional(i.Deadline), optional(i.LastSeen), optional(i.UnreadySince), i.Revision, ended(i)})
	})
}

// ended is when an instance's life ended, as stored: NULL while it is live. For
// one that ended without saying when, it is the last time known of it.
func ended(i forescale.Instance) any {
	if i.State.Live() {
		return nil
	}
	if !i.StoppedAt.IsZero() {
		return ms(i.StoppedAt)
	}
	last := i.OrderedAt
	for _, t := range []time.Time{i.StartedAt, i.ReadyAt, i.DrainingAt, i.LastSeen} {
		if t.After(last) {
			last = t
		}
	}
	return ms(last)
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
		w.add("(ended IS NULL OR ended >= ?)", ms(q.Since))
	}
	return list(ctx, s, "read instances", scanInstance, "SELECT "+instanceColumns+" FROM instance"+w.String()+" ORDER BY service, ordered_at, id", w.args...)
}

const instanceColumns = `id, service, node, state, origin, address, decision, stop_by, failure,
	ordered_at, started_at, ready_at, draining_at, stopped_at, deadline, last_seen, unready_since, revision`

func scanInstance(r row) (i forescale.Instance, err error) {
	var ordered int64
	var started, ready, draining, stopped, deadline, seen, unready sql.NullInt64
	err = r.Scan(&i.ID, &i.Service, &i.Node, &i.State, &i.Origin, &i.Address, &i.Decision, &i.StopBy, &i.Failure,
		&ordered, &started, &ready, &draining, &stopped, &deadline, &seen, &unready, &i.Revision)
	i.OrderedAt, i.StartedAt, i.ReadyAt = fromMS(ordered), fromOptional(started), fromOptional(ready)
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
