package riverjobs

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river/rivertype"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/jobs"
)

// spread is added to the id of a run that is spread over servers. A server that
// runs jobs by itself, since it is older, leaves it alone.
const spread = "-spread"

// see begins the run of a due time, unless it was begun. Runs of one job follow
// each other: what takes longer than its pace must not pile up.
func (r *Runner) see(ctx context.Context, j jobs.Job, now, due time.Time) (bool, error) {
	id := jobs.RunID(j.Name, due) + spread
	recorded, err := jobs.Recorded(ctx, r.Store, j.Name, due, now)
	if err != nil {
		return false, err
	}
	for _, run := range recorded {
		if run.ID == id || run.State == forescale.RunDone || run.State == forescale.RunFailed {
			return true, nil
		}
	}
	if open, err := r.open(ctx, j.Name); err != nil || len(open) > 0 {
		return false, err
	}
	names, err := jobs.Names(ctx, r.Store)
	if err != nil {
		return false, err
	}
	batches := j.Split(names)
	run := forescale.Run{ID: id, Kind: j.Name, DueAt: due, StartedAt: now, State: forescale.RunRunning, Attempt: 1, Server: r.Server}
	if len(batches) == 0 {
		run.State, run.EndedAt = forescale.RunDone, now
	}
	_, err = r.Store.BeginRun(ctx, run, func(ctx context.Context, tx pgx.Tx) error {
		return r.insert(ctx, tx, j, run, batches)
	})
	return err == nil, err
}

// newest is how many of a job's runs are looked through for one that is open.
const newest = 50

// open are the ids of the job's runs that have not ended.
func (r *Runner) open(ctx context.Context, job string) (ids []string, err error) {
	runs, err := r.Store.ListRuns(ctx, forescale.RunQuery{Kind: job, Limit: newest})
	if err != nil {
		return nil, fmt.Errorf("read runs: %w", err)
	}
	for _, run := range runs {
		if strings.HasSuffix(run.ID, spread) && run.EndedAt.IsZero() {
			ids = append(ids, run.ID)
		}
	}
	return ids, nil
}

// settle works the run out from its batches.
func (r *Runner) settle(ctx context.Context, tx pgx.Tx, run *forescale.Run) error {
	if !run.EndedAt.IsZero() {
		return nil
	}
	rows, err := tx.Query(ctx, `SELECT state::text, attempt, coalesce(attempted_by[array_upper(attempted_by, 1)], ''),
			coalesce(metadata->'`+rivertype.MetadataKeyOutput+`', '{}')::text, coalesce(errors[array_upper(errors, 1)]->>'error', '')
		FROM `+r.table()+` WHERE kind = $1 AND args @> jsonb_build_object('run', $2::text) ORDER BY id`, run.Kind, run.ID)
	if err != nil {
		return err
	}
	var all tally
	var state, server, output, failure string
	var attempt int
	if _, err := pgx.ForEachRow(rows, []any{&state, &attempt, &server, &output, &failure}, func() error {
		var out outcome
		if err := json.Unmarshal([]byte(output), &out); err != nil {
			return fmt.Errorf("read what came of a batch: %w", err)
		}
		all.add(rivertype.JobState(state), attempt, server, out, failure)
		return nil
	}); err != nil {
		return err
	}
	all.tell(run, r.Clock.Now())
	return nil
}

// tally adds up batches.
type tally struct {
	batches, open, gaveUp, again int
	done, failed, attempt        int
	servers, faults              []string
}

func (t *tally) add(state rivertype.JobState, attempt int, server string, out outcome, failure string) {
	t.batches++
	t.attempt = max(t.attempt, attempt)
	if server != "" && !slices.Contains(t.servers, server) {
		t.servers = append(t.servers, server)
	}
	t.done, t.failed = t.done+out.Done, t.failed+out.Failed
	fault := out.Fault
	switch state {
	case rivertype.JobStateCompleted:
		if out.GaveUp {
			t.gaveUp++
		}
	case rivertype.JobStateDiscarded, rivertype.JobStateCancelled:
		t.gaveUp++
		fault = cmp.Or(failure, "it was cancelled")
	default:
		t.open++
		if failure != "" {
			t.again++
			fault = failure
		}
	}
	if fault != "" {
		t.faults = append(t.faults, fault)
	}
}

// shown is how many servers a run names.
const shown = 4

func (t *tally) tell(run *forescale.Run, now time.Time) {
	run.Done, run.Failed, run.Attempt = t.done, t.failed, max(t.attempt, 1)
	slices.Sort(t.servers)
	if len(t.servers) > shown {
		t.servers = append(t.servers[:shown], fmt.Sprintf("%d more", len(t.servers)-shown))
	}
	run.Server = cmp.Or(strings.Join(t.servers, ", "), run.Server)
	run.Error = jobs.Bounded(strings.Join(t.faults, "; "))
	run.State = forescale.RunRunning
	switch {
	case t.batches == 0:
		run.State, run.Error = forescale.RunFailed, "its batches are gone from the queue"
	case t.again > 0:
		run.State = forescale.RunRetrying
	case t.open > 0:
	case t.gaveUp > 0:
		run.State = forescale.RunFailed
	default:
		run.State = forescale.RunDone
	}
	if t.open == 0 {
		run.EndedAt = now
	}
}
