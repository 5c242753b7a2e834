package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/actuator"
	"github.com/forescale/forescale/collector"
	"github.com/forescale/forescale/internal/demo"
	"github.com/forescale/forescale/internal/loop"
	"github.com/forescale/forescale/internal/store"
)

func newDemo(a *app) *cobra.Command {
	c := demo.Config{}
	docker := string(demo.Auto)
	verbose := false
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Watch a working week in minutes, scaled ahead of its rises",
		Long: `Play a working week in minutes: a small service whose load follows a weekday
pattern, four weeks of its history, and the real server that scales it ahead of the
rises. With a Docker Engine the instances are real containers of this program;
without one the world is simulated, and the output says so. With --nodes, hosts on this
machine are ordered and given back, too: each has a network, a Docker Engine and an agent.
That takes Linux, root and a Docker Engine.

After each simulated day, and at the end, a table holds it against the Kubernetes HPA
on the same load; with --nodes, it tells of the hosts. Ctrl-C ends it; nothing is left behind.`,
		Example: "  forescale demo\n  forescale demo --days 2 --day 2m --docker off\n  forescale demo --nodes --days 1",
		Args:    wants(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if c.Hosts && !cmd.Flags().Changed("day") {
				c.Day = hostsDay
			}
			if err := checkDemo(c, docker); err != nil {
				return err
			}
			c.Docker, c.Out = demo.Choice(docker), a.stdout
			log := slog.New(slog.DiscardHandler)
			if verbose {
				log = a.logger(true)
			}
			c.Engine = demo.Connect
			c.Store = func(ctx context.Context, path string) (store.Store, error) { return openStore(ctx, path) }
			c.Serve = func(ctx context.Context, w demo.Wiring) (demo.Server, error) { return a.serveDemo(ctx, w, log) }
			return demo.Run(cmd.Context(), c)
		},
	}
	f := cmd.Flags()
	f.IntVar(&c.Days, "days", 0, "end after this many simulated days (default: at Ctrl-C)")
	f.DurationVar(&c.Day, "day", 4*time.Minute, "real time that a simulated day takes; with --nodes, 24m")
	f.StringVar(&docker, "docker", docker, "use a Docker Engine: auto, off or required")
	f.BoolVar(&c.Hosts, "nodes", false, "let hosts on this machine come and go, too; needs root and a Docker Engine")
	f.StringVar(&c.Listen, "listen", "127.0.0.1:0", "address of the page and the API; port 0 picks a free one")
	f.Uint64Var(&c.Seed, "seed", 1, "of the noise in the load")
	f.BoolVar(&verbose, "verbose", false, "write the server's log to stderr")
	return cmd
}

// A day with hosts takes so long at least, and by default twice of that: they boot in real time.
const (
	hostsDay     = 24 * time.Minute
	shortHostDay = 12 * time.Minute
)

func checkDemo(c demo.Config, docker string) error {
	switch demo.Choice(docker) {
	case demo.Auto, demo.Off, demo.Required:
	default:
		return usage(fmt.Sprintf("%q is no choice for --docker", docker), "use auto, off or required")
	}
	if c.Day < 5*time.Second || c.Day > 24*time.Hour {
		return usage(fmt.Sprintf("a simulated day cannot take %v", c.Day), "use --day with 5s to 24h; 4m is easy to follow")
	}
	if c.Hosts && demo.Choice(docker) == demo.Off {
		return usage("--nodes needs a Docker Engine", "leave out --docker off, or --nodes")
	}
	if c.Hosts && c.Day < shortHostDay {
		return usage(fmt.Sprintf("with --nodes a simulated day cannot take %v: hosts boot in real time", c.Day), "use --day with 12m or more, or leave it out")
	}
	if c.Days < 0 || c.Days > 365 {
		return usage(fmt.Sprintf("--days %d is out of range", c.Days), "use 1 to 365, or leave it out to end with Ctrl-C")
	}
	return nil
}

// serveDemo starts the real server in the world of the demonstration.
func (a *app) serveDemo(ctx context.Context, w demo.Wiring, log *slog.Logger) (demo.Server, error) {
	cfg := serverConfig{
		Store: w.Store, Listen: w.Listen, ListenFrom: "--listen", Clock: w.Clock, Speed: w.Speed, World: w.World, Log: log,
		Options: loop.Options{Collect: w.Times.Collect, Interval: w.Times.Interval, Pulse: w.Times.Pulse, Refresh: w.Times.Refresh},
		OnStep:  func(r loop.Report) { w.OnStep(r.At, r.Decisions) },
	}
	if w.Hosts != nil {
		return a.serveDemoHosts(ctx, w, cfg)
	}
	if w.Source != nil {
		cfg.Sources, cfg.Target = []loop.Source{w.Source}, w.Target
		s, err := startServer(ctx, cfg)
		if err != nil {
			return nil, err
		}
		return s, nil
	}
	return serveDemoDocker(ctx, w, cfg)
}

// serveDemoDocker adds the Docker Engine at both ends.
func serveDemoDocker(ctx context.Context, w demo.Wiring, cfg serverConfig) (demo.Server, error) {
	services := func(ctx context.Context) ([]forescale.Service, error) { return w.Store.ListServices(ctx) }
	source, err := collector.NewDocker(collector.DockerOptions{Clock: w.Clock, Log: cfg.Log, Services: services})
	if err != nil {
		return nil, err
	}
	target, err := actuator.NewDocker(actuator.DockerOptions{Log: cfg.Log, Grace: 2 * time.Second, PullTimeout: -1})
	if err != nil {
		_ = source.Close()
		return nil, err
	}
	cfg.Sources, cfg.Target = []loop.Source{ofImage{source, w.Image}}, target
	s, err := startServer(ctx, cfg)
	if err != nil {
		_, _ = source.Close(), target.Close()
		return nil, err
	}
	return &dockerDemo{server: s, source: source, target: target}, nil
}

// dockerDemo is a server that owns its connections to the engine.
type dockerDemo struct {
	*server
	source *collector.Docker
	target *actuator.Docker
}

// Close ends the server first, which still speaks to the engine.
func (d *dockerDemo) Close(ctx context.Context) error {
	err := d.server.Close(ctx)
	_, _ = d.source.Close(), d.target.Close()
	return err
}

// ofImage shows the containers of one image only: whatever else runs on the
// engine, another demonstration too, is none of this one's business.
type ofImage struct {
	loop.Source
	image string
}

// Observe implements loop.Source.
func (s ofImage) Observe(ctx context.Context) forescale.Observation {
	o := s.Source.Observe(ctx)
	ours := map[string]bool{}
	o.Services = nil
	o.Instances = slices.DeleteFunc(o.Instances, func(x forescale.Sighting) bool {
		ours[x.ID] = x.Image == s.image
		return !ours[x.ID]
	})
	o.Samples = slices.DeleteFunc(o.Samples, func(x forescale.Sample) bool {
		return x.Subject.Kind == forescale.KindInstance && !ours[x.Subject.Name]
	})
	return o
}
