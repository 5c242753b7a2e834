package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// startPostgres makes a PostgreSQL server in dir that ends with the command. It
// syncs as one in use does.
func startPostgres(ctx context.Context, dir string) (*child, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if p, err := exec.LookPath("initdb"); err == nil {
		found = append(found, p)
	}
	if len(found) == 0 {
		return nil, missingPostgres()
	}
	slices.Sort(found)
	bin := filepath.Dir(found[len(found)-1])
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return nil, err
	}
	as, err := otherThanRoot(dir, data)
	if err != nil {
		return nil, err
	}
	command := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, name), args...)
		cmd.Dir, cmd.SysProcAttr = dir, as
		return cmd
	}
	if out, err := command("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	c := &child{cmd: command("postgres", "-D", data, "-p", strconv.Itoa(port), "-k", dir, "-c", "listen_addresses=127.0.0.1", "-c", "max_wal_size=4GB"),
		address: fmt.Sprintf("postgres://postgres@127.0.0.1:%d/postgres?sslmode=disable", port), signal: syscall.SIGINT}
	if err := c.start(); err != nil {
		return nil, err
	}
	for {
		err := psql(ctx, c.address, "SELECT 1", nil)
		if err == nil {
			return c, nil
		}
		select {
		case <-c.ended:
			return nil, fmt.Errorf("PostgreSQL ended: %w", err)
		case <-ctx.Done():
			c.stop()
			return nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// otherThanRoot gives the folders to the user postgres when root runs this, as
// PostgreSQL refuses to run as root.
func otherThanRoot(dirs ...string) (*syscall.SysProcAttr, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, missingPostgres()
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	for _, d := range dirs {
		if err := os.Chown(d, uid, gid); err != nil {
			return nil, err
		}
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
}

// inDatabase is the address of another database on the same server.
func inDatabase(address, name string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	u.Path = "/" + name
	return u.String()
}

// psql runs one statement and reads its one number, if number is not nil.
func psql(ctx context.Context, address, statement string, number *int64) error {
	u, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("read the address: %w", errors.Unwrap(err)) // without the address, which holds a password
	}
	password, _ := u.User.Password()
	cmd := exec.CommandContext(ctx, "psql", "-XAtqc", statement)
	// In the environment, as others can see arguments.
	cmd.Env = append(os.Environ(), "PGHOST="+u.Hostname(), "PGPORT="+firstOf(u.Port(), "5432"), "PGUSER="+u.User.Username(), "PGDATABASE="+strings.TrimPrefix(u.Path, "/"))
	if password != "" {
		cmd.Env = append(cmd.Env, "PGPASSWORD="+password)
	}
	if mode := u.Query().Get("sslmode"); mode != "" {
		cmd.Env = append(cmd.Env, "PGSSLMODE="+mode)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("psql: %w: %s", err, strings.TrimSpace(string(out)))
	}
	if number != nil {
		*number, err = strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	}
	return err
}
