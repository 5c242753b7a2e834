package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/actuator"
	"github.com/forescale/forescale/collector"
	"github.com/forescale/forescale/internal/loop"
	"github.com/forescale/forescale/internal/store"
)

// world is what the server reads and acts on.
type world struct {
	name    string
	sources []loop.Source
	target  loop.Target                      // nil when there is no engine
	under   func(forescale.Term) loop.Target // target for the leader of a term
	closers []func() error
}

func (w *world) close() error {
	var errs []error
	for _, c := range w.closers {
		errs = append(errs, c())
	}
	return errors.Join(errs...)
}

// openWorld opens this machine as a node and, as the setting says, its engine.
func (a *app) openWorld(ctx context.Context, set settings, st store.Store, log *slog.Logger) (*world, error) {
	w := &world{name: "samples only"}
	engine, err := a.engineWanted(ctx, set.docker, log)
	if err != nil {
		return nil, err
	}
	if engine {
		if err := w.addEngine(a.clock, st, log); err != nil {
			return nil, errors.Join(err, w.close())
		}
	}
	w.sources = append(w.sources, collector.NewNode(collector.NodeOptions{Path: filepath.Dir(set.beside), Clock: a.clock, Log: log.With("part", "node")}))
	return w, nil
}

func (w *world) addEngine(clock forescale.Clock, st store.Store, log *slog.Logger) error {
	tasks, err := collector.NewSwarm(collector.DockerOptions{Services: st.ListServices, Clock: clock, Log: log.With("part", "swarm")})
	if err != nil {
		return err
	}
	w.closers = append(w.closers, tasks.Close)
	containers, err := collector.NewDocker(collector.DockerOptions{Services: st.ListServices, Clock: clock, Log: log.With("part", "docker")})
	if err != nil {
		return err
	}
	w.closers = append(w.closers, containers.Close)
	docker, err := actuator.NewDocker(actuator.DockerOptions{Log: log.With("part", "actuator")})
	if err != nil {
		return err
	}
	w.closers = append(w.closers, docker.Close)
	swarm, err := actuator.NewSwarm(actuator.DockerOptions{Log: log.With("part", "actuator")})
	if err != nil {
		return err
	}
	w.closers = append(w.closers, swarm.Close)
	target := actuator.NewRoute(docker, swarm)
	w.name, w.sources, w.target = "Docker Engine", append(w.sources, tasks, containers), target
	w.under = func(t forescale.Term) loop.Target { return target.Under(t.Fence, t.Scope) }
	return nil
}

// engineWanted decides about the engine. An engine that is named or has a socket
// but does not answer just now is used all the same: it may be starting, and
// while it is away nothing is taken as gone.
func (a *app) engineWanted(ctx context.Context, docker string, log *slog.Logger) (bool, error) {
	if docker == "off" {
		return false, nil
	}
	address := firstOf(a.getenv("DOCKER_HOST"), "unix:///var/run/docker.sock")
	err := dialEngine(ctx, address)
	switch {
	case err == nil:
		return true, nil
	case docker == "required":
		return false, &forescale.Fault{Code: "engine_unreachable", What: "no answer from the Docker Engine: " + cause(err), Where: address,
			Help: "start it, or start with `--docker auto` to go without", Err: err}
	case a.getenv("DOCKER_HOST") != "", errors.Is(err, syscall.ECONNREFUSED):
		log.Warn("the Docker Engine does not answer yet; asking again at each step", "engine", address, "error", cause(err))
		return true, nil
	}
	if errors.Is(err, fs.ErrPermission) {
		log.Warn("the Docker Engine may not be used by this user, so nothing is started or stopped", "engine", address, "help", "add the user to the engine's group, or start with --docker off")
		return false, nil
	}
	log.Info("no Docker Engine here; instances are known by their samples, nothing is started or stopped", "engine", address)
	return false, nil
}

// dialEngine tries whether somebody listens at the engine's address.
func dialEngine(ctx context.Context, address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return err
	}
	if !slices.Contains([]string{"unix", "tcp", "http", "https"}, u.Scheme) {
		return fmt.Errorf("%s is reached by other means", strings.TrimSuffix(u.Scheme, ":"))
	}
	network, where := "tcp", u.Host
	if u.Scheme == "unix" {
		network, where = "unix", u.Path
	}
	d := net.Dialer{Timeout: 3 * time.Second}
	c, err := d.DialContext(ctx, network, where)
	if err != nil {
		return err
	}
	return c.Close()
}
