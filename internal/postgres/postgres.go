// Package postgres makes PostgreSQL servers to be thrown away, of the programs on
// this machine: for tests, and to measure against.
package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// ErrMissing is what Programs and New return where PostgreSQL, or the user that it
// runs as, is not on this machine.
var ErrMissing = errors.New("PostgreSQL is not here: apt-get install postgresql")

// Programs is the folder of PostgreSQL's programs, the newest of Debian's.
func Programs() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if p, err := exec.LookPath("initdb"); err == nil && len(found) == 0 {
		found = append(found, p)
	}
	if len(found) == 0 {
		return "", ErrMissing
	}
	slices.Sort(found)
	return filepath.Dir(found[len(found)-1]), nil
}

// Server is one server, in a folder and at a port of its own. It trusts whoever
// connects from this machine.
type Server struct {
	Dir      string // holds the data, and the socket
	Programs string
	Port     int

	Cmd   *exec.Cmd     // since Start
	Ended chan struct{} // closed when the process of Cmd ended

	as       *syscall.SysProcAttr
	settings []string
	log      *bytes.Buffer
}

// New makes the folders of a server in dir, whose path must be short, as the name
// of the socket has to be. Nothing runs yet.
func New(dir, programs string) (*Server, error) {
	s := &Server{Dir: dir, Programs: programs}
	var err error
	if s.as, err = otherThanRoot(); err != nil {
		return nil, err
	}
	if err := os.Mkdir(s.Data(), 0o700); err != nil {
		return nil, err
	}
	if err := s.Own(dir, s.Data()); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s.Port = l.Addr().(*net.TCPAddr).Port
	return s, l.Close()
}

// otherThanRoot is how to become the user postgres when root runs this: the server
// refuses to run as root.
func otherThanRoot() (*syscall.SysProcAttr, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrMissing, err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
}

// Data is the folder of the databases.
func (s *Server) Data() string { return filepath.Join(s.Dir, "data") }

// Own gives files to the user that the server runs as.
func (s *Server) Own(paths ...string) error {
	if s.as == nil {
		return nil
	}
	for _, p := range paths {
		if err := os.Chown(p, int(s.as.Credential.Uid), int(s.as.Credential.Gid)); err != nil {
			return err
		}
	}
	return nil
}

// Command is one of PostgreSQL's programs, run as the server is.
func (s *Server) Command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.Programs, name), args...)
	cmd.Dir, cmd.SysProcAttr = s.Dir, s.as
	return cmd
}

// Init makes the databases; more are flags of initdb.
func (s *Server) Init(more ...string) error {
	if err := s.Own(s.Data()); err != nil { // something may be mounted there by now
		return err
	}
	args := append([]string{"-D", s.Data(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"}, more...)
	if out, err := s.Command("initdb", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	return nil
}

// Start starts the server with settings, as key=value, and returns when it takes
// connections. An error means that it does not run.
func (s *Server) Start(ctx context.Context, settings ...string) error {
	args := []string{"-D", s.Data(), "-p", strconv.Itoa(s.Port), "-k", s.Dir, "-c", "listen_addresses=127.0.0.1"}
	for _, v := range settings {
		args = append(args, "-c", v)
	}
	cmd, log, ended := s.Command("postgres", args...), &bytes.Buffer{}, make(chan struct{})
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return err
	}
	s.settings, s.Cmd, s.log, s.Ended = settings, cmd, log, ended
	go func() { _ = cmd.Wait(); close(ended) }()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for s.Command("pg_isready", "-q", "-h", s.Dir, "-p", strconv.Itoa(s.Port)).Run() != nil {
		select {
		case <-ended:
			return fmt.Errorf("the server ended: %s", log)
		case <-ctx.Done():
			_ = cmd.Process.Kill()
			<-ended
			return fmt.Errorf("the server does not answer: %w: %s", ctx.Err(), log)
		case <-tick.C:
		}
	}
	return nil
}

// patience is how long a server may take to shut down.
const patience = time.Minute

// Stop ends the server at once, if it runs, and waits for it.
func (s *Server) Stop() error {
	if s.Cmd == nil {
		return nil
	}
	_ = s.Cmd.Process.Signal(syscall.SIGINT) // fast shutdown; fails if it ended already
	select {
	case <-s.Ended:
		return nil
	case <-time.After(patience):
		_ = s.Cmd.Process.Kill()
		<-s.Ended
		return fmt.Errorf("the server had to be killed: %s", s.log)
	}
}

// Restart ends all connections and comes back with the same settings.
func (s *Server) Restart(ctx context.Context) error {
	if err := s.Stop(); err != nil {
		return err
	}
	return s.Start(ctx, s.settings...)
}

// DSN is the address of a database as seen from where this machine is called host,
// "" for this machine.
func (s *Server) DSN(host, database string) string {
	if host == "" {
		host = "127.0.0.1"
	}
	return fmt.Sprintf("postgres://postgres@%s:%d/%s?sslmode=disable", host, s.Port, database)
}
