package agent

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/agent/authority"
	"github.com/forescale/forescale/internal/agent/signature"
	"github.com/forescale/forescale/internal/agent/wire"
)

// Beat is how often the agent measures and reports.
const Beat = 10 * time.Second

// Source reads the node.
type Source interface {
	Observe(ctx context.Context) forescale.Observation
}

// Config is what an agent is made from; all but Join, Log and Facts is required.
type Config struct {
	Server string // https://HOST:PORT
	// Others are further servers of the same authority and database: each may lead, so
	// the agent asks each of them for work. What it measured goes to the first that answers.
	Others []string
	Join   string // token; only needed for the first start
	Dir    string // of its state; made if it is missing
	// Facts are what the agent tells of its node. The name is the token's; cores and
	// memory that are left out are read from Source.
	Facts  forescale.Agent
	Source Source
	Clock  forescale.Clock
	Log    *slog.Logger // nil: none
}

// Agent reports for a node.
type Agent struct {
	cfg     Config
	client  *client
	others  []*client
	session string
	buffer  buffer
	behind  bool // the last report failed: it was told

	engine   Engine
	verifier *signature.Verifier
	saving   sync.Mutex   // of the state
	effects  sync.RWMutex // held by who changes the engine, and wholly by who raises the fence
	under    busy         // instances that something is done with
}

// New makes an agent of the state in its directory, or lets the node join.
func New(ctx context.Context, cfg Config) (*Agent, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, &forescale.Fault{Code: "agent_state_unusable", Where: cfg.Dir, What: "the directory of the agent's state cannot be made", Help: "give another one with --state", Err: err}
	}
	a := &Agent{cfg: cfg, session: rand.Text(), verifier: signature.NewVerifier(signature.ToAgent, cfg.Clock)}
	s, err := loadState(cfg.Dir)
	switch {
	case err == nil:
		if a.client, err = newClient(cfg.Server, authority.Pin(s.Pin), s, cfg.Clock); err != nil {
			return nil, err
		}
		return a, a.reach()
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	case cfg.Join == "":
		return nil, &forescale.Fault{Code: "join_token_missing", Where: "--join", What: "this node has not joined yet",
			Help: "make a token with `forescale join-token create --node NAME` at the server, and give it with --join"}
	}
	if err := a.join(ctx); err != nil {
		return nil, err
	}
	return a, a.reach()
}

// reach makes the ways to the other servers.
func (a *Agent) reach() error {
	for _, server := range a.cfg.Others {
		c, err := newClient(server, a.client.pin, a.client.current(), a.cfg.Clock)
		if err != nil {
			return err
		}
		a.others = append(a.others, c)
	}
	return nil
}

// servers are the ways to all servers.
func (a *Agent) servers() []*client { return append([]*client{a.client}, a.others...) }

// serverTime is the servers' time, by the one that told it last.
func (a *Agent) serverTime() time.Time {
	best := a.client
	for _, c := range a.others {
		at, heard := c.lastHeard()
		if than, known := best.lastHeard(); heard && (!known || at > than) {
			best = c
		}
	}
	return best.serverTime()
}

// call asks the first server that can be reached.
func (a *Agent) call(ctx context.Context, path string, in, out any) error {
	var first error
	for _, c := range a.servers() {
		err := c.call(ctx, path, in, out)
		var f *forescale.Fault
		if !errors.As(err, &f) || f.Code != "server_unreachable" {
			return err
		}
		first = cmp.Or(first, err)
	}
	return first
}

// join gets the first certificate and keeps it. The key lies on the disk before, so that an
// agent that ends before it has the answer asks with it again, and is known by it.
func (a *Agent) join(ctx context.Context) error {
	t, err := wire.ParseToken(a.cfg.Join)
	if err != nil {
		return err
	}
	if a.client, err = newClient(a.cfg.Server, t.Pin, nil, a.cfg.Clock); err != nil {
		return err
	}
	key, err := firstKey(a.cfg.Dir)
	if err != nil {
		return err
	}
	err = a.obtain(ctx, &state{Node: t.Node, Pin: t.Pin[:]}, key, func(facts forescale.Agent, request []byte) (string, any) {
		return wire.PathJoin, wire.Join{Secret: t.Secret, Agent: facts, Request: request}
	})
	if err != nil && !refusesKey(err) { // it may have joined all the same
		return err
	}
	return errors.Join(err, dropFirstKey(a.cfg.Dir))
}

// refusesKey reports whether an error says that nobody joined with the key.
func refusesKey(err error) bool {
	var f *forescale.Fault
	return errors.As(err, &f) && (strings.HasPrefix(f.Code, "join_token_") || f.Code == "agent_exists" || f.Code == "agent_invalid" || f.Code == "server_unknown")
}

// renew gets the next certificate, once the present one is half over.
func (a *Agent) renew(ctx context.Context) error {
	s := a.client.current()
	if a.serverTime().Before(authority.RenewAt(s.own.Leaf)) {
		return nil
	}
	key, err := authority.NewKey()
	if err != nil {
		return err
	}
	err = a.obtain(ctx, s, key, func(facts forescale.Agent, request []byte) (string, any) {
		return wire.PathRenew, wire.Renew{Agent: facts, Request: request}
	})
	if err == nil {
		a.cfg.Log.Info("certificate renewed")
	}
	return err
}

// obtain asks for a certificate for a new key, and keeps both before they are used.
func (a *Agent) obtain(ctx context.Context, s *state, key *ecdsa.PrivateKey, ask func(facts forescale.Agent, request []byte) (path string, in any)) error {
	request, err := authority.NewRequest(s.Node, key)
	if err != nil {
		return err
	}
	path, in := ask(a.facts(ctx, s.Node), request)
	var got wire.Credential
	if err := a.call(ctx, path, in, &got); err != nil {
		return err
	}
	next, err := s.credential(key, got.Certificate, got.SigningKey)
	if err != nil {
		return err
	}
	a.saving.Lock()
	defer a.saving.Unlock()
	if now := a.client.current(); now != nil {
		next.Fence = now.Fence
	}
	if now := a.serverTime(); now.After(next.Known) {
		next.Known = now
	}
	if err := next.save(a.cfg.Dir); err != nil {
		return err
	}
	for _, c := range a.servers() {
		c.take(next)
	}
	return nil
}

// facts are what is told of the node.
func (a *Agent) facts(ctx context.Context, node string) forescale.Agent {
	f := a.cfg.Facts
	f.Node = node
	if f.Cores == 0 || f.Memory == 0 {
		for _, n := range a.cfg.Source.Observe(ctx).Nodes {
			f.Cores, f.Memory = cmp.Or(f.Cores, n.Cores), cmp.Or(f.Memory, n.Memory)
		}
	}
	return f
}

// Node is the name of the agent's node.
func (a *Agent) Node() string { return a.client.current().Node }

// Run measures and reports every [Beat], and does what the server asks for, until
// ctx ends and the effects under way are done.
func (a *Agent) Run(ctx context.Context) error {
	for _, c := range a.servers() {
		defer c.close()
	}
	var work sync.WaitGroup
	defer work.Wait()
	work.Go(func() { a.Work(ctx) })
	for {
		a.Step(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-a.cfg.Clock.After(Beat):
		}
	}
}

// Step measures once and reports what is waiting. A server that is away, or that
// refuses, is told to the log once, until it answers again.
func (a *Agent) Step(ctx context.Context) {
	a.buffer.add(a.cfg.Source.Observe(ctx), a.cfg.Clock.Elapsed())
	err := a.renew(ctx)
	if err == nil {
		err = a.report(ctx)
	}
	switch {
	case ctx.Err() != nil:
	case err != nil && !a.behind:
		a.cfg.Log.Warn("the server does not take what this node measured; an hour of it is kept", "error", err)
	case err == nil && a.behind:
		a.cfg.Log.Info("the server takes what this node measures again")
	}
	a.behind = err != nil
}

// report sends what is waiting, oldest first, and forgets it once it is kept.
func (a *Agent) report(ctx context.Context) error {
	for {
		samples, taken := a.buffer.oldest(a.serverTime(), a.cfg.Clock.Elapsed())
		var kept wire.Beaten
		if err := a.call(ctx, wire.PathBeat, wire.Beat{Session: a.session, Samples: samples}, &kept); err != nil {
			return err
		}
		if kept.Refused > 0 {
			a.cfg.Log.Warn("the server refused samples of this node", "refused", kept.Refused)
		}
		a.buffer.drop(taken)
		if len(a.buffer.waiting) == 0 {
			return nil
		}
	}
}
