// Package engine connects to a Docker Engine. The collector reads through it and
// the actuator acts through it; neither knows the other.
package engine

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/docker/docker/client"

	"github.com/forescale/forescale"
)

// Connect makes a client of the engine at host, such as
// unix:///var/run/docker.sock; "" is the one that the environment names
// (DOCKER_HOST and so on), else the local one. It does not call it yet. An
// address that cannot be used is a *forescale.Fault, engine_address.
func Connect(host string) (*client.Client, error) {
	opts := []client.Opt{client.FromEnv, client.WithAPIVersionNegotiation()}
	if host != "" {
		opts = append(opts, client.WithHost(host))
	}
	cli, err := client.NewClientWithOpts(opts...)
	if err != nil {
		return nil, &forescale.Fault{Code: "engine_address", What: "the address of the Docker Engine is not usable: " + err.Error(),
			Where: "DOCKER_HOST", Help: "write it as unix:///var/run/docker.sock or tcp://host:2376", Err: err}
	}
	return cli, nil
}

// Gate lets calls pass once the engine has named its API version. The client
// would do so by itself, but holds a lock meanwhile that no deadline ends: with
// a hanging engine the callers would wait one after the other.
type Gate struct {
	turn chan struct{}
	open atomic.Bool
}

// NewGate is a closed gate.
func NewGate() *Gate { return &Gate{turn: make(chan struct{}, 1)} }

// Pass returns when the gate is open, or with why it could not be opened.
func (g *Gate) Pass(ctx context.Context, cli *client.Client) error {
	if g.open.Load() {
		return nil
	}
	select {
	case g.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-g.turn }()
	if g.open.Load() {
		return nil
	}
	ping, err := cli.Ping(ctx)
	if err != nil {
		return fmt.Errorf("ask for the engine's version: %w", err)
	}
	cli.NegotiateAPIVersionPing(ping)
	g.open.Store(true)
	return nil
}
