package riverjobs

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/forescale/forescale"
)

// beat tells every so often that this server lives, and looks after what others
// left behind. Its paces are of real time, and the ages are by the clock of the
// database: the servers' wall clocks do not matter.
func (r *Runner) beat(ctx context.Context) {
	tick := time.NewTicker(r.Silence / 4)
	defer tick.Stop()
	tend := time.NewTicker(r.Tend)
	defer tend.Stop()
	failed := false
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			err = errors.Join(r.live(ctx), r.rescue(ctx))
		case <-tend.C:
			err = r.tend(ctx)
		}
		if err != nil && !failed && ctx.Err() == nil {
			r.Log.Warn("the queue of jobs cannot be looked after; trying again", "error", err)
		}
		failed = err != nil
	}
}

// patience bounds what a beat waits for.
const patience = 10 * time.Second

// live tells that the batches that are worked on here are.
func (r *Runner) live(ctx context.Context) error {
	r.mu.Lock()
	mine := slices.Collect(maps.Keys(r.mine))
	r.mu.Unlock()
	if len(mine) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, err := r.Store.Pool().Exec(ctx, `UPDATE `+r.table()+` SET attempted_at = now()
		WHERE id = ANY ($1::bigint[]) AND state = 'running' AND attempted_by[array_upper(attempted_by, 1)] = $2`, mine, r.Server)
	return r.Store.Fault("tell that this server lives", err)
}

// rescue puts back into the queue what nobody tells of any more. A batch that was
// begun as often as it may is given up: it may be what ends the servers.
func (r *Runner) rescue(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	rows, err := r.Store.Pool().Query(bounded, `UPDATE `+r.table()+` SET scheduled_at = now(),
			state = CASE WHEN attempt < max_attempts THEN 'available' ELSE 'discarded' END::`+r.schema+`.river_job_state,
			finalized_at = CASE WHEN attempt < max_attempts THEN NULL ELSE now() END,
			errors = array_append(errors, jsonb_build_object('at', now(), 'attempt', attempt, 'error', 'its server fell silent', 'trace', ''))
		WHERE state = 'running' AND kind = ANY ($1::text[]) AND attempted_at < now() - $2::bigint * INTERVAL '1 microsecond'
		RETURNING args->>'run'`, r.names(), r.Silence.Microseconds())
	if err != nil {
		return r.Store.Fault("take batches over", err)
	}
	runs, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return r.Store.Fault("take batches over", err)
	}
	if len(runs) > 0 {
		r.Log.Warn("a server fell silent; its batches are taken over", "batches", len(runs))
	}
	slices.Sort(runs)
	return r.settleAll(ctx, slices.Compact(runs))
}

func (r *Runner) names() []string {
	names := make([]string, len(r.Jobs))
	for i, j := range r.Jobs {
		names[i] = j.Name
	}
	return names
}

// tend settles the runs that are open: the server that ended their last batch may
// not have come to it.
func (r *Runner) tend(ctx context.Context) error {
	for _, job := range r.names() {
		ids, err := r.open(ctx, job)
		if err != nil {
			return err
		}
		if err := r.settleAll(ctx, ids); err != nil {
			return err
		}
	}
	return nil
}

func (r *Runner) settleAll(ctx context.Context, runs []string) (faults error) {
	for _, id := range runs {
		err := r.Store.ChangeRun(ctx, id, func(ctx context.Context, tx pgx.Tx, run *forescale.Run) error { return r.settle(ctx, tx, run) })
		if !errors.Is(err, forescale.ErrNotFound) {
			faults = errors.Join(faults, err)
		}
	}
	return faults
}
