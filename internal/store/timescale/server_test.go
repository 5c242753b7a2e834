package timescale

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/forescale/forescale/internal/postgrestest"
)

// testPostgres names the server that the tests of behaviour and the benchmarks
// run against instead of one that they make.
const testPostgres = "FORESCALE_TEST_POSTGRES"

// server is where a test keeps its stores: each gets a schema of its own.
type server struct {
	dsn    string
	single bool // it takes one connection at a time
}

// fastCluster is a cluster for tests of behaviour: it does not sync, since no
// test of them cuts the power.
func fastCluster(tb testing.TB) *server {
	tb.Helper()
	if v := named(tb); v != nil {
		return v
	}
	return &server{dsn: startCluster(tb, "fsync=off", "full_page_writes=off").dsn("postgres")}
}

// sharedCluster is a fastCluster for tests that come over several connections.
func sharedCluster(tb testing.TB) *server {
	tb.Helper()
	v := fastCluster(tb)
	if v.single {
		tb.Skip("the server of " + testPostgres + " takes one connection, as its pool_max_conns says")
	}
	return v
}

// named is the server that somebody wants the tests to run against, or nil.
func named(tb testing.TB) *server {
	tb.Helper()
	dsn := os.Getenv(testPostgres)
	if dsn == "" {
		return nil
	}
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		tb.Fatal(testPostgres+":", wrongAddress(dsn))
	}
	v := &server{dsn: dsn, single: config.MaxConns == 1 && says(dsn, "pool_max_conns")}
	var user, database string
	var may bool
	v.ask(tb, "SELECT current_user, current_database(), has_database_privilege(current_database(), 'CREATE')", &user, &database, &may)
	if !may {
		tb.Fatalf("%s: the tests make schemas, which the user %s may not in the database %s: let its owner run GRANT CREATE ON DATABASE %s TO %s",
			testPostgres, user, database, database, user)
	}
	return v
}

// withExtension is a server with TimescaleDB: the named one if it has it, else one
// as WebAssembly.
func withExtension(tb testing.TB) *server {
	tb.Helper()
	if v := named(tb); v != nil {
		var has bool
		if v.ask(tb, "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')", &has); has {
			return v
		}
	}
	return startPglite(tb)
}

var schemas atomic.Int64

// ofThisRun tells this run's schemas from those of others on the same server.
var ofThisRun = fmt.Sprintf("forescale_test_%06x", rand.N(1<<24))

// fresh is the address of an empty schema, which goes after the test.
func (v *server) fresh(tb testing.TB) string {
	tb.Helper()
	_, dsn := v.freshSchema(tb)
	return dsn
}

// freshSchema is fresh, and the name of the schema.
func (v *server) freshSchema(tb testing.TB) (name, dsn string) {
	tb.Helper()
	name = fmt.Sprintf("%s_%d", ofThisRun, schemas.Add(1))
	v.exec(tb, "CREATE SCHEMA "+name)
	tb.Cleanup(func() { v.exec(tb, "DROP SCHEMA "+name+" CASCADE") })
	return name, with(v.dsn, "search_path", name+",public")
}

// freshRole is a user, which goes after the test with all that it has.
func (v *server) freshRole(tb testing.TB, name, options string) {
	tb.Helper()
	var may bool
	if v.ask(tb, "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user", &may); !may {
		postgrestest.Skip(tb, "%s: the test makes a user, which needs CREATEROLE", testPostgres)
	}
	v.exec(tb, "CREATE ROLE "+name+" "+options, "GRANT "+name+" TO current_user")
	tb.Cleanup(func() { v.exec(tb, "DROP OWNED BY "+name, "DROP ROLE "+name) })
}

// with is an address with one setting more.
func with(dsn, key, value string) string {
	u, err := url.Parse(dsn)
	if err != nil || !strings.Contains(dsn, "://") {
		return dsn + " " + key + "='" + value + "'"
	}
	q := u.Query()
	q.Set(key, value)
	u.RawQuery = q.Encode()
	return u.String()
}

// asUser is an address with another user and password.
func asUser(dsn, user, password string) string {
	u, err := url.Parse(dsn)
	if err != nil || !strings.Contains(dsn, "://") {
		return with(with(dsn, "user", user), "password", password)
	}
	u.User = url.UserPassword(user, password)
	return u.String()
}

func (v *server) exec(tb testing.TB, statements ...string) {
	tb.Helper()
	execAt(tb, v.dsn, statements...)
}

// ask reads one row.
func (v *server) ask(tb testing.TB, query string, into ...any) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn := connectTo(ctx, tb, v.dsn)
	defer conn.Close(ctx)
	if err := conn.QueryRow(ctx, query, pgx.QueryExecModeExec).Scan(into...); err != nil {
		tb.Fatal(err)
	}
}

func execAt(tb testing.TB, dsn string, statements ...string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn := connectTo(ctx, tb, dsn)
	defer conn.Close(ctx)
	for _, st := range statements {
		if _, err := conn.Exec(ctx, st, pgx.QueryExecModeExec); err != nil {
			tb.Error(errors.Join(errors.New(st), err))
		}
	}
}

// connectTo is one connection to an address that may have settings of a pool.
func connectTo(ctx context.Context, tb testing.TB, dsn string) *pgx.Conn {
	tb.Helper()
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		tb.Fatal(wrongAddress(dsn))
	}
	conn, err := pgx.ConnectConfig(ctx, config.ConnConfig)
	if err != nil {
		tb.Fatalf("connect to %s: %v", Place(dsn), root(err))
	}
	return conn
}

// The tests may be told to run against a server that is in use: what they say about
// a user that may not make schemas is all that they do there.
func TestANamedServerIsAskedForItsRightsFirst(t *testing.T) {
	v := sharedCluster(t)
	role := ofThisRun + "_guest"
	v.freshRole(t, role, "LOGIN PASSWORD '"+secret+"'")
	t.Setenv(testPostgres, asUser(v.dsn, role, secret))
	said := fatalOf(func(tb testing.TB) { named(tb) })
	if !strings.Contains(said, "GRANT CREATE ON DATABASE") || !strings.Contains(said, role) || strings.Contains(said, secret) {
		t.Errorf("it said %q", said)
	}
	t.Setenv(testPostgres, "postgres://ann:"+secret+"@[")
	if said := fatalOf(func(tb testing.TB) { named(tb) }); said == "" || strings.Contains(said, secret) {
		t.Errorf("of a wrong address it said %q", said)
	}
}

// fatalTB keeps what a helper says when it gives up.
type fatalTB struct {
	testing.TB
	said string
}

func (f *fatalTB) Helper() {}

func (f *fatalTB) Fatal(args ...any) { f.said = fmt.Sprintln(args...); panic(f) }

func (f *fatalTB) Fatalf(format string, args ...any) { f.said = fmt.Sprintf(format, args...); panic(f) }

// fatalOf is what a helper says when it gives up, "" if it does not.
func fatalOf(do func(testing.TB)) (said string) {
	f := &fatalTB{}
	defer func() {
		if p := recover(); p != nil && p != any(f) {
			panic(p)
		}
		said = f.said
	}()
	do(f)
	return ""
}
