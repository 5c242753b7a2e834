package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/load"
	"github.com/forescale/forescale/internal/store"
)

// loadFlags are what `load` drives with.
type loadFlags struct {
	services []int
	servers  int
	store    string
	length   time.Duration
	step     time.Duration
	run      load.Config
}

func newLoad(a *app) *cobra.Command {
	f := loadFlags{run: load.Config{Every: 10 * time.Second}}
	var out *format
	cmd := &cobra.Command{
		Use:    "load",
		Hidden: true, // for those who size an installation, or work on forescale
		Short:  "Drive real servers as thousands of services would, and measure",
		Long: `Start real servers, register services with a history, push a sample of each every
10 s, ask questions beside it, and measure until all have their first forecast.

The servers run on PostgreSQL: a server of its own for the time of the run, or the one
that --store names, in which a database is made for each size and dropped again.`,
		Example: "  forescale load --services 100,1000 --for 1m",
		Args:    wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.servers < 1 || f.step < time.Minute || f.length < f.step || f.run.Senders < 1 || f.run.Rows < 1 {
				return usage("there is nothing to drive", "use at least one server, sender and row, and a history of a minute or more")
			}
			return a.load(cmd.Context(), f, *out)
		},
	}
	fs := cmd.Flags()
	fs.IntSliceVar(&f.services, "services", []int{100, 1000, 10000}, "how many services, one run after the other")
	fs.IntVar(&f.servers, "servers", 1, "how many servers share a database")
	fs.StringVar(&f.store, "store", "", "PostgreSQL server, postgres://… (FORESCALE_TEST_POSTGRES; default one of its own)")
	fs.DurationVar(&f.length, "history", 24*time.Hour, "history of each service")
	fs.DurationVar(&f.step, "history-step", 5*time.Minute, "between minutes of history that are known")
	fs.DurationVar(&f.run.For, "for", 2*time.Minute, "measure at least this long")
	fs.DurationVar(&f.run.Patience, "patience", 15*time.Minute, "how long the first forecasts of all may take")
	fs.IntVar(&f.run.Senders, "senders", 32, "pushes under way at most")
	fs.IntVar(&f.run.Rows, "rows", 20, "samples of one push")
	out = formatFlag(cmd)
	cmd.AddCommand(newLoadAgents(a))
	return cmd
}

// load drives one size after the other.
func (a *app) load(ctx context.Context, f loadFlags, out format) error {
	dir, err := os.MkdirTemp("", "load")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer os.RemoveAll(dir)
	server := firstOf(f.store, a.getenv("FORESCALE_TEST_POSTGRES"))
	if server == "" {
		own, err := startPostgres(ctx, dir)
		if err != nil {
			return err
		}
		defer own.stop()
		server = own.address
	}
	var results []load.Result
	for _, n := range f.services {
		fmt.Fprintf(a.stderr, "driving %d services\n", n)
		r, err := a.loadSize(ctx, f, dir, server, n)
		if err != nil {
			return err
		}
		results = append(results, r)
	}
	return a.writeLoad(results, out)
}

func (a *app) loadSize(ctx context.Context, f loadFlags, dir, server string, n int) (r load.Result, err error) {
	name := fmt.Sprintf("forescale_load_%d_%d", os.Getpid(), n)
	if err := psql(ctx, server, "CREATE DATABASE "+name, nil); err != nil {
		return r, err
	}
	defer func() {
		err = errors.Join(err, psql(context.WithoutCancel(ctx), server, "DROP DATABASE "+name+" WITH (FORCE)", nil))
	}()
	address := inDatabase(server, name)
	st, err := openStore(ctx, address)
	if err != nil {
		return r, err
	}
	began := time.Now()
	points, err := load.Fill(ctx, st, n, load.History{Length: f.length, Step: f.step}, began)
	filled := time.Since(began)
	if err = errors.Join(err, st.Close(), psql(ctx, address, "VACUUM ANALYZE", nil)); err != nil {
		return r, err
	}
	c := f.run
	c.Services = n
	for i := range f.servers {
		s, err := startServe(ctx, filepath.Join(dir, fmt.Sprintf("server-%d-%d", n, i)), address)
		if err != nil {
			return r, err
		}
		defer s.stop()
		c.Servers = append(c.Servers, load.Server{URL: s.url, Memory: s.memory})
	}
	if r, err = load.Run(ctx, c); err != nil {
		return r, err
	}
	r.Fill, r.Points = filled.Seconds(), points
	if err := psql(ctx, address, "SELECT count(*) FROM sample", &r.Stored); err != nil {
		return r, err
	}
	return r, psql(ctx, address, "SELECT pg_database_size(current_database())", &r.DatabaseBytes)
}

// child is a process that ends with the command.
type child struct {
	cmd     *exec.Cmd
	url     string // of a forescale
	agents  string // where it takes agents
	address string // of a PostgreSQL server
	signal  os.Signal
	ended   chan struct{}
}

func (c *child) start() error {
	if err := c.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", filepath.Base(c.cmd.Path), err)
	}
	c.ended = make(chan struct{})
	go func() { _ = c.cmd.Wait(); close(c.ended) }()
	return nil
}

func (c *child) stop() {
	_ = c.cmd.Process.Signal(c.signal)
	select {
	case <-c.ended:
	case <-time.After(30 * time.Second):
		_ = c.cmd.Process.Kill()
		<-c.ended
	}
}

// memory is the most that the process has held so far.
func (c *child) memory() (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmHWM:" {
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("the system does not tell")
}

// startServe starts this program as a server, and returns when it listens.
func startServe(ctx context.Context, dir, address string, more ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	var log strings.Builder
	c := &child{cmd: exec.Command(self, append([]string{"serve", "--listen", "127.0.0.1:0", "--docker", "off"}, more...)...), signal: syscall.SIGTERM}
	c.cmd.Env = append(os.Environ(), "FORESCALE_STORE="+address, "XDG_STATE_HOME="+dir, "FORESCALE_CONFIG=")
	c.cmd.Stderr = &log
	said, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(said)
	if err := c.start(); err != nil {
		return nil, err
	}
	for lines.Scan() {
		if _, url, ok := strings.Cut(lines.Text(), " listens on "); ok {
			c.url = url
		} else if _, at, ok := strings.Cut(lines.Text(), "agents are taken on "); ok {
			c.agents = at
		}
		if c.url != "" && (c.agents != "") == slices.Contains(more, "--agents") {
			return c, nil
		}
	}
	<-c.ended
	return nil, fmt.Errorf("the server ended: %s", strings.TrimSpace(log.String()))
}

// writeLoad shows the results, a column for each size.
func (a *app) writeLoad(rs []load.Result, out format) error {
	if out == formatJSON {
		e := json.NewEncoder(a.stdout)
		e.SetIndent("", "  ")
		return e.Encode(rs)
	}
	t := newTable("measured")
	for i, r := range rs {
		t.headers = append(t.headers, fmt.Sprintf("%d services", r.Services))
		t.alignRight(i + 1)
	}
	row := func(name, format string, value func(load.Result) float64) {
		cells := []string{name}
		for _, r := range rs {
			cells = append(cells, fmt.Sprintf(format, value(r)))
		}
		t.add(cells...)
	}
	row("samples due, per s", "%.0f", func(r load.Result) float64 { return r.SamplesAsked })
	row("samples sent, per s", "%.0f", func(r load.Result) float64 { return r.SamplesSent })
	row("samples acknowledged, per s", "%.0f", func(r load.Result) float64 { return r.Samples })
	row("samples acknowledged", "%.0f", func(r load.Result) float64 { return float64(r.Acknowledged) })
	row("samples in the database", "%.0f", func(r load.Result) float64 { return float64(r.Stored) })
	row("pushes begun late, p99, ms", "%.0f", func(r load.Result) float64 { return 1000 * r.LateP99 })
	row("pushes told to come again", "%.0f", func(r load.Result) float64 { return float64(r.Refused) })
	row("failures", "%.0f", func(r load.Result) float64 { return float64(r.Failed) })
	row("push p50, ms", "%.0f", func(r load.Result) float64 { return 1000 * r.PushP50 })
	row("push p99, ms", "%.0f", func(r load.Result) float64 { return 1000 * r.PushP99 })
	row("question p50, ms", "%.0f", func(r load.Result) float64 { return 1000 * r.QuestionP50 })
	row("question p99, ms", "%.0f", func(r load.Result) float64 { return 1000 * r.QuestionP99 })
	for k := range rs[0].Kinds {
		row("  "+rs[0].Kinds[k].Path+" p99, ms", "%.0f", func(r load.Result) float64 { return 1000 * r.Kinds[k].P99 })
	}
	row("planning round, s", "%.2f", func(r load.Result) float64 { return r.Round })
	row("forecasts of all, s (0: not in time)", "%.1f", func(r load.Result) float64 { return r.Refresh })
	row("memory of the largest server, MiB", "%.0f", func(r load.Result) float64 {
		var most int64
		for _, m := range r.Memory {
			most = max(most, m)
		}
		return float64(most) / (1 << 20)
	})
	row("cores used by the servers", "%.2f", func(r load.Result) float64 { return r.ServerCPU })
	row("database, MiB", "%.0f", func(r load.Result) float64 { return float64(r.DatabaseBytes) / (1 << 20) })
	row("measured for, s", "%.0f", func(r load.Result) float64 { return r.Seconds })
	row("servers", "%.0f", func(r load.Result) float64 { return float64(r.Servers) })
	for _, r := range rs {
		if r.LateMost > 1 {
			fmt.Fprintf(a.stderr, "at %d services a push began %.1f s after it was due: all senders waited, more --senders tell whether for the servers\n", r.Services, r.LateMost)
		}
		if r.FirstFailure != "" {
			fmt.Fprintf(a.stderr, "first failure at %d services: %s\n", r.Services, r.FirstFailure)
		}
	}
	if out == formatCSV {
		return a.writeCSV(t.headers, t.rows)
	}
	return a.write(t)
}

var _ load.Store = store.Store(nil)

// missingPostgres says what `load` needs.
func missingPostgres() error {
	return &forescale.Fault{Code: "postgres_missing", What: "PostgreSQL is not on this machine",
		Help: "install it (apt-get install postgresql), or name a server with --store"}
}
