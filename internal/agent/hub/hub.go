// Package hub is the server's side of agents: it lets them join, renews their
// certificates, takes what they measure, and hands them what is to be done on their
// nodes. It listens by itself, with TLS 1.3 in which both sides show a certificate,
// apart from the API.
//
// Agents call, so work waits for them: each keeps a question for it open, see
// [Hub.Observe], [Target] and wire.PathNext.
package hub

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/agent/authority"
	"github.com/forescale/forescale/internal/agent/signature"
	"github.com/forescale/forescale/internal/agent/wire"
)

// Store is what the hub keeps agents in.
type Store interface {
	Join(ctx context.Context, hash []byte, a forescale.Agent, now time.Time) error
	SaveAgent(ctx context.Context, a forescale.Agent, serial string) error
	Agent(ctx context.Context, node string) (forescale.Agent, error)
	Agents(ctx context.Context) ([]forescale.Agent, error)
	Nodes(ctx context.Context) ([]forescale.Node, error)
	PutNode(ctx context.Context, n forescale.Node) error
	Append(ctx context.Context, samples []forescale.Sample) error
}

// Config is what a hub is made from; all but Log and LookupEnv is required.
type Config struct {
	Authority *authority.Authority
	Store     Store
	Clock     forescale.Clock
	Log       *slog.Logger // nil: none
	// LookupEnv reads the server's own environment for Template.EnvFrom. Default os.LookupEnv.
	LookupEnv func(string) (string, bool)
}

// RenewLate is how long after its end a certificate still gets a new one, so that
// an outage of the server or of a node locks nobody out.
const RenewLate = 30 * 24 * time.Hour

// Hub serves agents.
type Hub struct {
	cfg      Config
	verifier *signature.Verifier
	handler  http.Handler

	began  time.Duration // reading of the steady clock
	fence  atomic.Int64  // of the leader that acts, see Under
	newest atomic.Int64  // the highest fence that an agent told of
	closed chan struct{} // closed when the hub ends

	mu       sync.Mutex
	sessions map[string]session // by node
	links    map[string]*link   // by node
	noted    map[string]time.Duration
}

// session is the process that beats for a node.
type session struct {
	id    string
	last  time.Duration // reading of the steady clock at its last beat
	heard time.Duration // the same of any process of this node, also one that was refused
}

// New makes a hub.
func New(cfg Config) *Hub {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.LookupEnv == nil {
		cfg.LookupEnv = os.LookupEnv
	}
	h := &Hub{cfg: cfg, verifier: signature.NewVerifier(signature.ToServer, cfg.Clock), began: cfg.Clock.Elapsed(), closed: make(chan struct{}),
		sessions: map[string]session{}, links: map[string]*link{}, noted: map[string]time.Duration{}}
	m := http.NewServeMux()
	m.HandleFunc("POST "+wire.PathJoin, h.answered(h.join))
	m.HandleFunc("POST "+wire.PathRenew, h.answered(h.renew))
	m.HandleFunc("POST "+wire.PathBeat, h.answered(h.beat))
	m.HandleFunc("POST "+wire.PathNext, h.answered(h.next))
	m.HandleFunc("POST "+wire.PathAnswer, h.answered(h.take))
	h.handler = m
	return h
}

// Times that bound what a connection may cost.
const (
	headerTime  = 10 * time.Second
	requestTime = 30 * time.Second
	idleTime    = 2 * time.Minute
	closeTime   = 5 * time.Second
)

// Serve answers agents on plain connections, over which it speaks TLS, until ctx ends.
func (h *Hub) Serve(ctx context.Context, ln net.Listener) error {
	s := &http.Server{Handler: h.handler, TLSConfig: h.cfg.Authority.ServerConfig(h.cfg.Clock.Now), ReadHeaderTimeout: headerTime, ReadTimeout: requestTime,
		WriteTimeout: requestTime, IdleTimeout: idleTime, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(h.cfg.Log.Handler(), slog.LevelDebug)}
	ended := make(chan error, 1)
	go func() { ended <- s.ServeTLS(ln, "", "") }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	close(h.closed) // lets go of those who wait for work
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	err := s.Shutdown(stop)
	if err != nil {
		err = s.Close()
	}
	if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// sits makes sure that one process alone beats for a node. A second one is refused
// until the first has been silent for [forescale.AgentAway].
func (h *Hub) sits(node, id string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.cfg.Clock.Elapsed()
	s, ok := h.sessions[node]
	if ok && s.id != id && now-s.last < forescale.AgentAway {
		s.heard = now
		h.sessions[node] = s
		return &forescale.Fault{Code: "agent_twice", Where: "agents/" + node, What: "another process is the agent of this node", Err: forescale.ErrConflict,
			Help: "end one of them; after a crash this passes by itself within 30 s. Nothing was kept"}
	}
	if ok && s.id != id {
		h.lose(node)
	}
	h.sessions[node] = session{id: id, last: now, heard: now}
	return nil
}

// silent is how long nothing was heard of the agent of a node, also of one that has to
// wait for its place; since the hub began for one that it never heard of.
func (h *Hub) silent(node string) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	last := h.began
	if s, ok := h.sessions[node]; ok {
		last = s.heard
	}
	return h.cfg.Clock.Elapsed() - last
}

// Live tells whether the agent of a node has beaten at this server within [forescale.AgentAway].
func (h *Hub) Live(node string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	s, ok := h.sessions[node]
	return ok && h.cfg.Clock.Elapsed()-s.last < forescale.AgentAway
}
