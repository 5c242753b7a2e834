package timescale

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
	"github.com/forescale/forescale/internal/store/migration"
)

const secret = "s3cret-word"

// faultOf is the fault that err is; it fails the test if err tells the secret.
func faultOf(t *testing.T, err error) *forescale.Fault {
	t.Helper()
	if err == nil {
		t.Fatal("there was no error")
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		if text := fmt.Sprintf("%v %+v %#v", e, e, e); strings.Contains(text, secret) {
			t.Fatalf("the secret is told: %s", text)
		}
	}
	var f *forescale.Fault
	if !errors.As(err, &f) {
		t.Fatalf("not a fault: %v", err)
	}
	if f.Help == "" || f.What == "" {
		t.Errorf("the fault does not say what to do: %+v", f)
	}
	return f
}

func wantFault(t *testing.T, err error, code string) {
	t.Helper()
	if f := faultOf(t, err); f.Code != code {
		t.Errorf("got %s, want %s: %v", f.Code, code, err)
	}
}

func TestAWrongAddressIsToldWithoutItsSecret(t *testing.T) {
	for _, dsn := range []string{
		"postgres://u:" + secret + "@[", "postgres://u:" + secret + "@h:port/d", "postgres://u:" + secret + "%@h/d",
		"postgres://u:" + secret + "@h/d?sslmode=maybe", "host=h password=" + secret + " port=x", "user=u password='" + secret, secret,
	} {
		_, err := Open(t.Context(), dsn)
		wantFault(t, err, "dsn_wrong")
	}
}

func TestWhatTheServerRefusesSaysWhatToDo(t *testing.T) {
	c := startCluster(t, "fsync=off", "max_connections=6", "superuser_reserved_connections=2")
	admin := c.dsn("postgres")
	execAt(t, admin, "CREATE ROLE guest LOGIN PASSWORD 'x'", "CREATE DATABASE closed", "CREATE ROLE ann LOGIN PASSWORD 'y'")
	at := func(user, database, more string) string {
		return strings.Replace(c.dsn(database), "postgres@", user+":"+secret+"@", 1) + more
	}
	t.Run("a server that is down", func(t *testing.T) {
		dsn := strings.Replace(at("postgres", "postgres", ""), fmt.Sprint(c.Port), "1", 1)
		_, err := Open(t.Context(), dsn)
		wantFault(t, err, "store_unreachable")
	})
	t.Run("a database that is not there", func(t *testing.T) {
		_, err := Open(t.Context(), at("postgres", "nowhere", ""))
		wantFault(t, err, "store_missing")
	})
	t.Run("a user that is not there", func(t *testing.T) {
		_, err := Open(t.Context(), at("nobody", "postgres", ""))
		wantFault(t, err, "store_refused")
	})
	t.Run("no rights in the schema", func(t *testing.T) {
		_, err := Open(t.Context(), at("guest", "closed", ""))
		wantFault(t, err, "store_unwritable")
	})
	t.Run("a database that is read-only", func(t *testing.T) {
		_, err := Open(t.Context(), at("postgres", "postgres", "&default_transaction_read_only=on"))
		wantFault(t, err, "store_read_only")
	})
	t.Run("tables of another program", func(t *testing.T) {
		execAt(t, admin, "CREATE DATABASE other")
		execAt(t, c.dsn("other"), "CREATE TABLE service (id int)")
		_, err := Open(t.Context(), c.dsn("other"))
		wantFault(t, err, "store_foreign")
	})
	t.Run("a password that is not written into errors of later operations", func(t *testing.T) {
		s := openAt(t, at("postgres", "postgres", ""))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.ListServices(ctx); !errors.Is(err, context.Canceled) || strings.Contains(fmt.Sprintf("%#v", err), secret) {
			t.Errorf("got %#v", err)
		}
	})
	t.Run("no connection left", func(t *testing.T) {
		for range 4 { // of 6, two are the superuser's
			execHold(t, at("ann", "postgres", ""))
		}
		_, err := Open(t.Context(), at("guest", "postgres", ""))
		wantFault(t, err, "store_connections")
	})
}

func TestAServerThatStopsLosesNothingAndComesBack(t *testing.T) {
	c := startCluster(t)
	s := openAt(t, c.dsn("postgres"))
	ctx := t.Context()
	if err := s.Append(ctx, ingestBatch(0)); err != nil {
		t.Fatal(err)
	}
	c.Cmd.Process.Kill() // as a power cut of the server's process
	<-c.Ended
	err := s.Append(ctx, ingestBatch(1))
	wantFault(t, err, "store_unreachable")
	if !errors.Is(err, forescale.ErrBusy) {
		t.Errorf("the caller is not told to try again: %v", err)
	}
	c.Start(t)
	// The pool may hold one more connection that is dead.
	for range connections {
		if err = s.Append(ctx, ingestBatch(1)); err == nil {
			break
		}
	}
	if err != nil {
		t.Fatalf("after the restart: %v", err)
	}
	got, err := s.Samples(ctx, forescale.SampleQuery{})
	if err != nil || len(got) != 2*len(ingestBatch(0)) {
		t.Errorf("%d samples, %v", len(got), err)
	}
}

func TestMigrationsRunOnceFromManyServers(t *testing.T) {
	v := sharedCluster(t)
	dsn := v.fresh(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			s, err := Open(t.Context(), with(dsn, "pool_max_conns", "2"))
			if err != nil {
				t.Error(err)
				return
			}
			if err := s.Check(t.Context()); err != nil {
				t.Error(err)
			}
			s.Close()
		})
	}
	wg.Wait()
	t.Run("a half of a migration is never there", func(t *testing.T) {
		broken := migrationsAnd("CREATE TABLE half (a int); SELECT 1/0;")
		_, err := Open(t.Context(), dsn, func(o *options) { o.migrations = broken })
		if err == nil {
			t.Fatal("a migration that fails was accepted")
		}
		s := openAt(t, dsn)
		var half *string
		if err := s.pool.QueryRow(t.Context(), "SELECT to_regclass('half')::text").Scan(&half); err != nil || half != nil {
			t.Errorf("%v, %v", half, err)
		}
	})
	t.Run("a newer schema is refused by an older program", func(t *testing.T) {
		newer := migrationsAnd("CREATE TABLE future (a int);")
		openAt(t, dsn, WithVersion("v2"), func(o *options) { o.migrations = newer }).Close()
		_, err := Open(t.Context(), dsn, WithVersion("v1"))
		wantFault(t, err, "schema_newer")
		if !errors.Is(err, forescale.ErrSchemaNewer) || !strings.Contains(err.Error(), "written by v2") {
			t.Error(err)
		}
	})
}

// migrationsAnd is the migrations and one more.
func migrationsAnd(script string) fstest.MapFS {
	known, err := migration.Read(sub(migrationFiles, "migrations"))
	if err != nil {
		panic(err) // they are embedded
	}
	files := fstest.MapFS{fmt.Sprintf("%04d_more.sql", len(known)+1): {Data: []byte(script)}}
	for _, m := range known {
		files[fmt.Sprintf("%04d_%s.sql", m.Number, m.Name)] = &fstest.MapFile{Data: []byte(m.Script)}
	}
	return files
}

// firstOf is the first n migrations of a folder, as an older program had them.
func firstOf(t *testing.T, dir fs.FS, n int) fstest.MapFS {
	t.Helper()
	known, err := migration.Read(dir)
	if err != nil || len(known) <= n {
		t.Fatal(len(known), err)
	}
	files := fstest.MapFS{}
	for _, m := range known[:n] {
		files[fmt.Sprintf("%04d_%s.sql", m.Number, m.Name)] = &fstest.MapFile{Data: []byte(m.Script)}
	}
	return files
}

// oldDemand is what an older program left: a database of the first schemas with
// some demand.
func oldDemand(t *testing.T, dsn string) (points []forescale.DemandPoint) {
	t.Helper()
	old := openAt(t, dsn, func(o *options) {
		o.migrations, o.extension = firstOf(t, o.migrations, 1), firstOf(t, o.extension, 2)
	})
	_, points = daysOfDemand(2)
	if _, err := old.pool.Exec(t.Context(), "INSERT INTO line (service, metric, points) VALUES ('a', 'load', $1)", len(points)); err != nil {
		t.Fatal(err)
	}
	if _, err := old.pool.Exec(t.Context(), "INSERT INTO demand SELECT line.id, v.*, 3, 3 FROM line, unnest($1::timestamptz[], $2::float8[], $3::bool[]) AS v",
		column(points, func(p forescale.DemandPoint) time.Time { return p.Time }), column(points, func(p forescale.DemandPoint) float64 { return p.Value }),
		column(points, func(p forescale.DemandPoint) bool { return p.Censored })); err != nil {
		t.Fatal(err)
	}
	old.Close()
	return points
}

func wantHours(t *testing.T, s *Store, want []forescale.DemandHour) {
	t.Helper()
	got, err := s.DemandHours(t.Context(), "a", forescale.MetricLoad, benchStart.AddDate(-1, 0, 0), benchStart.AddDate(1, 0, 0))
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("%d hours of %d, %v: %+v", len(got), len(want), err, got[:min(3, len(got))])
	}
}

// Servers of the new version start at once on a database of the old one, roll up
// at once, and save demand meanwhile.
func TestOldDemandIsRolledUpByManyServers(t *testing.T) {
	v := sharedCluster(t)
	dsn := v.fresh(t)
	points := oldDemand(t, dsn)
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() {
			s, err := Open(t.Context(), with(dsn, "pool_max_conns", "2"))
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			for i := n; i < len(points); i += 4 {
				if i%16 != n {
					continue
				}
				p := points[i]
				p.Value++
				if err := s.SaveDemand(t.Context(), []forescale.Cell{{Service: p.Service, Time: p.Time}}, []forescale.DemandPoint{p}); err != nil {
					t.Error(err)
				}
				if err := s.RollUp(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for i := range points {
		if n := i % 4; i%16 == n {
			points[i].Value++
		}
	}
	late := openAt(t, dsn)
	wantHours(t, late, byTheHour(points))
	if err := late.RollUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantHours(t, late, byTheHour(points))
	var due int
	if err := late.pool.QueryRow(t.Context(), "SELECT count(*) FROM hours_due").Scan(&due); err != nil || due != 0 && late.Extension() == "" {
		t.Errorf("%d hours are due still, %v", due, err)
	}
}

// Two stores of one database keep ids in their memory; one deletes the series
// that the other one knows.
func TestAServerForgetsIDsThatAnotherOneDeleted(t *testing.T) {
	dsn := sharedCluster(t).fresh(t)
	a, b := openAt(t, dsn), openAt(t, dsn)
	ctx := t.Context()
	batch := ingestBatch(0)
	if err := a.Append(ctx, batch); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Prune(ctx, store.Before(benchStart.AddDate(1, 0, 0))); err != nil {
		t.Fatal(err)
	}
	if err := a.Append(ctx, batch); err != nil {
		t.Fatal(err)
	}
	if got, err := b.Samples(ctx, forescale.SampleQuery{}); err != nil || len(got) != len(batch) {
		t.Errorf("%d samples of %d, %v: some went to series that are gone", len(got), len(batch), err)
	}
}
