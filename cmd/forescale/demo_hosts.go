package main

import (
	"context"
	"slices"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/actuator"
	"github.com/forescale/forescale/internal/agent/authority"
	"github.com/forescale/forescale/internal/demo"
)

// serveDemoHosts takes agents, and orders their hosts by the demonstration's own provider.
func (a *app) serveDemoHosts(ctx context.Context, w demo.Wiring, cfg serverConfig) (demo.Server, error) {
	at := *a
	at.clock = w.Clock
	h := w.Hosts
	commands := map[string]actuator.NodeCommands{h.Type: demoCommands(h)}
	nodes, err := at.orderNodes(settings{agents: h.Agents, beside: h.Beside, config: &Config{NodeCommands: commands}}, w.Store)
	if err != nil {
		return nil, err
	}
	cfg.Nodes, cfg.Agents, cfg.AgentsFile = nodes, h.Agents, agentsFile(h.Beside)
	s, err := startServer(ctx, cfg)
	if err != nil {
		return nil, err
	}
	// The usual quarter of an hour is seconds of real time, in which no host boots for sure.
	h.Token = func(ctx context.Context, node string) (string, error) {
		ca, err := authority.Open(cfg.AgentsFile)
		if err != nil {
			return "", err
		}
		now := w.Clock.Now()
		_, token, err := makeJoinToken(ctx, w.Store, ca, forescale.JoinToken{Node: node, CreatedAt: now, ExpiresAt: now.Add(24 * time.Hour)})
		return token, err
	}
	return s, nil
}

// demoCommands are those of the provider. A host that boots slowly, on a busy machine, is
// waited for as long as its token lasts.
func demoCommands(h *demo.Hosts) actuator.NodeCommands {
	run := func(args ...string) []string { return slices.Concat(h.Script, args) }
	return actuator.NodeCommands{Start: run("start", "{node}", "{type}", "{server}"), Stop: run("stop", "{node}"), List: run("list", "{type}"),
		Server: "https://" + h.Agents, JoinTime: forescale.NodeTokenLife}
}

// onDemoClock is the app of an agent that a demonstration started on a host: on its clock.
func (a *app) onDemoClock() (*app, error) {
	text := a.getenv(demo.ClockEnv)
	if text == "" {
		return a, nil
	}
	clock, err := demo.ReadClock(text)
	if err != nil {
		return nil, usage(demo.ClockEnv+" is no clock of a demonstration: "+err.Error(), "leave it unset: it is for the hosts of `forescale demo --nodes` alone")
	}
	at := *a
	at.clock = clock
	return &at, nil
}
