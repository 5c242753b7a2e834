package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/actuator"
	"github.com/forescale/forescale/internal/api/dashboard"
	"github.com/forescale/forescale/internal/loop"
	"github.com/forescale/forescale/internal/store"
)

// serveFlags are the flags of serve; empty ones are left to the environment, the
// config and the defaults, in this order.
type serveFlags struct {
	config, listen, store, docker, agents string
	tls                                   tlsFiles
	verbose                               bool
}

func newServe(a *app) *cobra.Command {
	f := &serveFlags{}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server: collect, forecast, plan, act, and show",
		Long: `Run the server. Without a config file it watches containers that carry the labels
forescale.enable=true and forescale.service=NAME, and what is pushed to it. Services
are only watched and forecast until their mode is active.

Flags win over the environment, that over the config file. SIGHUP reads the config
file again; a faulty one is refused and the old one runs on.`,
		Example: "  forescale serve\n  forescale serve --config forescale.yaml\n  forescale serve --store ./forescale.db --docker off",
		Args:    wants(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.serve(cmd.Context(), *f) },
	}
	fs := cmd.Flags()
	fs.StringVar(&f.config, "config", "", "config file (FORESCALE_CONFIG)")
	fs.StringVar(&f.listen, "listen", "", "address to listen on (FORESCALE_LISTEN; default "+defaultListen+")")
	fs.StringVar(&f.store, "store", "", storeUsage)
	fs.StringVar(&f.docker, "docker", "", "Docker Engine: auto, off or required (FORESCALE_DOCKER; default auto)")
	fs.StringVar(&f.agents, "agents", "", "address where agents of nodes are taken, such as :8481 (FORESCALE_AGENTS; default that of the config, else none)")
	fs.StringVar(&f.tls.Cert, "tls-cert", "", "PEM file with the certificate chain (FORESCALE_TLS_CERT)")
	fs.StringVar(&f.tls.Key, "tls-key", "", "PEM file with the private key (FORESCALE_TLS_KEY)")
	fs.BoolVarP(&f.verbose, "verbose", "v", false, "log more")
	return cmd
}

// settings is what serve runs with, after flags, environment and config.
type settings struct {
	config     *Config
	listen     string
	listenFrom string // where listen was set, for faults
	store      string // path, or address of a database: never shown as it is
	beside     string // path whose neighbours are the store's other files
	docker     string
	agents     string // where agents are taken; "": nowhere
	tls        tlsFiles
}

// storeFile is the file that the store is, "" for a database.
func (s settings) storeFile() string {
	if isPostgres(s.store) {
		return ""
	}
	return s.store
}

// settle joins flags, environment, config and defaults.
func (a *app) settle(f serveFlags) (settings, error) {
	c, err := a.loadConfig(f.config)
	if err != nil {
		return settings{}, err
	}
	s := settings{config: c, agents: firstOf(f.agents, a.getenv("FORESCALE_AGENTS"), c.Agents)}
	switch {
	case f.listen != "":
		s.listen, s.listenFrom = f.listen, "--listen"
	case a.getenv("FORESCALE_LISTEN") != "":
		s.listen, s.listenFrom = a.getenv("FORESCALE_LISTEN"), "FORESCALE_LISTEN"
	case c.Listen != "":
		s.listen, s.listenFrom = c.Listen, fmt.Sprintf("listen, %s:%d", c.File, c.places.near("listen").Line)
	default:
		s.listen, s.listenFrom = defaultListen, "listen"
	}
	if s.store, err = a.storePath(f.store, c); err != nil {
		return settings{}, err
	}
	if !isPostgres(s.store) {
		if s.store, err = filepath.Abs(s.store); err != nil {
			return settings{}, fmt.Errorf("find the store's path: %w", err)
		}
	}
	if s.beside, err = a.besideStore(s.store); err != nil {
		return settings{}, err
	}
	s.docker = firstOf(f.docker, a.getenv("FORESCALE_DOCKER"), c.Docker, defaultDocker)
	if s.docker != "auto" && s.docker != "off" && s.docker != "required" {
		return settings{}, usage(fmt.Sprintf("%q is not a use of the Docker Engine", s.docker), "use --docker auto, off or required")
	}
	s.tls = tlsFiles{
		Cert: firstOf(f.tls.Cert, a.getenv("FORESCALE_TLS_CERT"), c.TLS.Cert),
		Key:  firstOf(f.tls.Key, a.getenv("FORESCALE_TLS_KEY"), c.TLS.Key),
	}
	return s, nil
}

// serve runs until ctx ends or a part of the server fails.
func (a *app) serve(ctx context.Context, f serveFlags) (err error) {
	set, err := a.settle(f)
	if err != nil {
		return err
	}
	log := a.logger(f.verbose)
	cert, err := newCertificate(set.tls)
	if err != nil {
		return err
	}
	// Signals are caught before anything is told to be ready.
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)

	if file := set.storeFile(); file != "" { // a database is shared
		lock, err := lockStore(file)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, lock.release()) }()
	} else if err := os.MkdirAll(filepath.Dir(set.beside), 0o700); err != nil {
		return storeFault(set.beside, err)
	}
	password, err := a.storePassword(set.config)
	if err != nil {
		return err
	}
	st, err := openStore(ctx, set.store, password...)
	if err != nil {
		return err
	}
	// After the server is closed: nobody reads or writes any more.
	defer func() { err = errors.Join(err, st.Close()) }()

	warnOf(st, log)

	if err := tuneStore(ctx, st, set.config.Timescale, log); err != nil {
		return err
	}
	defer watchClock(ctx, st, a.clock, log)()

	memory := openConfigMemory(set.beside, log)
	if err := syncConfig(ctx, st, memory, set.config, a.clock.Now(), log); err != nil {
		return err
	}
	world, err := a.openWorld(ctx, set, st, log)
	if err != nil {
		return err
	}
	defer world.close()
	cfg := a.serverConfig(set, st, world, cert, log)
	if cfg.Nodes, err = a.orderNodes(set, st); err != nil {
		return err
	}
	s, err := startServer(ctx, cfg)
	if err != nil {
		return err
	}
	a.greet(s, set, world)
	err = a.wait(ctx, s, hangup, reloader{file: set.config.File, running: set.config, store: st, memory: memory, cert: cert, nodes: cfg.Nodes, agents: set.agents != "", clock: a.clock, log: log})
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	err = errors.Join(err, s.Close(stop))
	log.Info("stopped")
	return err
}

func (a *app) serverConfig(set settings, st store.Store, world *world, cert *certificate, log *slog.Logger) serverConfig {
	p := set.config.Planning
	return serverConfig{
		Store: st, StorePath: set.storeFile(), StoreName: storeName(set.store), Listen: set.listen, ListenFrom: set.listenFrom, TLS: cert.config(),
		RequireKeys: set.config.Keys || !loopbackAddress(set.listen),
		Agents:      set.agents, AgentsFile: agentsFile(set.beside),
		Clock: a.clock, World: world.name, Sources: world.sources, Target: world.target, TargetUnder: world.under, Shared: isPostgres(set.store),
		Options:   loop.Options{Collect: p.Collect, Interval: p.Interval, Refresh: p.Refresh, Horizon: cmp.Or(p.Horizon, defaultHorizon), Step: p.Step},
		Retention: set.config.Retention, Schedules: set.config.Jobs.schedules(), Log: log,
	}
}

// greet says where the server answers, on stdout so that scripts can read it.
func (a *app) greet(s *server, set settings, w *world) {
	fmt.Fprintf(a.stdout, "forescale %s listens on %s\n", version, s.URL())
	fmt.Fprintf(a.stdout, "store %s, world: %s\n", storeName(set.store), w.name)
	if s.agents != nil {
		fmt.Fprintf(a.stdout, "agents are taken on https://%s\n", s.agents)
	}
	if s.lead != nil {
		fmt.Fprintf(a.stdout, "server %s; others may share the store, and one leads\n", s.cfg.Name)
	}
	if !dashboard.Built() {
		a.hint("The dashboard was not built into this program; run `make` to build it. The API works.")
	}
}

// wait handles reloads until ctx ends or a part fails.
func (a *app) wait(ctx context.Context, s *server, hangup <-chan os.Signal, r reloader) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-s.Failed():
			return err
		case <-hangup:
			r.reload(ctx)
		}
	}
}

// reloader takes a changed config over while the server runs.
type reloader struct {
	file    string
	running *Config
	store   registry
	memory  *configMemory
	cert    *certificate
	nodes   *actuator.Nodes
	agents  bool // are taken
	clock   forescale.Clock
	log     *slog.Logger
}

// reload reads the config again. A faulty one changes nothing: the old one runs on.
func (r *reloader) reload(ctx context.Context) {
	if r.cert != nil {
		if err := r.cert.reload(); err != nil {
			r.log.Error("reload: the old certificate stays", "error", err)
		}
	}
	if r.file == "" {
		r.log.Info("reload: there is no config file")
		return
	}
	c, err := loadConfig(r.file)
	if err != nil {
		for _, f := range faultsOf(err) {
			r.log.Error("reload refused, the old config runs on", "code", f.Code, "error", f.What, "where", f.Where, "help", f.Help)
		}
		return
	}
	if err := syncConfig(ctx, r.store, r.memory, c, r.clock.Now(), r.log); err != nil {
		r.log.Error("reload: the config could not be taken over in full", "error", err)
		return
	}
	if len(c.NodeCommands) > 0 && !r.agents {
		r.log.Error("reload: no nodes are ordered, as their agents could not join", "help", "start with --agents ADDRESS")
		c.NodeCommands = nil
	}
	r.nodes.Set(c.NodeCommands)
	for _, key := range needRestart(r.running, c) {
		r.log.Warn("reload: this takes effect at the next start", "key", key)
	}
	r.log.Info("reload: config taken over", "file", r.file, "services", len(c.Services))
}

// needRestart names what changed but is only read at the start.
func needRestart(a, b *Config) []string {
	var keys []string
	for key, same := range map[string]bool{
		"listen": a.Listen == b.Listen, "agents": a.Agents == b.Agents, "store": a.Store == b.Store && a.StorePasswordFile == b.StorePasswordFile, "docker": a.Docker == b.Docker, "tls": a.TLS == b.TLS,
		"require_keys": a.Keys == b.Keys, "retention": a.Retention == b.Retention, "timescale": a.Timescale == b.Timescale, "planning": a.Planning == b.Planning,
		"jobs": a.Jobs == b.Jobs,
	} {
		if !same {
			keys = append(keys, key)
		}
	}
	return sorted(keys)
}

var _ registry = store.Store(nil)
