package riverjobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/jobs"
)

// batch is what the queue keeps of one batch.
type batch struct {
	Job string    `json:"-"` // is the kind
	Run string    `json:"run"`
	Due time.Time `json:"due"`
	// Services are names with a line each: River indexes every value there is, and
	// so one for all of them.
	Services string `json:"services,omitempty"`
}

// Kind implements [river.JobArgs].
func (b batch) Kind() string { return b.Job }

// services is nil for a job that is not split.
func (b batch) services() []string {
	if b.Services == "" {
		return nil
	}
	return strings.Split(b.Services, "\n")
}

// outcome is what is kept of a batch that ended.
type outcome struct {
	Done   int    `json:"done"`
	Failed int    `json:"failed"`
	GaveUp bool   `json:"gave_up,omitempty"`
	Fault  string `json:"fault,omitempty"`
}

// worker does the batches of one job.
type worker struct {
	river.WorkerDefaults[batch]
	r   *Runner
	job jobs.Job
}

// Timeout implements [river.Worker]. The job's own limit comes first.
func (w *worker) Timeout(*river.Job[batch]) time.Duration { return w.job.Limit + grace }

// NextRetry implements [river.Worker].
func (w *worker) NextRetry(j *river.Job[batch]) time.Time {
	return time.Now().Add(w.r.Backoff(j.Attempt))
}

// Work implements [river.Worker].
func (w *worker) Work(ctx context.Context, j *river.Job[batch]) error {
	defer w.r.hold(j.ID)()
	now := w.r.Clock.Now()
	var out outcome
	var err error
	if j.Attempt > 1 && w.job.Schedule.Prev(now).After(j.Args.Due) {
		out = outcome{GaveUp: true, Fault: lastError(j.JobRow) + "; it came due again"}
	} else {
		var r jobs.Result
		r, err = w.job.Call(ctx, jobs.Task{Due: j.Args.Due, Now: now, Services: j.Args.services()})
		if err != nil && ctx.Err() != nil {
			return errors.Join(context.Cause(ctx), err) // the server stops: back into the queue
		}
		out = outcome{Done: r.Done, Failed: r.Failed, Fault: jobs.Text(r.Fault)}
	}
	if err != nil && j.Attempt < j.MaxAttempts && !jobs.IsFinal(err) {
		w.r.Log.Warn("a batch failed; trying again", "job", w.job.Name, "due", j.Args.Due, "error", err, "again_in", w.r.Backoff(j.Attempt))
		return errors.Join(err, w.again(ctx, j, err))
	}
	if err != nil {
		out = outcome{GaveUp: true, Fault: jobs.Text(err)}
	}
	if out.Fault != "" {
		w.r.Log.Warn("a batch is incomplete", "job", w.job.Name, "due", j.Args.Due, "done", out.Done, "failed", out.Failed, "error", out.Fault)
	}
	return w.end(ctx, j, out)
}

// hold notes that a batch is worked on here, until the function is called.
func (r *Runner) hold(id int64) func() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mine[id] = struct{}{}
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.mine, id)
	}
}

// again tells in the run that a batch will be tried again.
func (w *worker) again(ctx context.Context, j *river.Job[batch], why error) error {
	return w.r.Store.ChangeRun(ctx, j.Args.Run, func(_ context.Context, _ pgx.Tx, run *forescale.Run) error {
		if run.EndedAt.IsZero() {
			run.State, run.Attempt, run.Error = forescale.RunRetrying, max(run.Attempt, j.Attempt), jobs.Text(why)
		}
		return nil
	})
}

// errTaken is told to River by a server that was silent for so long that its batch
// was taken from it. What it did is dropped.
var errTaken = errors.New("the batch was taken over by another server")

// endTime bounds the commit in which a batch ends. It is tried also while the
// server stops: the work is done.
const endTime = 10 * time.Second

// end ends the batch and settles its run, in one commit, if this attempt is still
// the one that the queue knows of.
func (w *worker) end(ctx context.Context, j *river.Job[batch], out outcome) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	text, err := json.Marshal(out)
	if err != nil {
		return err
	}
	finish := func(ctx context.Context, tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, `UPDATE `+w.r.table()+` SET state = 'completed', finalized_at = now(),
			metadata = metadata || jsonb_build_object('`+rivertype.MetadataKeyOutput+`', $3::text::jsonb)
			WHERE id = $1 AND attempt = $2 AND finalized_at IS NULL`, j.ID, j.Attempt, string(text))
		if err == nil && tag.RowsAffected() == 0 {
			err = errTaken
		}
		return err
	}
	err = w.r.Store.ChangeRun(ctx, j.Args.Run, func(ctx context.Context, tx pgx.Tx, run *forescale.Run) error {
		if err := finish(ctx, tx); err != nil {
			return err
		}
		return w.r.settle(ctx, tx, run)
	})
	if errors.Is(err, forescale.ErrNotFound) { // the run was pruned, or another store restored
		return river.JobCancel(err)
	}
	return err
}

// lastError is why the attempt before failed.
func lastError(j *rivertype.JobRow) string {
	if len(j.Errors) == 0 {
		return "its server is gone"
	}
	return j.Errors[len(j.Errors)-1].Error
}

// insert puts the batches of a run into the queue.
func (r *Runner) insert(ctx context.Context, tx pgx.Tx, j jobs.Job, run forescale.Run, batches [][]string) error {
	rows := make([]river.InsertManyParams, len(batches))
	for i, names := range batches {
		rows[i] = river.InsertManyParams{
			Args:       batch{Job: j.Name, Run: run.ID, Due: run.DueAt, Services: strings.Join(names, "\n")},
			InsertOpts: &river.InsertOpts{Queue: j.Name, MaxAttempts: j.Attempts},
		}
	}
	if len(rows) == 0 {
		return nil
	}
	if _, err := r.client.InsertManyFastTx(ctx, tx, rows); err != nil {
		return fmt.Errorf("queue batches: %w", err)
	}
	return nil
}
