package timescale

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/forescale/forescale/internal/postgrestest"
)

// cluster is a throw-away PostgreSQL server of these tests.
type cluster struct {
	dir, bin string
	port     int
	cmd      *exec.Cmd
	ended    chan struct{}
}

// startCluster makes a server of its own for the test, with the settings, and
// ends it after the test.
func startCluster(tb testing.TB, settings ...string) *cluster {
	tb.Helper()
	c := newCluster(tb)
	c.init(tb)
	c.start(tb, settings...)
	tb.Cleanup(func() { c.stop(tb) })
	return c
}

// newCluster finds a place for a server of the machine's PostgreSQL.
func newCluster(tb testing.TB) *cluster {
	tb.Helper()
	c := &cluster{bin: postgrestest.Binaries(tb)}
	c.place(tb)
	return c
}

// place makes the folders of the server and picks a port.
func (c *cluster) place(tb testing.TB) {
	tb.Helper()
	var err error
	if c.dir, err = os.MkdirTemp("", "pg"); err != nil { // short: the name of a socket must be
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(c.dir) })
	if err := os.Mkdir(c.data(), 0o700); err != nil {
		tb.Fatal(err)
	}
	c.own(tb, c.dir, c.data())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	c.port = l.Addr().(*net.TCPAddr).Port
	l.Close()
}

func (c *cluster) data() string { return filepath.Join(c.dir, "data") }

// init makes the databases.
func (c *cluster) init(tb testing.TB, more ...string) {
	tb.Helper()
	c.own(tb, c.data()) // something may be mounted there by now
	init := c.command(tb, "initdb", append([]string{"-D", c.data(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N"}, more...)...)
	if out, err := init.CombinedOutput(); err != nil {
		tb.Fatalf("initdb: %v\n%s", err, out)
	}
}

// own gives files to the user that the server runs as.
func (c *cluster) own(tb testing.TB, paths ...string) {
	tb.Helper()
	attr := postgrestest.AsUser(tb)
	for _, p := range paths {
		if attr == nil {
			return
		}
		if err := os.Chown(p, int(attr.Credential.Uid), int(attr.Credential.Gid)); err != nil {
			tb.Fatal(err)
		}
	}
}

func (c *cluster) command(tb testing.TB, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.bin, name), args...)
	cmd.Dir, cmd.SysProcAttr = c.dir, postgrestest.AsUser(tb)
	return cmd
}

func (c *cluster) start(tb testing.TB, settings ...string) {
	tb.Helper()
	args := []string{"-D", c.data(), "-p", strconv.Itoa(c.port), "-k", c.dir, "-c", "listen_addresses=127.0.0.1"}
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	var log bytes.Buffer
	c.cmd = c.command(tb, "postgres", args...)
	c.cmd.Stdout, c.cmd.Stderr = &log, &log
	if err := c.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	c.ended = make(chan struct{})
	go func() { c.cmd.Wait(); close(c.ended) }()
	c.await(tb, &log)
}

// await waits until the server answers.
func (c *cluster) await(tb testing.TB, log *bytes.Buffer) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, c.dsn("postgres"))
		if err == nil {
			conn.Close(ctx)
			return
		}
		select {
		case <-c.ended:
			tb.Fatalf("the server ended: %s", log)
		case <-ctx.Done():
			tb.Fatalf("the server does not answer: %v", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// stop ends the server at once and waits for it.
func (c *cluster) stop(tb testing.TB) {
	tb.Helper()
	select {
	case <-c.ended:
		return
	default:
	}
	c.cmd.Process.Signal(syscall.SIGINT) // fast shutdown
	select {
	case <-c.ended:
	case <-time.After(20 * time.Second):
		c.cmd.Process.Kill()
		<-c.ended
		tb.Error("the server had to be killed")
	}
}

func (c *cluster) dsn(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", c.port, database)
}

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
