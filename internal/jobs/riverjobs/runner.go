package riverjobs

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"runtime"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/jobs"
)

// Store is a store in a PostgreSQL database.
type Store interface {
	jobs.Store
	Pool() *pgxpool.Pool
	Fault(doing string, err error) error
	BeginRun(ctx context.Context, r forescale.Run, also func(context.Context, pgx.Tx) error) (bool, error)
	ChangeRun(ctx context.Context, id string, change func(context.Context, pgx.Tx, *forescale.Run) error) error
}

// Config is what a Runner is made from.
type Config struct {
	jobs.Config
	Store  Store
	AtOnce int // batches of one job that this server works on at a time; 0: by its processors

	// How long a server may keep silent before its batches are taken from it, and
	// how often runs are looked through that nothing happens to; 0: 45 s, 30 s.
	Silence, Tend time.Duration
}

// Runner is one server's share in the jobs.
type Runner struct {
	Config
	schema string
	client *river.Client[pgx.Tx] // since Run has joined

	mu   sync.Mutex
	mine map[int64]struct{} // batches that are worked on here
}

// New makes a runner; Run starts it. It is an error if the database does not lend
// itself to that.
func New(ctx context.Context, c Config) (*Runner, error) {
	c.Config.Store = c.Store
	c.Config = c.Config.WithDefaults()
	c.AtOnce = cmp.Or(c.AtOnce, min(max(runtime.GOMAXPROCS(0)/2, 2), 8))
	c.Silence, c.Tend = cmp.Or(c.Silence, 45*time.Second), cmp.Or(c.Tend, 30*time.Second)
	r := &Runner{Config: c, mine: map[int64]struct{}{}}
	pool := c.Store.Pool()
	if pool == nil {
		return nil, fmt.Errorf("the store has one connection only")
	}
	if err := pool.QueryRow(ctx, "SELECT current_schema()").Scan(&r.schema); err != nil {
		return nil, c.Store.Fault("look up the schema", err)
	}
	if !schemaName.MatchString(r.schema) {
		return nil, fmt.Errorf("the name of the schema %q is not of letters, digits and underscores, or too long", r.schema)
	}
	return r, nil
}

// schemaName is what River takes as the name of a schema.
var schemaName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]{0,39}$`)

// Pauses of the start, of real time: what they wait for is a database.
const (
	firstPause  = time.Second
	longestWait = 30 * time.Second
	stopTime    = 5 * time.Second
)

// Run takes part until the context ends. Batches under way are told to stop then,
// and go back into the queue.
func (r *Runner) Run(ctx context.Context) error {
	var err error
	if r.client, err = r.join(ctx); err != nil || r.client == nil {
		return err
	}
	var group sync.WaitGroup
	group.Go(func() { _ = jobs.Keep(ctx, r.Config.Config, r.see) })
	group.Go(func() { r.beat(ctx) })
	<-ctx.Done()
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	err = r.client.StopAndCancel(stop)
	group.Wait()
	if err != nil {
		return fmt.Errorf("batches did not stop: %w", err)
	}
	return nil
}

// join starts the client, as often as it takes. It is nil if the context ended
// before.
func (r *Runner) join(ctx context.Context) (*river.Client[pgx.Tx], error) {
	for pause := firstPause; ; pause = min(2*pause, longestWait) {
		client, err := r.newClient()
		if err != nil {
			return nil, err // a mistake in wiring
		}
		if err = r.migrate(ctx); err == nil {
			// It is stopped by Stop, in order, and not by the end of the context.
			err = client.Start(context.WithoutCancel(ctx))
		}
		if err == nil {
			return client, nil
		}
		if ctx.Err() == nil {
			r.Log.Warn("jobs cannot begin; trying again", "error", r.Store.Fault("join the queue of jobs", err), "again_in", pause)
		}
		select {
		case <-ctx.Done():
			return nil, nil
		case <-time.After(pause):
		}
	}
}

// keepRows is how long River keeps the rows of ended batches, for people to look
// at. A run must be over by then: it is worked out from them.
const keepRows = 48 * time.Hour

func (r *Runner) newClient() (*river.Client[pgx.Tx], error) {
	workers, queues := river.NewWorkers(), map[string]river.QueueConfig{}
	longest := time.Duration(0)
	for _, j := range r.Jobs {
		river.AddWorkerArgs(workers, batch{Job: j.Name}, &worker{r: r, job: j})
		queues[j.Name] = river.QueueConfig{MaxWorkers: 1} // its own: a slow job delays no other
		if j.Batch > 0 {
			queues[j.Name] = river.QueueConfig{MaxWorkers: r.AtOnce}
		}
		longest = max(longest, j.Limit+grace)
	}
	return river.NewClient(riverpgxv5.New(r.Store.Pool()), &river.Config{
		ID: r.Server, Schema: r.schema, Logger: quiet(r.Log), Queues: queues, Workers: workers,
		FetchOnlyKnownKinds: true, // an older server leaves the jobs of a newer one alone
		PollOnly:            true,
		FetchCooldown:       10 * time.Millisecond, // after a batch; who has nothing to do looks once a second
		// Servers that fall silent are noticed by beat. This is for batches whose
		// server lives and forgot them.
		RescueStuckJobsAfter:        longest + grace,
		CompletedJobRetentionPeriod: keepRows, CancelledJobRetentionPeriod: keepRows, DiscardedJobRetentionPeriod: keepRows,
		// Rebuilding indexes every night is for queues of millions; when it is cut
		// off, it leaves an index that is not valid.
		ReindexerIndexNames: []string{},
	})
}

// grace is how much longer than its limit a batch may take to come back.
const grace = time.Minute

func (r *Runner) table() string { return r.schema + ".river_job" }
