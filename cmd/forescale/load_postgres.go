package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"github.com/forescale/forescale/internal/postgres"
)

// startPostgres makes a PostgreSQL server in dir that ends with the command. It
// syncs as one in use does.
func startPostgres(ctx context.Context, dir string) (*child, error) {
	programs, err := postgres.Programs()
	if err != nil {
		return nil, missingPostgres()
	}
	s, err := postgres.New(dir, programs)
	if errors.Is(err, postgres.ErrMissing) {
		return nil, missingPostgres()
	}
	if err == nil {
		err = s.Init()
	}
	if err == nil {
		err = s.Start(ctx, "max_wal_size=4GB")
	}
	if err != nil {
		return nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	return &child{cmd: s.Cmd, ended: s.Ended, address: s.DSN("", "postgres"), signal: syscall.SIGINT}, nil
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
