// Package postgrestest gives tests a throw-away PostgreSQL server, and networks
// of their own from which processes reach it and can be cut off.
package postgrestest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
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

// Binaries is the folder of PostgreSQL's programs, the newest of Debian's.
func Binaries(tb testing.TB) string {
	tb.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if p, err := exec.LookPath("initdb"); err == nil && len(found) == 0 {
		found = append(found, p)
	}
	if len(found) == 0 {
		Skip(tb, "PostgreSQL is not here: apt-get install postgresql, or name a server in FORESCALE_TEST_POSTGRES")
	}
	slices.Sort(found)
	return filepath.Dir(found[len(found)-1])
}

// Cluster is a PostgreSQL server of one test.
type Cluster struct {
	dir, bin string
	port     int
	cmd      *exec.Cmd
	ended    chan struct{}
	log      *bytes.Buffer
}

// Start makes a server that does not sync, as no test of it cuts the power, and
// ends it after the test. It takes connections from all networks of this machine.
func Start(tb testing.TB) *Cluster {
	tb.Helper()
	c := &Cluster{bin: Binaries(tb)}
	var err error
	if c.dir, err = os.MkdirTemp("", "pg"); err != nil { // short: the name of a socket must be
		tb.Fatal(err)
	}
	tb.Cleanup(func() { os.RemoveAll(c.dir) })
	if attr := AsUser(tb); attr != nil {
		if err := os.Chown(c.dir, int(attr.Credential.Uid), int(attr.Credential.Gid)); err != nil {
			tb.Fatal(err)
		}
	}
	if out, err := c.command(tb, "initdb", "-D", c.data(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N").CombinedOutput(); err != nil {
		tb.Fatalf("initdb: %v\n%s", err, out)
	}
	hba, err := os.OpenFile(filepath.Join(c.data(), "pg_hba.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		tb.Fatal(err)
	}
	_, err = hba.WriteString("host all all samenet trust\n")
	if hba.Close(); err != nil {
		tb.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	c.port = l.Addr().(*net.TCPAddr).Port
	l.Close()
	c.start(tb)
	tb.Cleanup(func() { c.stop(tb) })
	return c
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

// AsUser is how to become postgres: the server refuses to run as root.
func AsUser(tb testing.TB) *syscall.SysProcAttr {
	tb.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		Skip(tb, "there is no user postgres to run the server as: %v", err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}

func (c *Cluster) command(tb testing.TB, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.bin, name), args...)
	cmd.Dir, cmd.SysProcAttr = c.dir, AsUser(tb)
	return cmd
}

func (c *Cluster) start(tb testing.TB) {
	tb.Helper()
	c.log = &bytes.Buffer{}
	c.cmd = c.command(tb, "postgres", "-D", c.data(), "-p", strconv.Itoa(c.port), "-k", c.dir,
		"-c", "listen_addresses=*", "-c", "fsync=off", "-c", "full_page_writes=off")
	c.cmd.Stdout, c.cmd.Stderr = c.log, c.log
	if err := c.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	ended := make(chan struct{})
	c.ended = ended
	go func() { c.cmd.Wait(); close(ended) }()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(time.Minute); ; {
		if c.command(tb, "pg_isready", "-q", "-h", c.dir, "-p", strconv.Itoa(c.port)).Run() == nil {
			return
		}
		select {
		case <-ended:
			tb.Fatalf("the server ended: %s", c.log)
		case <-late:
			tb.Fatal("the server does not answer")
		case <-tick.C:
		}
	}
}

// stop ends the server at once and waits for it.
func (c *Cluster) stop(tb testing.TB) {
	tb.Helper()
	c.cmd.Process.Signal(syscall.SIGINT) // fast shutdown
	select {
	case <-c.ended:
	case <-time.After(time.Minute):
		c.cmd.Process.Kill()
		<-c.ended
		tb.Error("PostgreSQL had to be killed")
	}
}

// Restart ends all connections and comes back.
func (c *Cluster) Restart(tb testing.TB) {
	tb.Helper()
	c.stop(tb)
	c.start(tb)
}

// DSN is the address of the database as seen from host, "" for this machine.
func (c *Cluster) DSN(host string) string {
	if host == "" {
		host = "127.0.0.1"
	}
	return fmt.Sprintf("postgres://postgres@%s:%d/postgres?sslmode=disable", host, c.port)
}

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
