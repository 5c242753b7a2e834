package riverjobs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/jobs"
	"github.com/forescale/forescale/internal/jobs/jobstest"
	"github.com/forescale/forescale/internal/postgrestest"
	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/timescale"
)

var schemas atomic.Int64

// fresh opens a store in a schema of its own.
func fresh(tb testing.TB, c postgrestest.Cluster, more ...string) *timescale.Store {
	tb.Helper()
	schema := fmt.Sprintf("t%d", schemas.Add(1))
	conn, err := pgx.Connect(tb.Context(), c.DSN(""))
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close(tb.Context())
	if _, err := conn.Exec(tb.Context(), "CREATE SCHEMA "+schema); err != nil {
		tb.Fatal(err)
	}
	return open(tb, c.DSN("")+"&search_path="+schema+",public"+strings.Join(more, ""))
}

func open(tb testing.TB, dsn string) *timescale.Store {
	tb.Helper()
	s, err := timescale.Open(tb.Context(), dsn, timescale.WithoutExtension())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	return s
}

// quick is a config for tests that wait for no server's silence.
func quick(s *timescale.Store, c jobs.Config) Config {
	return Config{Config: c, Store: s, AtOnce: 2, Silence: 5 * time.Minute, Tend: time.Second}
}

// impatient is one for those that do. A server of a busy machine may be taken for
// dead, too: then its batch is done again.
func impatient(s *timescale.Store, c jobs.Config) Config {
	q := quick(s, c)
	q.Silence = 4 * time.Second
	return q
}

func newRunner(tb testing.TB, s jobstest.Store, c jobs.Config) jobstest.Runner {
	return maker(quick)(tb, s, c)
}

func maker(with func(*timescale.Store, jobs.Config) Config) jobstest.Make {
	return func(tb testing.TB, s jobstest.Store, c jobs.Config) jobstest.Runner {
		tb.Helper()
		r, err := New(tb.Context(), with(s.(*timescale.Store), c))
		if err != nil {
			tb.Fatal(err)
		}
		return r
	}
}

func TestSpread(t *testing.T) {
	cluster := postgrestest.Start(t)
	for _, c := range []struct {
		sentence string
		run      func(*testing.T, postgrestest.Cluster)
	}{
		{"two servers share the batches of a run", share},
		{"a batch of a server that is killed is taken over", killed},
		{"a batch that ends each server is given up", endsServers},
		{"a server that wakes up ends nobody's batch", wakesUp},
		{"a server that lives keeps a long batch", longBatch},
		{"a slow batch delays no other", slowBatch},
		{"runs of a job follow each other", follow},
		{"servers that start at once make the tables once", startAtOnce},
		{"the tables of the queue are known not to be copied", notCopied},
		{"a store of one connection is refused", oneConnection},
		{"old rows of the queue go", oldRows},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			t.Parallel()
			c.run(t, cluster)
		})
	}
}

func TestRiver(t *testing.T) {
	c := postgrestest.Start(t)
	jobstest.Exercise(t, func(tb testing.TB) jobstest.Store { return fresh(tb, c) }, newRunner)
}

// bench is a bench on a store of its own, whose address is dsn.
func bench(t *testing.T, c postgrestest.Cluster) (b *jobstest.Bench, s *timescale.Store, dsn string) {
	return benchWith(t, c, quick)
}

func benchWith(t *testing.T, c postgrestest.Cluster, with func(*timescale.Store, jobs.Config) Config) (b *jobstest.Bench, s *timescale.Store, dsn string) {
	s = fresh(t, c)
	return jobstest.NewBench(t, s, maker(with)), s, c.DSN("") + fmt.Sprintf("&search_path=%s,public", schemaOf(t, s))
}

func schemaOf(t *testing.T, s *timescale.Store) (schema string) {
	t.Helper()
	if err := s.Pool().QueryRow(t.Context(), "SELECT current_schema()").Scan(&schema); err != nil {
		t.Fatal(err)
	}
	return schema
}

func share(t *testing.T, c postgrestest.Cluster) {
	b, _, _ := bench(t, c)
	var want []string
	for i := range 20 {
		name := fmt.Sprintf("s%02d", i)
		b.Put(forescale.Service{Name: name})
		want = append(want, name)
	}
	want = append([]string{"a", "b", "c"}, want...)
	var took sync.Map
	both := make(chan struct{})
	var servers atomic.Int64
	for _, server := range []string{"one", "two"} {
		b.Job.Do = func(ctx context.Context, k jobs.Task) (jobs.Result, error) {
			if _, known := took.LoadOrStore(server, true); !known && servers.Add(1) == 2 {
				close(both)
			}
			select {
			case <-both: // nobody goes on before each has begun one
			case <-ctx.Done():
				return jobs.Result{}, ctx.Err()
			}
			return b.Do(ctx, k)
		}
		b.Start(server)
	}
	r := b.Wait("work", 1)
	if r.State != forescale.RunDone || r.Done != len(want) || r.Server != "one, two" || r.Attempt != 1 {
		t.Errorf("run %+v", r)
	}
	if got := b.Done(); !slices.Equal(got, want) {
		t.Errorf("done %v", got)
	}
}

func killed(t *testing.T, c postgrestest.Cluster) {
	b, _, dsn := benchWith(t, c, impatient)
	child := startChild(t, dsn)
	_ = child.Process.Kill()
	<-child.ended
	b.Job.Batch, b.Job.Attempts = 3, 9
	b.Start("other")
	if r := b.Wait("work", 1); r.State != forescale.RunDone || r.Done != 3 || r.Failed != 0 || r.Attempt < 2 || r.Server != "other" {
		t.Errorf("run %+v", r)
	}
}

func endsServers(t *testing.T, c postgrestest.Cluster) {
	b, s, dsn := benchWith(t, c, impatient)
	child := startChild(t, dsn)
	_ = child.Process.Kill()
	<-child.ended
	if _, err := s.Pool().Exec(t.Context(), "UPDATE river_job SET attempt = max_attempts"); err != nil { // as if it had been the last attempt
		t.Fatal(err)
	}
	b.Start("other")
	if r := b.Wait("work", 1); r.State != forescale.RunFailed || r.Done != 0 || !strings.Contains(r.Error, "fell silent") {
		t.Errorf("run %+v", r)
	}
}

// A server is stopped in a batch, which another one takes over and does. When it
// goes on, what it did is dropped, and the batch of the other is not touched.
func wakesUp(t *testing.T, c postgrestest.Cluster) {
	b, s, dsn := benchWith(t, c, impatient)
	child := startChild(t, dsn)
	if err := child.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	working, release := make(chan struct{}, 9), make(chan struct{})
	b.Job.Batch, b.Job.Attempts = 3, 9
	b.Job.Do = func(ctx context.Context, k jobs.Task) (jobs.Result, error) {
		working <- struct{}{}
		<-release
		return b.Do(ctx, k)
	}
	b.Start("other")
	<-working
	_ = child.Process.Signal(syscall.SIGCONT)
	child.release()
	<-child.ended
	if rs := b.Runs("work"); len(rs) != 1 || rs[0].Done != 0 || !rs[0].EndedAt.IsZero() {
		t.Errorf("who was taken for dead changed the run: %+v", rs)
	}
	close(release)
	if r := b.Wait("work", 1); r.State != forescale.RunDone || r.Done != 3 || r.Failed != 0 || r.Server != "other" {
		t.Errorf("run %+v", r)
	}
	var rows int
	if err := s.Pool().QueryRow(t.Context(), "SELECT count(*) FROM river_job WHERE state = 'completed'").Scan(&rows); err != nil || rows != 1 {
		t.Errorf("%d rows, %v", rows, err)
	}
}

func longBatch(t *testing.T, c postgrestest.Cluster) {
	b, s, _ := benchWith(t, c, func(s *timescale.Store, c jobs.Config) Config {
		q := quick(s, c)
		q.Silence = 20 * time.Second
		return q
	})
	release := make(chan struct{})
	b.Job.Batch = 3
	b.Job.Do = func(ctx context.Context, k jobs.Task) (jobs.Result, error) {
		select {
		case <-release:
		case <-ctx.Done():
			return jobs.Result{}, ctx.Err()
		}
		return b.Do(ctx, k)
	}
	b.Start("one")
	b.Until(func() error {
		var told bool
		var attempt int
		err := s.Pool().QueryRow(t.Context(), "SELECT attempted_at > created_at + INTERVAL '6 seconds', attempt FROM river_job").Scan(&told, &attempt)
		if attempt > 1 {
			t.Fatalf("it was taken away: attempt %d", attempt)
		}
		if err != nil || !told {
			return fmt.Errorf("the server did not tell that it lives, %v", err)
		}
		return nil
	})
	close(release)
	if r := b.Wait("work", 1); r.State != forescale.RunDone || r.Done != 3 || r.Attempt != 1 {
		t.Errorf("run %+v", r)
	}
}

func slowBatch(t *testing.T, c postgrestest.Cluster) {
	b, _, _ := bench(t, c)
	for i := range 10 {
		b.Put(forescale.Service{Name: fmt.Sprintf("s%02d", i)})
	}
	release := make(chan struct{})
	b.Job.Do = func(ctx context.Context, k jobs.Task) (jobs.Result, error) {
		if k.Services[0] == "a" {
			<-release
		}
		return b.Do(ctx, k)
	}
	b.Start("one")
	b.Until(func() error {
		if got := b.Done(); len(got) != 11 {
			return fmt.Errorf("done %v beside the slow batch", got)
		}
		return nil
	})
	close(release)
	if r := b.Wait("work", 1); r.State != forescale.RunDone || r.Done != 13 {
		t.Errorf("run %+v", r)
	}
}

func follow(t *testing.T, c postgrestest.Cluster) {
	b, s, _ := bench(t, c)
	working, release := make(chan struct{}, 10), make(chan struct{})
	b.Job.Do = func(ctx context.Context, k jobs.Task) (jobs.Result, error) {
		working <- struct{}{}
		<-release
		return b.Do(ctx, k)
	}
	b.Start("one")
	<-working
	now := b.Clock.Now()
	r, err := New(t.Context(), quick(s, jobs.Config{Clock: b.Clock, Server: "two", Jobs: []jobs.Job{b.Job}}))
	if err != nil {
		t.Fatal(err)
	}
	if r.client, err = r.newClient(); err != nil {
		t.Fatal(err)
	}
	if seen, err := r.see(t.Context(), r.Jobs[0], now, now); seen || err != nil || len(b.Runs("work")) != 1 {
		t.Errorf("beside one under way: %v, %v, runs %+v", seen, err, b.Runs("work"))
	}
	close(release)
	b.Wait("work", 1)
	for range 2 {
		if seen, err := r.see(t.Context(), r.Jobs[0], now, now); !seen || err != nil {
			t.Errorf("after it: %v, %v", seen, err)
		}
	}
	b.Wait("work", 2)
	if got := b.Done(); len(got) != 6 {
		t.Errorf("done %v", got)
	}
}

func startAtOnce(t *testing.T, c postgrestest.Cluster) {
	s := fresh(t, c)
	const servers = 4
	var group errgroup.Group
	for i := range servers {
		group.Go(func() error {
			r, err := New(t.Context(), quick(s, jobs.Config{Clock: forescale.NewSystemClock(), Server: fmt.Sprint(i)}))
			if err != nil {
				return err
			}
			return errors.Join(r.migrate(t.Context()), r.migrate(t.Context()))
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	var made, steps int
	if err := s.Pool().QueryRow(t.Context(), "SELECT count(*), count(DISTINCT version) FROM river_migration").Scan(&made, &steps); err != nil || made == 0 || made != steps {
		t.Errorf("%d steps, %d of them different, %v", made, steps, err)
	}
	var locks int // of this schema
	if err := s.Pool().QueryRow(t.Context(), "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 100 AND objid::bigint = hashtext('forescale ' || current_schema())::bigint & 4294967295").Scan(&locks); err != nil || locks != 0 {
		t.Errorf("%d locks are held still, %v", locks, err)
	}
}

// River's tables are beside the store's: they are not copied, and the store finds
// nothing wrong with them.
func notCopied(t *testing.T, c postgrestest.Cluster) {
	b, s, dsn := bench(t, c)
	stop := b.Start("one")
	b.Wait("work", 1)
	stop()
	x, err := s.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	columns, err := x.Columns(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, c := range columns {
		table, _, _ := strings.Cut(c, ".")
		if !strings.HasPrefix(table, "river_") {
			continue
		}
		if found++; store.NotCopied[table] == "" {
			t.Errorf("nobody says why %s is not copied", table)
		}
	}
	if found == 0 {
		t.Error("there are no such tables")
	}
	in, err := timescale.Inspect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	for _, f := range in.Findings {
		if f.Level == store.Failure {
			t.Errorf("%s: %s", f.About, f.Says)
		}
	}
	open(t, dsn) // and it opens again
}

func oneConnection(t *testing.T, c postgrestest.Cluster) {
	s := fresh(t, c, "&pool_max_conns=1")
	if _, err := New(t.Context(), quick(s, jobs.Config{Clock: forescale.NewSystemClock()})); err == nil || !strings.Contains(err.Error(), "one connection") {
		t.Errorf("it said %v", err)
	}
}

func TestABatchOutlivesARestartOfTheDatabase(t *testing.T) {
	c := postgrestest.Start(t)
	b, _, _ := bench(t, c)
	working, release := make(chan struct{}), make(chan struct{})
	b.Job.Batch = 3
	b.Job.Do = func(ctx context.Context, k jobs.Task) (jobs.Result, error) {
		close(working)
		<-release
		return b.Do(ctx, k)
	}
	b.Start("one")
	<-working
	c.Restart(t)
	close(release)
	if r := b.Wait("work", 1); r.State != forescale.RunDone || r.Done != 3 || r.Attempt != 1 {
		t.Errorf("run %+v", r)
	}
}

func oldRows(t *testing.T, c postgrestest.Cluster) {
	b, s, _ := bench(t, c)
	stop := b.Start("one")
	b.Wait("work", 1)
	stop()
	if _, err := s.Pool().Exec(t.Context(), "UPDATE river_job SET finalized_at = finalized_at - INTERVAL '3 days' WHERE id = (SELECT min(id) FROM river_job)"); err != nil {
		t.Fatal(err)
	}
	b.Start("two")
	b.Until(func() error {
		var rows int
		if err := s.Pool().QueryRow(context.Background(), "SELECT count(*) FROM river_job").Scan(&rows); err != nil || rows != 1 {
			return fmt.Errorf("%d rows, want the new one, %w", rows, err)
		}
		return nil
	})
}
