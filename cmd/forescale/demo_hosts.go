package main

import (
	"context"

	"github.com/forescale/forescale/actuator"
	"github.com/forescale/forescale/internal/demo"
)

// serveDemoHosts takes agents, and orders their hosts by the demonstration's own provider.
func (a *app) serveDemoHosts(ctx context.Context, w demo.Wiring, cfg serverConfig) (demo.Server, error) {
	command := func(args ...string) []string {
		return append(w.Hosts.Script[:len(w.Hosts.Script):len(w.Hosts.Script)], args...)
	}
	commands := actuator.NodeCommands{Server: "https://" + w.Hosts.Agents,
		Start: command("start", "{node}", "{type}", "{server}"), Stop: command("stop", "{node}"), List: command("list", "{type}")}
	at := *a
	at.clock = w.Clock
	nodes, err := at.orderNodes(settings{agents: w.Hosts.Agents, beside: w.Hosts.Beside, config: &Config{NodeCommands: map[string]actuator.NodeCommands{w.Hosts.Type: commands}}}, w.Store)
	if err != nil {
		return nil, err
	}
	cfg.Nodes, cfg.Agents, cfg.AgentsFile = nodes, w.Hosts.Agents, agentsFile(w.Hosts.Beside)
	s, err := startServer(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return s, nil
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
