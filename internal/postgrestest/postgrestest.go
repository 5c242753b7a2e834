// Package postgrestest gives tests a throw-away PostgreSQL server, and networks
// of their own from which processes reach it and can be cut off.
package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale/internal/postgres"
)

// NeedPostgres names the variable that turns a missing server from a skipped
// test into a failed one.
const NeedPostgres = "FORESCALE_NEED_POSTGRES"

// Skip ends a test whose component is missing: it skips, or fails where the
// component is known to be there.
func Skip(tb testing.TB, format string, args ...any) {
	tb.Helper()
	if os.Getenv(NeedPostgres) != "" {
		tb.Fatalf(format, args...)
	}
	tb.Skipf(format, args...)
}

// Programs is the folder of PostgreSQL's programs.
func Programs(tb testing.TB) string {
	tb.Helper()
	dir, err := postgres.Programs()
	must(tb, err)
	return dir
}

// must ends the test for an error, and skips it where PostgreSQL is missing.
func must(tb testing.TB, err error) {
	tb.Helper()
	if errors.Is(err, postgres.ErrMissing) {
		Skip(tb, "%v, or name a server in FORESCALE_TEST_POSTGRES", err)
	}
	if err != nil {
		tb.Fatal(err)
	}
}

// Cluster is a PostgreSQL server of one test.
type Cluster struct{ *postgres.Server }

// New makes the place of a server of the programs in a folder; it goes after the
// test.
func New(tb testing.TB, programs string) Cluster {
	tb.Helper()
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(dir) })
	s, err := postgres.New(dir, programs)
	must(tb, err)
	return Cluster{s}
}

// Start makes a server that does not sync, as no test of it cuts the power, and
// ends it after the test. It takes connections from all networks of this machine.
func Start(tb testing.TB) Cluster {
	tb.Helper()
	c := New(tb, Programs(tb))
	c.Init(tb)
	hba, err := os.OpenFile(filepath.Join(c.Data(), "pg_hba.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		tb.Fatal(err)
	}
	_, err = hba.WriteString("host all all samenet trust\n")
	must(tb, errors.Join(err, hba.Close()))
	c.Run(tb, "listen_addresses=*", "fsync=off", "full_page_writes=off")
	return c
}

// Init makes the databases.
func (c Cluster) Init(tb testing.TB, more ...string) {
	tb.Helper()
	must(tb, c.Server.Init(append(more, "-N")...))
}

// Run starts the server, and ends it after the test.
func (c Cluster) Run(tb testing.TB, settings ...string) {
	tb.Helper()
	tb.Cleanup(func() { c.Stop(tb) })
	c.Start(tb, settings...)
}

// Start starts it with settings.
func (c Cluster) Start(tb testing.TB, settings ...string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	must(tb, c.Server.Start(ctx, settings...))
}

// Stop ends the server at once and waits for it. It may have ended.
func (c Cluster) Stop(tb testing.TB) {
	tb.Helper()
	if err := c.Server.Stop(); err != nil {
		tb.Error(err)
	}
}

// Restart ends all connections and comes back.
func (c Cluster) Restart(tb testing.TB) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	must(tb, c.Server.Restart(ctx))
}

// DSN is the address of the database as seen from host, "" for this machine.
func (c Cluster) DSN(host string) string { return c.Server.DSN(host, "postgres") }

// Network is a network namespace with one cable to this machine.
type Network struct {
	tb    testing.TB
	Name  string // of the namespace
	Host  string // address of this machine, from inside
	cable string // this machine's end
}

// NewNetwork makes a network; nth tells those of one process apart. It goes after
// the test.
func NewNetwork(tb testing.TB, nth int) *Network {
	tb.Helper()
	if _, err := exec.LookPath("ip"); err != nil || os.Getuid() != 0 {
		Skip(tb, "network namespaces need root and the program ip: apt-get install iproute2")
	}
	id := (os.Getpid()*8 + nth) % (1 << 14) // a /30 each, in 10.213.0.0/16
	n := &Network{tb: tb, Name: fmt.Sprintf("fsnet%d", id), cable: fmt.Sprintf("fsh%d", id), Host: address(id, 1)}
	inside := fmt.Sprintf("fsn%d", id)
	tb.Cleanup(func() {
		exec.Command("ip", "link", "del", n.cable).Run()
		exec.Command("ip", "netns", "del", n.Name).Run()
	})
	for _, args := range []string{
		"netns add " + n.Name,
		"link add " + n.cable + " type veth peer name " + inside + " netns " + n.Name,
		"addr add " + n.Host + "/30 dev " + n.cable,
		"link set " + n.cable + " up",
		"-n " + n.Name + " addr add " + address(id, 2) + "/30 dev " + inside,
		"-n " + n.Name + " link set " + inside + " up",
		"-n " + n.Name + " link set lo up",
	} {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			Skip(tb, "ip %s: %v: %s", args, err, out)
		}
	}
	return n
}

func address(id, host int) string {
	low := id*4 + host
	return fmt.Sprintf("10.213.%d.%d", low>>8&255, low&255)
}

// Command runs a program inside.
func (n *Network) Command(name string, args ...string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", n.Name, name}, args...)...)
}

// Cut takes the cable out: packets are lost, and nobody is told.
func (n *Network) Cut() { n.ip("link", "set", n.cable, "down") }

// Heal puts it back.
func (n *Network) Heal() { n.ip("link", "set", n.cable, "up") }

func (n *Network) ip(args ...string) {
	n.tb.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		n.tb.Errorf("ip %v: %v: %s", args, err, out)
	}
}
