package timescale

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/forescale/forescale/internal/postgrestest"
)

// cluster is a throw-away PostgreSQL server of these tests.
type cluster struct{ postgrestest.Cluster }

// startCluster makes a server of its own for the test, with the settings, and
// ends it after the test.
func startCluster(tb testing.TB, settings ...string) cluster {
	tb.Helper()
	c := newCluster(tb)
	c.Init(tb)
	c.Run(tb, settings...)
	return c
}

// newCluster finds a place for a server of the machine's PostgreSQL.
func newCluster(tb testing.TB) cluster {
	tb.Helper()
	return cluster{postgrestest.New(tb, postgrestest.Programs(tb))}
}

func (c cluster) dsn(database string) string { return c.Server.DSN("", database) }

func openAt(tb testing.TB, dsn string, opts ...Option) *Store {
	tb.Helper()
	s, err := Open(context.Background(), dsn, opts...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.Close() })
	return s
}

// execHold keeps a connection open until the test ends.
func execHold(t *testing.T, dsn string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
}
