package main

import (
	"context"
	"crypto/tls"
	"log/slog"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store"
)

// source and target are the two ends of the world, as internal/loop asks for them.
type source interface {
	Observe(ctx context.Context) forescale.Observation
}

type target interface {
	Start(ctx context.Context, s forescale.Service, i forescale.Instance) error
	Stop(ctx context.Context, s forescale.Service, i forescale.Instance) error
}

// serverConfig is what a server is wired from. `serve` fills it with the real
// world, `demo` with a fast clock and a world of its own.
type serverConfig struct {
	Version     string
	Store       store.Store // opened by the caller, who closes it after server.Close
	Listen      string      // host:port; port 0 picks a free one
	TLS         *tls.Config // nil: plain HTTP
	RequireKeys bool
	Clock       forescale.Clock // nil: the machine's
	Speed       float64         // of Clock against real time, shown by /v1/about; 0: 1
	World       string          // shown by /v1/about: "Docker Engine", "simulated world"
	Sources     []source
	Target      target
	Times       loopTimes     // zero fields: the loop's defaults
	Retention   time.Duration // how long history is kept; 0: for ever
	OnStep      func(at time.Time, decisions []forescale.Decision, failed map[string]string)
	Log         *slog.Logger
}

// loopTimes are the loop's durations, in time of the clock.
type loopTimes struct {
	Collect, Interval, Refresh, Horizon, Step time.Duration
}

// server is a running forescale: ingest, API, loop and retention around one
// store. Methods: URL, Refresh, Wait, Close.
type server struct {
	cfg serverConfig
}

// startServer listens, starts all parts and returns. ctx bounds the start only;
// the parts run until Close.
//
//	func startServer(ctx context.Context, cfg serverConfig) (*server, error)
//	func (s *server) URL() string                                        // http://127.0.0.1:8480
//	func (s *server) Refresh(ctx context.Context, services ...string) error // forecasts now
//	func (s *server) Failed() <-chan error                               // a part ended by itself
//	func (s *server) Close(ctx context.Context) error                    // ordered stop
