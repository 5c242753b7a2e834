package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/actuator"
	"github.com/forescale/forescale/collector"
	"github.com/forescale/forescale/internal/api"
	"github.com/forescale/forescale/internal/api/dashboard"
	"github.com/forescale/forescale/internal/jobs"
	"github.com/forescale/forescale/internal/loop"
	"github.com/forescale/forescale/internal/pace"
	"github.com/forescale/forescale/internal/store"
)

// serverConfig is what a server is wired from. `serve` fills it with the real
// world, `demo` with a fast clock and a world of its own.
type serverConfig struct {
	Store       store.Store // opened by the caller, who closes it after server.Close
	StorePath   string      // for its size in /metrics; "" leaves it out
	StoreName   string      // for commands that are proposed
	Listen      string      // host:port; port 0 picks a free one
	ListenFrom  string      // where Listen was set, for faults
	TLS         *tls.Config // nil: plain HTTP
	RequireKeys bool
	Agents      string          // host:port where agents of nodes are taken; "": nowhere
	AgentsFile  string          // of their authority
	Clock       forescale.Clock // nil: the machine's
	Speed       float64         // of Clock against real time, shown by /v1/about; 0: 1
	World       string          // shown by /v1/about: "Docker Engine", "simulated world"
	Sources     []loop.Source
	Target      loop.Target     // nil: nothing is acted on
	Nodes       *actuator.Nodes // orders nodes; nil: none are
	// Shared says that other servers may use the same store: then this one acts
	// only while it leads, on the target that TargetUnder gives for the term.
	Shared      bool
	Lease       time.Duration                    // how long a lease lasts; 0: the loop's default
	Name        string                           // of this server; "": the machine's, and something of its own
	TargetUnder func(forescale.Term) loop.Target // nil: Target
	Options     loop.Options
	Retention   retention                // how long history is kept
	Schedules   map[string]jobs.Schedule // by job; what is left out has a default
	OnStep      func(loop.Report)        // called after each planning round, or nil
	Log         *slog.Logger             // nil: none
}

// server is a running forescale. Who talks to whom:
//
//	senders ── POST /v1/samples ──→ api ──→ ingest ─────┐
//	                                                    ▼
//	engine, machine ──→ sources ──→ loop ─── append → store ←── read ── api ←── browser, commands
//	                                 │                  ▲                ▲
//	engine ←── start, stop ── target ┘                  └─ jobs          └ steps ── loop
//	agents ←── ask ── hub (a source and a target, too)
//
// The loop is the only one that acts. The api reads the store, writes services
// and pauses, hands samples to ingest, and asks the loop for a forecast. Where
// other servers use the same store, the loop runs while this one leads, a new one
// for each term; otherwise steps are relayed from the store to the page. Jobs are
// spread over all servers then, or, if that cannot be, run beside the loop.
type server struct {
	cfg    serverConfig
	ln     net.Listener
	agents net.Addr // where agents are taken, nil if nowhere
	api    *api.API
	ingest *collector.Ingest
	loop   *loop.Loop // of a server that is alone; else for jobs only
	lead   *loop.Lead // nil for a server that is alone
	runner runner     // of jobs, in this process or spread over servers
	spread bool       // jobs are spread

	outlooks *pace.Reader // of what budgets have to last for

	failed chan error // a part ended by itself
	parts  []*part    // in the order in which they are stopped
	close  sync.Once
	closed error
}

// part is one thing that runs until it is told to stop.
type part struct {
	name string
	stop context.CancelFunc
	done chan struct{}
	err  error // set before done is closed
}

// startServer listens, starts all parts and returns. ctx bounds the start only;
// the parts run until Close. An error means that nothing runs.
func startServer(ctx context.Context, cfg serverConfig) (*server, error) {
	cfg = cfg.withDefaults()
	keys, err := cfg.Store.ListKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the keys: %w", err)
	}
	if err := checkExposure(cfg, keys); err != nil {
		return nil, err
	}
	ln, err := listen(ctx, cfg.Listen, cfg.ListenFrom)
	if err != nil {
		return nil, err
	}
	if cfg.TLS != nil {
		ln = tls.NewListener(ln, cfg.TLS)
	}
	s := &server{cfg: cfg, ln: ln, failed: make(chan error, 4)}
	serveAgents, err := s.takeAgents(ctx)
	if err != nil {
		return nil, errors.Join(err, ln.Close())
	}
	s.wire(ctx)
	if serveAgents != nil {
		s.run("agents", serveAgents)
	}
	s.run("api", func(ctx context.Context) error { return s.api.Serve(ctx, ln) })
	if cfg.Shared {
		s.run("loop", s.lead.Run)
		s.run("relay", s.relay)
	} else {
		s.run("loop", s.loop.Run)
	}
	if s.spread || !cfg.Shared {
		s.run("jobs", s.runner.Run)
	}
	return s, nil
}

func (c serverConfig) withDefaults() serverConfig {
	if c.Clock == nil {
		c.Clock = forescale.NewSystemClock()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Listen == "" {
		c.Listen = defaultListen
	}
	if c.Options.Interval == 0 {
		c.Options.Interval = 30 * time.Second
	}
	if c.Name == "" {
		c.Name = serverName()
	}
	if c.TargetUnder == nil {
		c.TargetUnder = func(forescale.Term) loop.Target { return c.Target }
	}
	return c.withSchedules()
}

// wire makes the parts and joins them; nothing runs yet.
func (s *server) wire(ctx context.Context) {
	c := s.cfg
	s.ingest = collector.NewIngest(c.Store, collector.IngestOptions{Kept: s.notice})
	s.loop = s.newLoop(c.Store, c.Target, nil)
	s.outlooks = newOutlooks(c)
	list := s.jobs()
	s.runner, s.spread = s.newRunner(ctx, list)
	if c.Shared {
		lead := loop.LeadConfig{Leases: c.Store, Name: c.Name, Life: s.life, Lasts: c.Lease, Log: c.Log.With("part", "lead")}
		if !s.spread {
			lead.Beside = s.runner.Run
		}
		s.lead = loop.NewLead(lead)
	}
	s.api = api.New(api.Config{
		Store: c.Store, Ingest: s.ingest, Clock: c.Clock, Log: c.Log.With("part", "api"),
		Refresh:   func(ctx context.Context, service string) error { return s.Refresh(ctx, service) },
		Evaluate:  s.evaluate,
		Budgets:   s.budgets,
		WhatIf:    s.whatIf,
		JoinToken: c.joinToken(),
		Dashboard: dashboard.Assets(), Policy: dashboard.Policy,
		RequireKeys: c.RequireKeys, Hosts: c.hosts(),
		Version: version, World: c.World, Speed: c.Speed, Interval: c.Options.Interval,
		StoreSize: c.storeSize(), Server: c.Name, Lead: s.term, Schedules: schedulesOf(list),
	})
}

// notice tells who leads of samples that were kept, if it is this server.
func (s *server) notice(samples []forescale.Sample) {
	if s.lead != nil {
		s.lead.Notice(samples)
		return
	}
	s.loop.Notice(samples)
}

// newLoop makes a loop that remembers nothing yet.
func (s *server) newLoop(st loop.Store, target loop.Target, leads func(context.Context) error) *loop.Loop {
	c := s.cfg
	var nodes loop.Provider
	if c.Nodes != nil {
		nodes = c.Nodes
	}
	return loop.New(loop.Config{
		Nodes: nodes, Store: st, Sources: c.Sources, Target: target, Clock: c.Clock, Log: c.Log.With("part", "loop"), Options: c.Options, Leads: leads,
		OnStep: func(r loop.Report) {
			s.api.Publish(context.Background(), api.Step{At: r.At, Decisions: r.Decisions, Failed: r.Failed, Took: c.real(r.Took)})
			if c.OnStep != nil {
				c.OnStep(r)
			}
		},
	})
}

// real is a duration of the clock in the machine's time.
func (c serverConfig) real(d time.Duration) time.Duration {
	if c.Speed > 0 {
		return time.Duration(float64(d) / c.Speed)
	}
	return d
}

// hosts are the names by which the server may be called besides loopback ones.
func (c serverConfig) hosts() []string {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil || loopbackAddress(c.Listen) {
		return nil
	}
	name, _ := os.Hostname()
	return []string{host, name}
}

func (c serverConfig) storeSize() func() (int64, error) {
	if c.StorePath == "" {
		return nil
	}
	return func() (int64, error) {
		var sum int64
		for _, suffix := range []string{"", "-wal"} {
			info, err := os.Stat(c.StorePath + suffix)
			if err != nil && suffix == "" {
				return 0, err
			}
			if err == nil {
				sum += info.Size()
			}
		}
		return sum, nil
	}
}

// run starts a part. Parts are stopped in the order in which they were started.
func (s *server) run(name string, do func(context.Context) error) {
	ctx, stop := context.WithCancel(context.Background())
	p := &part{name: name, stop: stop, done: make(chan struct{})}
	s.parts = append(s.parts, p)
	go func() {
		defer close(p.done)
		p.err = do(ctx)
		if ctx.Err() == nil { // nobody told it to stop
			s.failed <- fmt.Errorf("%s ended by itself: %w", name, p.err)
		}
	}()
}

// URL is where the server answers. When it listens on all addresses, that is by
// the machine's name.
func (s *server) URL() string {
	scheme := "http"
	if s.cfg.TLS != nil {
		scheme = "https"
	}
	address := s.ln.Addr().String()
	if host, port, err := net.SplitHostPort(address); err == nil && net.ParseIP(host).IsUnspecified() {
		if name, err := os.Hostname(); err == nil {
			address = net.JoinHostPort(name, port)
		}
	}
	return scheme + "://" + address
}

// Refresh makes forecasts now, of the named services or of all.
func (s *server) Refresh(ctx context.Context, services ...string) error {
	return s.loop.Refresh(ctx, s.cfg.Clock.Now(), services...)
}

// Failed delivers an error when a part ended by itself.
func (s *server) Failed() <-chan error { return s.failed }

// Close stops the server in order and returns when it is really over:
//
//  1. the api, so that no request finds half a server; those under way are
//     answered, and streams end.
//  2. the loop, after the effects that it has begun: each was recorded before,
//     and what is not done the next start goes on with. A leader resigns.
//  3. jobs: each ends within a moment, and the next start, or another server,
//     goes on with it. Those that run beside a leader's loop end with it.
//  4. ingest, last of those that write: everything that was acknowledged is
//     durable already, so nothing is left to save.
//
// The store is closed by who opened it, after this. Closing twice is harmless.
func (s *server) Close(ctx context.Context) error {
	s.close.Do(func() {
		var errs []error
		for _, p := range s.parts {
			s.cfg.Log.Debug("stopping", "part", p.name)
			p.stop()
			select {
			case <-p.done:
				if p.err != nil && !errors.Is(p.err, context.Canceled) {
					errs = append(errs, fmt.Errorf("stop the %s: %w", p.name, p.err))
				}
			case <-ctx.Done():
				errs = append(errs, fmt.Errorf("the %s did not stop in time", p.name))
			}
		}
		s.ingest.Close()
		s.closed = errors.Join(errs...)
	})
	return s.closed
}
